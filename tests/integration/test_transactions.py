"""What exactly-once stands on: a read_committed consumer sees committed records only, a zombie can not commit."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.eventually import eventually
from tidegate.devstack import ApacheKafka, Tansu
from tidegate.errors import FatalError
from tidegate.kafka.transactions import TransactionalProducer

_DEADLINE = 30.0


@pytest.fixture
def topic(broker: Tansu | ApacheKafka) -> str:
    name = f"transactions-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(_DEADLINE)
    return name


@pytest.fixture
def new_producer(broker: Tansu | ApacheKafka) -> Callable[[str], Producer]:
    def make(transactional_id: str) -> Producer:
        producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "transactional.id": transactional_id,
                "compression.type": "zstd",
            }
        )
        producer.init_transactions(_DEADLINE)
        return producer

    return make


def _committed(broker: Tansu | ApacheKafka, topic: str) -> list[bytes]:
    """Every record a read_committed consumer is given up to one written and committed by now."""
    marker = uuid.uuid4().bytes
    plain = Producer({"bootstrap.servers": broker.bootstrap_servers})
    plain.produce(topic, marker, partition=0)
    plain.flush(_DEADLINE)
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen: list[bytes] = []

    def drained() -> bool:
        seen.extend(message.value() or b"" for message in consumer.consume(1000, 0.5) if not message.error())
        return marker in seen

    try:
        eventually(drained, timeout=_DEADLINE, interval=0)
    finally:
        consumer.close()
    return [value for value in seen if value != marker]


def test_records_of_an_aborted_transaction_are_never_seen(
    broker: Tansu | ApacheKafka, topic: str, new_producer: Callable[[str], Producer]
) -> None:
    producer = new_producer(f"{topic}-aborts")
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(_DEADLINE)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(_DEADLINE)
    producer.abort_transaction(_DEADLINE)

    assert _committed(broker, topic) == [b"committed"]


def test_what_a_killed_producer_had_sent_is_dropped_when_its_successor_starts(
    broker: Tansu | ApacheKafka, topic: str, new_producer: Callable[[str], Producer]
) -> None:
    dead = new_producer(f"{topic}-killed")
    dead.begin_transaction()
    dead.produce(topic, b"half")
    dead.flush(_DEADLINE)

    successor = new_producer(f"{topic}-killed")
    successor.begin_transaction()
    successor.produce(topic, b"whole")
    successor.commit_transaction(_DEADLINE)

    assert _committed(broker, topic) == [b"whole"]


def test_a_zombie_can_not_commit(
    broker: Tansu | ApacheKafka, topic: str, new_producer: Callable[[str], Producer]
) -> None:
    zombie = new_producer(f"{topic}-zombie")
    zombie.begin_transaction()
    zombie.produce(topic, b"zombie")
    zombie.flush(_DEADLINE)
    successor = new_producer(f"{topic}-zombie")

    with pytest.raises(KafkaException):
        zombie.commit_transaction(_DEADLINE)
    successor.begin_transaction()
    successor.produce(topic, b"successor")
    successor.commit_transaction(_DEADLINE)

    assert _committed(broker, topic) == [b"successor"]


def test_transactions_that_end_together_do_not_hold_back_those_after_them(
    broker: Tansu | ApacheKafka, new_producer: Callable[[str], Producer]
) -> None:
    topic = f"transactions-{uuid.uuid4().hex}"
    partitions, writers, transactions, rounds = 8, 4, 3, 8
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(_DEADLINE)

    def write(producer: Producer, record: bytes) -> None:
        producer.begin_transaction()
        for partition in range(partitions):
            producer.produce(topic, record, partition=partition)
        producer.commit_transaction(_DEADLINE)

    def write_all(writer: int) -> None:
        for each in range(rounds):
            producer = new_producer(f"{topic}-{writer}-{each}")
            for number in range(transactions):
                write(producer, b"%d-%d-%d" % (writer, each, number))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write_all, range(writers)))
    write(new_producer(f"{topic}-after"), b"after")

    found = _committed(broker, topic)
    assert len(found) == len(set(found)) == writers * rounds * transactions + 1


@pytest.fixture
def group(broker: Tansu | ApacheKafka, topic: str) -> Iterator[Consumer]:
    """A consumer of a group of its own, which reads nothing."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": f"group-{topic}", "enable.auto.commit": False}
    )
    yield consumer
    consumer.close()


def _send_offset(producer: Producer, group: Consumer, topic: str, offset: int) -> None:
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], group.consumer_group_metadata(), _DEADLINE)


def _group_offset(group: Consumer, topic: str) -> int:
    return group.committed([TopicPartition(topic, 0)], timeout=_DEADLINE)[0].offset


def test_a_groups_offset_is_that_of_the_last_committed_transaction(
    topic: str, new_producer: Callable[[str], Producer], group: Consumer
) -> None:
    producer = new_producer(f"{topic}-offsets")
    for offset in (100, 200, 300):
        _send_offset(producer, group, topic, offset)
        producer.commit_transaction(_DEADLINE)
        assert _group_offset(group, topic) == offset
    _send_offset(producer, group, topic, 400)
    producer.abort_transaction(_DEADLINE)
    assert _group_offset(group, topic) == 300


def test_a_zombie_can_not_move_its_groups_offset(
    topic: str, new_producer: Callable[[str], Producer], group: Consumer
) -> None:
    zombie = new_producer(f"{topic}-zombie")
    _send_offset(zombie, group, topic, 100)
    successor = new_producer(f"{topic}-zombie")
    _send_offset(successor, group, topic, 50)
    successor.commit_transaction(_DEADLINE)

    with pytest.raises(KafkaException):
        zombie.commit_transaction(_DEADLINE)
    assert _group_offset(group, topic) == 50


@pytest.mark.apache_kafka
def test_a_longer_transaction_than_the_brokers_allow_is_refused_with_the_remedy(apache_kafka: ApacheKafka) -> None:
    properties = {"bootstrap.servers": apache_kafka.bootstrap_servers}
    producer = TransactionalProducer(properties, "long", {"transaction.timeout.ms": "3600000"})
    with pytest.raises(FatalError, match=r"Set producer\.override\.transaction\.timeout\.ms to the brokers'"):
        producer.init()
    producer.close()

"""Producing and consuming columns: confluent-kafka and the native client do the same, on both brokers."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException

from tidegate import native
from tidegate.devstack import ApacheKafka, Tansu
from tidegate.errors import FencedError
from tidegate.kafka.confluent_consumer import ConfluentConsumer
from tidegate.kafka.confluent_producer import ConfluentProducer
from tidegate.kafka.consumed import CONSUMED
from tidegate.kafka.errors import KafkaRefusedError
from tidegate.kafka.murmur2 import murmur2
from tidegate.kafka.native_consumer import NativeConsumer
from tidegate.kafka.native_producer import NativeProducer
from tidegate.kafka.properties import consumer_properties
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import HEADERS, TIMESTAMP, SinkOffset, TopicPartition

CLIENTS = [
    "confluent",
    pytest.param(
        "native", marks=pytest.mark.skipif(native.extension is None, reason="the native extension is not built")
    ),
]
_PATIENCE = 30.0

MakeProducer = Callable[..., TransactionalProducer]
MakeConsumer = Callable[..., RecordConsumer]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def properties(broker: Tansu | ApacheKafka) -> dict[str, str]:
    return {"bootstrap.servers": broker.bootstrap_servers}


@pytest.fixture
def topic(properties: dict[str, str]) -> str:
    name = f"columns-{uuid.uuid4().hex}"
    TopicAdmin(properties).ensure(name, partitions=2, replication=1)
    return name


@pytest.fixture
def make_producer(
    client: str, properties: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., TransactionalProducer]]:
    chosen = native.extension if client == "native" else None
    monkeypatch.setattr(native, "extension", chosen)
    made = []

    def make(name: str, **overrides: str) -> TransactionalProducer:
        producer = TransactionalProducer(properties, name, {key.replace("_", "."): v for key, v in overrides.items()})
        made.append(producer)
        producer.init()
        return producer

    yield make
    for producer in made:
        producer.close()


@pytest.fixture
def make_consumer(client: str, properties: dict[str, str], topic: str) -> Iterator[MakeConsumer]:
    made: list[RecordConsumer] = []

    def make(**overrides: str) -> RecordConsumer:
        names = {name.replace("_", "."): value for name, value in overrides.items()}
        found = consumer_properties(properties, f"group-{topic}", names)
        extension = native.extension
        if client == "native":
            assert extension is not None
            made.append(NativeConsumer(extension, found))
        else:
            made.append(ConfluentConsumer(found))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


def read(consumer: RecordConsumer, topic: str, count: int) -> list[dict[str, Any]]:
    """So many records of both partitions, by partition and offset."""
    consumer.assign({TopicPartition(topic, partition): OFFSET_BEGINNING for partition in (0, 1)})
    rows: list[dict[str, Any]] = []
    give_up = time.monotonic() + _PATIENCE
    while len(rows) < count and time.monotonic() < give_up:
        consumed = consumer.consume(1000, 0.2)
        assert not consumed.errors
        for batch in consumed.batches:
            assert batch.topic == topic
            assert batch.records.schema == CONSUMED
            batch.records.validate(full=True)
            rows += batch.records.to_pylist()
    return sorted(rows, key=lambda row: (row["partition"], row["offset"]))


def test_it_is_the_client_that_is_tested(client: str, make_producer: MakeProducer, topic: str) -> None:
    wanted = NativeProducer if client == "native" else ConfluentProducer
    assert type(make_producer(topic)._producer) is wanted


def test_a_batch_comes_back_as_it_was(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    producer = make_producer(topic)
    at = datetime.datetime(2013, 1, 1, 5, tzinfo=datetime.UTC)
    producer.begin()
    queued = producer.produce_batch(
        topic,
        pa.array([b"one", None, b"left out", b"", b"five"], pa.binary()),
        pa.array([b"k", b"k", b"k", None, b""], pa.binary()),
        headers=pa.array(
            [[{"key": "a", "value": b"1"}, {"key": "ü", "value": None}], None, None, [], [{"key": "a", "value": b""}]],
            HEADERS,
        ),
        timestamps=pa.array([at, at, at, at, at], TIMESTAMP),
        common=[("trace", b"t")],
        skip=[2],
        partition=1,
    )
    producer.commit()
    assert queued == len(b"one" + b"k" + b"k" + b"five")
    rows = read(make_consumer(), topic, 4)
    assert [(row["key"], row["value"]) for row in rows] == [(b"k", b"one"), (b"k", None), (None, b""), (b"", b"five")]
    assert [[(header["key"], header["value"]) for header in row["headers"]] for row in rows] == [
        [("a", b"1"), ("ü", None), ("trace", b"t")],
        [("trace", b"t")],
        [("trace", b"t")],
        [("a", b""), ("trace", b"t")],
    ]
    assert {(row["partition"], row["timestamp"]) for row in rows} == {(1, at)}


def test_without_headers_and_timestamps(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    producer = make_producer(topic)
    before = datetime.datetime.now(datetime.UTC)
    producer.begin()
    producer.produce_batch(topic, pa.array([str(number).encode() for number in range(1000)], pa.binary()).slice(10))
    producer.commit()
    rows = read(make_consumer(), topic, 990)
    assert sorted(int(row["value"]) for row in rows) == list(range(10, 1000))
    assert all(row["headers"] is None and row["key"] is None for row in rows)
    assert min(row["timestamp"] for row in rows) >= before - datetime.timedelta(seconds=60)


def test_a_key_decides_the_partition_as_javas_client_does(
    make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str
) -> None:
    producer = make_producer(topic)
    keys = [f"key-{number}".encode() for number in range(50)]
    producer.begin()
    producer.produce_batch(topic, pa.array(keys, pa.binary()), pa.array(keys, pa.binary()))
    producer.commit()
    for row in read(make_consumer(), topic, 50):
        assert row["partition"] == murmur2(row["key"]) % 2


def test_a_full_queue_is_waited_for(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    producer = make_producer(topic, queue_buffering_max_messages="100", linger_ms="1")
    producer.begin()
    values = [str(number).encode() for number in range(1500)]
    producer.produce_batch(topic, pa.array(values, pa.binary()), skip=[0, 700, 1499], partition=0)
    producer.commit()
    rows = read(make_consumer(), topic, 1497)
    assert [row["value"] for row in rows] == values[1:700] + values[701:1499]


def test_an_aborted_batch_is_never_seen(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    producer = make_producer(topic)
    producer.begin()
    producer.produce_batch(topic, pa.array([b"aborted"], pa.binary()), partition=0)
    producer.abort()
    producer.begin()
    producer.produce_batch(topic, pa.array([b"committed"], pa.binary()), partition=0)
    producer.commit()
    assert [row["value"] for row in read(make_consumer(), topic, 1)] == [b"committed"]


def test_offsets_are_committed_with_the_records(
    broker: Tansu | ApacheKafka, make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str
) -> None:
    producer, consumer = make_producer(topic), make_consumer()
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    assert consumer.committed([first, second], _PATIENCE) == {first: None, second: None}
    producer.begin()
    producer.send_offsets({first: SinkOffset(7, "staged: ü"), second: SinkOffset(9)}, consumer)
    producer.commit()
    # Tansu keeps no metadata.
    metadata = "staged: ü" if isinstance(broker, ApacheKafka) else ""
    assert consumer.committed([first, second], _PATIENCE) == {first: SinkOffset(7, metadata), second: SinkOffset(9)}


def test_a_zombie_is_fenced(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    zombie = make_producer(topic)
    zombie.begin()
    zombie.produce_batch(topic, pa.array([b"zombie"], pa.binary()), partition=0)
    successor = make_producer(topic)
    with pytest.raises(FencedError):
        zombie.commit()
    successor.begin()
    successor.produce_batch(topic, pa.array([b"successor"], pa.binary()), partition=0)
    successor.commit()
    assert [row["value"] for row in read(make_consumer(), topic, 1)] == [b"successor"]


def test_a_zombies_offsets_are_fenced(make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str) -> None:
    zombie, consumer = make_producer(topic), make_consumer()
    zombie.begin()
    make_producer(topic)
    with pytest.raises(FencedError):
        zombie.send_offsets({TopicPartition(topic, 0): SinkOffset(1)}, consumer)
        zombie.commit()
    assert consumer.committed([TopicPartition(topic, 0)], _PATIENCE) == {TopicPartition(topic, 0): None}


def test_a_record_that_is_too_large_is_refused(make_producer: MakeProducer, topic: str) -> None:
    producer = make_producer(topic, message_max_bytes="1000000", batch_size="900000")
    producer.begin()
    with pytest.raises(KafkaRefusedError, match="MSG_SIZE_TOO_LARGE"):
        producer.produce_batch(topic, pa.array([b"fits", bytes(1_200_000)], pa.binary()))


def test_an_unusable_property_is_said(make_producer: MakeProducer, topic: str) -> None:
    with pytest.raises(KafkaRefusedError, match=r"no\.such"):
        make_producer(topic, no_such="1")


def test_a_consumer_tells_the_end_it_knows(
    make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str
) -> None:
    producer, consumer = make_producer(topic), make_consumer()
    producer.begin()
    producer.produce_batch(topic, pa.array([b"a", b"b"], pa.binary()), partition=0)
    producer.commit()
    read(consumer, topic, 2)
    assert consumer.high_watermark(TopicPartition(topic, 0)) >= 2


def test_the_end_is_told_while_records_are_waited_for(
    client: str, make_producer: MakeProducer, make_consumer: MakeConsumer, topic: str
) -> None:
    if client == "confluent":
        pytest.skip("confluent-kafka's consumer serves one call at a time")
    producer, consumer = make_producer(topic), make_consumer()
    producer.begin()
    producer.produce_batch(topic, pa.array([b"a"], pa.binary()), partition=0)
    producer.commit()
    read(consumer, topic, 1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(consumer.consume, 1, _PATIENCE)
        try:
            assert consumer.high_watermark(TopicPartition(topic, 0)) >= 1
            assert not waiting.done()
        finally:
            producer.begin()
            producer.produce_batch(topic, pa.array([b"b"], pa.binary()), partition=0)
            producer.commit()
        assert len(waiting.result(_PATIENCE).batches) == 1


def test_an_offset_that_is_gone_is_an_error_between_the_records(
    broker: Tansu | ApacheKafka, make_consumer: MakeConsumer, topic: str
) -> None:
    if isinstance(broker, Tansu):
        pytest.skip("Tansu answers a fetch from behind the end as if nothing had come yet")
    consumer = make_consumer(auto_offset_reset="error")
    consumer.assign({TopicPartition(topic, 0): 1000})
    errors: list[KafkaError] = []
    give_up = time.monotonic() + _PATIENCE
    while not errors and time.monotonic() < give_up:
        errors += consumer.consume(10, 0.2).errors
    assert errors[0].code() == KafkaError._AUTO_OFFSET_RESET


def test_a_closed_client_is_closed(make_consumer: MakeConsumer) -> None:
    consumer = make_consumer()
    consumer.close()
    consumer.close()
    with pytest.raises((ValueError, RuntimeError, KafkaException)):
        consumer.consume(1, 0.1)

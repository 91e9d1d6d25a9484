"""Reading to an end that is known beforehand."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer

from tidegate.devstack import ApacheKafka
from tidegate.errors import RetriableError
from tidegate.kafka.bounded_read import read_committed
from tidegate.kafka.topics import TopicAdmin

DEADLINE = 60.0
LOOKS = 8


class Topic:
    """A topic of one partition that transactions are written to."""

    def __init__(self, kafka: ApacheKafka) -> None:
        self.properties = {"bootstrap.servers": kafka.bootstrap_servers}
        self.name = f"bounded-{uuid.uuid4().hex[:10]}"
        TopicAdmin(self.properties).ensure(self.name, partitions=1, replication=1)

    def begin(self, value: bytes) -> Producer:
        """A producer with a transaction that has written ``value`` and is open."""
        producer = Producer({**self.properties, "transactional.id": uuid.uuid4().hex})
        producer.init_transactions(DEADLINE)
        producer.begin_transaction()
        producer.produce(self.name, value, partition=0)
        assert producer.flush(DEADLINE) == 0
        return producer


@pytest.fixture
def topic(apache_kafka: ApacheKafka) -> Topic:
    return Topic(apache_kafka)


@pytest.mark.apache_kafka
@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_that_is_open_before_the_end_is_waited_for(topic: Topic, commits: bool) -> None:
    first = topic.begin(b"0")
    topic.begin(b"1").commit_transaction(DEADLINE)
    looked = threading.Semaphore(0)

    def read() -> list[bytes | None]:
        # Two records and a marker.
        found = read_committed(
            topic.properties, "g", topic.name, {0: (0, 3)}, silence=DEADLINE, alive=lambda: looked.release()
        )
        return [message.value() for some in found for message in some]

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for _ in range(LOOKS):
            assert looked.acquire(timeout=DEADLINE)
        assert not reading.done(), reading.result()
        if commits:
            first.commit_transaction(DEADLINE)
        else:
            first.abort_transaction(DEADLINE)
        assert reading.result(DEADLINE) == ([b"0", b"1"] if commits else [b"1"])


@pytest.mark.apache_kafka
def test_a_transaction_that_does_not_end_is_named_as_what_to_look_for(topic: Topic) -> None:
    hangs = topic.begin(b"0")
    with pytest.raises(RetriableError, match="find-hanging"):
        list(read_committed(topic.properties, "g", topic.name, {0: (0, 1)}, silence=1.0))
    hangs.abort_transaction(DEADLINE)


@pytest.mark.apache_kafka
def test_what_comes_after_the_end_is_not_given_and_an_empty_stretch_asks_nobody(topic: Topic) -> None:
    for value in (b"0", b"1", b"2"):
        topic.begin(value).commit_transaction(DEADLINE)
    found = read_committed(topic.properties, "g", topic.name, {0: (2, 4)}, silence=DEADLINE)
    assert [(message.offset(), message.value()) for some in found for message in some] == [(2, b"1")]
    nobody = {"bootstrap.servers": "127.0.0.1:1"}
    assert list(read_committed(nobody, "g", topic.name, {0: (4, 4)}, silence=DEADLINE)) == []

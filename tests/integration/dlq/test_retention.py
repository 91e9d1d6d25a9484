"""Letters of an old backlog: Kafka deletes by the records' own times."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tidegate_worker.task.halted import HaltPolicy

from tests.support.eventually import eventually
from tests.support.needs_apache_kafka import start_or_skip
from tidegate.devstack import ApacheKafka
from tidegate.dlq.queue import DeadLetterQueue
from tidegate.kafka.topics import TopicAdmin
from tidegate.sdk.connector_config import SINK

YEARS_AGO = 1_500_000_000_000
SETTINGS = {
    "log.retention.ms": "604800000",
    "log.retention.check.interval.ms": "200",
    "log.initial.task.delay.ms": "200",
    "log.segment.delete.delay.ms": "0",
}


@pytest.mark.apache_kafka
def test_letters_older_than_the_brokers_retention_wait_on(
    state_dir: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kafka = ApacheKafka(state_dir, name=tmp_path.name, settings=SETTINGS)
    start_or_skip(kafka.start, pytestconfig)
    try:
        properties = {"bootstrap.servers": kafka.bootstrap_servers}
        admin = TopicAdmin(properties)
        admin.ensure("orders", partitions=1, replication=1)
        config = {
            "name": "c",
            "connector.class": "s3-sink",
            "topics": "orders",
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": "letters",
        }
        HaltPolicy(SINK.parse(config), "c", 0).prepare(admin)
        producer = Producer(properties)
        for topic in ("letters", "orders"):
            producer.produce(topic, b"old", timestamp=YEARS_AGO)
            assert producer.flush(30) == 0
        eventually(lambda: _start(properties, "orders") == 1, message="the record of the other topic is deleted")
        with DeadLetterQueue(properties, "letters") as queue:
            assert [letter.value for letter in queue.pending()] == [b"old"]
    finally:
        kafka.stop()


def _start(properties: dict[str, str], topic: str) -> int:
    consumer = Consumer({**properties, "group.id": "bounds"})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)[0])
    finally:
        consumer.close()

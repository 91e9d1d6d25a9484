"""What a task's transactional producer needs of a Kafka client; confluent-kafka and the native one have it alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tidegate import native
from tidegate.kafka.confluent_producer import ConfluentProducer
from tidegate.kafka.native_producer import NativeProducer
from tidegate.kafka.outgoing import OutgoingRecords
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.records.envelope import SinkOffset, TopicPartition


class RecordProducer(Protocol):
    """A transactional client. Every method raises ``confluent_kafka.KafkaException`` for what librdkafka reports."""

    def init_transactions(self, timeout: float) -> None:
        """Fences earlier producers of the transactional id."""
        ...

    def begin_transaction(self) -> None:
        """Begins a transaction."""
        ...

    def queue(self, records: OutgoingRecords, start: int) -> tuple[int, int]:
        """Queues records from row ``start`` on.

        Returns:
            The row after the last queued, which is not the end if the queue is full, and the bytes queued.
        """
        ...

    def send_offsets(
        self, offsets: Mapping[TopicPartition, SinkOffset], consumer: RecordConsumer, timeout: float
    ) -> None:
        """Adds offsets of a consumer's group to the transaction."""
        ...

    def commit_transaction(self, timeout: float) -> None:
        """Commits."""
        ...

    def abort_transaction(self, timeout: float) -> None:
        """Aborts."""
        ...

    def poll(self, timeout: float) -> None:
        """Serves the client's callbacks."""
        ...

    def close(self) -> None:
        """Drops what is queued and closes."""
        ...


def record_producer(properties: Mapping[str, Any]) -> RecordProducer:
    """The fastest client of this installation.

    Raises:
        KafkaException: a property is unusable.
    """
    if native.extension is None:
        return ConfluentProducer(properties)
    return NativeProducer(native.extension, properties)

"""The transactional client in Rust: a call a batch."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tidegate.kafka.native_client import client_errors, library, text_properties
from tidegate.kafka.outgoing import OutgoingRecords
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.records.envelope import SinkOffset, TopicPartition


class NativeProducer:
    """Implements :class:`~tidegate.kafka.record_producer.RecordProducer`.

    Args:
        extension: the module ``tidegate._native``.
        properties: librdkafka's.
    """

    def __init__(self, extension: ModuleType, properties: Mapping[str, Any]) -> None:
        self._extension = extension
        with client_errors(extension):
            self._producer = extension.KafkaProducer(library(), text_properties(properties))

    def init_transactions(self, timeout: float) -> None:
        """See the protocol."""
        with client_errors(self._extension):
            self._producer.init_transactions(timeout)

    def begin_transaction(self) -> None:
        """See the protocol."""
        with client_errors(self._extension):
            self._producer.begin_transaction()

    def queue(self, records: OutgoingRecords, start: int) -> tuple[int, int]:
        """See the protocol."""
        with client_errors(self._extension):
            queued: tuple[int, int] = self._producer.produce(
                records.topic,
                records.values,
                records.keys,
                records.headers,
                records.timestamps,
                list(records.common),
                list(records.skip),
                records.partition,
                start,
            )
        return queued

    def send_offsets(
        self, offsets: Mapping[TopicPartition, SinkOffset], consumer: RecordConsumer, timeout: float
    ) -> None:
        """See the protocol."""
        positions = [
            (place.topic, place.partition, offset.offset, offset.metadata.encode()) for place, offset in offsets.items()
        ]
        with client_errors(self._extension):
            self._producer.send_offsets_to_transaction(positions, consumer.group, timeout)

    def commit_transaction(self, timeout: float) -> None:
        """See the protocol."""
        with client_errors(self._extension):
            self._producer.commit_transaction(timeout)

    def abort_transaction(self, timeout: float) -> None:
        """See the protocol."""
        with client_errors(self._extension):
            self._producer.abort_transaction(timeout)

    def poll(self, timeout: float) -> None:
        """See the protocol."""
        self._producer.poll(timeout)

    def close(self) -> None:
        """See the protocol."""
        self._producer.close()

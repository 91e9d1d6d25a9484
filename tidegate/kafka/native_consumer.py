"""The consumer of records in Rust: no object a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaError

from tidegate.kafka.consumed import CONSUMED, Consumed
from tidegate.kafka.native_client import client_errors, library, text_properties
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition


class NativeConsumer:
    """Implements :class:`~tidegate.kafka.record_consumer.RecordConsumer`.

    Args:
        extension: the module ``tidegate._native``.
        properties: librdkafka's; ``group.id`` among them.
    """

    def __init__(self, extension: ModuleType, properties: Mapping[str, Any]) -> None:
        self.group = str(properties["group.id"])
        self._extension = extension
        with client_errors(extension):
            self._consumer = extension.KafkaConsumer(library(), text_properties(properties))

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """See the protocol."""
        places = [(place.topic, place.partition, offset, None) for place, offset in positions.items()]
        with client_errors(self._extension):
            self._consumer.incremental_assign(places)

    def committed(self, places: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, SinkOffset | None]:
        """See the protocol."""
        with client_errors(self._extension):
            found = self._consumer.committed([(place.topic, place.partition, 0, None) for place in places], timeout)
        return {
            TopicPartition(topic, partition): (
                SinkOffset(offset, (metadata or b"").decode(errors="replace")) if offset >= 0 else None
            )
            for topic, partition, offset, metadata in found
        }

    def consume(self, most: int, timeout: float) -> Consumed:
        """See the protocol."""
        topics, problems = self._consumer.consume(most, timeout)
        return Consumed(
            [
                Batch(topic, pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=CONSUMED))
                for topic, columns in topics
            ],
            [KafkaError(code, text) for code, text, _, _, _ in problems],
        )

    def high_watermark(self, place: TopicPartition) -> int:
        """See the protocol."""
        with client_errors(self._extension):
            _, high = self._consumer.watermarks(place.topic, place.partition)
        return int(high)

    def close(self) -> None:
        """See the protocol."""
        self._consumer.close()

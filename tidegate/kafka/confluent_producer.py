"""The transactional client on confluent-kafka: a call a record."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaTopicPartition

from tidegate.kafka.confluent_consumer import ConfluentConsumer
from tidegate.kafka.outgoing import KafkaHeaders, OutgoingRecords
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.records.envelope import SinkOffset, TopicPartition


class ConfluentProducer:
    """Implements :class:`~tidegate.kafka.record_producer.RecordProducer`.

    Args:
        properties: librdkafka's.
    """

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._producer = Producer(dict(properties))

    def init_transactions(self, timeout: float) -> None:
        """See the protocol."""
        self._producer.init_transactions(timeout)

    def begin_transaction(self) -> None:
        """See the protocol."""
        self._producer.begin_transaction()

    def queue(self, records: OutgoingRecords, start: int) -> tuple[int, int]:
        """See the protocol."""
        count = len(records.values) - start
        values = records.values.slice(start).to_pylist()
        keys = [None] * count if records.keys is None else records.keys.slice(start).to_pylist()
        headers = _headers(records, start)
        timestamps = _timestamps(records, start)
        skip = frozenset(records.skip)
        produce, topic, partition = self._producer.produce, records.topic, records.partition
        size = 0
        for row, (value, key) in enumerate(zip(values, keys, strict=True), start):
            if row in skip:
                continue
            own = headers[row - start] if headers else None
            arguments: dict[str, Any] = {"headers": own} if own else {}
            try:
                produce(
                    topic,
                    value,
                    key,
                    partition=partition,
                    timestamp=timestamps[row - start] if timestamps else 0,
                    **arguments,
                )
            except BufferError:
                return row, size
            size += len(value or b"") + len(key or b"")
        return len(records.values), size

    def send_offsets(
        self, offsets: Mapping[TopicPartition, SinkOffset], consumer: RecordConsumer, timeout: float
    ) -> None:
        """See the protocol."""
        if not isinstance(consumer, ConfluentConsumer):
            raise TypeError(f"offsets of a {type(consumer).__name__} can not be sent by confluent-kafka")
        positions = [
            KafkaTopicPartition(place.topic, place.partition, offset.offset, metadata=offset.metadata)
            for place, offset in offsets.items()
        ]
        self._producer.send_offsets_to_transaction(positions, consumer.group_metadata(), timeout)

    def commit_transaction(self, timeout: float) -> None:
        """See the protocol."""
        self._producer.commit_transaction(timeout)

    def abort_transaction(self, timeout: float) -> None:
        """See the protocol."""
        self._producer.abort_transaction(timeout)

    def poll(self, timeout: float) -> None:
        """See the protocol."""
        self._producer.poll(timeout)

    def close(self) -> None:
        """See the protocol."""
        self._producer.purge()
        # A producer that was fenced says so once more, over the error that the task ends with.
        with suppress(KafkaException):
            self._producer.close()


def _headers(records: OutgoingRecords, start: int) -> list[KafkaHeaders] | None:
    common = list(records.common)
    if records.headers is None or records.headers.null_count == len(records.headers):
        return [common] * (len(records.values) - start) if common else None
    return [
        [*((header["key"], header["value"]) for header in own or ()), *common]
        for own in records.headers.slice(start).to_pylist()
    ]


def _timestamps(records: OutgoingRecords, start: int) -> list[int] | None:
    if records.timestamps is None or records.timestamps.null_count == len(records.timestamps):
        return None
    numbers: list[int] = pc.fill_null(records.timestamps.slice(start).cast(pa.int64()), 0).to_pylist()
    return numbers

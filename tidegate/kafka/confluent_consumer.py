"""The consumer of records on confluent-kafka: an object a record."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaTopicPartition

from tidegate.kafka.consumed import CONSUMED, Consumed
from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch, SinkOffset, TopicPartition

_LEADERS_SECONDS = 2.0


class ConfluentConsumer:
    """Implements :class:`~tidegate.kafka.record_consumer.RecordConsumer`.

    Args:
        properties: librdkafka's; ``group.id`` among them.
    """

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.group = str(properties["group.id"])
        self._consumer = Consumer(dict(properties))
        # One thread reads while another commits; the client waits for its own lock without letting go of the
        # interpreter's, so two calls at once can stand still for ever.
        self._calling = threading.Lock()

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """See the protocol."""
        places = [KafkaTopicPartition(place.topic, place.partition, offset) for place, offset in positions.items()]
        with self._calling:
            # Assigning works without it, but librdkafka looks for a leader it does not know only after half a second.
            with suppress(KafkaException):
                for topic in sorted({place.topic for place in positions}):
                    self._consumer.list_topics(topic, timeout=_LEADERS_SECONDS)
            self._consumer.incremental_assign(places)

    def committed(self, places: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, SinkOffset | None]:
        """See the protocol."""
        wanted = [KafkaTopicPartition(place.topic, place.partition) for place in places]
        with self._calling:
            found = self._consumer.committed(wanted, timeout=timeout)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {
            TopicPartition(each.topic, each.partition): (
                SinkOffset(each.offset, each.metadata or "") if each.offset >= 0 else None
            )
            for each in found
        }

    def consume(self, most: int, timeout: float) -> Consumed:
        """See the protocol."""
        by_topic: dict[str, list[Message]] = {}
        errors = []
        # The client waits until all are there, or the time is over: so only the first one is waited for.
        with self._calling:
            messages = self._consumer.consume(1, timeout)
            if messages and most > 1:
                messages += self._consumer.consume(most - 1, 0)
        for message in messages:
            error = message.error()
            if error is not None:
                errors.append(error)
            else:
                by_topic.setdefault(message.topic() or "", []).append(message)
        return Consumed([Batch(topic, record_columns(messages)) for topic, messages in by_topic.items()], errors)

    def high_watermark(self, place: TopicPartition) -> int:
        """See the protocol."""
        where = KafkaTopicPartition(place.topic, place.partition)
        with self._calling:
            _, high = self._consumer.get_watermark_offsets(where, cached=True)
        return int(high)

    def group_metadata(self) -> Any:
        """What the transactional producer of the same library wants to be told of the group."""
        with self._calling:
            return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """See the protocol."""
        with self._calling:
            self._consumer.close()


def record_columns(messages: Sequence[Message]) -> pa.RecordBatch:
    """Messages as columns of :data:`tidegate.kafka.consumed.CONSUMED`."""
    stamps = [message.timestamp() for message in messages]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([message.key() for message in messages], pa.binary()),
            pa.array([message.value() for message in messages], pa.binary()),
            _headers(messages),
            pa.array([stamp if kind else None for kind, stamp in stamps], pa.int64()).cast(TIMESTAMP),
            pa.array([message.partition() for message in messages], pa.int32()),
            pa.array([message.offset() for message in messages], pa.int64()),
        ],
        schema=CONSUMED,
    )


def _headers(messages: Sequence[Message]) -> pa.Array:
    headers: list[Any] = [message.headers() for message in messages]
    if not any(headers):
        return pa.nulls(len(messages), HEADERS)
    return pa.array(
        [None if not row else [{"key": name, "value": _bytes(text)} for name, text in row] for row in headers], HEADERS
    )


def _bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text

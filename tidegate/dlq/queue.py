"""Reading a dead letter queue: what waits in it, in order, and which of it is settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from confluent_kafka import IsolationLevel, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from tidegate.dlq.letter import DeadLetter, letters
from tidegate.dlq.settled import Settled
from tidegate.errors import NotFoundError
from tidegate.kafka.bounded_read import read_committed
from tidegate.kafka.confluent_consumer import record_columns
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.record_consumer import RecordConsumer, record_consumer
from tidegate.kafka.source_offsets import SourceOffsets, partition_key
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition

STATE_TOPIC = "tidegate-dlq-offsets"
"""Compacted topic of what is settled in every queue, written as source offsets are."""

_DEADLINE = 30.0
_SILENCE = 60.0
_MOST_RECORDS = 1000


def queue_group(topic: str) -> str:
    """The consumer group that shows a queue's lag to the usual tools, and the transactional id of its replays.

    By the topic, not by the connector: a queue that several connectors share has one state.
    """
    return f"tidegate-dlq-{topic}"


class DeadLetterQueue:
    """One queue.

    Args:
        properties: librdkafka's, to reach the brokers.
        topic: the queue's.

    Raises:
        NotFoundError: there is no such topic.
    """

    def __init__(self, properties: Mapping[str, str], topic: str) -> None:
        self.topic = topic
        self._properties = properties
        self._admin = TopicAdmin(properties)
        self.topics = self._admin.partitions()
        if topic not in self.topics:
            raise NotFoundError(
                f"There is no topic {topic}: no record has been halted into it.",
                remedy="Check the name (errors.deadletterqueue.topic.name) and --bootstrap-servers.",
            )
        self.places = [TopicPartition(topic, partition) for partition in range(self.topics[topic])]
        self.consumer: RecordConsumer = record_consumer(properties, queue_group(topic), {})
        self._state: SourceOffsets | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.consumer.close()

    def settled(self) -> dict[int, Settled]:
        """What is settled of each partition.

        Raises:
            RetriableError: Kafka is away.
            FatalError: the state is malformed.
        """
        first = self._offsets(OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        # Asked anew each time: another replay may have made the topic.
        stored = self._stored().read() if STATE_TOPIC in self._admin.partitions() else {}
        return {
            place.partition: Settled.from_json(stored.get(partition_key(_state_key(place))), first[place.partition])
            for place in self.places
        }

    def settle(self, producer: TransactionalProducer, moved: Mapping[int, Settled]) -> None:
        """Adds what is settled to the producer's transaction, and the group's offsets for those who watch its lag."""
        for partition, settled in moved.items():
            place = TopicPartition(self.topic, partition)
            self._stored().write(producer, _state_key(place), settled.to_json())
        offsets = {
            TopicPartition(self.topic, partition): SinkOffset(settled.offset) for partition, settled in moved.items()
        }
        producer.send_offsets(offsets, self.consumer)

    def _stored(self) -> SourceOffsets:
        if self._state is None:
            # The embedded broker forgets the metadata of offsets that a transaction commits.
            self._state = SourceOffsets(self._properties, STATE_TOPIC, queue_group(self.topic), partitions=1)
        return self._state

    def ends(self) -> dict[int, int]:
        """The end of each partition: all before it is decided, committed or not."""
        return self._offsets(OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[list[DeadLetter]]:
        """Committed letters from one offset to before another of each partition, some at a time, in order within each.

        Raises:
            RetriableError: Kafka is away.
        """
        bounds = {partition: (start, ends[partition]) for partition, start in starts.items()}
        group = f"{self.consumer.group}-reader"
        for messages in read_committed(self._properties, group, self.topic, bounds, silence=_SILENCE):
            for start in range(0, len(messages), _MOST_RECORDS):
                some = messages[start : start + _MOST_RECORDS]
                yield list(letters(Batch(self.topic, record_columns(some))))

    def pending(self) -> Iterator[DeadLetter]:
        """The letters that wait, now."""
        settled = self.settled()
        starts = {partition: each.offset for partition, each in settled.items()}
        for some in self.read(starts, self.ends()):
            yield from (letter for letter in some if letter.offset not in settled[letter.partition])

    def _offsets(self, spec: OffsetSpec) -> dict[int, int]:
        places = {KafkaTopicPartition(place.topic, place.partition): spec for place in self.places}
        try:
            listed = self._admin.client.list_offsets(
                places, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_DEADLINE
            )
            return {place.partition: int(future.result(_DEADLINE).offset) for place, future in listed.items()}
        except KafkaException as error:
            raise kafka_error(error, f"reading the bounds of {self.topic}") from error


def _state_key(place: TopicPartition) -> dict[str, Any]:
    return {"topic": place.topic, "partition": place.partition}

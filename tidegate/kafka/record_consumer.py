"""What a sink task needs of a Kafka client to read records; confluent-kafka and the native one have it alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from confluent_kafka import KafkaException

from tidegate import native
from tidegate.kafka.confluent_consumer import ConfluentConsumer
from tidegate.kafka.consumed import Consumed
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.native_consumer import NativeConsumer
from tidegate.kafka.properties import consumer_properties
from tidegate.records.envelope import SinkOffset, TopicPartition


class RecordConsumer(Protocol):
    """A consumer that never joins its group: its owner plans the partitions.

    Every method raises ``confluent_kafka.KafkaException`` for what librdkafka reports.
    """

    group: str
    """The group its offsets are of."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Takes up partitions, besides those it has, at offsets or ``OFFSET_BEGINNING`` or ``OFFSET_END``."""
        ...

    def committed(self, places: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, SinkOffset | None]:
        """The group's committed offsets."""
        ...

    def consume(self, most: int, timeout: float) -> Consumed:
        """At most so many records; waits for the first one only."""
        ...

    def high_watermark(self, place: TopicPartition) -> int:
        """The end of a partition as the last fetch told it; asks nobody."""
        ...

    def close(self) -> None:
        """Closes; does nothing when closed already."""
        ...


def record_consumer(base: Mapping[str, str], group: str, overrides: Mapping[str, str]) -> RecordConsumer:
    """The fastest consumer of this installation.

    Args:
        base: the worker's librdkafka properties.
        group: the group its offsets are committed to.
        overrides: a connector's ``consumer.override.*`` keys.

    Raises:
        TidegateError: a property is unusable.
    """
    properties = consumer_properties(base, group, overrides)
    try:
        if native.extension is None:
            return ConfluentConsumer(properties)
        return NativeConsumer(native.extension, properties)
    except KafkaException as error:
        raise kafka_error(error, f"making a consumer of group {group}") from error

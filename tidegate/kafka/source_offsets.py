"""Source offsets: the compacted topic in which source tasks keep how far they have read.

A record's key is the JSON array ``["<connector>", {source partition}]`` and its value the JSON source offset, as in
Kafka Connect; no value deletes. All records of a connector are in one partition, which is all that its tasks read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from confluent_kafka import IsolationLevel, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from tidegate.kafka.bounded_read import read_committed
from tidegate.kafka.errors import KafkaUnavailableError, kafka_error
from tidegate.kafka.murmur2 import murmur2
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer

_DEADLINE = 60.0
_PAUSE = 0.1


def partition_key(partition: Mapping[str, Any]) -> bytes:
    """A source partition as text that is equal for equal partitions."""
    return orjson.dumps(partition, option=orjson.OPT_SORT_KEYS)


def record_key(connector: str, partition: Mapping[str, Any]) -> bytes:
    """The key of a source partition's record."""
    return orjson.dumps([connector, partition], option=orjson.OPT_SORT_KEYS)


class SourceOffsets:
    """The offsets of one connector.

    Args:
        properties: the worker's librdkafka properties.
        topic: the offsets topic.
        connector: whose offsets.
        partitions: number of partitions to create the topic with.
        replication: replication factor to create it with.
    """

    def __init__(
        self, properties: Mapping[str, str], topic: str, connector: str, *, partitions: int = 25, replication: int = -1
    ) -> None:
        self._properties = properties
        self._topic = topic
        self._connector = connector
        self._admin = TopicAdmin(properties)
        found = self._admin.ensure(
            topic, partitions=partitions, replication=replication, config={"cleanup.policy": "compact"}
        )
        self._partition = murmur2(connector.encode()) % found

    def read(self, alive: Callable[[], None] = lambda: None) -> dict[bytes, dict[str, Any]]:
        """Every committed offset of the connector by :func:`partition_key`.

        Transactions of others that are open in the partition are waited for, for committed offsets may lie behind
        them (KIP-618).

        Raises:
            KafkaUnavailableError: the end was not reached in time.
        """
        end = self._end(time.monotonic() + _DEADLINE, alive)
        offsets: dict[bytes, dict[str, Any]] = {}
        for messages in read_committed(
            self._properties,
            "tidegate-offsets-reader",
            self._topic,
            {self._partition: (0, end)},
            silence=_DEADLINE,
            alive=alive,
        ):
            for message in messages:
                self._apply(offsets, message.key(), message.value())
        return offsets

    def write(
        self, producer: TransactionalProducer, partition: Mapping[str, Any], offset: Mapping[str, Any] | None
    ) -> None:
        """Adds an offset to the producer's transaction; None deletes it."""
        value = None if offset is None else orjson.dumps(offset)
        producer.produce(self._topic, value, record_key(self._connector, partition), partition=self._partition)

    def _apply(self, offsets: dict[bytes, dict[str, Any]], key: bytes | None, value: bytes | None) -> None:
        connector, partition = orjson.loads(key or b"[null, null]")
        if connector != self._connector:
            return
        if value is None:
            offsets.pop(partition_key(partition), None)
        else:
            offsets[partition_key(partition)] = orjson.loads(value)

    def _end(self, give_up: float, alive: Callable[[], None]) -> int:
        place = KafkaTopicPartition(self._topic, self._partition)
        while True:
            alive()
            try:
                listed = self._admin.client.list_offsets(
                    {place: OffsetSpec.latest()},  # type: ignore[no-untyped-call]
                    isolation_level=IsolationLevel.READ_UNCOMMITTED,
                    request_timeout=15,
                )
                return int(next(iter(listed.values())).result(15).offset)
            except KafkaException as error:
                failure = kafka_error(error, f"reading the end of {self._topic}")
                # A partition that was created a moment ago may have no leader yet.
                if not isinstance(failure, KafkaUnavailableError) or time.monotonic() > give_up:
                    raise failure from error
                time.sleep(_PAUSE)

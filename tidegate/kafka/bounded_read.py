"""Reading partitions from an offset to an end that is known beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaTopicPartition

from tidegate.kafka.errors import KafkaUnavailableError, kafka_error
from tidegate.kafka.properties import consumer_properties

_MOST_RECORDS = 5_000
_WAIT = 0.2


def read_committed(
    properties: Mapping[str, Any],
    group: str,
    topic: str,
    bounds: Mapping[int, tuple[int, int]],
    *,
    silence: float,
    alive: Callable[[], None] = lambda: None,
) -> Iterator[list[Message]]:
    """Committed records, some at a time, in order within each partition.

    The end of a partition is reached when all before it has been seen or is known to hold no committed record. That the
    broker has nothing more to give is not enough: before an open transaction it has nothing until that has ended.

    Args:
        properties: librdkafka's, to reach the brokers.
        group: named to the brokers; nothing is committed.
        topic: of the partitions.
        bounds: of each partition the first offset and the one after the last; 0 as the first is where it begins.
        silence: seconds without anything new after which to give up.
        alive: called about five times a second; may raise to stop.

    Raises:
        RetriableError: Kafka is away, or was silent for too long.
    """
    left = {partition: end for partition, (start, end) in bounds.items() if start < end}
    if not left:
        return
    consumer = Consumer({**consumer_properties(properties, group, {}), "enable.partition.eof": True})
    try:
        places = [KafkaTopicPartition(topic, each, bounds[each][0] or OFFSET_BEGINNING) for each in left]
        consumer.assign(places)
        heard = time.monotonic()
        while left:
            alive()
            # The client waits until all are there or the time is over: so only the first one is waited for.
            messages = consumer.consume(1, _WAIT)
            if messages:
                heard = time.monotonic()
                messages += consumer.consume(_MOST_RECORDS, 0)
            elif time.monotonic() - heard > silence:
                raise KafkaUnavailableError(
                    f"Kafka: {topic} gave nothing for {silence:g} s before its end was reached.",
                    remedy="Check that the brokers run, and look for a transaction that hangs: "
                    "kafka-transactions.sh find-hanging.",
                )
            taken = [message for message in messages if _is_before(left, message)]
            if taken:
                yield taken
            for place in consumer.position(places):
                if place.partition in left and place.offset >= left[place.partition]:
                    del left[place.partition]
    except KafkaException as error:
        raise kafka_error(error, f"reading {topic}") from error
    finally:
        consumer.close()


def _is_before(left: dict[int, int], message: Message) -> bool:
    """Whether it is a record before its partition's end; notes what tells that the end has been reached."""
    error, partition, offset = message.error(), message.partition(), message.offset()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        if error.fatal() or not error.retriable():
            raise kafka_error(error, f"reading {message.topic()}")
        return False
    assert partition is not None and offset is not None
    end = left.get(partition)
    if end is None:
        return False
    if error is not None:
        if offset >= end:
            del left[partition]
        return False
    return offset < end

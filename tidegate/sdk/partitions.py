"""Which task of a sink reads which partition: planned by a pure function, never negotiated."""

from __future__ import annotations

from tidegate.kafka.murmur2 import murmur2


def owned_by(topic: str, partition: int, tasks: int) -> int:
    """The task that reads a partition.

    Each topic's partitions are spread evenly; where a topic's first one falls depends on its name, so that many
    topics of one partition spread as well.

    Args:
        topic: topic name.
        partition: partition number.
        tasks: number of tasks of the connector, at least 1.

    Returns:
        A task number from 0 to ``tasks - 1``.
    """
    return (murmur2(topic.encode()) + partition) % tasks

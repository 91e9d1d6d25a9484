"""librdkafka properties of Tidegate's clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def client_properties(base: Mapping[str, str], **overrides: Any) -> dict[str, Any]:
    """The worker's properties with a client's own over them; later keys win.

    Args:
        base: the setting ``kafka`` of a worker.
        overrides: properties with ``_`` for ``.``.
    """
    return {
        "log_level": 3,
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2000,
        **base,
        **{name.replace("_", "."): value for name, value in overrides.items()},
    }


def producer_properties(base: Mapping[str, str], transactional_id: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    """Properties of a task's transactional producer.

    Args:
        base: the worker's properties.
        transactional_id: fixed for a task, so that a successor fences it (KIP-98).
        overrides: a connector's ``producer.override.*`` keys; those exactly-once stands on can not be overridden.
    """
    return client_properties(
        base,
        **{
            "linger.ms": "20",
            "batch.size": "1000000",
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": "500000",
            "queue.buffering.max.kbytes": "32768",
            "transaction.timeout.ms": "60000",
            "message.timeout.ms": "60000",
        }
        | dict(overrides)
        | {"transactional.id": transactional_id, "enable.idempotence": "true", "acks": "all"},
    )


def consumer_properties(base: Mapping[str, str], group: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    """Properties of a consumer with planned partitions: it never joins its group and never commits by itself.

    Args:
        base: the worker's properties.
        group: the group its offsets are committed to.
        overrides: a connector's ``consumer.override.*`` keys.
    """
    return client_properties(
        base,
        **{
            "queued.max.messages.kbytes": "32768",
            "fetch.wait.max.ms": "100",
            "fetch.message.max.bytes": "4194304",
            # A partition that has enough waiting is fetched again so much later: a second by default, in which what
            # waits is long used up.
            "fetch.queue.backoff.ms": "20",
        }
        | dict(overrides)
        | {
            "group.id": group,
            # Where to begin without a committed offset is said when partitions are assigned. An offset that is out of
            # range means that records were deleted unread, or that the topic was made anew: never skipped silently.
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "enable.partition.eof": "false",
        },
    )

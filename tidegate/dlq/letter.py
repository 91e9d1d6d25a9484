"""A dead letter: a record in a dead letter queue, with what its headers say of it. Pure.

Read are the headers of Kafka Connect (KIP-298) and Tidegate's own beside them, so queues that Kafka Connect wrote are
understood as well.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tidegate.kafka.outgoing import KafkaHeaders
from tidegate.records.envelope import Batch
from tidegate.records.halted_headers import CONNECT, REPLAYS, TIDEGATE
from tidegate.records.wire_format import HEADER_SIZE, MAGIC

_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_LONGEST_SHAPE = 160


@dataclass(frozen=True)
class DeadLetter:
    """A halted record as it lies in its queue.

    Args:
        queue: the dead letter queue's topic.
        partition: of the queue.
        offset: in the queue.
        timestamp: the record's, milliseconds; None without one.
        key: as the queue has it.
        value: as the queue has it.
        own: the record's own headers.
        context: what the halting connector wrote, by the header's name without its prefix.
        replays: how often it has been replayed before.
    """

    queue: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    own: KafkaHeaders
    context: dict[str, str]
    replays: int

    @property
    def topic(self) -> str:
        """The topic it came from or was meant for; empty if the queue does not say."""
        return self.context.get("topic", "")

    @property
    def origin_partition(self) -> int | None:
        """Its partition there; None for what a source could not write."""
        return _number(self.context.get("partition"))

    @property
    def origin_offset(self) -> int | None:
        """Its offset there; None for what a source could not write."""
        return _number(self.context.get("offset"))

    @property
    def connector(self) -> str:
        """Who halted it."""
        return self.context.get("connector.name", "")

    @property
    def is_row(self) -> bool:
        """Whether it is a source's row as JSON, which was never in Kafka as the connector writes it."""
        return self.origin_offset is None and bool(self.context)

    @property
    def sentence(self) -> str:
        """The reason, for people."""
        return self.context.get("sentence") or self.context.get("exception.message", "")

    @property
    def exception(self) -> str:
        """Name of the error's class, without its package."""
        return self.context.get("exception.class.name", "").rpartition(".")[2]

    @property
    def rule(self) -> str:
        """What was broken: the rule's name, or the error's."""
        return self.context.get("rule") or self.exception or "unknown"

    @property
    def path(self) -> str:
        """The field."""
        return self.context.get("path", "")

    @cached_property
    def schema_id(self) -> int | None:
        """The schema its value names; None for a row, a null and what is not in the wire format."""
        value = self.value
        if self.is_row or value is None or len(value) < HEADER_SIZE or value[0] != MAGIC:
            return None
        number: int = struct.unpack_from(">I", value, 1)[0]
        return number

    @cached_property
    def shape(self) -> str:
        """What tells its reason from others: where no rule is named, the sentence without its figures and names."""
        if self.context.get("rule"):
            return self.path
        return _QUOTED.sub("'…'", _NUMBER.sub("#", self.sentence))[:_LONGEST_SHAPE]


def letters(batch: Batch) -> Iterator[DeadLetter]:
    """The records of a queue.

    Args:
        batch: of schema :data:`tidegate.kafka.consumed.CONSUMED`.
    """
    for row in batch.records.to_pylist():
        own: KafkaHeaders = []
        context: dict[str, str] = {}
        replays = 0
        for header in row["headers"] or ():
            name, value = header["key"], header["value"]
            if name.startswith((CONNECT, TIDEGATE)):
                prefix = CONNECT if name.startswith(CONNECT) else TIDEGATE
                context[name[len(prefix) :]] = (value or b"").decode(errors="replace")
            elif name == REPLAYS:
                replays = _number((value or b"").decode(errors="replace")) or 0
            else:
                own.append((name, value))
        stamp = row["timestamp"]
        yield DeadLetter(
            batch.topic,
            row["partition"],
            row["offset"],
            None if stamp is None else round(stamp.timestamp() * 1000),
            row["key"],
            row["value"],
            own,
            context,
            replays,
        )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None

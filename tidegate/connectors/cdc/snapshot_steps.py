"""The pieces a snapshot is told in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.cdc.snapshot_position import SnapshotPosition
from tidegate.records.envelope import Batch

P = TypeVar("P", bound=SnapshotPosition)
_T = TypeVar("_T")

WHOLE_TABLE_TIMEOUT_MS: Final = 900_000
"""Milliseconds in which a table that is told whole has to be in Kafka: the most that brokers allow by default."""
Halted = tuple[str, bytes, str]
"""A row that can not be made into an event: topic, raw values, reason."""


@dataclass(frozen=True, slots=True)
class Step(Generic[P]):
    """What a piece of a snapshot gave.

    Args:
        batch: events; None for none.
        position: after them; None within a table that is told whole or not at all.
        halted: rows that are no events.
    """

    batch: Batch | None
    position: P | None
    halted: Sequence[Halted] = ()


def told_steps(steps: Iterator[Step[P]]) -> Iterator[Step[P]]:
    """The steps that have something, each with the position before the next; the last with that of the end."""
    held: Step[P] | None = None
    for step in steps:
        if step.batch is None and held is not None:
            held = Step(held.batch, step.position, [*held.halted, *step.halted])
        elif step.batch is not None or step.halted:
            if held is not None:
                yield held
            held = step
    if held is not None:
        assert held.position is not None
        yield Step(held.batch, held.position.finished(), held.halted)


def each_and_last(pieces: Iterator[_T]) -> Iterator[tuple[_T, bool]]:
    """Each piece, and whether it is the last one."""
    held = next(pieces, None)
    while held is not None:
        following = next(pieces, None)
        yield held, following is None
        held = following


def snapshot_marks(count: int, opening: bool, closing: bool, first: bool, last: bool) -> pa.Array:
    """What Debezium writes in ``source.snapshot`` for each of some rows of a table.

    Args:
        count: how many rows.
        opening: whether they begin the table.
        closing: whether they end it.
        first: whether they begin the snapshot, too.
        last: whether they end it.
    """
    marks = pa.repeat(pa.scalar("true"), count)
    if not opening and not closing:
        return marks
    places = np.zeros(count, np.int32)
    if opening:
        places[0] = 1
    if closing and not (opening and first and not last and count == 1):
        places[-1] = 2
    words = ["true", "first" if first else "first_in_data_collection", "last" if last else "last_in_data_collection"]
    return pc.take(pa.array(words), pa.array(places))

"""What a transform makes of a batch: parts with the rows they came from, and faults of single records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault, Stage

Rows = npt.NDArray[np.int64]
"""Row indexes, ascending."""
DATA_EXCEPTION = "DataException"
"""Kafka Connect's error of a record that is not what a transform needs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Transformed records of one topic and one schema.

    Args:
        batch: n records.
        rows: for each the index of the record in the input it was made of, ascending.
    """

    batch: Batch
    rows: Rows


@dataclass(frozen=True, slots=True)
class Transformed:
    """What became of a batch. A row in no part and with no fault was dropped on purpose.

    Args:
        parts: transformed records, none of them empty; records of one topic are in the order of their rows, within a
            part and from part to part.
        faults: records that could not be transformed, by row.
    """

    parts: Sequence[Part]
    faults: Sequence[RecordFault] = ()


def fault(row: int, message: str, exception: str = DATA_EXCEPTION) -> RecordFault:
    """A record that can not be transformed.

    Args:
        row: its index in the batch.
        message: one sentence naming the field and the rule.
        exception: name of the error.
    """
    return RecordFault(row, Stage.TRANSFORMATION, exception, message)


def faults_of(rows: Iterable[int], message: str, exception: str = DATA_EXCEPTION) -> list[RecordFault]:
    """The same fault for each of some rows."""
    return [fault(int(row), message, exception) for row in rows]


def whole(batch: Batch) -> Transformed:
    """All records of the input, changed or not, in their order."""
    return Transformed([Part(batch, np.arange(len(batch), dtype=np.int64))] if len(batch) else [])


def without(batch: Batch, faults: Sequence[RecordFault]) -> Transformed:
    """All records of the input but those with a fault.

    Args:
        batch: one record for each of the input; those of faulty rows may hold anything.
        faults: in any order; of several for a row the first stands.
    """
    if not faults:
        return whole(batch)
    first: dict[int, RecordFault] = {}
    for each in faults:
        first.setdefault(each.row, each)
    good = np.ones(len(batch), dtype=bool)
    good[list(first)] = False
    rows = np.flatnonzero(good).astype(np.int64)
    parts = [Part(batch.take(pa.array(rows)), rows)] if len(rows) else []
    return Transformed(parts, [first[row] for row in sorted(first)])


def by_topic(batch: Batch, topics: Mapping[str, Rows], faults: Sequence[RecordFault] = ()) -> Transformed:
    """The records routed to topics.

    Args:
        batch: the input.
        topics: rows for each topic; rows in none of them must have a fault.
        faults: records that have no topic.
    """
    parts = [Part(_rows(batch, rows).routed(topic), rows) for topic, rows in topics.items() if len(rows)]
    return Transformed(parts, faults)


def _rows(batch: Batch, rows: Rows) -> Batch:
    return batch if len(rows) == len(batch) else batch.take(pa.array(rows))

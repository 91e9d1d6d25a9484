"""Where the values of row events lie: many events at once, row by row within each.

Rows are of variable length and follow each other without a word, so a row's place is known only when the one before has
been passed. The first rows of all events are passed together, then all the second ones, and so on: as many steps as the
largest event has rows, each of them over columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tidegate.connectors.mysql_cdc.table_map import MapColumn
from tidegate.connectors.postgres_values.cells import Bytes, Cells, Mask, Positions

Lengths = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Image:
    """One side of some changes: rows before, or rows after.

    Args:
        data: the buffer.
        columns: places of the columns that the log tells, ascending.
        start: for each of them, where the values of n rows begin.
        length: for each of them, the values' lengths, -1 for null.
    """

    data: Bytes
    columns: Sequence[int]
    start: Sequence[Positions]
    length: Sequence[Lengths]

    def cells(self, column: int) -> Cells | None:
        """The values of a column; None where the log does not tell them."""
        if column not in self.columns:
            return None
        place = list(self.columns).index(column)
        return Cells(self.data, self.start[place], self.length[place])


@dataclass(frozen=True, slots=True)
class RowImages:
    """n rows of some events of one table and one kind.

    Args:
        event: for each row the number of its event among those given.
        row: its number within the event.
        images: one for inserts and deletes, two for updates: before, after.
    """

    event: Positions
    row: Positions
    images: Sequence[Image]


def locate(
    data: Bytes, start: Positions, end: Positions, columns: Sequence[MapColumn], *, told: Sequence[Mask]
) -> RowImages:
    """Finds the values.

    Args:
        data: the buffer, with room behind its last byte.
        start: for each of n events, where its rows begin.
        end: where they end.
        columns: of the table.
        told: for each image, which of the columns it has.

    Raises:
        ValueError: the rows do not end where their event does.
    """
    present = [np.flatnonzero(mask).tolist() for mask in told]
    shapes = [[_shape(columns[index]) for index in places] for places in present]
    at = start.copy()
    active = np.flatnonzero(at < end)
    events: list[Positions] = []
    rows: list[Positions] = []
    found: list[list[tuple[list[Positions], list[Lengths]]]] = [[] for _ in told]
    number = 0
    while len(active):
        places = at[active]
        for image, shape in enumerate(shapes):
            starts, lengths, places = _row(data, places, shape)
            found[image].append((starts, lengths))
        events.append(active)
        rows.append(np.full(len(active), number, np.int64))
        at[active] = places
        number += 1
        active = active[places < end[active]]
    if (at != end).any():
        raise ValueError("a row event does not end where its last row does: its table is described wrongly")
    if not events:
        nothing = np.zeros(0, np.int64)
        empty = [
            Image(data, places, [nothing] * len(places), [np.zeros(0, np.int32)] * len(places)) for places in present
        ]
        return RowImages(nothing, nothing, empty)
    event, row = np.concatenate(events), np.concatenate(rows)
    order = None if number == 1 else np.lexsort((row, event))
    images = []
    for told_columns, parts in zip(present, found, strict=True):
        start_of = [_joined([part[0][column] for part in parts], order) for column in range(len(told_columns))]
        length_of = [_joined([part[1][column] for part in parts], order) for column in range(len(told_columns))]
        images.append(Image(data, told_columns, start_of, length_of))
    return RowImages(event, row, images) if order is None else RowImages(event[order], row[order], images)


def _joined(parts: Sequence[npt.NDArray[Any]], order: Positions | None) -> npt.NDArray[Any]:
    if order is None:
        return parts[0]
    return np.concatenate(parts)[order]


def _shape(column: MapColumn) -> tuple[int, int]:
    """Bytes of a value and, where that varies, of the length before it."""
    fixed = column.fixed
    return (fixed, 0) if fixed is not None else (0, column.prefix)


def _row(
    data: Bytes, at: Positions, shape: Sequence[tuple[int, int]]
) -> tuple[list[Positions], list[Lengths], Positions]:
    """Passes one row of each event."""
    count = len(shape)
    nulls = None
    width = (count + 7) // 8
    if width:
        bits = data[at[:, None] + np.arange(width)]
        if bits.any():
            nulls = np.unpackbits(bits, axis=1, bitorder="little")[:, :count].astype(np.bool_)
    at = at + width
    starts, lengths = [], []
    rows = len(at)
    for column, (fixed, prefix) in enumerate(shape):
        null = None if nulls is None else nulls[:, column]
        if null is not None and not null.any():
            null = None
        if not prefix:
            starts.append(at)
            if null is None:
                lengths.append(np.full(rows, fixed, np.int32))
                at = at + fixed
            else:
                lengths.append(np.where(null, -1, fixed).astype(np.int32))
                at = at + np.where(null, 0, fixed)
            continue
        size = data[at].astype(np.int64)
        for byte in range(1, prefix):
            size |= data[np.minimum(at + byte, len(data) - 1)].astype(np.int64) << (8 * byte)
        starts.append(at + prefix)
        if null is None:
            lengths.append(size.astype(np.int32))
            at = at + prefix + size
        else:
            lengths.append(np.where(null, -1, size).astype(np.int32))
            at = at + np.where(null, 0, prefix + size)
        # A length that is none must not lead out of the buffer.
        if len(at) and int(at.max()) >= len(data):
            raise ValueError("a value goes beyond its event: its table is described wrongly")
    return starts, lengths, at

"""Taking rows of PostgreSQL's binary COPY apart: from a buffer of rows to the cells of each column.

A row is the number of its fields (int16), then for each field its length (int32, -1 for null) and its bytes. All rows
step over one field together. Runs of fields of fixed width are fetched at once: most of a gather's price is finding the
row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tidegate.connectors.postgres_values.cells import PADDING, Bytes, Cells, Positions, gather
from tidegate.errors import FatalError

_LENGTH_BYTES = 4


def cells(data: Bytes, start: Positions, end: Positions, widths: Sequence[int | None]) -> Iterator[Cells]:
    """The cells of each column in turn.

    Args:
        data: rows, and :data:`~tidegate.connectors.postgres_values.cells.PADDING` bytes after them.
        start: where each row begins.
        end: where each row ends.
        widths: for each column its values' width where it is fixed.

    Raises:
        FatalError: these are not rows of so many columns.
    """
    if (gather(data, start, ">i2") != len(widths)).any():
        raise FatalError("The database sent rows of another number of columns than it announced.")
    at, column = start + 2, 0
    while column < len(widths):
        run = _run(widths, column)
        if not run:
            length = gather(data, at, ">i4").astype(np.int32)
            value = at + _LENGTH_BYTES
            yield Cells(data, value, length)
            at = value + np.maximum(length, 0)
            _check(at, end)
            column += 1
            continue
        block = gather(data, at, f"V{sum(run) + _LENGTH_BYTES * len(run)}")
        offset = 0
        for width in run:
            length = _item(block, offset, ">i4")
            value = at + (offset + _LENGTH_BYTES)
            column += 1
            if (length == width).all():
                yield Cells(data, value, width)
                offset += _LENGTH_BYTES + width
                continue
            if ((length != width) & (length != -1)).any():
                raise FatalError("The database sent a value of another width than its type has.")
            narrow = length.astype(np.int32)
            yield Cells(data, value, narrow)
            at = value + np.maximum(narrow, 0)
            offset = 0
            break
        at = at + offset
        _check(at, end)
    if (at != end).any():
        raise FatalError("The database sent rows of another layout than it announced.")


def _run(widths: Sequence[int | None], first: int) -> list[int]:
    run: list[int] = []
    room = PADDING
    for width in widths[first:]:
        if width is None or room < width + _LENGTH_BYTES:
            break
        run.append(width)
        room -= width + _LENGTH_BYTES
    return run


def _item(block: npt.NDArray[Any], offset: int, dtype: str) -> npt.NDArray[Any]:
    return np.ndarray((len(block),), dtype, block, offset, (block.dtype.itemsize,))


def _check(at: Positions, end: Positions) -> None:
    if (at > end).any():
        raise FatalError("The database sent a row that is shorter than its fields.")

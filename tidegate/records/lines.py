"""Rows as text, one each, and their concatenation without a copy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows = npt.NDArray[np.int64]
"""Indexes of records, ascending."""


def row_lines(columns: Sequence[pa.Array], *, begin: str, between: str, end: str, null: str) -> pa.Array:
    """One large string a row.

    Args:
        columns: large strings.
        begin: what a row begins with.
        between: what stands between columns.
        end: what a row ends with.
        null: what stands for null.
    """
    joined = pc.binary_join_element_wise(
        *columns, pa.scalar(between, pa.large_string()), null_handling="replace", null_replacement=null
    )
    empty = pa.scalar("", pa.large_string())
    return pc.binary_join_element_wise(
        pa.scalar(begin, pa.large_string()), joined, pa.scalar(end, pa.large_string()), empty
    )


def joined(lines: pa.Array, rows: Rows) -> memoryview:
    """The bytes of some lines, one after the other."""
    taken = lines.take(pa.array(rows))
    offsets = _offsets(taken)
    return memoryview(taken.buffers()[2])[offsets[0] : offsets[-1]] if len(rows) else memoryview(b"")


def parts(lines: pa.Array, rows: Rows, most_bytes: int) -> Iterator[Rows]:
    """Rows in runs whose lines are together no longer than ``most_bytes``; a longer line is a run of its own."""
    sizes = np.diff(_offsets(lines.take(pa.array(rows))))
    start = total = 0
    for index, size in enumerate(sizes.tolist()):
        if index > start and total + size > most_bytes:
            yield rows[start:index]
            start, total = index, 0
        total += size
    if start < len(rows):
        yield rows[start:]


def _offsets(lines: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int64)
    return offsets[lines.offset : lines.offset + len(lines) + 1]

"""Cells: where the values of one column lie in a buffer of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PADDING = 64
"""Bytes that have to follow the last row, so that a column's null in it may be read like a value and thrown away."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of one column.

    Args:
        data: the buffer, :data:`PADDING` bytes longer than its rows.
        start: for each row, where its value begins.
        length: for each row the value's length, -1 for null; or the length of all, of which none is null.
    """

    data: Bytes
    start: Positions
    length: npt.NDArray[np.int32] | int

    def __len__(self) -> int:
        return len(self.start)

    @property
    def present(self) -> Mask | None:
        """Which rows have a value; None when all have."""
        if isinstance(self.length, int):
            return None
        present: Mask = self.length >= 0
        return None if present.all() else present

    def gather(self, dtype: str, offset: int = 0) -> npt.NDArray[Any]:
        """One item of each value; a null's is arbitrary.

        Args:
            dtype: of the item, with its byte order.
            offset: where in the value it begins.
        """
        return gather(self.data, self.start, dtype, offset)


def gather(data: Bytes, start: Positions, dtype: str, offset: int = 0) -> npt.NDArray[Any]:
    """An item at each position of a buffer, whether aligned or not."""
    type_ = np.dtype(dtype)
    items: npt.NDArray[Any] = np.ndarray((len(data) - offset - type_.itemsize + 1,), type_, data, offset, (1,))
    return items[start]


def validity(present: Mask | None) -> pa.Buffer | None:
    """Arrow's validity bitmap; none is needed where no row is null."""
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))


def arrow(type_: pa.DataType, values: npt.NDArray[Any], present: Mask | None) -> pa.Array:
    """Values of Arrow's own layout as an array, without a copy."""
    return pa.Array.from_buffers(type_, len(values), [validity(present), pa.py_buffer(np.ascontiguousarray(values))])

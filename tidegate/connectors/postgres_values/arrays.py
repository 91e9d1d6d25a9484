"""Values of PostgreSQL's array types taken apart into cells of their elements."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegate.connectors.postgres_values.cells import Cells, Mask, Positions

_HEADER = struct.Struct(">iiiii")
_EMPTY_BYTES = 12
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class ArrayCells:
    """Arrays taken apart.

    Args:
        elements: of all arrays, one after the other.
        offsets: where each array's elements begin, and the end of the last.
        odd: arrays that are not of one dimension, or of other elements; without elements here.
    """

    elements: Cells
    offsets: Positions
    odd: Mask | None


def array_cells(cells: Cells, element_oid: int, width: int | None) -> ArrayCells:
    """The elements of arrays.

    Args:
        cells: the arrays.
        element_oid: PostgreSQL's number of the element's type.
        width: of an element, where it is fixed.
    """
    assert not isinstance(cells.length, int)
    starts: list[int] = []
    lengths: list[int] = []
    offsets = np.zeros(len(cells) + 1, np.int64)
    odd = np.zeros(len(cells), np.bool_)
    data = cells.data.data
    for row, (at, size) in enumerate(zip(cells.start.tolist(), cells.length.tolist(), strict=True)):
        if size > _EMPTY_BYTES:
            dimensions, _, oid, count, _ = _HEADER.unpack_from(data, at)
            if dimensions == 1 and oid == element_oid:
                at += _HEADER.size
                for _ in range(count):
                    (length,) = _LENGTH.unpack_from(data, at)
                    at += _LENGTH.size
                    starts.append(at)
                    lengths.append(length)
                    at += max(length, 0)
            else:
                odd[row] = True
        offsets[row + 1] = len(starts)
    found: npt.NDArray[np.int32] = np.array(lengths, np.int32)
    elements = Cells(cells.data, np.array(starts, np.int64), found)
    assert width is None or not len(found) or set(np.unique(found).tolist()) <= {width, -1}
    return ArrayCells(elements, offsets, odd if odd.any() else None)

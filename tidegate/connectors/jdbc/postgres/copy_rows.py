"""Rows in PostgreSQL's binary COPY format."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from tidegate.connectors.jdbc.postgres.layout import cells
from tidegate.connectors.jdbc.rows import Column, Rows, isolated
from tidegate.connectors.postgres_values.cells import Bytes, Cells, Positions
from tidegate.connectors.postgres_values.decoders import decoder

_LENGTH = struct.Struct(">i")
_BLOCK_BYTES = 1024 * 1024
_BLOCK_MIN_ROWS, _BLOCK_MAX_ROWS = 1_024, 16_384


class Loader(Protocol):
    """What makes one value of the wire one of Python's."""

    def load(self, data: bytes) -> Any:
        """The value."""
        ...


@dataclass(frozen=True, slots=True)
class WireColumn:
    """A column as it is on the wire.

    Args:
        oid: PostgreSQL's number of its type.
        loader: for values that are looked at by themselves.
    """

    oid: int
    loader: Loader


class CopyRows(Rows):
    """Rows in one buffer, decoded in blocks that fit a processor's cache.

    Args:
        data: rows and padding after them.
        start: where each row begins.
        end: where each row ends.
        wire: their columns.
    """

    def __init__(self, data: Bytes, start: Positions, end: Positions, wire: Sequence[WireColumn]) -> None:
        self._data = data
        self._start = start
        self._end = end
        self._wire = wire
        self.nbytes = int(end[-1] - start[0]) if len(end) else 0

    def __len__(self) -> int:
        return len(self._start)

    def columns(self, fields: Sequence[pa.Field]) -> Iterator[Column]:
        rows = min(_BLOCK_MAX_ROWS, max(_BLOCK_MIN_ROWS, _BLOCK_BYTES * len(self) // max(1, self.nbytes)))
        starts = range(0, max(1, len(self)), rows)
        blocks = [list(self._part(start, start + rows)._block(fields)) for start in starts]
        for parts in zip(*blocks, strict=True):
            problems = {
                start + row: problem
                for start, (_, found) in zip(starts, parts, strict=True)
                for row, problem in found.items()
            }
            yield parts[0][0] if len(parts) == 1 else pa.concat_arrays([array for array, _ in parts]), problems

    def _block(self, fields: Sequence[pa.Field]) -> Iterator[Column]:
        decoders = [decoder(column.oid, field.type) for column, field in zip(self._wire, fields, strict=True)]
        widths = [each.width if each is not None else None for each in decoders]
        parts = cells(self._data, self._start, self._end, widths)
        for found, wire, field, decode in zip(parts, self._wire, fields, decoders, strict=True):
            if decode is None:
                yield isolated(_loaded(found, wire, range(len(self))), field.type)
                continue
            array, odd = decode.decode(found)
            if odd is None:
                yield array, {}
                continue
            places = np.flatnonzero(odd)
            values, problems = isolated(_loaded(found, wire, places.tolist()), field.type)
            yield _replaced(array, places, values), {int(places[row]): text for row, text in problems.items()}

    def row(self, index: int) -> Sequence[Any]:
        at = int(self._start[index]) + 2
        values = []
        for column in self._wire:
            (length,) = _LENGTH.unpack_from(self._data.data, at)
            at += _LENGTH.size
            values.append(None if length < 0 else column.loader.load(self._data[at : at + length].tobytes()))
            at += max(length, 0)
        return values

    def head(self, count: int) -> CopyRows:
        return self._part(0, count)

    def _part(self, start: int, end: int) -> CopyRows:
        return CopyRows(self._data, self._start[start:end], self._end[start:end], self._wire)


def _loaded(found: Cells, wire: WireColumn, rows: Sequence[int]) -> list[Any]:
    values: list[Any] = []
    for row in rows:
        start = int(found.start[row])
        length = found.length if isinstance(found.length, int) else int(found.length[row])
        values.append(None if length < 0 else wire.loader.load(found.data[start : start + length].tobytes()))
    return values


def _replaced(array: pa.Array, places: Positions, values: pa.Array) -> pa.Array:
    chosen = np.arange(len(array))
    chosen[places] = np.arange(len(array), len(array) + len(values))
    return pa.concat_arrays([array, values]).take(pa.array(chosen))

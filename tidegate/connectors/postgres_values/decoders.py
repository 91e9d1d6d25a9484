"""Decoders: the cells of a column to an Arrow array, by the column's type on the wire and in Arrow.

A decoder works on all values at once. What it can not hold in full, or takes for unusual, it points out, and such a
value is looked at by itself, the way rows of other databases are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from psycopg.postgres import types

from tidegate import native
from tidegate.connectors.postgres_values import moments
from tidegate.connectors.postgres_values.arrays import array_cells
from tidegate.connectors.postgres_values.cells import Cells, Mask, arrow, validity
from tidegate.connectors.postgres_values.numeric import numeric_array

Decoded = tuple[pa.Array, Mask | None]
"""An array, and which of its values have to be looked at by themselves."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Makes cells of one type an array.

    Args:
        decode: does it.
        width: of a value on the wire, where it is fixed.
    """

    decode: Callable[[Cells], Decoded]
    width: int | None = None


def decoder(oid: int, type_: pa.DataType) -> Decoder | None:
    """The decoder of a type on the wire to a type in Arrow, or None when there is none for this pair.

    Args:
        oid: PostgreSQL's number of the type.
        type_: the Arrow type.
    """
    info = types.get(oid)
    if info is None:
        return None
    if oid == info.array_oid:
        return _array(info.oid, type_) if pa.types.is_list(type_) else None
    if info.name == "numeric":
        if pa.types.is_decimal(type_) or type_ in (pa.int32(), pa.int64()):
            return Decoder(lambda cells: numeric_array(cells, type_))
        return None
    wanted, found = _DECODERS.get(info.name, (None, None))
    return found if found is not None and type_.equals(wanted) else None


def _number(dtype: str, type_: pa.DataType) -> Decoder:
    wire = np.dtype(dtype)
    return Decoder(
        lambda cells: (arrow(type_, cells.gather(dtype).astype(wire.newbyteorder("=")), cells.present), None),
        wire.itemsize,
    )


def _boolean(cells: Cells) -> Decoded:
    bits = np.packbits(cells.gather("u1") != 0, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(cells), [validity(cells.present), pa.py_buffer(bits)]), None


def _moment(dtype: str, type_: pa.DataType, epoch: int, first: int, last: int) -> Callable[[Cells], Decoded]:
    wire = np.dtype(dtype).newbyteorder("=")

    def decode(cells: Cells) -> Decoded:
        present = cells.present
        value = cells.gather(dtype).astype(wire)
        odd: Mask = (value < first - epoch) | (value > last - epoch)
        # What is out of range, a null's arbitrary bytes as well, would overflow.
        value[odd] = 0
        value += wire.type(epoch)
        if present is not None:
            odd &= present
        return arrow(type_, value, present), odd if odd.any() else None

    return decode


def _taken(cells: Cells, *, skip: int) -> pa.Array:
    rows = len(cells)
    assert not isinstance(cells.length, int)
    # Values and the gaps between them are the elements of one array without a copy; every second one is a value.
    large = len(cells.data) >= 2**31
    offsets = np.empty(2 * rows + 1, np.int64 if large else np.int32)
    offsets[0:-1:2] = cells.start + skip
    offsets[1::2] = cells.start + np.maximum(cells.length, skip)
    # The values may be in any order in the buffer, but the last offset must not be before the first.
    offsets[-1] = len(cells.data) if rows else 0
    type_ = pa.large_binary() if large else pa.binary()
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(cells.data)]
    everything = pa.Array.from_buffers(type_, 2 * rows, buffers)
    index = arrow(pa.int64(), np.arange(0, 2 * rows, 2, dtype=np.int64), cells.present)
    return everything.take(index)


def _gathered(cells: Cells, type_: pa.DataType, *, skip: int = 0) -> Decoded:
    if native.extension is not None:
        start, length = np.ascontiguousarray(cells.start), np.ascontiguousarray(cells.length, np.int32)
        column = native.extension.gather_cells(cells.data, start, length, skip, pa.types.is_string(type_))
        if column is not None:
            return pa.array(column), None
    return _taken(cells, skip=skip).cast(type_), None


_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_UUID_TEXT_BYTES = 36
_UUID_DASHES = (8, 13, 18, 23)
_UUID_DIGITS = [place for place in range(_UUID_TEXT_BYTES) if place not in _UUID_DASHES]


def _uuid(cells: Cells) -> Decoded:
    rows = len(cells)
    raw = cells.gather("V16").view(np.uint8).reshape(rows, 16)
    text = np.full((rows, _UUID_TEXT_BYTES), ord("-"), np.uint8)
    text[:, _UUID_DIGITS] = _HEX[raw].reshape(rows, 32)
    offsets = np.arange(0, (rows + 1) * _UUID_TEXT_BYTES, _UUID_TEXT_BYTES, dtype=np.int64)
    buffers = [validity(cells.present), pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.large_string(), rows, buffers).cast(pa.string()), None


def _timestamp(type_: pa.DataType) -> Decoder:
    bounds = (moments.EPOCH_MICROS, moments.FIRST_MICRO, moments.LAST_MICRO)
    return Decoder(_moment(">i8", type_, *bounds), 8)


def _array(element_oid: int, type_: pa.DataType) -> Decoder | None:
    element = decoder(element_oid, type_.value_type)
    return None if element is None else Decoder(partial(_list, element, element_oid, type_))


def _list(element: Decoder, element_oid: int, type_: pa.DataType, cells: Cells) -> Decoded:
    found = array_cells(cells, element_oid, element.width)
    values, odd_elements = element.decode(found.elements)
    odd = found.odd
    if odd_elements is not None:
        owner = np.searchsorted(found.offsets, np.flatnonzero(odd_elements), side="right") - 1
        odd = np.zeros(len(cells), np.bool_) if odd is None else odd
        odd[owner] = True
    buffers = [validity(cells.present), pa.py_buffer(found.offsets.astype(np.int32))]
    return pa.Array.from_buffers(type_, len(cells), buffers, children=[values]), odd


_TEXT = (pa.string(), Decoder(partial(_gathered, type_=pa.string())))
_DECODERS: dict[str, tuple[pa.DataType, Decoder]] = {
    "int2": (pa.int16(), _number(">i2", pa.int16())),
    "int4": (pa.int32(), _number(">i4", pa.int32())),
    "int8": (pa.int64(), _number(">i8", pa.int64())),
    "float4": (pa.float32(), _number(">f4", pa.float32())),
    "float8": (pa.float64(), _number(">f8", pa.float64())),
    "bool": (pa.bool_(), Decoder(_boolean, 1)),
    "text": _TEXT,
    "varchar": _TEXT,
    "bpchar": _TEXT,
    "json": _TEXT,
    "jsonb": (pa.string(), Decoder(partial(_gathered, type_=pa.string(), skip=1))),
    "uuid": (pa.string(), Decoder(_uuid, 16)),
    "bytea": (pa.binary(), Decoder(partial(_gathered, type_=pa.binary()))),
    "date": (
        pa.date32(),
        Decoder(_moment(">i4", pa.date32(), moments.EPOCH_DAYS, moments.FIRST_DAY, moments.LAST_DAY), 4),
    ),
    "time": (pa.time64("us"), Decoder(_moment(">i8", pa.time64("us"), 0, 0, moments.DAY_MICROS - 1), 8)),
    "timetz": (pa.time64("us"), Decoder(_moment(">i8", pa.time64("us"), 0, 0, moments.DAY_MICROS - 1), 12)),
    "timestamp": (pa.timestamp("us"), _timestamp(pa.timestamp("us"))),
    "timestamptz": (pa.timestamp("us", "UTC"), _timestamp(pa.timestamp("us", "UTC"))),
}

"""Avro decoding a column at a time, by Arrow kernels: all rows step over one field together.

Every step checks all rows. Rows that break a rule are taken out and the rest is read anew, so no step has to go on with
a bad row; why a row was bad is then found by reading it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.avro_row_reader import (
    DAY,
    MAX_DURATION_PART,
    RowReader,
    decimal_number,
    read_datum,
    row_reader,
)
from tidegate.records.avro_schema import AvroType
from tidegate.records.avro_to_arrow import arrow_type
from tidegate.records.codec import DatumError, DatumFault, DecodedColumn
from tidegate.records.scatter import scatter

ROW_WISE_BELOW = 200
"""About where reading by columns begins to pay, for a record of some twenty fields."""

_PADDING = 16
_MAX_BYTES = 1 << 30
_MAX_ATTEMPTS = 4
_ONE = pa.scalar(1, pa.int64())
_TRUE = pa.scalar(1, pa.uint8())
_GOES_ON = pa.scalar(0x80, pa.uint8())


class _BadRowsError(Exception):
    """Rows, by number, that break a rule of the field being read."""

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass(slots=True)
class _Cursor:
    """Where each of n rows is being read.

    Args:
        raw: the bytes of all data, one after the other, and some padding.
        data: the same as an array.
        rows: numbers of the rows.
        at: their positions, ascending, none above its end.
        end: their ends.
    """

    raw: bytes
    data: pa.Array
    rows: pa.Array
    at: pa.Array
    end: pa.Array

    def __len__(self) -> int:
        return len(self.rows)

    def refuse(self, bad: pa.Array) -> None:
        """Raises if any row is bad."""
        if pc.any(bad).as_py():
            raise _BadRowsError(self.rows.filter(bad).to_pylist())

    def move(self, to: pa.Array) -> None:
        """Goes on to new positions, which must be within the rows."""
        self.refuse(pc.greater(to, self.end))
        self.at = to

    def some(self, which: pa.Array) -> _Cursor:
        """A cursor of some rows."""
        return _Cursor(self.raw, self.data, self.rows.filter(which), self.at.filter(which), self.end.filter(which))


ColumnReader = Callable[[_Cursor], pa.Array]
"""Reads one value a row and moves the cursor behind it."""


class ColumnarDecoder:
    """Implements :class:`~tidegate.records.codec.ColumnDecoder`.

    Args:
        schema: what the data was written with.
        row_wise_below: fewer data than this are read one by one, as the kernels have a fixed price a call.
    """

    def __init__(self, schema: AvroType, row_wise_below: int = ROW_WISE_BELOW) -> None:
        self._row_wise_below = row_wise_below
        self._type = arrow_type(schema)
        self._read = _reader(schema)
        self._read_row = row_reader(schema)

    def decode(self, data: pa.Array, skip: int = 0) -> DecodedColumn:
        """See the protocol."""
        if data.nbytes > _MAX_BYTES and len(data) > 1:
            return self._halves(data, skip)
        present = pc.is_valid(data)
        numbers = pc.indices_nonzero(present).cast(pa.int64())
        cursor = _cursor(data.drop_null() if data.null_count else data, numbers, skip)
        values, bad = self._good(cursor)
        if not bad:
            whole = values if not data.null_count else scatter(values, present)
            return DecodedColumn(_count(len(data)).cast(pa.int32()), whole)
        isolated = pc.is_in(_count(len(data)), value_set=pa.array(sorted(bad), pa.int64()))
        kept = pc.invert(isolated)
        whole = scatter(values, pc.and_(present, kept)).filter(kept)
        faults = [DatumFault(row, bad[row]) for row in sorted(bad)]
        return DecodedColumn(pc.indices_nonzero(kept).cast(pa.int32()), whole, faults)

    def _good(self, cursor: _Cursor) -> tuple[pa.Array, dict[int, str]]:
        """Values of the rows that can be read, and why the others can not."""
        bad: dict[int, str] = {}
        if len(cursor) < self._row_wise_below:
            return pa.array(self._explain(cursor, None, bad), self._type), bad
        for attempt in range(_MAX_ATTEMPTS):
            rest = cursor if not bad else cursor.some(_not_in(cursor.rows, bad))
            if attempt == _MAX_ATTEMPTS - 1:
                self._explain(rest, None, bad)
                rest = cursor.some(_not_in(cursor.rows, bad))
            try:
                return self._all(rest), bad
            except _BadRowsError as error:
                self._explain(cursor, error.rows, bad)
        raise AssertionError("rows read one by one can not be read together")

    def _all(self, rows: _Cursor) -> pa.Array:
        cursor = _Cursor(rows.raw, rows.data, rows.rows, rows.at, rows.end)
        if not len(cursor):
            return pa.nulls(0, self._type)
        values = self._read(cursor)
        cursor.refuse(pc.not_equal(cursor.at, cursor.end))
        return values

    def _explain(self, cursor: _Cursor, rows: Sequence[int] | None, bad: dict[int, str]) -> list[Any]:
        """Reads rows one by one (all, if none are given), notes what is wrong with them, and gives the good ones."""
        values: list[Any] = []
        some = cursor if rows is None else cursor.some(pc.is_in(cursor.rows, value_set=pa.array(rows, pa.int64())))
        places = zip(some.rows.to_pylist(), some.at.to_pylist(), some.end.to_pylist(), strict=True)
        for row, at, end in places:
            try:
                values.append(read_datum(self._read_row, cursor.raw, at, end))
            except DatumError as error:
                bad[row] = str(error)
            else:
                if rows is not None:
                    bad[row] = "The record does not fit its schema."
        return values

    def _halves(self, data: pa.Array, skip: int) -> DecodedColumn:
        middle = len(data) // 2
        first, second = self.decode(data.slice(0, middle), skip), self.decode(data.slice(middle), skip)
        return DecodedColumn(
            pa.concat_arrays([first.rows, pc.add(second.rows, pa.scalar(middle, pa.int32()))]),
            pa.concat_arrays([first.values, second.values]),
            [*first.faults, *(DatumFault(fault.row + middle, fault.message) for fault in second.faults)],
        )


def _cursor(data: pa.Array, rows: pa.Array, skip: int) -> _Cursor:
    _, offsets, content = data.buffers()
    edges = pa.Array.from_buffers(pa.int32(), len(data) + 1, [None, offsets], offset=data.offset).cast(pa.int64())
    first, last = edges[0].as_py(), edges[len(data)].as_py()
    raw = (content.slice(first, last - first).to_pybytes() if last > first else b"") + bytes(_PADDING)
    array = pa.Array.from_buffers(pa.uint8(), len(raw), [None, pa.py_buffer(raw)])
    edges = pc.subtract(edges, pa.scalar(first, pa.int64()))
    return _Cursor(raw, array, rows, pc.add(edges.slice(0, len(data)), skip), edges.slice(1))


def _not_in(rows: pa.Array, some: dict[int, str]) -> pa.Array:
    return pc.invert(pc.is_in(rows, value_set=pa.array(list(some), pa.int64())))


def _count(rows: int) -> pa.Array:
    """0, 1, … for so many rows."""
    return pc.subtract(pc.cumulative_sum(pa.repeat(_ONE, rows)), _ONE)


def _reader(schema: AvroType) -> ColumnReader:
    match schema.kind:
        case "null":
            return lambda cursor: pa.nulls(len(cursor))
        case "boolean":
            return _boolean
        case "int" | "long":
            return _integer(schema)
        case "float" | "double":
            return _fixed(4 if schema.kind == "float" else 8, arrow_type(schema))
        case "string":
            return _string
        case "bytes" | "fixed":
            return _bytes(schema)
        case "enum":
            return _enum(schema)
        case "union":
            return _union(schema)
        case "record":
            return _record(schema)
    return _each(schema)


def _longs(cursor: _Cursor) -> pa.Array:
    """One variable-length number a row, as int64."""
    at = cursor.at
    byte = cursor.data.take(at)
    goes_on = pc.greater_equal(byte, _GOES_ON)
    at = pc.add(at, _ONE)
    if not pc.any(goes_on).as_py():
        cursor.move(at)
        return _signed(byte.cast(pa.uint64()))
    value = pc.bit_wise_and(byte, pa.scalar(0x7F, pa.uint8())).cast(pa.uint64())
    shift = 7
    while pc.any(goes_on).as_py():
        byte = pc.if_else(goes_on, cursor.data.take(at), pa.scalar(0, pa.uint8()))
        if shift == 63:
            cursor.refuse(pc.greater(byte, _TRUE))
        bits = pc.bit_wise_and(byte, pa.scalar(0x7F, pa.uint8())).cast(pa.uint64())
        value = pc.bit_wise_or(value, pc.shift_left(bits, pa.scalar(shift, pa.uint64())))
        at = pc.add(at, goes_on.cast(pa.int64()))
        goes_on = pc.greater_equal(byte, _GOES_ON)
        shift += 7
    cursor.move(at)
    return _signed(value)


def _signed(value: pa.Array) -> pa.Array:
    half = pc.shift_right(value, pa.scalar(1, pa.uint64())).view(pa.int64())
    sign = pc.negate(pc.bit_wise_and(value, pa.scalar(1, pa.uint64())).view(pa.int64()))
    return pc.bit_wise_xor(half, sign)


def _outside(values: pa.Array, low: int, high: int) -> pa.Array:
    return pc.or_(pc.less(values, pa.scalar(low, pa.int64())), pc.greater_equal(values, pa.scalar(high, pa.int64())))


def _boolean(cursor: _Cursor) -> pa.Array:
    byte = cursor.data.take(cursor.at)
    cursor.move(pc.add(cursor.at, _ONE))
    cursor.refuse(pc.greater(byte, _TRUE))
    return pc.equal(byte, _TRUE)


def _integer(schema: AvroType) -> ColumnReader:
    target, day = arrow_type(schema), DAY.get(schema.logical)

    def read(cursor: _Cursor) -> pa.Array:
        values = _longs(cursor)
        if day is not None:
            cursor.refuse(_outside(values, 0, day))
        if schema.kind == "long":
            return values.view(target)
        cursor.refuse(_outside(values, -(2**31), 2**31))
        return values.cast(pa.int32()).view(target)

    return read


def _slices(cursor: _Cursor, end: pa.Array) -> pa.Array:
    """The bytes of each row up to a position within it, as binary; moves there.

    Wanted bytes and the gaps between them are the elements of one binary array over all data: positions only ascend.
    """
    start = cursor.at
    cursor.move(end)
    rows = len(cursor)
    edges = pc.bit_wise_or(pc.shift_left(end, pa.scalar(32, pa.int64())), start)
    buffers = [None, edges.buffers()[1], cursor.data.buffers()[1]]
    both = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, buffers, null_count=0)
    return both.take(pc.multiply(_count(rows), pa.scalar(2, pa.int64())))


def _fixed(width: int, target: pa.DataType) -> ColumnReader:
    def read(cursor: _Cursor) -> pa.Array:
        slices = _slices(cursor, pc.add(cursor.at, pa.scalar(width, pa.int64())))
        return pa.Array.from_buffers(target, len(slices), [None, slices.buffers()[2]], null_count=0)

    return read


def _sized(cursor: _Cursor) -> pa.Array:
    lengths = _longs(cursor)
    room = pc.subtract(cursor.end, cursor.at)
    cursor.refuse(pc.or_(pc.less(lengths, 0), pc.greater(lengths, room)))
    return _slices(cursor, pc.add(cursor.at, lengths))


def _string(cursor: _Cursor) -> pa.Array:
    raw = _sized(cursor)
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        cursor.refuse(pa.array([not _is_utf8(value) for value in raw.to_pylist()]))
        raise


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes(schema: AvroType) -> ColumnReader:
    target = arrow_type(schema)
    if schema.logical not in ("decimal", "duration"):
        return _sized if schema.kind == "bytes" else _fixed(schema.size, target)
    raw = _sized if schema.kind == "bytes" else _fixed(schema.size, pa.binary(schema.size))
    convert = _decimals if schema.logical == "decimal" else _durations
    return lambda cursor: convert(cursor, raw(cursor), schema)


def _decimals(cursor: _Cursor, raw: pa.Array, schema: AvroType) -> pa.Array:
    target = arrow_type(schema)
    rows = raw.to_pylist()
    numbers: dict[bytes, bytes | None] = {}
    for value in set(rows):
        try:
            number = decimal_number(value, schema, "")
            numbers[value] = number.to_bytes(target.byte_width, "little", signed=True)
        except DatumError:
            numbers[value] = None
    decimals = pa.array([numbers[value] for value in rows], pa.binary(target.byte_width))
    cursor.refuse(decimals.is_null())
    return decimals.view(target)


def _durations(cursor: _Cursor, raw: pa.Array, schema: AvroType) -> pa.Array:
    parts = [tuple(int.from_bytes(value[at : at + 4], "little") for at in (0, 4, 8)) for value in raw.to_pylist()]
    cursor.refuse(pa.array([max(months, days) > MAX_DURATION_PART for months, days, _ in parts], pa.bool_()))
    return pa.array([(months, days, millis * 1_000_000) for months, days, millis in parts], arrow_type(schema))


def _enum(schema: AvroType) -> ColumnReader:
    symbols = pa.array(schema.symbols, pa.string())

    def read(cursor: _Cursor) -> pa.Array:
        indexes = _longs(cursor)
        cursor.refuse(_outside(indexes, 0, len(symbols)))
        return symbols.take(indexes)

    return read


def _union(schema: AvroType) -> ColumnReader:
    readers = [_reader(branch) for branch in schema.branches]
    target = arrow_type(schema) if schema.value_branches else pa.null()
    single = len(schema.value_branches) <= 1

    def read(cursor: _Cursor) -> pa.Array:
        indexes = _longs(cursor)
        cursor.refuse(_outside(indexes, 0, len(readers)))
        columns: list[pa.Array] = []
        for index, (branch, inner) in enumerate(zip(schema.branches, readers, strict=True)):
            if branch.kind == "null":
                continue
            chosen = pc.equal(indexes, index)
            columns.append(_branch(cursor, chosen, inner, arrow_type(branch)))
        if single:
            return columns[0] if columns else pa.nulls(len(cursor))
        null = schema.null_branch
        mask = None if null is None else pc.equal(indexes, null)
        return pa.StructArray.from_arrays(columns, fields=list(target), mask=mask)

    return read


def _branch(cursor: _Cursor, chosen: pa.Array, read: ColumnReader, target: pa.DataType) -> pa.Array:
    """Values of the rows whose union has chosen a branch, null for the others."""
    count = pc.sum(chosen).as_py()
    if count == 0:
        return pa.nulls(len(cursor), target)
    if count == len(cursor):
        return read(cursor)
    some = cursor.some(chosen)
    values = read(some)
    cursor.move(pc.if_else(chosen, scatter(some.at, chosen), cursor.at))
    return scatter(values, chosen)


def _record(schema: AvroType) -> ColumnReader:
    readers = [_reader(field.type) for field in schema.fields]
    struct = arrow_type(schema)

    def read(cursor: _Cursor) -> pa.Array:
        if not readers:
            return pa.array([{}] * len(cursor), struct)
        return pa.StructArray.from_arrays([inner(cursor) for inner in readers], fields=list(struct))

    return read


def _each(schema: AvroType) -> ColumnReader:
    """Reads arrays and maps row by row."""
    read_row: RowReader = row_reader(schema)
    target = arrow_type(schema)

    def read(cursor: _Cursor) -> pa.Array:
        values, after, bad = [], [], []
        places = zip(cursor.rows.to_pylist(), cursor.at.to_pylist(), cursor.end.to_pylist(), strict=True)
        for row, at, end in places:
            try:
                value, at = read_row(cursor.raw, at, end)
            except DatumError:
                bad.append(row)
            else:
                values.append(value)
                after.append(at)
        if bad:
            raise _BadRowsError(bad)
        cursor.move(pa.array(after, pa.int64()))
        return pa.array(values, target)

    return read

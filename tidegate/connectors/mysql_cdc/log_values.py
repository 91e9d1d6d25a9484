"""Values of the log as Arrow columns, before the configuration decides on their form.

Each function takes cells and gives an array, in which null stays null; dates and times are :class:`Moments`.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg.postgres import types

from tidegate.connectors.mysql_cdc import table_map as log
from tidegate.connectors.mysql_cdc.charsets import decoded
from tidegate.connectors.mysql_cdc.columns import Column
from tidegate.connectors.mysql_cdc.json_binary import json_text
from tidegate.connectors.mysql_cdc.moments import Moments, big, little
from tidegate.connectors.mysql_cdc.table_map import MapColumn
from tidegate.connectors.postgres_values.cells import Cells, arrow
from tidegate.connectors.postgres_values.decoders import decoder

Values: TypeAlias = "pa.Array | Moments"
LogReader = Callable[[Cells], Values]

_BINARY = decoder(types["bytea"].oid, pa.binary())
_INTEGERS = {log.TINY: 1, log.SHORT: 2, log.INT24: 3, log.LONG: 4, log.LONGLONG: 8}
_BLOBS = frozenset({log.BLOB, log.TINY_BLOB, log.MEDIUM_BLOB, log.LONG_BLOB})
_STRINGS = frozenset({log.VARCHAR, log.VAR_STRING, log.STRING})
_GROUP_BYTES, _GROUP_DIGITS = 4, 9
_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def binary(cells: Cells) -> pa.Array:
    """The bytes of values as they are."""
    assert _BINARY is not None
    return _BINARY.decode(cells)[0]


def log_reader(column: Column, described: MapColumn) -> LogReader:
    """The reader of a column of the log.

    Args:
        column: as its table is defined.
        described: as the log describes it.
    """
    kind = described.type
    decimals = described.meta
    if kind in _INTEGERS:
        unsigned = column.unsigned if described.unsigned is None else described.unsigned
        return lambda cells: _integers(cells, _INTEGERS[kind], unsigned=unsigned)
    match kind:
        case log.FLOAT:
            return lambda cells: arrow(pa.float32(), cells.gather("<f4"), cells.present)
        case log.DOUBLE:
            return lambda cells: arrow(pa.float64(), cells.gather("<f8"), cells.present)
        case log.NEWDECIMAL:
            return lambda cells: decimal_texts(cells, described.meta >> 8, described.meta & 0xFF)
        case log.YEAR:
            return _years
        case log.BIT:
            return binary
        case log.DATE | log.NEWDATE:
            return Moments.of_dates
        case log.TIME2:
            return lambda cells: Moments.of_times(cells, decimals)
        case log.DATETIME2:
            return lambda cells: Moments.of_datetimes(cells, decimals)
        case log.TIMESTAMP2:
            return lambda cells: Moments.of_timestamps(cells, decimals)
        case log.TIMESTAMP:
            return Moments.of_old_timestamps
        case log.DATETIME:
            return Moments.of_old_datetimes
        case log.TIME:
            return Moments.of_old_times
        case log.ENUM:
            return _labels(column, described)
        case log.SET:
            return _sets(column, described)
        case log.JSON:
            return _documents
    return _bytes_or_text(column, kind)


def _bytes_or_text(column: Column, kind: int) -> LogReader:
    compressed = kind in (log.BLOB_COMPRESSED, log.VARCHAR_COMPRESSED)
    raw = _inflated if compressed else binary
    if column.type == "uuid":
        return lambda cells: _uuids(raw(cells))
    if column.type in ("inet4", "inet6"):
        return lambda cells: _addresses(raw(cells))
    if column.type == "binary":
        return lambda cells: _padded(raw(cells), column.length or 1)
    if not column.is_text:
        return raw
    return lambda cells: decoded(raw(cells), column.charset)


def _integers(cells: Cells, width: int, *, unsigned: bool) -> pa.Array:
    if width == 3:
        values = little(cells, 3)
        if not unsigned:
            values = np.where(values >= 0x800000, values - 0x1000000, values)
        return arrow(pa.int64(), values, cells.present)
    values = cells.gather(f"<{'u' if unsigned else 'i'}{width}")
    if width == 8:
        return arrow(pa.uint64() if unsigned else pa.int64(), values, cells.present)
    return arrow(pa.int64(), values.astype(np.int64), cells.present)


def _years(cells: Cells) -> pa.Array:
    values = cells.gather("u1").astype(np.int64)
    return arrow(pa.int64(), np.where(values == 0, 0, values + 1900), cells.present)


def decimal_texts(cells: Cells, precision: int, scale: int) -> pa.Array:
    """Decimals as text with all their digits.

    Nine digits are a big-endian number of four bytes, fewer take fewer bytes; the first bit is set for numbers that are
    not negative, and of negative ones all bits are turned.
    """
    whole = precision - scale
    groups = _groups(whole, scale)
    positive = (cells.gather("u1") & 0x80) != 0
    digits = np.empty((len(cells), precision), np.uint8)
    at = place = 0
    for size, count in groups:
        value = big(cells, size, at)
        if at == 0:
            value = value ^ (0x80 << (8 * (size - 1)))
        value = np.where(positive, value, ((1 << (8 * size)) - 1) ^ value)
        for digit in range(count - 1, -1, -1):
            digits[:, place + digit] = value % 10
            value = value // 10
        at += size
        place += count
    return _digits_text(digits, whole, ~positive, cells)


def _groups(whole: int, scale: int) -> list[tuple[int, int]]:
    """Bytes and digits of each group: the odd ones stand outside, on both ends."""
    groups = []
    if whole % _GROUP_DIGITS:
        groups.append((_DIGIT_BYTES[whole % _GROUP_DIGITS], whole % _GROUP_DIGITS))
    groups += [(_GROUP_BYTES, _GROUP_DIGITS)] * (whole // _GROUP_DIGITS + scale // _GROUP_DIGITS)
    if scale % _GROUP_DIGITS:
        groups.append((_DIGIT_BYTES[scale % _GROUP_DIGITS], scale % _GROUP_DIGITS))
    return groups


def _digits_text(digits: npt.NDArray[np.uint8], whole: int, negative: npt.NDArray[np.bool_], cells: Cells) -> pa.Array:
    rows, precision = digits.shape
    scale = precision - whole
    width = 2 + precision + (1 if scale else 0)
    text = np.full((rows, width), ord("0"), np.uint8)
    # A zero before the digits keeps a number without whole digits one.
    text[:, 2 : 2 + whole] += digits[:, :whole] % 10
    if scale:
        text[:, 2 + whole] = ord(".")
        text[:, 3 + whole :] += digits[:, whole:] % 10
    # Zeros at the front are left out, but for the last one before the point.
    used = text[:, 1 : 2 + whole] != ord("0")
    used[:, -1] = True
    first = 1 + used.argmax(axis=1)
    signed = negative & (digits != 0).any(axis=1)
    start = first - signed
    text[np.flatnonzero(signed), start[signed]] = ord("-")
    lengths = width - start
    base = np.arange(rows, dtype=np.int64) * width
    present = cells.present
    size = lengths if present is None else np.where(present, lengths, -1)
    padded = np.concatenate([text.reshape(-1), np.zeros(64, np.uint8)])
    return binary(Cells(padded, base + start, size.astype(np.int32))).cast(pa.string())


def decimal_text(precision: int, scale: int, packed: bytes) -> str:
    """One decimal as text."""
    data = np.frombuffer(packed + bytes(64), np.uint8)
    cells = Cells(data, np.zeros(1, np.int64), np.array([len(packed)], np.int32))
    return str(decimal_texts(cells, precision, scale)[0].as_py())


def _labels(column: Column, described: MapColumn) -> LogReader:
    labels = ["", *_texts(column, described)]

    def read(cells: Cells) -> pa.Array:
        index = little(cells, described.meta & 0xFF)
        index = np.where(index < len(labels), index, 0)
        present = cells.present
        places = pa.array(index, mask=None if present is None else ~present)
        return pa.array(labels, pa.string()).take(places)

    return read


def _sets(column: Column, described: MapColumn) -> LogReader:
    labels = _texts(column, described)

    def text(bits: int) -> str:
        return ",".join(label for place, label in enumerate(labels) if bits >> place & 1)

    def read(cells: Cells) -> pa.Array:
        bits, inverse = np.unique(little(cells, described.meta & 0xFF), return_inverse=True)
        present = cells.present
        places = pa.array(inverse.reshape(-1), mask=None if present is None else ~present)
        return pa.array([text(int(one)) for one in bits], pa.string()).take(places)

    return read


def _texts(column: Column, described: MapColumn) -> Sequence[str]:
    if described.values and not column.values:
        return [str(one) for one in decoded(pa.array(described.values, pa.binary()), column.charset).to_pylist()]
    return column.values


def _documents(cells: Cells) -> pa.Array:
    return pa.array(
        [None if one is None else json_text(one, decimal_text) for one in binary(cells).to_pylist()], pa.string()
    )


def _inflated(cells: Cells) -> pa.Array:
    return pa.array([None if one is None else _inflate(one) for one in binary(cells).to_pylist()], pa.binary())


def _inflate(packed: bytes) -> bytes:
    """A value of a column that MariaDB compresses: a byte tells how, and how many bytes the size takes."""
    if not packed:
        return b""
    method = packed[0] >> 4
    if method == 0:
        return packed[1:]
    if method != 8:
        raise ValueError(f"a value is compressed by method {method}, which is not known")
    raw = -zlib.MAX_WBITS if packed[0] & 8 else zlib.MAX_WBITS
    return zlib.decompress(packed[1 + (packed[0] & 7) :], raw)


def _padded(values: pa.Array, length: int) -> pa.Array:
    """The log leaves out the zeros at the end of values of fixed length."""
    return pa.array([None if one is None else one.ljust(length, b"\0") for one in values.to_pylist()], pa.binary())


def _uuids(values: pa.Array) -> pa.Array:
    return pa.array([None if one is None else _uuid(one.ljust(16, b"\0")) for one in values.to_pylist()], pa.string())


def _uuid(data: bytes) -> str:
    # MariaDB keeps the groups of a time-based one in the order in which they sort.
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _addresses(values: pa.Array) -> pa.Array:
    def text(data: bytes, size: int) -> str:
        return str(ipaddress.ip_address(data.ljust(size, b"\0")))

    longest = max((len(one) for one in values.to_pylist() if one is not None), default=0)
    size = 16 if longest > 4 else 4
    return pa.array([None if one is None else text(one, size) for one in values.to_pylist()], pa.string())

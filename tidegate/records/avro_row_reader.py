"""Avro decoding a datum at a time: says which field breaks which rule, and reads what has no columnar reader."""

from __future__ import annotations

import decimal
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tidegate.records.avro_schema import AvroType
from tidegate.records.avro_to_arrow import arrow_type, non_null, union_fields
from tidegate.records.codec import DatumError

RowReader = Callable[[bytes, int, int], tuple[Any, int]]
"""Reads one value from bytes, a position and an end; gives a Python value that ``pyarrow.array`` takes for the
schema's Arrow type, and the position after it. Raises DatumError."""

MAX_WEIGHTLESS = 1 << 16
"""How many items that take no bytes an array may have."""
DAY = {"time-millis": 86_400_000, "time-micros": 86_400_000_000}
"""Units of a time type in a day."""
MAX_DURATION_PART = 2**31 - 1
"""The most months or days that Arrow's interval holds."""
_EXACT = decimal.Context(prec=100)


def row_reader(schema: AvroType, path: str = "") -> RowReader:
    """A reader of values of a schema.

    Args:
        schema: any type.
        path: where it stands, for error sentences.
    """
    match schema.kind:
        case "null":
            return lambda data, at, end: (None, at)
        case "boolean":
            return _boolean(path)
        case "int" | "long":
            return _integer(schema, path)
        case "float" | "double":
            return _float(schema, path)
        case "string":
            return _string(path)
        case "bytes" | "fixed":
            return _bytes(schema, path)
        case "enum":
            return _enum(schema, path)
        case "union":
            return _union(schema, path)
        case "record":
            return _record(schema, path)
        case "array":
            return _array(schema, path)
    return _map(schema, path)


def read_datum(read: RowReader, data: bytes, at: int, end: int) -> Any:
    """Reads a value that must take all of the bytes from ``at`` to ``end``.

    Raises:
        DatumError: it breaks a rule, or bytes are left.
    """
    value, after = read(data, at, end)
    if after != end:
        raise DatumError("", f"is followed by {end - after} bytes that its schema does not explain")
    return value


def _long(data: bytes, at: int, end: int, path: str) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end:
            raise _short(path)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                raise DatumError(path, "is a number of more than 64 bits")
            return value >> 1 ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise DatumError(path, "is a number of more than 64 bits")


def _short(path: str) -> DatumError:
    return DatumError(path, "is cut off: the message ends within it")


def _boolean(path: str) -> RowReader:
    def read(data: bytes, at: int, end: int) -> tuple[bool, int]:
        if at >= end:
            raise _short(path)
        if data[at] > 1:
            raise DatumError(path, f"is a boolean with byte 0x{data[at]:02x}, and only 0 and 1 are valid")
        return data[at] == 1, at + 1

    return read


def _integer(schema: AvroType, path: str) -> RowReader:
    day = DAY.get(schema.logical)
    limit = 1 << (31 if schema.kind == "int" else 63)

    def read(data: bytes, at: int, end: int) -> tuple[int, int]:
        value, at = _long(data, at, end, path)
        if not -limit <= value < limit:
            raise DatumError(path, f"is {value}, which does not fit Avro int")
        if day is not None and not 0 <= value < day:
            raise DatumError(path, f"is {value}, which is no {schema.logical} within a day")
        return value, at

    return read


def _float(schema: AvroType, path: str) -> RowReader:
    layout = struct.Struct("<f" if schema.kind == "float" else "<d")
    width, unpack = layout.size, layout.unpack_from

    def read(data: bytes, at: int, end: int) -> tuple[float, int]:
        if end - at < width:
            raise _short(path)
        return unpack(data, at)[0], at + width

    return read


def _length(data: bytes, at: int, end: int, path: str) -> tuple[int, int]:
    length, at = _long(data, at, end, path)
    if length < 0:
        raise DatumError(path, f"has the negative length {length}")
    if length > end - at:
        raise DatumError(path, f"is cut off: it has {length} bytes, of which the message holds {end - at}")
    return length, at


def _string(path: str) -> RowReader:
    def read(data: bytes, at: int, end: int) -> tuple[str, int]:
        length, at = _length(data, at, end, path)
        try:
            return data[at : at + length].decode(), at + length
        except UnicodeDecodeError:
            raise DatumError(path, "is a string that is not valid UTF-8") from None

    return read


def _bytes(schema: AvroType, path: str) -> RowReader:
    convert = {"decimal": _decimal, "duration": _duration}.get(schema.logical)

    def read(data: bytes, at: int, end: int) -> tuple[Any, int]:
        if schema.kind == "bytes":
            length, at = _length(data, at, end, path)
        else:
            length = schema.size
            if length > end - at:
                raise _short(path)
        raw = data[at : at + length]
        return (convert(raw, schema, path) if convert else raw), at + length

    return read


def decimal_number(raw: bytes, schema: AvroType, path: str) -> int:
    """The unscaled number of a decimal.

    Raises:
        DatumError: it has more digits than the schema says.
    """
    number = int.from_bytes(raw, "big", signed=True)
    if abs(number) >= 10**schema.precision:
        raise DatumError(path, f"has more than the {schema.precision} digits of its decimal type")
    return number


def _decimal(raw: bytes, schema: AvroType, path: str) -> decimal.Decimal:
    return _EXACT.scaleb(decimal.Decimal(decimal_number(raw, schema, path)), -schema.scale)


def _duration(raw: bytes, schema: AvroType, path: str) -> tuple[int, int, int]:
    months, days, millis = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4, 8))
    if max(months, days) > MAX_DURATION_PART:
        raise DatumError(path, f"is a duration of {months} months and {days} days, and at most {MAX_DURATION_PART} fit")
    return months, days, millis * 1_000_000


def _enum(schema: AvroType, path: str) -> RowReader:
    def read(data: bytes, at: int, end: int) -> tuple[str, int]:
        index, at = _long(data, at, end, path)
        if not 0 <= index < len(schema.symbols):
            raise DatumError(path, f"is symbol {index} of enum {schema.name}, which has {len(schema.symbols)} symbols")
        return schema.symbols[index], at

    return read


def _union(schema: AvroType, path: str) -> RowReader:
    readers: list[tuple[str, RowReader]] = []
    if len(schema.value_branches) > 1:
        names = iter(field.name for field in union_fields(schema))
        for branch in schema.branches:
            name = "" if branch.kind == "null" else next(names)
            readers.append((name, row_reader(branch, f"{path}.{name}" if name else path)))
    else:
        readers = [("", row_reader(branch, path)) for branch in schema.branches]

    def read(data: bytes, at: int, end: int) -> tuple[Any, int]:
        index, at = _long(data, at, end, path)
        if not 0 <= index < len(readers):
            raise DatumError(path, f"is branch {index} of a union that has {len(readers)} branches")
        name, inner = readers[index]
        value, at = inner(data, at, end)
        return ({name: value} if name else value), at

    return read


def _record(schema: AvroType, path: str) -> RowReader:
    readers = [
        (field.original_name, row_reader(field.type, f"{path}.{field.original_name}" if path else field.original_name))
        for field in schema.fields
    ]

    def read(data: bytes, at: int, end: int) -> tuple[dict[str, Any], int]:
        record: dict[str, Any] = {}
        for name, inner in readers:
            record[name], at = inner(data, at, end)
        return record, at

    return read


def _array(schema: AvroType, path: str) -> RowReader:
    items = row_reader(schema.items, f"{path}[]")
    blocks = _blocks(items, least_size(schema.items), path)
    if not pa.types.is_map(arrow_type(schema)):
        return blocks

    def read(data: bytes, at: int, end: int) -> tuple[list[tuple[Any, ...]], int]:
        entries, at = blocks(data, at, end)
        return [tuple(entry.values()) for entry in entries], at

    return read


def _map(schema: AvroType, path: str) -> RowReader:
    key, value = _string(f"{path}{{}}"), row_reader(schema.items, f"{path}{{}}")

    def entry(data: bytes, at: int, end: int) -> tuple[tuple[Any, Any], int]:
        name, at = key(data, at, end)
        held, at = value(data, at, end)
        return (name, held), at

    return _blocks(entry, 1 + least_size(schema.items), path)


def _blocks(item: RowReader, least: int, path: str) -> RowReader:
    def read(data: bytes, at: int, end: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while True:
            count, at = _long(data, at, end, path)
            if count == 0:
                return values, at
            if count < 0:
                count = -count
                _, at = _length(data, at, end, path)
            room = (end - at) // least if least else MAX_WEIGHTLESS - len(values)
            if count > room:
                raise DatumError(path, f"has a block of {count} items, and the message has room for {room}")
            for _ in range(count):
                value, at = item(data, at, end)
                values.append(value)

    return read


def least_size(schema: AvroType) -> int:
    """The fewest bytes a value of a type takes."""
    schema_of_one = non_null(schema)
    match schema.kind:
        case "null":
            return 0
        case "fixed":
            return schema.size
        case "float":
            return 4
        case "double":
            return 8
        case "record":
            return sum(least_size(field.type) for field in schema.fields)
        case "union" if schema_of_one is not schema and schema.null_branch is None:
            return 1 + least_size(schema_of_one)
    return 1

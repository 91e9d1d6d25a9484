"""Columns as JSON values, in the forms of Kafka Connect's JsonConverter."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc


def json_values(column: pa.Array, *, numeric_decimals: bool = False) -> list[Any]:
    """One value a row, of types that orjson writes.

    Bytes are base64; decimals base64 of the unscaled big-endian number, or numbers; dates are days, times and
    timestamps numbers in their unit (milliseconds at least) since midnight or 1970; maps with text keys are objects,
    other maps lists of pairs.

    Args:
        column: any type.
        numeric_decimals: write decimals as numbers.
    """
    kind = column.type
    types = pa.types
    if isinstance(kind, pa.UuidType):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if isinstance(kind, pa.BaseExtensionType):
        return json_values(column.storage, numeric_decimals=numeric_decimals)
    if types.is_dictionary(kind):
        return json_values(column.dictionary_decode(), numeric_decimals=numeric_decimals)
    if types.is_run_end_encoded(kind):
        return json_values(pc.run_end_decode(column), numeric_decimals=numeric_decimals)
    if types.is_struct(kind):
        return _objects(column, numeric_decimals)
    if types.is_map(kind):
        return _maps(column, numeric_decimals)
    if types.is_nested(kind) and not types.is_union(kind):
        return _lists(column, numeric_decimals)
    return _scalars(column, numeric_decimals)


def _scalars(column: pa.Array, numeric_decimals: bool) -> list[Any]:
    kind = column.type
    types = pa.types
    if types.is_decimal(kind):
        return _decimals(column, numeric_decimals)
    if types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.int32())
    elif types.is_timestamp(kind):
        column = (column.cast(pa.timestamp("ms", kind.tz)) if kind.unit == "s" else column).cast(pa.int64())
    elif types.is_time32(kind):
        column = column.cast(pa.time32("ms")).cast(pa.int32())
    elif types.is_time64(kind) or types.is_duration(kind):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [None if value is None else base64.b64encode(value).decode() for value in values]
    if types.is_interval(kind):
        return [None if value is None else _iso_interval(*value) for value in values]
    return values


def _decimals(column: pa.Array, numeric: bool) -> list[Any]:
    if numeric:
        return [None if value is None else orjson.Fragment(f"{value:f}") for value in column.to_pylist()]
    raw = column.view(pa.binary(column.type.byte_width)).to_pylist()
    return [None if value is None else _unscaled(int.from_bytes(value, "little", signed=True)) for value in raw]


def _unscaled(number: int) -> str:
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return base64.b64encode(number.to_bytes(size, "big", signed=True)).decode()


def _iso_interval(months: int, days: int, nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else ""
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"P{months}M{days}DT{sign}{seconds}{fraction}S"


def _objects(column: pa.StructArray, numeric_decimals: bool) -> list[Any]:
    names = [child.name for child in column.type]
    if not names:
        return [{} if valid else None for valid in column.is_valid().to_pylist()]
    children = [json_values(column.field(index), numeric_decimals=numeric_decimals) for index in range(len(names))]
    rows: Iterable[tuple[Any, ...]] = zip(*children, strict=True)
    if not column.null_count:
        return [dict(zip(names, row, strict=True)) for row in rows]
    valid = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if there else None for there, row in zip(valid, rows, strict=True)]


def _lists(column: pa.Array, numeric_decimals: bool) -> list[Any]:
    items = iter(json_values(column.flatten(), numeric_decimals=numeric_decimals))
    lengths = pc.list_value_length(column).to_pylist()
    valid = column.is_valid().to_pylist()
    return [
        [next(items) for _ in range(length)] if there else None for length, there in zip(lengths, valid, strict=True)
    ]


def _maps(column: pa.MapArray, numeric_decimals: bool) -> list[Any]:
    present = column.drop_null()
    offsets = present.offsets.to_pylist()
    first, count = offsets[0], offsets[-1] - offsets[0]
    keys = json_values(present.keys.slice(first, count), numeric_decimals=numeric_decimals)
    values = json_values(present.items.slice(first, count), numeric_decimals=numeric_decimals)
    pairs = zip(keys, values, strict=True)
    as_objects = pa.types.is_string(column.type.key_type) or pa.types.is_large_string(column.type.key_type)
    rows: list[Any] = []
    position = iter(pairwise(offsets))
    for there in column.is_valid().to_pylist():
        if not there:
            rows.append(None)
            continue
        start, end = next(position)
        entries = [next(pairs) for _ in range(end - start)]
        rows.append(dict(entries) if as_objects else [list(entry) for entry in entries])
    return rows

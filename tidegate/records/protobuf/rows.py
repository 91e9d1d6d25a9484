"""Columns as Python rows, with whole numbers where Python's own types would not hold every value."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NANOS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}


def rows_of(column: pa.Array) -> list[Any]:
    """One value a row: dicts for records, lists of pairs for maps.

    Timestamps are nanoseconds since 1970, times nanoseconds since midnight, dates days since 1970.

    Args:
        column: any type.
    """
    kind = column.type
    types = pa.types
    if isinstance(kind, pa.UuidType):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if isinstance(kind, pa.BaseExtensionType):
        return rows_of(column.storage)
    if types.is_dictionary(kind):
        return rows_of(column.dictionary_decode())
    if types.is_run_end_encoded(kind):
        return rows_of(pc.run_end_decode(column))
    if types.is_struct(kind):
        return _records(column)
    if types.is_map(kind):
        return _maps(column)
    if types.is_nested(kind) and not types.is_union(kind):
        return _lists(column)
    if types.is_timestamp(kind) or types.is_time(kind):
        counted = (column.cast(pa.int32()) if kind.bit_width == 32 else column.cast(pa.int64())).to_pylist()
        return [None if value is None else value * _NANOS[kind.unit] for value in counted]
    if types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.int32()).to_pylist()  # type: ignore[no-any-return]
    if types.is_duration(kind):
        return column.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


def _records(column: pa.StructArray) -> list[Any]:
    names = [child.name for child in column.type]
    children = [rows_of(values) for values in column.flatten()]
    rows: Iterable[tuple[Any, ...]] = zip(*children, strict=True) if children else [()] * len(column)
    valid = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if there else None for there, row in zip(valid, rows, strict=True)]


def _lists(column: pa.Array) -> list[Any]:
    items = iter(rows_of(column.flatten()))
    lengths = pc.list_value_length(column).to_pylist()
    return [None if length is None else [next(items) for _ in range(length)] for length in lengths]


def _maps(column: pa.MapArray) -> list[Any]:
    keys, items = rows_of(column.keys), rows_of(column.items)
    spans = pairwise(column.offsets.to_pylist())
    valid = column.is_valid().to_pylist()
    first = column.offsets[0].as_py() if len(column) else 0
    return [
        [(keys[at - first], items[at - first]) for at in range(start, end)] if there else None
        for there, (start, end) in zip(valid, spans, strict=True)
    ]

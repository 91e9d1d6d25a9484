"""Faults: rows whose nulls their table's columns do not allow. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc


def null_faults(rows: pa.StructArray, required: tuple[str, ...] = ()) -> dict[int, str]:
    """Rows that are null where a value is required, each with the sentence that says so.

    Args:
        rows: n rows of a table's columns.
        required: columns of the key, which always need a value.
    """
    faults: dict[int, str] = {}
    for index, field in enumerate(rows.type):
        column = rows.field(index)
        for row, path in _required_nulls(column, field, field.name, pa.array(range(len(rows)), pa.int64())):
            faults.setdefault(row, f"field {path!r} is null, and its column is required")
        if field.name in required and column.null_count:
            for row in pc.indices_nonzero(column.is_null()).to_pylist():
                faults.setdefault(row, f"field {field.name!r} is null, and it is of the key")
    return faults


def _required_nulls(column: pa.Array, field: pa.Field, path: str, rows: pa.Array) -> Iterator[tuple[int, str]]:
    if not field.nullable and column.null_count:
        yield from ((row, path) for row in rows.filter(column.is_null()).to_pylist())
    if not _has_required(field.type):
        return
    if column.null_count:
        column, rows = column.drop_null(), rows.filter(column.is_valid())
    if pa.types.is_struct(field.type):
        for index, child in enumerate(field.type):
            yield from _required_nulls(column.field(index), child, f"{path}.{child.name}", rows)
    elif pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        parents = rows.take(pc.list_parent_indices(column).cast(pa.int64()))
        yield from _required_nulls(column.flatten(), field.type.value_field, f"{path}[]", parents)


def _has_required(type_: pa.DataType) -> bool:
    if pa.types.is_struct(type_):
        return any(not child.nullable or _has_required(child.type) for child in type_)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return not type_.value_field.nullable or _has_required(type_.value_type)
    return False

"""Placeholders: Parquet wants values in the required fields of nested records that are themselves null."""

from __future__ import annotations

import pyarrow as pa


def with_placeholders(column: pa.Array) -> pa.Array:
    """The column with something in every required field below a null; what a reader sees stays the same."""
    if not _lacks(column):
        return column
    # Arrow's builder fills what lies below a null.
    return pa.array(column.to_pylist(), type=column.type)


def _lacks(column: pa.Array) -> bool:
    type_ = column.type
    if pa.types.is_struct(type_):
        return any(
            (not field.nullable and child.null_count > 0 and column.null_count > 0) or _lacks(child)
            for field, child in ((field, column.field(index)) for index, field in enumerate(type_))
        )
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _lacks(column.values)
    if pa.types.is_map(type_):
        return _lacks(column.items)
    return False

"""Columns read from JSON in the types of a schema: dates, decimals and bytes are text there. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import pyarrow as pa


def conformed(column: pa.Array, target: pa.DataType) -> pa.Array:
    """The column with each part of it in the target's type, where it can be; names and nulls stay.

    Args:
        column: as inferred from JSON.
        target: type of the schema.

    Raises:
        pa.ArrowInvalid: a value is not of the wanted type.
    """
    if column.type.equals(target) or pa.types.is_null(column.type):
        return column if column.type.equals(target) else pa.nulls(len(column), target)
    if pa.types.is_struct(column.type):
        return _struct(column, target)
    if pa.types.is_string(column.type):
        return _text(column, target)
    try:
        return column.cast(target)
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return column


def _struct(column: pa.StructArray, target: pa.DataType) -> pa.Array:
    if not pa.types.is_struct(target):
        return column
    arrays, fields = [], []
    for field in column.type:
        index = target.get_field_index(field.name)
        array = column.field(field.name)
        if index >= 0:
            wanted = target.field(index)
            array = conformed(array, wanted.type)
            field = field.with_type(array.type).with_metadata(wanted.metadata)
        arrays.append(array)
        fields.append(field)
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=column.is_null() if column.null_count else None)


def _text(column: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_binary(target) or pa.types.is_large_binary(target) or pa.types.is_fixed_size_binary(target):
        return pa.array([_decoded(value) for value in column.to_pylist()], target)
    try:
        return column.cast(target)
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return column


def _decoded(value: Any) -> bytes | None:
    try:
        return None if value is None else base64.b64decode(value, validate=True)
    except binascii.Error:
        raise pa.ArrowInvalid(f"{value!r} is not base64") from None

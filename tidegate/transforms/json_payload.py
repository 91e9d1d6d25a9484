"""JSON texts as records, each with the schema its own values tell; as Debezium's outbox router expands payloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa

_INT32, _INT64 = 1 << 31, 1 << 63


def expanded(text: str | None, *, keep_nulls: bool) -> tuple[pa.DataType | None, Any]:
    """The type and the value that a JSON object or array tells; no type and the text for whatever else.

    Whole numbers are of 32 bits where they fit, else of 64; all fields are nullable. Elements of an array have one type
    for all; where they have several, or a number is larger, the text stays what it is.

    Args:
        text: JSON, or anything.
        keep_nulls: whether a field that is null is one of nullable bytes; it is left out otherwise.
    """
    if text is None or not text.lstrip().startswith(("{", "[")):
        return None, text
    try:
        value = orjson.loads(text)
        kind = _type(value, keep_nulls)
    except ValueError:
        return None, text
    return (None, text) if kind is None else (kind, _fitted(value, kind))


def _type(value: Any, keep_nulls: bool) -> pa.DataType | None:
    """The type of a value; None for a null that is left out.

    Raises:
        ValueError: it has none.
    """
    nothing = pa.binary() if keep_nulls else None
    match value:
        case None:
            return nothing
        case bool():
            return pa.bool_()
        case int():
            if not -_INT64 <= value < _INT64:
                raise ValueError("the number is larger than 64 bits")
            return pa.int32() if -_INT32 <= value < _INT32 else pa.int64()
        case float():
            return pa.float64()
        case str():
            return pa.string()
        case list():
            kinds = [kind for one in value if one is not None and (kind := _type(one, keep_nulls)) is not None]
            if not kinds:
                return None if nothing is None else pa.list_(nothing)
            common = kinds[0]
            for kind in kinds[1:]:
                common = _common(common, kind)
            return pa.list_(common)
        case dict():
            return _struct({name: _type(one, keep_nulls) for name, one in value.items()})
    raise ValueError(f"{type(value).__name__} is no type of JSON")


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return pa.int64()
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields: dict[str, pa.DataType | None] = {field.name: field.type for field in one}
        for field in other:
            known = fields.get(field.name)
            fields[field.name] = field.type if known is None else _common(known, field.type)
        return _struct(fields)
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_common(one.value_type, other.value_type))
    raise ValueError("the elements of an array have several types")


def _struct(fields: Mapping[str, pa.DataType | None]) -> pa.StructType:
    return pa.struct([pa.field(name, kind) for name, kind in fields.items() if kind is not None])


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """The value without what its type has no room for."""
    if pa.types.is_struct(kind) and value is not None:
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind) and value is not None:
        return [_fitted(one, kind.value_type) for one in value]
    return value

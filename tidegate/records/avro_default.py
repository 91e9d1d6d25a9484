"""Defaults of Avro fields: the JSON of a schema as a column of one value, and back."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from tidegate.records.avro_metadata import FIXED, SYMBOLS
from tidegate.records.avro_names import is_name
from tidegate.records.avro_schema import NO_DEFAULT, AvroType, fixed_precision
from tidegate.records.field_default import default_of

_MILLIS = ("s", "ms")
_EXACT = decimal.Context(prec=100)


def default_column(schema: AvroType, default: Any, kind: pa.DataType) -> pa.Array:
    """An array of one value.

    Args:
        schema: a type; of a union null or the one branch besides it.
        default: as in the schema's JSON.
        kind: the type's Arrow form.

    Raises:
        pa.ArrowException, TypeError, ValueError, LookupError, OverflowError, AttributeError: the default is not of the
            type.
    """
    match schema.kind:
        case "union" if default is None and schema.null_branch is not None:
            return pa.nulls(1, kind)
        case "union":
            (branch,) = schema.value_branches
            return default_column(branch, default, kind)
        case "record":
            children = [
                default_column(member.type, default.get(member.name, member.default), child.type)
                for member, child in zip(schema.fields, kind, strict=True)
            ]
            return pa.StructArray.from_arrays(children, fields=list(kind)) if children else pa.array([{}], kind)
        case "array" if pa.types.is_list(kind):
            ends = pa.array([0, len(default)], pa.int32())
            return pa.ListArray.from_arrays(ends, _joined(schema.items, default, kind.value_type), type=kind)
        case "map":
            ends, keys = pa.array([0, len(default)], pa.int32()), pa.array(list(default), kind.key_type)
            return pa.MapArray.from_arrays(ends, keys, _joined(schema.items, default.values(), kind.item_type), kind)
        case "bytes" | "fixed":
            return _bytes_column(schema, str(default).encode("latin-1"), kind)
    return pa.array([default], kind)


def _joined(schema: AvroType, values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays([pa.nulls(0, kind), *(default_column(schema, one, kind) for one in values)])


def _bytes_column(schema: AvroType, raw: bytes, kind: pa.DataType) -> pa.Array:
    if schema.logical == "decimal":
        width = kind.byte_width
        number = int.from_bytes(raw, "big", signed=True).to_bytes(width, "little", signed=True)
        return pa.array([number], pa.binary(width)).view(kind)
    if schema.logical == "duration":
        months, days, millis = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4, 8))
        return pa.array([(months, days, millis * 1_000_000)], kind)
    return pa.array([raw], kind)


def avro_default(field: pa.Field) -> Any:
    """A field's default as a schema's JSON has it; :data:`NO_DEFAULT` where it has none, or none that Avro allows."""
    value = default_of(field)
    if value is None:
        return NO_DEFAULT
    try:
        return _json(value, field)
    except (pa.ArrowException, _NoFormError, OverflowError):
        return NO_DEFAULT


class _NoFormError(Exception):
    """Avro has no form for a default."""


def _json(value: pa.Array, field: pa.Field) -> Any:
    kind = value.type
    metadata = field.metadata or {}
    types = pa.types
    if types.is_struct(kind):
        if not all(is_name(child.name) for child in kind):
            # The schema has them under other names.
            raise _NoFormError
        return {child.name: _inner(value.field(index), child) for index, child in enumerate(kind)}
    if types.is_list(kind):
        items = value.flatten()
        return [_inner(items.slice(at, 1), kind.value_field) for at in range(len(items))]
    if types.is_map(kind):
        if not types.is_string(kind.key_type):
            raise _NoFormError
        keys, items = value.keys.to_pylist(), value.items
        return {key: _inner(items.slice(at, 1), kind.item_field) for at, key in enumerate(keys)}
    if types.is_decimal(kind):
        return _decimal(value[0].as_py(), kind, int(metadata.get(FIXED, b"0")))
    if types.is_temporal(kind):
        return _number(value)
    plain = value[0].as_py()
    if isinstance(plain, bytes):
        return plain.decode("latin-1")
    if SYMBOLS in metadata and plain not in json.loads(metadata[SYMBOLS]):
        raise _NoFormError
    if isinstance(plain, float) and not math.isfinite(plain):
        raise _NoFormError
    if isinstance(plain, int) and not -(1 << 63) <= plain < 1 << 63:
        raise _NoFormError
    return plain


def _inner(value: pa.Array, field: pa.Field) -> Any:
    """Within a default, a value of a union has to be of its first branch."""
    is_null = value.null_count > 0
    null_first = field.nullable and avro_default(field) is NO_DEFAULT
    if is_null != null_first:
        raise _NoFormError
    return None if is_null else _json(value, field)


def _decimal(value: decimal.Decimal, kind: pa.DataType, size: int) -> str:
    unscaled = int(_EXACT.scaleb(value, kind.scale))
    if size and kind.precision <= fixed_precision(size):
        return unscaled.to_bytes(size, "big", signed=True).decode("latin-1")
    width = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
    return unscaled.to_bytes(width, "big", signed=True).decode("latin-1")


def _number(value: pa.Array) -> int:
    """A temporal value in the unit that Avro has for it."""
    kind = value.type
    types = pa.types
    if types.is_interval(kind):
        raise _NoFormError
    if types.is_date64(kind):
        value = value.cast(pa.date32())
    elif types.is_time32(kind):
        value = value.cast(pa.time32("ms"))
    elif types.is_time64(kind):
        value = value.cast(pa.time64("us"))
    elif types.is_timestamp(kind) and kind.unit in _MILLIS:
        value = value.cast(pa.timestamp("ms", kind.tz))
    return int(value.view(pa.int32() if value.type.bit_width == 32 else pa.int64())[0].as_py())

"""The default of a field: what stands for it in records that lack it.

Kept as metadata of the Arrow field, so that it goes where the field goes: JSON text, in which temporal values are the
numbers they are stored as, decimals text and bytes base64. It says nothing of nulls: a null is a value.
"""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

DEFAULT = b"tidegate.default"
"""Field metadata: the default, in this module's form."""


def with_default(field: pa.Field, value: pa.Array) -> pa.Field:
    """The field with a default; as it is where the default is null, or has no form in JSON.

    Args:
        field: without one.
        value: an array of one value of the field's type.
    """
    try:
        found = _plain(value)[0]
    except _NoFormError:
        return field
    if found is None:
        return field
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    return field.with_metadata({**(field.metadata or {}), DEFAULT: text})


def default_of(field: pa.Field) -> pa.Array | None:
    """An array of one value, of the field's type, which is its default; None where it has none.

    A default that is not of the type counts for none: somebody gave the field another type.
    """
    text = (field.metadata or {}).get(DEFAULT)
    if text is None:
        return None
    try:
        return _array([json.loads(text)], field.type)
    except (pa.ArrowException, ValueError, TypeError, ArithmeticError, AttributeError):
        return None


class _NoFormError(Exception):
    """A value has no form in JSON."""


def _plain(values: pa.Array) -> list[Any]:
    kind = values.type
    types = pa.types
    if types.is_list(kind):
        items = iter(_plain(values.flatten()))
        lengths = pc.list_value_length(values).to_pylist()
        return [None if length is None else [next(items) for _ in range(length)] for length in lengths]
    if types.is_struct(kind):
        children = [_plain(values.field(index)) for index in range(kind.num_fields)]
        rows = zip(values.is_valid().to_pylist(), *children, strict=True)
        names = [child.name for child in kind]
        return [dict(zip(names, row, strict=True)) if valid else None for valid, *row in rows]
    if types.is_map(kind):
        if not (types.is_string(kind.key_type) and types.is_string(kind.item_type)):
            raise _NoFormError
        return [None if one is None else [list(pair) for pair in one] for one in values.to_pylist()]
    if types.is_decimal(kind):
        return [None if one is None else f"{one:f}" for one in values.to_pylist()]
    if types.is_temporal(kind) and not types.is_interval(kind):
        return list(values.view(_stored(kind)).to_pylist())
    if types.is_binary(kind) or types.is_fixed_size_binary(kind):
        return [None if one is None else base64.b64encode(one).decode() for one in values.to_pylist()]
    if types.is_floating(kind):
        if any(one is not None and not math.isfinite(one) for one in values.to_pylist()):
            raise _NoFormError
        return list(values.to_pylist())
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_string(kind):
        return list(values.to_pylist())
    raise _NoFormError


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    types = pa.types
    if types.is_list(kind):
        items = _array([item for one in values if one is not None for item in one], kind.value_type)
        ends = [0]
        for one in values:
            ends.append(ends[-1] + len(one or ()))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, type=kind)
    if types.is_struct(kind):
        present = [one or {} for one in values]
        children = [_array([one.get(child.name) for one in present], child.type) for child in kind]
        missing = pa.array([one is None for one in values])
        if not children:
            return pa.array(values, kind)
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=missing)
    if types.is_decimal(kind):
        return pa.array([None if one is None else Decimal(one) for one in values], kind)
    if types.is_temporal(kind) and not types.is_interval(kind):
        return pa.array(values, _stored(kind)).view(kind)
    if types.is_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.array([None if one is None else base64.b64decode(one) for one in values], kind)
    return pa.array(values, kind)


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == 32 else pa.int64()

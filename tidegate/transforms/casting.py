"""Casts of columns to Kafka Connect's primitive types, with Java's meaning: narrowing wraps, parsing is strict."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.converters.scalar_text import scalar_text
from tidegate.java.numbers import parse_float, parse_integer
from tidegate.records.faults import RecordFault
from tidegate.transforms.record_column import type_name
from tidegate.transforms.transformed import fault, faults_of

TARGETS: Final = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
}
"""Kafka Connect's names of the types a value may be cast to."""

_PLAIN_INTEGER = r"^-?[0-9]{1,18}$"
_PLAIN_FLOAT = r"^-?[0-9]{1,30}(\.[0-9]{1,30})?$"


def cast_column(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, list[RecordFault]]:
    """Casts a column.

    Args:
        values: of any plain type; null stays null.
        target: one of :data:`TARGETS`.

    Returns:
        The column, null where there is a fault, and the faults.
    """
    kind = values.type
    types = pa.types
    if kind == target:
        return values, []
    if types.is_null(kind):
        return pa.nulls(len(values), target), []
    if types.is_nested(kind) or types.is_interval(kind):
        return _refused(values, target, f"Casting from {type_name(kind)} is not supported.")
    if types.is_string(target):
        return scalar_text(values), []
    if types.is_temporal(kind):
        return cast_column(_counted(values), target)
    if types.is_decimal(kind):
        return _from_objects(values, target, _from_decimal(target))
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return _from_string(values.cast(pa.string()), target)
    if types.is_floating(kind):
        return _from_float(values, target), []
    if types.is_integer(kind) or types.is_boolean(kind):
        if types.is_boolean(target):
            return pc.not_equal(values, pa.scalar(0, kind)), []
        return values.cast(target, safe=False), []
    return _refused(values, target, f"Casting from {type_name(kind)} to {target} is not supported.")


def _refused(values: pa.Array, target: pa.DataType, message: str) -> tuple[pa.Array, list[RecordFault]]:
    rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    return pa.nulls(len(values), target), faults_of(rows, message)


def _counted(values: pa.Array) -> pa.Array:
    """Days, or the number of units since midnight or 1970."""
    kind = values.type
    if pa.types.is_date64(kind):
        return values.cast(pa.date32()).cast(pa.int32())
    return values.cast(pa.int32() if kind.bit_width == 32 else pa.int64())


def _from_float(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_floating(target):
        return values.cast(target, safe=False)
    bits = max(32, target.bit_width)
    as_boolean = pa.types.is_boolean(target)
    wide = _saturated(values, np.int64 if as_boolean or bits == 64 else np.int32)
    return pc.not_equal(wide, pa.scalar(0, wide.type)) if as_boolean else wide.cast(target, safe=False)


def _saturated(values: pa.Array, dtype: type[np.signedinteger[Any]]) -> pa.Array:
    """Java's narrowing of a float: towards zero, the nearest end of the range, 0 for NaN."""
    numbers = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    info = np.iinfo(dtype)
    low, high = float(info.min), float(info.max) + (0.0 if info.bits < 64 else 1.0)
    inside = (numbers > low) & (numbers < high)
    whole = np.where(inside, numbers, 0.0).astype(dtype)
    whole = np.where(numbers >= high, info.max, np.where(numbers <= low, info.min, whole)).astype(dtype)
    return pa.array(whole, mask=values.is_null().to_numpy(zero_copy_only=False))


def _from_string(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, list[RecordFault]]:
    if pa.types.is_boolean(target):
        return pc.equal(pc.ascii_lower(values), "true"), []
    if pa.types.is_integer(target):
        if _all_match(values, _PLAIN_INTEGER):
            wide = values.cast(pa.int64())
            low, high = -(1 << target.bit_width - 1), (1 << target.bit_width - 1) - 1
            inside = pc.and_(pc.greater_equal(wide, low), pc.less_equal(wide, high))
            if pc.all(inside).as_py() is not False:
                return wide.cast(target), []
        return _from_objects(values, target, lambda text: parse_integer(text, target.bit_width))
    if _all_match(values, _PLAIN_FLOAT):
        return values.cast(target), []
    dtype: type[np.floating[Any]] = np.float32 if target == pa.float32() else np.float64
    return _from_objects(values, target, lambda text: parse_float(text, dtype))


def _all_match(values: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern)).as_py() is not False


def _from_objects(
    values: pa.Array, target: pa.DataType, convert: Callable[[Any], Any]
) -> tuple[pa.Array, list[RecordFault]]:
    faults: list[RecordFault] = []
    converted = []
    for row, value in enumerate(values.to_pylist()):
        result = None if value is None else convert(value)
        if result is None and value is not None:
            shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
            faults.append(fault(row, f"{shown} is no {target}, or out of its range."))
        converted.append(result)
    return pa.array(converted, target), faults


def _from_decimal(target: pa.DataType) -> Callable[[Decimal], Any]:
    if pa.types.is_floating(target):
        # Arrow rounds a Python float to float32 as Java rounds a double.
        return lambda value: float(value)
    if pa.types.is_boolean(target):
        return lambda value: _wrapped(int(value), 64) != 0
    return lambda value: _wrapped(int(value), target.bit_width)


def _wrapped(number: int, bits: int) -> int:
    half = 1 << bits - 1
    return (number + half) % (2 * half) - half

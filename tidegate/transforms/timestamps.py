"""Instants from timestamps in their different forms, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa

from tidegate.java.calendar_fields import DAY_MILLIS, Numbers
from tidegate.java.date_format import DateFormat
from tidegate.records.envelope import TIMESTAMP
from tidegate.records.faults import RecordFault
from tidegate.transforms.record_column import type_name
from tidegate.transforms.sided_transform import present
from tidegate.transforms.transformed import fault, faults_of

PRECISIONS: Final = {"seconds": 1000, "milliseconds": 1, "microseconds": -1000, "nanoseconds": -1_000_000}
"""Milliseconds in a unit; where negative, units in a millisecond."""
TARGETS: Final = ("string", "unix", "Date", "Time", "Timestamp")
_PER_MILLI = {"us": 1000, "ns": 1_000_000}
_LONG = np.iinfo(np.int64)


def known(kind: pa.DataType) -> bool:
    """Whether values of a type can be timestamps."""
    types = pa.types
    return bool(
        types.is_null(kind)
        or types.is_timestamp(kind)
        or types.is_date(kind)
        or types.is_time(kind)
        or types.is_string(kind)
        or kind == pa.int64()
    )


def instants(values: pa.Array, shape: DateFormat | None, precision: str) -> tuple[pa.Array, list[RecordFault]]:
    """Milliseconds since 1970, and the faults of values that tell none.

    Args:
        values: timestamps, dates, times, text or numbers; others are faults.
        shape: of text.
        precision: of numbers, one of :data:`PRECISIONS`.
    """
    kind = values.type
    types = pa.types
    if types.is_null(kind):
        return pa.nulls(len(values), pa.int64()), []
    if types.is_string(kind):
        return _read(values, shape)
    if types.is_timestamp(kind) or types.is_time(kind):
        number = values.cast(pa.int32()).cast(pa.int64()) if types.is_time32(kind) else values.cast(pa.int64())
        if kind.unit == "s":
            return _mapped(number, lambda one: _times(one, 1000)), []
        per = _PER_MILLI.get(kind.unit, 1)
        return _mapped(number, lambda one: one // per), []
    if types.is_date(kind):
        return _mapped(values.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), lambda one: one * DAY_MILLIS), []
    if kind == pa.int64():
        factor = PRECISIONS[precision]
        return _mapped(values, lambda one: _times(one, factor) if factor > 0 else _divided(one, -factor)), []
    message = f"The type {type_name(kind)} does not correspond to a known timestamp type format."
    return pa.nulls(len(values), pa.int64()), faults_of(present(values), message, "ConnectException")


def _read(values: pa.Array, shape: DateFormat | None) -> tuple[pa.Array, list[RecordFault]]:
    if shape is None:
        return pa.nulls(len(values), pa.int64()), faults_of(present(values), "A text can be read with a format only.")
    try:
        parsed = shape.parse(values)
    except ValueError as error:
        return pa.nulls(len(values), pa.int64()), faults_of(present(values), f"{error}.")
    bad = np.intersect1d(present(values), np.flatnonzero(parsed.is_null().to_numpy(zero_copy_only=False)))
    faults = [
        fault(
            int(row),
            f"Could not parse timestamp: value ({values[int(row)].as_py()}) does not match pattern ({shape.pattern}).",
        )
        for row in bad
    ]
    return parsed, faults


def written(moments: pa.Array, target: str, shape: DateFormat | None, precision: str) -> pa.Array:
    """Timestamps in the form wanted.

    Args:
        moments: int64, milliseconds since 1970.
        target: one of :data:`TARGETS`.
        shape: of text.
        precision: of numbers, one of :data:`PRECISIONS`.
    """
    match target:
        case "string":
            assert shape is not None
            return shape.format(moments)
        case "unix":
            factor = PRECISIONS[precision]
            return _mapped(moments, lambda one: _divided(one, factor) if factor > 0 else _times(one, -factor))
        case "Date":
            return _mapped(moments, lambda one: one // DAY_MILLIS).cast(pa.int32()).cast(pa.date32())
        case "Time":
            return _mapped(moments, lambda one: one % DAY_MILLIS).cast(pa.int32()).cast(pa.time32("ms"))
        case _:
            return moments.cast(TIMESTAMP)


def target_type(target: str) -> pa.DataType:
    """The type of timestamps in a form."""
    types = {"string": pa.string(), "unix": pa.int64(), "Date": pa.date32(), "Time": pa.time32("ms")}
    return types.get(target, TIMESTAMP)


def _mapped(values: pa.Array, change: Callable[[Numbers], Numbers]) -> pa.Array:
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(change(numbers), pa.int64(), mask=values.is_null().to_numpy(zero_copy_only=False))


def _times(numbers: Numbers, factor: int) -> Numbers:
    """The product, or the end of the range it lies beyond."""
    most = _LONG.max // factor
    product = np.clip(numbers, -most, most) * factor
    return np.where(numbers > most, _LONG.max, np.where(numbers < -most, _LONG.min, product))


def _divided(numbers: Numbers, factor: int) -> Numbers:
    """The quotient, cut off towards zero."""
    quotient, rest = np.divmod(numbers, factor)
    result: Numbers = quotient + ((rest != 0) & (quotient < 0))
    return result

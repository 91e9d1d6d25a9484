"""Dates and times as ISO 8601 text."""

from __future__ import annotations

import pyarrow as pa

from tidegate.java.date_format import DateFormat

_DATE = DateFormat("yyyy-MM-dd")
_TIME = DateFormat("HH:mm:ss.SSS'Z'")
_TIMESTAMP = DateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
_FINER = {"us": 3, "ns": 6}


def temporal_text(values: pa.Array) -> pa.Array:
    """``yyyy-MM-dd``, ``HH:mm:ss.SSSZ`` or both joined by a ``T``, by type; finer units have more digits.

    Kafka Connect's choice among the three depends on the value instead: a timestamp at midnight loses its time, and
    one before 1970-01-02 its date.

    Args:
        values: dates, times or timestamps.
    """
    kind = values.type
    types = pa.types
    if types.is_date(kind):
        return _DATE.format(values.cast(pa.date32()).cast(pa.timestamp("ms")).cast(pa.int64()))
    shape = _TIMESTAMP if types.is_timestamp(kind) else _TIME
    counted = values.cast(pa.int32()).cast(pa.int64()) if types.is_time32(kind) else values.cast(pa.int64())
    if kind.unit == "s":
        return shape.format(pa.array([None if one is None else one * 1000 for one in counted.to_pylist()], pa.int64()))
    return shape.format(counted) if kind.unit == "ms" else _fine(shape, counted, kind.unit)


def _fine(shape: DateFormat, counted: pa.Array, unit: str) -> pa.Array:
    digits = _FINER[unit]
    texts = []
    numbers = counted.to_pylist()
    coarse = shape.format(pa.array([None if one is None else one // 10**digits for one in numbers], pa.int64()))
    for number, text in zip(numbers, coarse.to_pylist(), strict=True):
        texts.append(None if number is None else f"{text[:-1]}{number % 10**digits:0{digits}d}Z")
    return pa.array(texts, pa.string())

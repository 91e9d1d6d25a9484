"""Single values as text, in Kafka Connect's forms."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.converters.iso_text import temporal_text
from tidegate.java.numbers import float_text


def scalar_text(values: pa.Array) -> pa.Array:
    """The text of each value: numbers as Java writes them, bytes in base64, dates and times in ISO 8601.

    Args:
        values: of a plain type that is not nested; null stays null.
    """
    kind = values.type
    types = pa.types
    if types.is_duration(kind):
        return values.cast(pa.int64()).cast(pa.string())
    if types.is_temporal(kind) and not types.is_interval(kind):
        return temporal_text(values)
    if types.is_floating(kind):
        dtype: type[np.floating[Any]] = np.float64 if kind == pa.float64() else np.float32
        return _each(values, lambda value: float_text(value, dtype))
    if types.is_decimal(kind) or types.is_interval(kind):
        return _each(values, str)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return _each(values, lambda value: base64.b64encode(value).decode())
    return values.cast(pa.string())


def _each(values: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else text(value) for value in values.to_pylist()], pa.string())

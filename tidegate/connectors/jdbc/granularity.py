"""What timestamps become in records: key ``timestamp.granularity``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CONNECT_LOGICAL = "connect_logical"
GRANULARITIES = (
    CONNECT_LOGICAL,
    "micros_long",
    "micros_string",
    "micros_iso_datetime_string",
    "nanos_long",
    "nanos_string",
    "nanos_iso_datetime_string",
)
"""Confluent's names."""

_NANOS = 1_000
_MOST_MICROS = (2**63 - 1) // _NANOS


def converted(field: pa.Field, array: pa.Array, granularity: str) -> tuple[pa.Field, pa.Array, Mapping[int, str]]:
    """A column in another form, if it is one of timestamps.

    Args:
        field: its name and type.
        array: its values; timestamps are in microseconds.
        granularity: one of :data:`GRANULARITIES`.

    Returns:
        The column, and by row what is wrong with a value, which is null in the array: 64 bits hold nanoseconds of the
        years 1677 to 2262 only.
    """
    if granularity == CONNECT_LOGICAL or not pa.types.is_timestamp(field.type):
        return field, array, {}
    unit, _, form = granularity.partition("_")
    problems: dict[int, str] = {}
    if form == "iso_datetime_string":
        text = pc.strftime(array.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%S", locale="C")
        found = pc.binary_join_element_wise(text, "000", "") if unit == "nanos" else text
    else:
        found = array.cast(pa.int64())
        if unit == "nanos":
            beyond = pc.greater(pc.abs(found), _MOST_MICROS).fill_null(False)
            problems = dict.fromkeys(
                np.flatnonzero(beyond).tolist(),
                f"column {field.name!r}: {granularity} holds times of the years 1677 to 2262 only",
            )
            found = pc.multiply(pc.if_else(beyond, None, found), pa.scalar(_NANOS, pa.int64()))
        found = found.cast(pa.string()) if form == "string" else found
    return pa.field(field.name, found.type, nullable=field.nullable), found, problems

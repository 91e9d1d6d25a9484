"""The partition spec of a table to be created, from the terms of its text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    YearTransform,
)

from tidegate.connectors.iceberg.partition_by import PartitionTerm

_PLAIN: dict[str, Any] = {"year": YearTransform, "month": MonthTransform, "day": DayTransform, "hour": HourTransform}
_NUMBERED: dict[str, Any] = {"bucket": BucketTransform, "truncate": TruncateTransform}
_SUFFIX = {"truncate": "trunc"}


def partition_spec(terms: Sequence[PartitionTerm], schema: Schema) -> PartitionSpec:
    """The partitioning of a table with a schema.

    Raises:
        ValueError: a column is missing or its type does not go with the transform.
    """
    fields = []
    for number, term in enumerate(terms):
        try:
            source = schema.find_field(term.column)
        except ValueError:
            raise ValueError(f"partition column {term.column!r} is no field of the record") from None
        transform = _transform(term)
        if not transform.can_transform(source.field_type):
            raise ValueError(f"{term.transform}() does not go with {term.column!r}, which is {source.field_type}")
        flat = term.column.replace(".", "_")
        name = flat if term.transform == "identity" else f"{flat}_{_SUFFIX.get(term.transform, term.transform)}"
        fields.append(PartitionField(source.field_id, PARTITION_FIELD_ID_START + number, transform, name))
    return PartitionSpec(*fields)


def _transform(term: PartitionTerm) -> Transform[Any, Any]:
    made: Transform[Any, Any] = IdentityTransform()
    if term.transform in _PLAIN:
        made = _PLAIN[term.transform]()
    elif term.transform in _NUMBERED:
        made = _NUMBERED[term.transform](term.number)
    return made

"""The partitioning of a table to be created, from its text such as ``region, day(ts), bucket(id, 16)``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")
_TERM = re.compile(r"(?:(?P<transform>\w+)\s*\()?\s*(?P<column>[^(),]+?)\s*(?:,\s*(?P<number>\d+)\s*)?\)?")
_PLAIN: dict[str, Any] = {"year": YearTransform, "month": MonthTransform, "day": DayTransform, "hour": HourTransform}
_NUMBERED: dict[str, Any] = {"bucket": BucketTransform, "truncate": TruncateTransform}
_SUFFIX = {"truncate": "trunc"}


@dataclass(frozen=True, slots=True)
class PartitionTerm:
    """One column of a partitioning.

    Args:
        column: name of the source column, ``a.b`` for a nested one.
        transform: name of the transform; ``identity`` for the value itself.
        number: buckets or width, for transforms that have it.
    """

    column: str
    transform: str = "identity"
    number: int | None = None


def parse_partition_by(text: str) -> tuple[PartitionTerm, ...]:
    """Reads a partitioning.

    Raises:
        ValueError: names the term and the rule.
    """
    return tuple(_term(part.strip()) for part in _OUTSIDE_PARENTHESES.split(text) if part.strip())


def partition_spec(terms: tuple[PartitionTerm, ...], schema: Schema) -> PartitionSpec:
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


def _term(text: str) -> PartitionTerm:
    match = _TERM.fullmatch(text)
    if match is None or ("(" in text) != text.endswith(")"):
        raise ValueError(f"{text!r} is no partition column: write column, transform(column) or bucket(column, 16)")
    name = (match["transform"] or "identity").lower()
    # Spark and Iceberg's own sink also write them in the plural.
    singular = name.removesuffix("s") if name.removesuffix("s") in _PLAIN else name
    number = int(match["number"]) if match["number"] else None
    if singular not in (*_PLAIN, *_NUMBERED, "identity"):
        known = ", ".join((*_PLAIN, *_NUMBERED))
        raise ValueError(f"{text!r}: transform {name!r} is not known: use one of {known}")
    if (singular in _NUMBERED) != (number is not None) or number == 0:
        raise ValueError(f"{text!r}: bucket and truncate take a column and a number from 1, the others a column alone")
    return PartitionTerm(match["column"], singular, number)


def _transform(term: PartitionTerm) -> Transform[Any, Any]:
    made: Transform[Any, Any] = IdentityTransform()
    if term.transform in _PLAIN:
        made = _PLAIN[term.transform]()
    elif term.transform in _NUMBERED:
        made = _NUMBERED[term.transform](term.number)
    return made

"""The partitioning of a table to be created, from its text such as ``region, day(ts), bucket(id, 16)``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")
_TERM = re.compile(r"(?:(?P<transform>\w+)\s*\()?\s*(?P<column>[^(),]+?)\s*(?:,\s*(?P<number>\d+)\s*)?\)?")
_PLAIN = ("year", "month", "day", "hour")
_NUMBERED = ("bucket", "truncate")


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

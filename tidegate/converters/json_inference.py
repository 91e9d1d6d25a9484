"""Arrow columns of JSON values that have no schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.sdk.row_shape import TypeConflictError, infer, merge


@dataclass(frozen=True, slots=True)
class InferredRun:
    """Consecutive values that share a type.

    Args:
        start: index of the first.
        values: their column.
    """

    start: int
    values: pa.Array


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that no column holds.

    Args:
        index: where it is.
        message: one sentence.
    """

    index: int
    message: str


def inferred_runs(values: Sequence[Any]) -> Iterator[InferredRun | Misfit]:
    """Splits values into runs of one type.

    Values go together when their types have a common one: integers widen to floats, null fits everything, and objects
    join when the names of the one are among the names of the other, what is missing being null. An object that lacks
    one name and brings another (a renamed field) begins a new run.
    """
    whole = _at_once(values)
    if whole is not None:
        yield InferredRun(0, whole)
        return
    start = 0
    while start < len(values):
        end, kind, problem = _longest(values, start)
        if problem:
            yield Misfit(start, problem)
            start += 1
            continue
        run = values[start:end]
        try:
            yield InferredRun(start, pa.array(run, kind))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            yield from _one_by_one(run, start, kind, str(error))
        start = end


def _at_once(values: Sequence[Any]) -> pa.Array | None:
    """All values as one column, if they are objects of the same names or of one plain type."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 or list in kinds:
        return None
    if dict in kinds and len({tuple(value) for value in values if value is not None}) > 1:
        return None
    if dict in kinds and any(isinstance(item, (dict, list)) for value in values if value for item in value.values()):
        return None
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


def _longest(values: Sequence[Any], start: int) -> tuple[int, pa.DataType, str]:
    """The end of the run that begins at ``start``, its type, or why there is no type."""
    try:
        kind = infer(values[start])
    except TypeConflictError as error:
        return start, pa.null(), str(error)
    end = start + 1
    while end < len(values):
        try:
            other = infer(values[end])
            if not _join(kind, other):
                break
            kind = merge(kind, other)
        except TypeConflictError:
            break
        end += 1
    return end, kind, ""


def _join(left: pa.DataType, right: pa.DataType) -> bool:
    """Whether objects go together: the names of one are among the names of the other, at every level."""
    if not (pa.types.is_struct(left) and pa.types.is_struct(right)):
        return True
    names, others = {child.name for child in left}, {child.name for child in right}
    if not (names <= others or others <= names):
        return False
    return all(_join(left.field(name).type, right.field(name).type) for name in names & others)


def _one_by_one(run: Sequence[Any], start: int, kind: pa.DataType, problem: str) -> Iterator[InferredRun | Misfit]:
    for index, value in enumerate(run, start):
        try:
            yield InferredRun(index, pa.array([value], kind))
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            yield Misfit(index, f"The record's values fit no column: {problem}.")

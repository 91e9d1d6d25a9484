"""Rows as a database gave them, on their way to Arrow columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tidegate.connectors.jdbc.column_types import to_array

Column = tuple[pa.Array, Mapping[int, str]]
"""An array, and by row what is wrong with a value; such a value is null in the array."""

_SAMPLE = 50
_NARROW_BYTES = 8
_OBJECT_BYTES = 50


class Rows(ABC):
    """Rows of one query, all of the same columns."""

    nbytes: int
    """About how much memory they take."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def columns(self, fields: Sequence[pa.Field]) -> Iterator[Column]:
        """The columns in turn.

        Args:
            fields: their names and types in Arrow.
        """

    @abstractmethod
    def row(self, index: int) -> Sequence[Any]:
        """The values of one row as the driver gives them."""

    @abstractmethod
    def head(self, count: int) -> Rows:
        """The first rows; shares memory."""


class DriverRows(Rows):
    """Rows as tuples of a driver's values."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows
        sample = rows[:: max(1, len(rows) // _SAMPLE)]
        self.nbytes = sum(map(_width, sample)) * len(rows) // max(1, len(sample))

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self, fields: Sequence[pa.Field]) -> Iterator[Column]:
        columns: Sequence[Sequence[Any]] = list(zip(*self._rows, strict=True)) or [() for _ in fields]
        for field, values in zip(fields, columns, strict=True):
            yield isolated(values, field.type)

    def row(self, index: int) -> Sequence[Any]:
        return self._rows[index]

    def head(self, count: int) -> DriverRows:
        return DriverRows(self._rows[:count])


def isolated(values: Sequence[Any], type_: pa.DataType) -> Column:
    """A column of driver values, those that do not fit the type apart."""
    try:
        return to_array(values, type_), {}
    except ValueError:
        problems = dict(_problems(values, type_))
        return to_array([None if row in problems else value for row, value in enumerate(values)], type_), problems


def _problems(values: Sequence[Any], type_: pa.DataType) -> Iterator[tuple[int, str]]:
    for row, value in enumerate(values):
        try:
            to_array([value], type_)
        except ValueError as error:
            yield row, str(error)


def _width(row: Sequence[Any]) -> int:
    return sum(
        _OBJECT_BYTES + len(value) if isinstance(value, (str, bytes)) else _NARROW_BYTES + _OBJECT_BYTES
        for value in row
    )

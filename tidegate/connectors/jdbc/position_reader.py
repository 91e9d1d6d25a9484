"""Readers that go on after a position."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.position import Position
from tidegate.connectors.jdbc.reader import Page, QueryReader
from tidegate.connectors.jdbc.rows import Rows

_MOST_BIGINT = 2**63 - 1


class PositionReader(QueryReader):
    """Reads rows in the order of a column, or two, each page after the one before.

    Rows of equal position are one group. A page ends between groups, so that a position, which can only say "all after
    this", never stands in the middle of one: neither a time nor a number need tell rows apart, least of all in a query.
    """

    position: Position
    """After which row the next page begins."""
    only: ColumnElement[Any] | None = None
    """A condition that rows have to meet beside."""
    waits = True
    """Whether rows wait for ``timestamp.delay.interval.ms``, and those of the future for their time."""

    @abstractmethod
    def next_page(self) -> Page | None: ...

    @abstractmethod
    def restored(self, offset: Mapping[str, Any]) -> Position:
        """The position of an offset.

        Raises:
            FatalError: the offset is malformed.
        """

    def columns(self) -> Columns:
        """The columns as they are.

        Raises:
            RetriableError: the database is away.
        """
        return self._probe()

    @abstractmethod
    def greater(self, first: Position, second: Position) -> Position:
        """The one that is further on."""

    @abstractmethod
    def before(self, position: Position, distance: int) -> Position:
        """A position so far before another; the beginning where that can not be told.

        Args:
            position: where to go back from.
            distance: in milliseconds or, without a timestamp, in numbers of the incrementing column.
        """

    @abstractmethod
    def _position(self, row: Sequence[Any], columns: Columns) -> Position:
        """Where a row stands."""

    @abstractmethod
    def _standing(self, position: Position) -> ColumnElement[bool]:
        """The condition that rows of a position meet."""

    def _next(self, statement: Select[Any]) -> Page | None:
        """The first groups of a statement, as many as make a page but at least one; the position is then after them.

        Args:
            statement: gives rows after the position, in order.
        """
        # Whether the last group is whole is told by the row after it.
        rows, columns, more = self._page(statement, ahead=1)
        if more and len(rows):
            rows, columns = self._whole_groups(rows, columns)
        if not len(rows):
            return None
        self.position = self._position(rows.row(len(rows) - 1), columns)
        return Page(rows, columns, self.position.to_offset(), more)

    def _whole_groups(self, rows: Rows, columns: Columns) -> tuple[Rows, Columns]:
        last = self._position(rows.row(len(rows) - 1), columns)
        # Rows are in the order of their position, so those of the last one are all at the end.
        begin = bisect_left(range(len(rows)), True, key=lambda index: self._position(rows.row(index), columns) == last)
        if begin:
            return rows.head(begin), columns
        return self._all(self._rows().where(self._standing(last)))

    def _rows(self) -> Select[Any]:
        everything = self._everything()
        return everything if self.only is None else everything.where(self.only)


def whole_literal(value: int) -> ColumnElement[Any]:
    """A whole number to compare a column with, of whatever size."""
    # SQLAlchemy takes every integer for one of 64 bits.
    return sa.literal(value if abs(value) <= _MOST_BIGINT else Decimal(value))

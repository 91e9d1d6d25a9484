"""Readers that go on after a position."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.position import Position
from tidegate.connectors.jdbc.reader import Page, QueryReader


class PositionReader(QueryReader):
    """Reads rows in the order of a column, or two, each page after the one before."""

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

    def _rows(self) -> Select[Any]:
        everything = self._everything()
        return everything if self.only is None else everything.where(self.only)

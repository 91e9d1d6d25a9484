"""Reading rows by a column that only grows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.mode_columns import mode_columns
from tidegate.connectors.jdbc.position import Position, position_from, whole
from tidegate.connectors.jdbc.position_reader import PositionReader, whole_literal
from tidegate.connectors.jdbc.reader import Page
from tidegate.connectors.jdbc.relation import Relation
from tidegate.sdk.config_def import Config

_MARKS_A_DELAY = 100


class IncrementingReader(PositionReader):
    """Rows above the last seen value of a column that grows.

    With a delay, only up to the value that was the greatest one that long ago: a transaction that had taken a smaller
    number by then has had that time to commit.
    """

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self.position = self.restored(offset or {})
        columns = self._probe()
        with database.connection() as connection:
            name = mode_columns(connection, relation, config).incrementing
        assert name is not None
        self._name = columns.fields[columns.index(name)].name
        self._delay = config["timestamp.delay.interval.ms"] / 1000
        self._marks: deque[tuple[float, int]] = deque()

    def next_page(self) -> Page | None:
        column = self._column(self._name)
        after = self.position.incrementing
        statement = self._rows().where(column.is_not(None) if after is None else column > whole_literal(after))
        if self._delay and self.waits:
            settled = self._settled()
            if settled is None or (after is not None and settled <= after):
                return None
            statement = statement.where(column <= whole_literal(settled))
        return self._next(statement.order_by(column))

    def _position(self, row: Sequence[Any], columns: Columns) -> Position:
        return Position(incrementing=whole(row[columns.index(self._name)]))

    def _standing(self, position: Position) -> ColumnElement[bool]:
        assert position.incrementing is not None
        return self._column(self._name) == whole_literal(position.incrementing)

    def restored(self, offset: Mapping[str, Any]) -> Position:
        return position_from(offset, UTC, None, as_text=False)

    def greater(self, first: Position, second: Position) -> Position:
        return max(first, second, key=lambda each: (each.incrementing is not None, each.incrementing or 0))

    def before(self, position: Position, distance: int) -> Position:
        return Position() if position.incrementing is None else Position(position.incrementing - distance)

    def _settled(self) -> int | None:
        """The greatest value a delay ago; None when that is not known yet."""
        now = time.monotonic()
        marks = self._marks
        if not marks or now - marks[-1][0] >= self._delay / _MARKS_A_DELAY:
            with self.database.connection() as connection:
                greatest = connection.execute(
                    sa.select(sa.func.max(self._column(self._name))).select_from(self.relation.source())
                ).scalar()
            if greatest is not None:
                # The time after the look: a mark may be taken for younger than it is, never for older.
                marks.append((time.monotonic(), whole(greatest)))
        while len(marks) > 1 and marks[1][0] <= now - self._delay:
            marks.popleft()
        return marks[0][1] if marks and marks[0][0] <= now - self._delay else None

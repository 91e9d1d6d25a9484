"""Reading rows by the time of their last change, alone or together with a growing column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.columns import Columns, driver_type, second_digits
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.mode_columns import alike, mode_columns
from tidegate.connectors.jdbc.position import Moment, Position, comparable, earlier, moment_order, position_from, whole
from tidegate.connectors.jdbc.position_reader import PositionReader, whole_literal
from tidegate.connectors.jdbc.reader import Page
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.rows import DriverRows
from tidegate.connectors.jdbc.wall_clock import floored
from tidegate.errors import FatalError
from tidegate.sdk.config_def import Config


class TimestampReader(PositionReader):
    """Rows changed after the last seen time and before now, by the database's clock.

    Now is as coarse as the column: while a second is not over, a column of seconds may get another row of that time.
    """

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self._zone = ZoneInfo(config["db.timezone"])
        self._delay = timedelta(milliseconds=config["timestamp.delay.interval.ms"])
        # A query's columns have no type in SQLite; its timestamps are text in any case.
        self._as_text = database.backend == "sqlite"
        columns = self._probe()
        with database.connection() as connection:
            chosen = mode_columns(connection, relation, config)
        self._names = chosen.timestamps
        self._id: str | None = None
        if chosen.incrementing is not None:
            self._id = columns.fields[columns.index(chosen.incrementing)].name
        self._shown: Sequence[Sequence[Any]] = ()
        self._look_at(columns)
        self.position = self.restored(offset or {})
        self._begins_now = False
        initial = config["timestamp.initial"]
        if self.position.timestamp is None and initial is not None:
            self._begins_now = initial == _NOW
            start = self._now() - _SMALLEST if self._begins_now else _EPOCH + timedelta(milliseconds=initial)
            self.position = Position(timestamp=self._comparable(start))

    def next_page(self) -> Page | None:
        if self._begins_now:
            # Kept before a row is read: started anew without an offset, it would begin at another now.
            self._begins_now = False
            return Page(DriverRows(()), self.columns(), self.position.to_offset(), more=True)
        statement = self._statement()
        if self.waits:
            statement = statement.where(
                self._time_expression() < self._literal(self._comparable(self._now(self._delay)))
            )
        before = self.position
        page = self._next(statement)
        if page is not None and page.columns.seen != self._seen and self._look_at(page.columns):
            # Of another type, times compare in another way, and the clock with them.
            self.position = self.restored(before.to_offset())
            return self.next_page()
        return page

    def _look_at(self, columns: Columns) -> bool:
        """Takes note of the timestamp columns; whether they have changed since the last look.

        Raises:
            FatalError: they are not timestamps, or not of one type.
        """
        places = [columns.index(name) for name in self._names]
        shown = [columns.seen[place] for place in places]
        changed = shown != self._shown
        self._shown, self._seen = shown, columns.seen
        self._times = [columns.fields[place] for place in places]
        self._driver_type = driver_type(shown[0])
        self._digits = min(second_digits(each, self.database.backend) for each in shown)
        self._type: pa.DataType = self._times[0].type
        if not self._as_text and not (pa.types.is_timestamp(self._type) or pa.types.is_date(self._type)):
            raise FatalError(
                f"Column {self._times[0].name!r} of {self.relation.name} is {self._type}, not a timestamp.",
                remedy="Name a timestamp column in timestamp.column.name.",
            )
        if not alike([field.type for field in self._times], self.database.backend, self._zone):
            raise FatalError(
                f"The timestamp columns {', '.join(field.name for field in self._times)} of {self.relation.name} are "
                "of different types.",
                remedy="Name columns of one type in timestamp.column.name.",
            )
        return changed

    def _position(self, row: Sequence[Any], columns: Columns) -> Position:
        return Position(None if self._id is None else whole(row[columns.index(self._id)]), self._time(row, columns))

    def _standing(self, position: Position) -> ColumnElement[bool]:
        assert position.timestamp is not None
        same = self._time_expression() == self._literal(position.timestamp)
        if self._id is None or position.incrementing is None:
            return same
        return sa.and_(same, self._column(self._id) == whole_literal(position.incrementing))

    def restored(self, offset: Mapping[str, Any]) -> Position:
        return position_from(offset, self._zone, self._type, as_text=self._as_text)

    def greater(self, first: Position, second: Position) -> Position:
        return max(first, second, key=lambda each: (moment_order(each.timestamp), each.incrementing or 0))

    def before(self, position: Position, distance: int) -> Position:
        return Position(timestamp=earlier(position.timestamp, timedelta(milliseconds=distance)))

    def _statement(self) -> Select[Any]:
        time = self._time_expression()
        statement = self._rows()
        after = self.position
        since = None if after.timestamp is None else self._literal(after.timestamp)
        if self._id is None:
            return statement.where(time.is_not(None) if since is None else time > since).order_by(time)
        number = self._column(self._id)
        statement = statement.where(number.is_not(None))
        if since is None:
            statement = statement.where(time.is_not(None))
        elif after.incrementing is None:
            statement = statement.where(time >= since)
        elif self.database.backend in _COMPARES_PAIRS:
            statement = statement.where(sa.tuple_(time, number) > sa.tuple_(since, whole_literal(after.incrementing)))
        else:
            statement = statement.where(time >= since, sa.or_(time > since, number > whole_literal(after.incrementing)))
        return statement.order_by(time, number)

    def _time_expression(self) -> ColumnElement[Any]:
        columns = [self._column(field.name) for field in self._times]
        return columns[0] if len(columns) == 1 else sa.func.coalesce(*columns)

    def _literal(self, moment: Moment) -> ColumnElement[Any]:
        if self.database.backend == "oracle" and not isinstance(moment, str):
            from tidegate.connectors.jdbc.oracle.moments import literal as oracle_literal

            return oracle_literal(moment, self._driver_type)
        literal: ColumnElement[Any] = sa.literal(moment)
        if self._as_text or not isinstance(moment, str):
            return literal
        # One that Python's datetime can not hold, as the database wrote it.
        is_date = pa.types.is_date(self._type)
        return sa.cast(literal, sa.Date() if is_date else sa.DateTime(timezone=self._type.tz is not None))

    def _time(self, row: Sequence[Any], columns: Columns) -> Moment:
        for field in self._times:
            value = row[columns.index(field.name)]
            if isinstance(value, (str, date)):
                return value
            if value is not None:
                raise FatalError(
                    f"Column {field.name!r} of {self.relation.name} holds {value!r}, which is not a point in time.",
                    remedy="Store text such as 2026-01-31 12:00:00, or name another column.",
                )
        if self.database.backend in ("mysql", "mariadb"):
            # The database does not take for null what its driver was told to.
            return _ZERO
        raise FatalError(f"A row of {self.relation.name} has no timestamp.")

    def _now(self, delay: timedelta = timedelta()) -> datetime:
        """The database's time so long ago, as far as the columns tell it."""
        with self.database.connection() as connection:
            return floored(self.database.clock(connection) - delay, self._digits)

    def _comparable(self, moment: datetime) -> Moment:
        return comparable(moment, self._zone, self._type, as_text=self._as_text)


_COMPARES_PAIRS = ("postgresql", "sqlite")
"""Databases that find rows after a pair of values by an index of both."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST = timedelta(microseconds=1)
_NOW = -1
_ZERO = "0000-00-00 00:00:00"

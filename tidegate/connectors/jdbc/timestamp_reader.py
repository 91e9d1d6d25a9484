"""Reading rows by the time of their last change, alone or together with a growing column."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.columns import Columns, driver_type
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import TIMESTAMP
from tidegate.connectors.jdbc.position import Moment, Position, comparable, earlier, moment_order, position_from, whole
from tidegate.connectors.jdbc.position_reader import PositionReader
from tidegate.connectors.jdbc.reader import Page
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.rows import Rows
from tidegate.errors import FatalError
from tidegate.sdk.config_def import Config


class TimestampReader(PositionReader):
    """Rows changed after the last seen time and before now, by the database's clock.

    Without an incrementing column, rows of equal time are one group: a page ends between groups, so that an offset,
    which is a time, never stands in the middle of one. With it, the offset is both and may stand anywhere.
    """

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self._zone = ZoneInfo(config["db.timezone"])
        self._delay = timedelta(milliseconds=config["timestamp.delay.interval.ms"])
        columns = self._probe()
        self._times = [columns.fields[columns.index(name)] for name in config["timestamp.column.name"]]
        self._driver_type = driver_type(columns.seen[columns.index(self._times[0].name)])
        self._id: str | None = None
        if config["mode"] != TIMESTAMP:
            self._id = columns.fields[columns.index(config["incrementing.column.name"])].name
        # A query's columns have no type in SQLite; its timestamps are text in any case.
        self._as_text = database.backend == "sqlite"
        self._type: pa.DataType = self._times[0].type
        if not self._as_text and not (pa.types.is_timestamp(self._type) or pa.types.is_date(self._type)):
            raise FatalError(
                f"Column {self._times[0].name!r} of {relation.name} is {self._type}, not a timestamp.",
                remedy="Name a timestamp column in timestamp.column.name.",
            )
        self.position = self.restored(offset or {})
        if self.position.timestamp is None and config["timestamp.initial"] is not None:
            initial = config["timestamp.initial"]
            start = self._clock() if initial == -1 else _EPOCH + timedelta(milliseconds=initial)
            self.position = Position(timestamp=self._comparable(start))

    def next_page(self) -> Page | None:
        statement = self._statement()
        if self.waits:
            statement = statement.where(
                self._time_expression() < self._literal(self._comparable(self._clock() - self._delay))
            )
        rows, columns, more = self._page(statement)
        if more and self._id is None and len(rows):
            rows, columns = self._whole_groups(rows, columns)
        if not len(rows):
            return None
        last = rows.row(len(rows) - 1)
        self.position = Position(
            None if self._id is None else whole(last[columns.index(self._id)]), self._time(last, columns)
        )
        return Page(rows, columns, self.position.to_offset(), more)

    def _whole_groups(self, rows: Rows, columns: Columns) -> tuple[Rows, Columns]:
        last = self._time(rows.row(len(rows) - 1), columns)
        # Rows are in the order of their time, so those of the last one are all at the end.
        begin = bisect_left(range(len(rows)), True, key=lambda index: self._time(rows.row(index), columns) == last)
        if begin:
            return rows.head(begin), columns
        return self._all(self._rows().where(self._time_expression() == self._literal(last)))

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
            statement = statement.where(sa.tuple_(time, number) > sa.tuple_(since, sa.literal(after.incrementing)))
        else:
            statement = statement.where(time >= since, sa.or_(time > since, number > after.incrementing))
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
            if value is not None:
                moment: Moment = value
                return moment
        raise FatalError(f"A row of {self.relation.name} has no timestamp.")

    def _clock(self) -> datetime:
        with self.database.connection() as connection:
            return self.database.clock(connection)

    def _comparable(self, moment: datetime) -> Moment:
        return comparable(moment, self._zone, self._type, as_text=self._as_text)


_COMPARES_PAIRS = ("postgresql", "sqlite")
"""Databases that find rows after a pair of values by an index of both."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

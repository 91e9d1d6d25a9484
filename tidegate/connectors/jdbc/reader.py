"""Readers: page after page of one table or query, each with the position after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.columns import Columns, Fingerprint, fingerprint, read_columns
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import BULK, INCREMENTING, TIMESTAMP
from tidegate.connectors.jdbc.position import Moment, Position, comparable, position_from, whole
from tidegate.connectors.jdbc.relation import Relation
from tidegate.errors import FatalError, RetriableError
from tidegate.sdk.config_def import Config

Rows = Sequence[Sequence[Any]]
_CATALOGUE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Page:
    """Rows read at once.

    Args:
        rows: driver values.
        columns: their columns.
        offset: the source offset after the last row.
        more: whether more rows may be waiting.
    """

    rows: Rows
    columns: Columns
    offset: Mapping[str, Any]
    more: bool


class Reader(ABC):
    """Reads one relation.

    Args:
        database: where it is.
        relation: what to read.
        config: the connector's configuration.
    """

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        self.database = database
        self.relation = relation
        self.limit: int = config["batch.max.rows"]
        self._mapping: str = config["numeric.mapping"]
        self._columns: Columns | None = None

    @abstractmethod
    def next_page(self) -> Page | None:
        """The next page, or None when there is nothing new.

        Raises:
            RetriableError: the database is away.
            FatalError: the table or a column is gone.
        """

    def reread(self, columns: Columns) -> Columns:
        """The columns as the catalogue has them now, for what a cursor does not show: NOT NULL.

        Args:
            columns: as known; given back when the table is a different one by now.

        Raises:
            RetriableError: the database is away.
        """
        with self.database.connection() as connection:
            self._columns = read_columns(connection, self.relation, columns.seen, self._mapping)
        return self._columns or columns

    def close(self) -> None:  # noqa: B027 - only some hold a cursor
        """Gives back what is open."""

    def _fetch(self, connection: Connection, statement: Select[Any]) -> tuple[Rows, Columns]:
        """Runs a statement and returns its rows with columns that fit them, also while the table is being altered."""
        for _ in range(_CATALOGUE_ATTEMPTS):
            result = connection.execute(statement)
            cursor = _cursor(result)
            seen = fingerprint(cursor.description)
            # The driver's own rows: SQLAlchemy's cost as much again.
            rows = cursor.fetchall()
            result.close()
            columns = self._columns_for(connection, seen)
            if columns is not None:
                return rows, columns
        raise RetriableError(f"Table {self.relation.name} changed {_CATALOGUE_ATTEMPTS} times while being read.")

    def _columns_for(self, connection: Connection, seen: Fingerprint) -> Columns | None:
        if self._columns is None or self._columns.seen != seen:
            self._columns = read_columns(connection, self.relation, seen, self._mapping)
        return self._columns


class BulkReader(Reader):
    """The whole relation at each round, in one streaming query; nothing is remembered but how far the round is."""

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        super().__init__(database, relation, config)
        self._stream: Iterator[tuple[Rows, Columns]] | None = None

    def next_page(self) -> Page | None:
        if self._stream is None:
            self._stream = self._pages()
        page = next(self._stream, None)
        if page is None:
            self._stream = None
            return None
        return Page(page[0], page[1], {}, more=True)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()  # type: ignore[attr-defined]  # a generator
            self._stream = None

    def _pages(self) -> Iterator[tuple[Rows, Columns]]:
        everything: Select[Any] = sa.select(sa.literal_column("*")).select_from(self.relation.source())
        with self.database.connection() as connection:
            # A server-side cursor lives in a transaction.
            if connection.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="READ COMMITTED")
            result = connection.execution_options(stream_results=True, max_row_buffer=self.limit).execute(everything)
            seen = fingerprint(_cursor(result).description)
            with self.database.connection() as second:
                columns = self._columns_for(second, seen)
            if columns is None:
                raise RetriableError(f"Table {self.relation.name} changed while being read.")
            for rows in result.partitions(self.limit):
                yield rows, columns


class IncrementingReader(Reader):
    """Rows above the last seen value of a column that grows."""

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self._column: str = config["incrementing.column.name"]
        self._position = position_from(offset, UTC, None, as_text=False)
        with database.connection() as connection:
            probe: Select[Any] = sa.select(sa.literal_column("*")).select_from(relation.source()).where(sa.false())
            _, columns = self._fetch(connection, probe)
        self._name = columns.fields[columns.index(self._column)].name

    def next_page(self) -> Page | None:
        column: ColumnElement[Any] = sa.column(self._name)
        after = self._position.incrementing
        statement: Select[Any] = (
            sa.select(sa.literal_column("*"))
            .select_from(self.relation.source())
            .where(column.is_not(None) if after is None else column > after)
            .order_by(column)
            .limit(self.limit)
        )
        with self.database.connection() as connection:
            rows, columns = self._fetch(connection, statement)
        if not rows:
            return None
        self._position = Position(incrementing=whole(rows[-1][columns.index(self._name)]))
        return Page(rows, columns, self._position.to_offset(), more=len(rows) >= self.limit)


class TimestampReader(Reader):
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
        with database.connection() as connection:
            probe: Select[Any] = sa.select(sa.literal_column("*")).select_from(relation.source()).where(sa.false())
            _, columns = self._fetch(connection, probe)
            self._times = [columns.fields[columns.index(name)] for name in config["timestamp.column.name"]]
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
            self._position = position_from(offset, self._zone, self._type, as_text=self._as_text)
            if self._position.timestamp is None and config["timestamp.initial"] is not None:
                initial = config["timestamp.initial"]
                start = database.clock(connection) if initial == -1 else _EPOCH + timedelta(milliseconds=initial)
                self._position = Position(timestamp=self._comparable(start))

    def next_page(self) -> Page | None:
        with self.database.connection() as connection:
            before = self._comparable(self.database.clock(connection) - self._delay)
            rows, columns = self._fetch(connection, self._statement(before).limit(self.limit))
            if not rows:
                return None
            full = len(rows) >= self.limit
            if full and self._id is None:
                rows, columns = self._whole_groups(connection, rows, columns)
        if not rows:
            return None
        self._position = Position(
            None if self._id is None else whole(rows[-1][columns.index(self._id)]), self._time(rows[-1], columns)
        )
        return Page(rows, columns, self._position.to_offset(), more=full)

    def _whole_groups(self, connection: Connection, rows: Rows, columns: Columns) -> tuple[Rows, Columns]:
        last = self._time(rows[-1], columns)
        end = len(rows)
        while end and self._time(rows[end - 1], columns) == last:
            end -= 1
        if end:
            return rows[:end], columns
        time = self._time_expression()
        return self._fetch(connection, self._everything().where(time == last))

    def _statement(self, before: Moment) -> Select[Any]:
        time = self._time_expression()
        statement = self._everything().where(time < before)
        after = self._position
        if self._id is None:
            return statement.where(
                time > after.timestamp if after.timestamp is not None else time.is_not(None)
            ).order_by(time)
        number: ColumnElement[Any] = sa.column(self._id)
        if after.timestamp is None:
            statement = statement.where(time.is_not(None), number.is_not(None))
        elif after.incrementing is None:
            statement = statement.where(time >= after.timestamp)
        else:
            statement = statement.where(
                time >= after.timestamp, sa.or_(time > after.timestamp, number > after.incrementing)
            )
        return statement.order_by(time, number)

    def _everything(self) -> Select[Any]:
        return sa.select(sa.literal_column("*")).select_from(self.relation.source())

    def _time_expression(self) -> ColumnElement[Any]:
        columns: list[ColumnElement[Any]] = [sa.column(field.name) for field in self._times]
        return columns[0] if len(columns) == 1 else sa.func.coalesce(*columns)

    def _time(self, row: Sequence[Any], columns: Columns) -> Moment:
        for field in self._times:
            value = row[columns.index(field.name)]
            if value is not None:
                moment: Moment = value
                return moment
        raise FatalError(f"A row of {self.relation.name} has no timestamp.")

    def _comparable(self, moment: datetime) -> Moment:
        return comparable(moment, self._zone, self._type, as_text=self._as_text)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reader(database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None) -> Reader:
    """The reader for a configuration's mode.

    Args:
        database: where the relation is.
        relation: what to read.
        config: the connector's configuration.
        offset: where to go on; None at the first start.

    Raises:
        RetriableError: the database is away.
        FatalError: a column is missing or of the wrong type.
    """
    if config["mode"] == BULK:
        return BulkReader(database, relation, config)
    if config["mode"] == INCREMENTING:
        return IncrementingReader(database, relation, config, offset)
    return TimestampReader(database, relation, config, offset)


def _cursor(result: CursorResult[Any]) -> DBAPICursor:
    if result.cursor is None:
        raise RetriableError("The database closed the cursor.")
    return result.cursor

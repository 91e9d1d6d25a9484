"""Readers: page after page of one table or query, each with the position after it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.fetch import CursorFetch, Fetch
from tidegate.connectors.jdbc.keys import BULK, INCREMENTING, TIMESTAMP
from tidegate.connectors.jdbc.page_size import PageSize
from tidegate.connectors.jdbc.position import Moment, Position, comparable, position_from, whole
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.rows import Rows
from tidegate.errors import FatalError
from tidegate.sdk.config_def import Config


@dataclass(frozen=True, slots=True)
class Page:
    """Rows read at once.

    Args:
        rows: as the database gave them.
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

    holds_connection: ClassVar[bool] = False
    """Whether it has a connection to itself from its first page to its last."""

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        self.database = database
        self.relation = relation
        self.size = PageSize(config["batch.max.rows"], config["batch.max.bytes"])
        self._catalogue = Catalogue(relation, config["numeric.mapping"])
        self._fetch = fetch(database, self._catalogue, config)

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
            return self._catalogue.reread(connection, columns)

    def close(self) -> None:  # noqa: B027 - only some hold a cursor
        """Gives back what is open."""

    def _everything(self) -> Select[Any]:
        return sa.select(sa.literal_column("*")).select_from(self.relation.source())

    def _probe(self) -> Columns:
        return self._all(self._everything().where(sa.false()))[1]

    def _page(self, statement: Select[Any]) -> tuple[Rows, Columns, bool]:
        """The first rows of a statement, as many as make a page, and whether there may be more."""
        limit = self.size.rows
        with self.database.connection() as connection:
            stream, columns = self._fetch.open(connection, statement.limit(limit))
            with closing(stream):
                # One more than there can be: so the end is seen.
                rows = stream.read(limit + 1, self.size.max_bytes)
        self.size.learn(len(rows), rows.nbytes)
        return rows, columns, not stream.finished or len(rows) >= limit

    def _all(self, statement: Select[Any]) -> tuple[Rows, Columns]:
        """All rows of a statement."""
        with self.database.connection() as connection:
            stream, columns = self._fetch.open(connection, statement)
            with closing(stream):
                return stream.read(sys.maxsize, sys.maxsize), columns


class BulkReader(Reader):
    """The whole relation at each round, in one streaming query; nothing is remembered but how far the round is."""

    holds_connection: ClassVar[bool] = True

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        super().__init__(database, relation, config)
        self._pages: Generator[Page, None, None] | None = None

    def next_page(self) -> Page | None:
        if self._pages is None:
            self._pages = self._round()
        page = next(self._pages, None)
        if page is None:
            self._pages = None
        return page

    def close(self) -> None:
        if self._pages is not None:
            self._pages.close()
            self._pages = None

    def _round(self) -> Generator[Page, None, None]:
        with self.database.connection() as connection:
            stream, columns = self._fetch.open(connection, self._everything(), long=True)
            with closing(stream):
                while not stream.finished:
                    rows = stream.read(self.size.max_rows, self.size.max_bytes)
                    if len(rows):
                        yield Page(rows, columns, {}, more=True)


class IncrementingReader(Reader):
    """Rows above the last seen value of a column that grows."""

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self._column: str = config["incrementing.column.name"]
        self._position = position_from(offset, UTC, None, as_text=False)
        columns = self._probe()
        self._name = columns.fields[columns.index(self._column)].name

    def next_page(self) -> Page | None:
        column: ColumnElement[Any] = sa.column(self._name)
        after = self._position.incrementing
        new = column.is_not(None) if after is None else column > after
        rows, columns, more = self._page(self._everything().where(new).order_by(column))
        if not len(rows):
            return None
        last = rows.row(len(rows) - 1)
        self._position = Position(incrementing=whole(last[columns.index(self._name)]))
        return Page(rows, columns, self._position.to_offset(), more)


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
        columns = self._probe()
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
            start = self._clock() if initial == -1 else _EPOCH + timedelta(milliseconds=initial)
            self._position = Position(timestamp=self._comparable(start))

    def next_page(self) -> Page | None:
        before = self._comparable(self._clock() - self._delay)
        rows, columns, more = self._page(self._statement(before))
        if more and self._id is None and len(rows):
            rows, columns = self._whole_groups(rows, columns)
        if not len(rows):
            return None
        last = rows.row(len(rows) - 1)
        self._position = Position(
            None if self._id is None else whole(last[columns.index(self._id)]), self._time(last, columns)
        )
        return Page(rows, columns, self._position.to_offset(), more)

    def _whole_groups(self, rows: Rows, columns: Columns) -> tuple[Rows, Columns]:
        last = self._time(rows.row(len(rows) - 1), columns)
        # Rows are in the order of their time, so those of the last one are all at the end.
        begin = bisect_left(range(len(rows)), True, key=lambda index: self._time(rows.row(index), columns) == last)
        if begin:
            return rows.head(begin), columns
        return self._all(self._everything().where(self._time_expression() == self._literal(last)))

    def _statement(self, before: Moment) -> Select[Any]:
        time = self._time_expression()
        statement = self._everything().where(time < self._literal(before))
        after = self._position
        since = None if after.timestamp is None else self._literal(after.timestamp)
        if self._id is None:
            return statement.where(time.is_not(None) if since is None else time > since).order_by(time)
        number: ColumnElement[Any] = sa.column(self._id)
        if since is None:
            statement = statement.where(time.is_not(None), number.is_not(None))
        elif after.incrementing is None:
            statement = statement.where(time >= since)
        elif self.database.backend in _COMPARES_PAIRS:
            statement = statement.where(sa.tuple_(time, number) > sa.tuple_(since, sa.literal(after.incrementing)))
        else:
            statement = statement.where(time >= since, sa.or_(time > since, number > after.incrementing))
        return statement.order_by(time, number)

    def _time_expression(self) -> ColumnElement[Any]:
        columns: list[ColumnElement[Any]] = [sa.column(field.name) for field in self._times]
        return columns[0] if len(columns) == 1 else sa.func.coalesce(*columns)

    def _literal(self, moment: Moment) -> ColumnElement[Any]:
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


def fetch(database: Database, catalogue: Catalogue, config: Config) -> Fetch:
    """The way to fetch rows from a kind of database.

    Args:
        database: where the relation is.
        catalogue: the relation's columns.
        config: the connector's configuration.
    """
    if database.backend != "postgresql":
        return CursorFetch(database, catalogue)
    # psycopg is needed for PostgreSQL alone.
    from tidegate.connectors.jdbc.postgres.fetch import PostgresFetch

    return PostgresFetch(database, catalogue, copy=config["postgres.copy"])

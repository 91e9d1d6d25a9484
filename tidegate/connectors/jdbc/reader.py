"""Readers: page after page of one table or query, each with the position after it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.column_types import TypeMapping
from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.fetching import fetch
from tidegate.connectors.jdbc.numeric_mapping import numeric_mapping
from tidegate.connectors.jdbc.page_size import PageSize
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.rows import Rows
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
    """Reads one relation."""

    holds_connection: ClassVar[bool] = False
    """Whether it has a connection to itself from its first page to its last."""
    relation: Relation
    """What is read."""

    @abstractmethod
    def next_page(self) -> Page | None:
        """The next page, or None when there is nothing new.

        Raises:
            RetriableError: the database is away.
            FatalError: the table or a column is gone.
        """

    @abstractmethod
    def reread(self, columns: Columns) -> Columns:
        """The columns as the catalogue has them now, for what a cursor does not show: NOT NULL.

        Args:
            columns: as known; given back when the table is a different one by now.

        Raises:
            RetriableError: the database is away.
        """

    def close(self) -> None:  # noqa: B027 - only some hold a cursor
        """Gives back what is open."""


class QueryReader(Reader):
    """Reads one relation by queries of its own.

    Args:
        database: where it is.
        relation: what to read.
        config: the connector's configuration.
    """

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        self.database = database
        self.relation = relation
        self.size = PageSize(config["batch.max.rows"], config["batch.max.bytes"])
        mapping = TypeMapping(numeric_mapping(config), database.tinyint_is_boolean)
        self._catalogue = Catalogue(relation, mapping)
        self._fetch = fetch(database, self._catalogue, config)
        self._suffix: str = config["query.suffix"].strip()

    def reread(self, columns: Columns) -> Columns:
        with self.database.connection() as connection:
            return self._catalogue.reread(connection, columns)

    def _everything(self) -> Select[Any]:
        everything = self._whole()
        return everything.suffix_with(sa.literal_column(self._suffix)) if self._suffix else everything

    def _whole(self) -> Select[Any]:
        return sa.select(sa.literal_column("*")).select_from(self.relation.source())

    def _column(self, name: str) -> ColumnElement[Any]:
        return self.relation.column(name)

    def _probe(self) -> Columns:
        return self._all(self._whole().where(sa.false()))[1]

    def _page(self, statement: Select[Any], *, ahead: int = 0) -> tuple[Rows, Columns, bool]:
        """The first rows of a statement, as many as make a page, and whether there may be more.

        Args:
            statement: what to run.
            ahead: how many rows to look further.
        """
        limit = self.size.rows + ahead
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

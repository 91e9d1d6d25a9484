"""How a query's rows are fetched: by the driver's cursor, for every database that has no better way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.sql import Select

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.columns import Columns, fingerprint
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.stream import CHUNK_ROWS, CursorStream, Stream
from tidegate.errors import RetriableError

CATALOGUE_ATTEMPTS = 5


class Fetch(ABC):
    """Runs queries over one relation.

    Args:
        database: where it is.
        catalogue: its columns.
    """

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database = database
        self.catalogue = catalogue

    def open(self, connection: Connection, statement: Select[Any], *, long: bool = False) -> tuple[Stream, Columns]:
        """Runs a ``SELECT *`` and gives its rows with columns that fit them, also while the table is being altered.

        Args:
            connection: which is the stream's until it is closed.
            statement: what to run.
            long: it may take as long as its reader likes, and its rows are not to be held in memory.

        Raises:
            RetriableError: the table changes all the time.
            FatalError: the table is gone.
        """
        for _ in range(CATALOGUE_ATTEMPTS):
            opened = self._attempt(connection, statement, long)
            if opened is not None:
                return opened
        raise RetriableError(
            f"Table {self.catalogue.relation.name} changed {CATALOGUE_ATTEMPTS} times while being read."
        )

    @abstractmethod
    def _attempt(self, connection: Connection, statement: Select[Any], long: bool) -> tuple[Stream, Columns] | None:
        """None when the table was altered between the query and a look into the catalogue."""


class CursorFetch(Fetch):
    """Rows by the driver's cursor."""

    def _attempt(self, connection: Connection, statement: Select[Any], long: bool) -> tuple[Stream, Columns] | None:
        # SQLite gives rows as it finds them in any case.
        streaming = long and self.database.backend != "sqlite"
        if streaming:
            # A server-side cursor lives in a transaction.
            connection = connection.execution_options(
                isolation_level="READ COMMITTED", stream_results=True, max_row_buffer=CHUNK_ROWS
            )
        result: CursorResult[Any] = connection.execute(statement)
        cursor = result.cursor
        if cursor is None:
            raise RetriableError("The database closed the cursor.")
        seen = fingerprint(cursor.description)
        # A connection whose rows are still under way takes no other query.
        with self.database.connection() as second:
            columns = self.catalogue.columns(second, seen)
        if columns is None:
            result.close()
            return None
        # The driver's own rows: SQLAlchemy's cost as much again. Of a server-side cursor it has read some already.
        return CursorStream(result if streaming else cursor), columns

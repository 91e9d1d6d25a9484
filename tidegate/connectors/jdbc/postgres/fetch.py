"""Fetching from PostgreSQL: by binary COPY, or by a cursor from servers that only speak its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import ClientCursor
from psycopg import Connection as DriverConnection
from psycopg.adapt import Transformer
from psycopg.errors import FeatureNotSupported, InvalidParameterValue, SyntaxError
from psycopg.pq import Format
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.columns import Columns, fingerprint
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.fetch import Fetch
from tidegate.connectors.jdbc.postgres.copy_rows import WireColumn
from tidegate.connectors.jdbc.postgres.copy_stream import CopyStream
from tidegate.connectors.jdbc.postgres.projection import projection
from tidegate.connectors.jdbc.rows import Rows
from tidegate.connectors.jdbc.stream import CursorStream, Stream
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_GRACE_SECONDS = 10.0


class PostgresFetch(Fetch):
    """Rows of PostgreSQL.

    COPY tells nothing of its columns, so a look at them and the query are one transaction: the look locks the table
    against being altered until the rows have been read.

    Args:
        database: where it is.
        catalogue: the relation's columns.
        copy: whether to use COPY.
    """

    def __init__(self, database: Database, catalogue: Catalogue, *, copy: bool) -> None:
        super().__init__(database, catalogue)
        self._copy = copy

    def _attempt(self, connection: Connection, statement: Select[Any], long: bool) -> tuple[Stream, Columns] | None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, DriverConnection)
        driver.execute("BEGIN")
        if long:
            driver.execute("SET LOCAL statement_timeout = 0")
        source = self.catalogue.relation.source()
        look: Select[Any] = sa.select(sa.literal_column("*")).select_from(source).where(sa.false())
        with driver.execute(_rendered(connection, driver, look)) as shown:
            seen = fingerprint(shown.description or ())
        columns = self.catalogue.columns(connection, seen)
        if columns is None:
            driver.execute("ROLLBACK")
            return None
        selected = projection(columns, self.catalogue.relation)
        query = _rendered(connection, driver, statement.with_only_columns(*selected.expressions))
        if self._copy:
            try:
                stream = self._copied(driver, query, selected.oids)
            except (FeatureNotSupported, InvalidParameterValue, SyntaxError) as error:
                # The look ran, so it is not the query that the server does not know.
                log.warning("jdbc.copy_unsupported", database=self.database.name, reason=str(error).splitlines()[0])
                self._copy = False
                driver.execute("ROLLBACK")
                return None
            return _InTransaction(stream, connection, driver), columns
        cursor = driver.cursor(name="tidegate") if long else driver.cursor(binary=True)
        if long:
            cursor.execute(query, binary=True)
        else:
            cursor.execute(query)
        return _InTransaction(CursorStream(cursor), connection, driver), columns

    def _copied(self, driver: DriverConnection[Any], query: bytes, oids: Sequence[int]) -> CopyStream:
        adapter = Transformer(driver)
        wire = [WireColumn(oid, adapter.get_loader(oid, Format.BINARY)) for oid in oids]
        deadline = self.database.statement_timeout_ms / 1000 + _GRACE_SECONDS
        return CopyStream(driver, b"COPY (" + query + b") TO STDOUT (FORMAT binary)", wire, deadline)


class _InTransaction(Stream):
    """A stream whose transaction ends with it."""

    def __init__(self, stream: Stream, connection: Connection, driver: DriverConnection[Any]) -> None:
        self._stream = stream
        self._connection = connection
        self._driver = driver

    def read(self, rows: int, nbytes: int) -> Rows:
        found = self._stream.read(rows, nbytes)
        self.finished = self._stream.finished
        return found

    def close(self) -> None:
        if isinstance(self._stream, CopyStream) and not self._stream.finished:
            # Less is in the way than with a request to cancel, which might arrive late and meet the next query.
            self._connection.invalidate()
            return
        self._stream.close()
        self._driver.execute("COMMIT")


def _rendered(connection: Connection, driver: DriverConnection[Any], statement: Select[Any]) -> bytes:
    """A statement with its values written into it: COPY takes no parameters."""
    compiled = statement.compile(dialect=connection.dialect)
    text = ClientCursor(driver).mogrify(str(compiled).encode(), compiled.params)
    return text.encode(driver.info.encoding)

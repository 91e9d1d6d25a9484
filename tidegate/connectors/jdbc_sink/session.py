"""A connection with transactions of its own: statements, savepoints, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from tidegate.connectors.jdbc_sink.isolation import RefusedError
from tidegate.connectors.jdbc_sink.table_id import TableId

if TYPE_CHECKING:
    from tidegate.connectors.jdbc_sink.dialect import Dialect


class Session:
    """Statements on one connection that is in autocommit mode, so that transactions begin and end where they say.

    Args:
        connection: the connection.
        dialect: its database's.
    """

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self.connection = connection
        self.dialect = dialect
        self.driver: Any = connection.connection.driver_connection
        self.memory: dict[Any, Any] = connection.connection.info
        """Kept as long as the connection lives."""

    def run(self, statement: str | bytes, values: Sequence[Any] | None = None) -> int:
        """Runs a statement and tells how many rows it found."""
        cursor = self.driver.cursor()
        try:
            if values is None:
                cursor.execute(statement)
            else:
                cursor.execute(statement, values)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once for each row."""
        cursor = self.driver.cursor()
        try:
            cursor.executemany(statement, rows)
        finally:
            cursor.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """All rows of a query."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(query, values)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end, rolls back on any exception."""
        self.run(self.dialect.begin)
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(Exception):  # the connection may be gone, and its transaction with it
                self.run("ROLLBACK")
            raise

    @contextmanager
    def attempt(self, table: TableId) -> Iterator[None]:
        """Within a transaction: undoes what is inside when the database refuses a row.

        Raises:
            RefusedError: it does.
        """
        self.run("SAVEPOINT tidegate")
        try:
            yield
        except RefusedError:
            self._undo()
            raise
        except Exception as error:
            reason = self.dialect.refusal(error, table)
            if reason is None:
                raise
            self._undo()
            raise RefusedError(reason) from error
        self.run("RELEASE SAVEPOINT tidegate")

    def _undo(self) -> None:
        self.run("ROLLBACK TO SAVEPOINT tidegate")
        self.run("RELEASE SAVEPOINT tidegate")

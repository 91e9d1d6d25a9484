"""What differs between databases: SQL text, how rows are written, what errors mean."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.connectors.jdbc_sink.gate import Bound
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.errors import FatalError
from tidegate.records.reason import Reason

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class RowWriter(ABC):
    """Writes records of one batch to one table, within the session's transaction. Rows are indexes of records."""

    @abstractmethod
    def write(self, rows: Rows) -> None:
        """Inserts, upserts or updates; all or none.

        Raises:
            RefusedError: the table refuses one of them.
        """

    @abstractmethod
    def delete(self, rows: Rows) -> None:
        """Deletes the rows of the records' keys; all or none.

        Raises:
            RefusedError: one can not be deleted.
        """


class Dialect(ABC):
    """One kind of database.

    Args:
        quoted: whether names are quoted.
    """

    backend: ClassVar[str]
    begin: ClassVar[str] = "BEGIN"
    for_update: ClassVar[str] = " FOR UPDATE"
    mark: ClassVar[str] = "%s"
    quote_mark: ClassVar[str] = '"'
    table_options: ClassVar[str] = ""
    text_key: ClassVar[str] = "VARCHAR(255)"
    standstill_seconds: ClassVar[int] = 10
    """The server ends a transaction that waits for its client so long: a holder that stands still in the middle of one
    would keep its successor waiting for the lock on its offsets."""

    def __init__(self, *, quoted: bool = True) -> None:
        self._quoted = quoted

    def name(self, name: str) -> str:
        """A name of a table or column in SQL.

        Raises:
            FatalError: names are not quoted, and this one would have to be.
        """
        if self._quoted:
            return f"{self.quote_mark}{name.replace(self.quote_mark, self.quote_mark * 2)}{self.quote_mark}"
        if not _BARE.fullmatch(name):
            raise FatalError(f"The name {name!r} needs quotes.", remedy="Set quote.sql.identifiers=always.")
        return name

    def table(self, table: TableId) -> str:
        """A table's name in SQL."""
        return f"{self.name(table.schema)}.{self.name(table.name)}" if table.schema else self.name(table.name)

    def names(self, names: Sequence[str]) -> str:
        """Names, separated by commas."""
        return ", ".join(map(self.name, names))

    @abstractmethod
    def column_type(self, type_: pa.DataType, *, key: bool = False) -> str:
        """The SQL type a column for an Arrow type is made with.

        Args:
            type_: the field's type.
            key: whether the column is of the primary key.
        """

    def create_table(self, table: TableId, keys: Sequence[pa.Field], others: Sequence[pa.Field]) -> str:
        """The statement that makes a table; fields that are required become NOT NULL."""
        lines = [self._column(field, key=True) for field in keys] + [self._column(field) for field in others]
        if keys:
            lines.append(f"PRIMARY KEY ({self.names([field.name for field in keys])})")
        return f"CREATE TABLE {self.table(table)} ({', '.join(lines)}){self.table_options}"

    def add_column(self, table: TableId, field: pa.Field) -> str:
        """The statement that adds a nullable column."""
        return f"ALTER TABLE {self.table(table)} ADD COLUMN {self._column(field.with_nullable(True))}"

    def insert_if_absent(self, table: TableId, names: Sequence[str]) -> str:
        """The statement that adds a row unless one of its key is there."""
        marks = ", ".join(self.mark for _ in names)
        return f"INSERT INTO {self.table(table)} ({self.names(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING"

    def _column(self, field: pa.Field, *, key: bool = False) -> str:
        required = "" if field.nullable and not key else " NOT NULL"
        return f"{self.name(field.name)} {self.column_type(field.type, key=key)}{required}"

    def prepare(self, session: Session) -> None:  # noqa: B027 - most need nothing
        """Settings of a new connection."""

    def check_transactional(self, session: Session, table: TableId) -> None:  # noqa: B027 - most always are
        """Makes sure that what is written to a table can be rolled back.

        Raises:
            FatalError: it can not.
        """

    @abstractmethod
    def writer(
        self, session: Session, table: TableId, columns: Sequence[Bound], mode: str, *, deletes: bool
    ) -> RowWriter:
        """Gets ready to write the records of one batch; called outside of a transaction.

        Args:
            session: the connection.
            table: the table.
            columns: the values, the key's first.
            mode: ``insert``, ``upsert`` or ``update``.
            deletes: whether :meth:`RowWriter.delete` is going to be called.
        """

    @abstractmethod
    def refusal(self, error: Exception, table: TableId) -> Reason | None:
        """Why a row is refused; None when the error is not a row's fault.

        Args:
            error: what the driver raised.
            table: the table.
        """

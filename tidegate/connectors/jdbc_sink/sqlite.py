"""SQLite: one statement, many times."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.connectors.jdbc_sink.dialect import Dialect, RowWriter
from tidegate.connectors.jdbc_sink.fit import text_of
from tidegate.connectors.jdbc_sink.gate import Bound
from tidegate.connectors.jdbc_sink.options import INSERT, UPDATE
from tidegate.connectors.jdbc_sink.refusal import Rule, refusal
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.records.reason import Reason

_RULES = (
    ("NOT NULL", Rule.NOT_NULL),
    ("UNIQUE", Rule.UNIQUE),
    ("FOREIGN KEY", Rule.REFERENCE),
    ("CHECK", Rule.CHECK),
    ("too big", Rule.LENGTH),
)
_COLUMN = re.compile(r"(?:constraint failed: \S*?|column \S*?)\.(\w+)$")
_EXACT_DIGITS = 15


class SQLite(Dialect):
    """SQLite."""

    backend: ClassVar[str] = "sqlite"
    # A transaction that only later begins to write may find that it can not.
    begin: ClassVar[str] = "BEGIN IMMEDIATE"
    for_update: ClassVar[str] = ""
    mark: ClassVar[str] = "?"

    def column_type(self, type_: pa.DataType, *, key: bool = False) -> str:
        types = pa.types
        if types.is_decimal(type_):
            # Beyond that SQLite would keep a floating-point number.
            exact = type_.precision <= _EXACT_DIGITS and type_.scale >= 0
            return f"NUMERIC({type_.precision}, {type_.scale})" if exact else "TEXT"
        for matches, name in _TYPES:
            if matches(type_):
                return name
        return "TEXT"

    def insert(self, table: TableId, names: Sequence[str]) -> str:
        """The statement that adds a row."""
        marks = ", ".join("?" for _ in names)
        return f"INSERT INTO {self.table(table)} ({self.names(names)}) VALUES ({marks})"

    def upsert(self, table: TableId, keys: Sequence[str], others: Sequence[str]) -> str:
        """The statement that adds a row or replaces the one of the same key."""
        action = "UPDATE SET " + ", ".join(f"{self.name(each)} = excluded.{self.name(each)}" for each in others)
        insert = self.insert(table, [*keys, *others])
        return f"{insert} ON CONFLICT ({self.names(keys)}) DO {action if others else 'NOTHING'}"

    def update(self, table: TableId, keys: Sequence[str], others: Sequence[str]) -> str:
        """The statement that changes the row of a key; the key's values come last."""
        settings = ", ".join(f"{self.name(each)} = ?" for each in others)
        return f"UPDATE {self.table(table)} SET {settings} WHERE {self._same(keys)}"

    def delete(self, table: TableId, keys: Sequence[str]) -> str:
        """The statement that deletes the row of a key."""
        return f"DELETE FROM {self.table(table)} WHERE {self._same(keys)}"

    def _same(self, keys: Sequence[str]) -> str:
        return " AND ".join(f"{self.name(each)} = ?" for each in keys)

    def writer(
        self, session: Session, table: TableId, columns: Sequence[Bound], mode: str, *, deletes: bool
    ) -> RowWriter:
        return _Writer(self, session, table, columns, mode)

    def refusal(self, error: Exception, table: TableId) -> Reason | None:
        if not isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)):
            return None
        text = str(error)
        rule = next((rule for sign, rule in _RULES if sign in text), Rule.FORM)
        match = _COLUMN.search(text)
        return refusal(table, rule, text, match[1] if match else None)


_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_uint64, "TEXT"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_floating, "REAL"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_timestamp, "TIMESTAMP"),
    (
        lambda type_: (
            pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_)
        ),
        "BLOB",
    ),
)


def values(array: pa.Array) -> list[Any]:
    """A fitted column as what the driver takes."""
    types = pa.types
    if types.is_boolean(array.type):
        return list(array.cast(pa.int8()).to_pylist())
    plain = types.is_floating(array.type) or types.is_large_binary(array.type)
    if plain or (types.is_integer(array.type) and not types.is_uint64(array.type)):
        return list(array.to_pylist())
    return list(text_of(array).to_pylist())


class _Writer(RowWriter):
    def __init__(self, dialect: SQLite, session: Session, table: TableId, columns: Sequence[Bound], mode: str) -> None:
        self._session = session
        self._table = table
        keys = [each.column.name for each in columns if each.key]
        others = [each.column.name for each in columns if not each.key]
        lists = [values(each.array) for each in columns]
        if mode == UPDATE:
            self._statement = dialect.update(table, keys, others) if others else ""
            lists = lists[len(keys) :] + lists[: len(keys)]
        elif mode == INSERT:
            self._statement = dialect.insert(table, [*keys, *others])
        else:
            self._statement = dialect.upsert(table, keys, others)
        self._rows = list(zip(*lists, strict=True))
        self._deletion = dialect.delete(table, keys)
        self._keys = list(zip(*(values(each.array) for each in columns if each.key), strict=True))

    def write(self, rows: Rows) -> None:
        with self._session.attempt(self._table):
            if self._statement:
                self._session.run_many(self._statement, [self._rows[row] for row in rows.tolist()])

    def delete(self, rows: Rows) -> None:
        with self._session.attempt(self._table):
            self._session.run_many(self._deletion, [self._keys[row] for row in rows.tolist()])

"""PostgreSQL: rows by COPY, into the table or through a temporary one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import ClassVar

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.connectors.jdbc_sink.dialect import Dialect, RowWriter
from tidegate.connectors.jdbc_sink.fit import text_of
from tidegate.connectors.jdbc_sink.gate import Bound
from tidegate.connectors.jdbc_sink.options import INSERT, UPDATE
from tidegate.connectors.jdbc_sink.refusal import Rule, refusal
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.records.lines import joined, row_lines
from tidegate.records.reason import Reason

_STAGES = "tidegate_stages"
_PREPARED = "tidegate_prepared"
_COPY_COLUMN = re.compile(r", column (.+?)(?:: |$)")
_ESCAPED = ("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")
_RULES = {
    "23502": Rule.NOT_NULL,
    "23503": Rule.REFERENCE,
    "23505": Rule.UNIQUE,
    "23514": Rule.CHECK,
    "22001": Rule.LENGTH,
    "22003": Rule.RANGE,
}
_ROW_ERRORS = re.compile(r"2[123]...|44...|54...|P0001")
_WITHOUT_ROW = ("23502", "23514")


class PostgreSQL(Dialect):
    """PostgreSQL."""

    backend: ClassVar[str] = "postgresql"
    # A deferred constraint would refuse the whole transaction, at its end.
    begin: ClassVar[str] = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE"

    def prepare(self, session: Session) -> None:
        if _PREPARED not in session.memory:
            session.run(f"SET idle_in_transaction_session_timeout = '{self.standstill_seconds}s'")
            session.memory[_PREPARED] = True

    def column_type(self, type_: pa.DataType, *, key: bool = False) -> str:
        types = pa.types
        if types.is_list(type_) or types.is_large_list(type_):
            item = type_.value_type
            return "JSONB" if types.is_nested(item) else f"{self.column_type(item)}[]"
        if types.is_nested(type_):
            return "JSONB"
        if types.is_decimal(type_):
            return f"NUMERIC({type_.precision}, {type_.scale})" if type_.scale >= 0 else "NUMERIC"
        if types.is_timestamp(type_):
            return "TIMESTAMPTZ" if type_.tz else "TIMESTAMP"
        for matches, name in _TYPES:
            if matches(type_):
                return name
        return "TEXT"

    def stage(self, name: str, table: TableId, columns: Sequence[str]) -> str:
        """The statement that makes a temporary table with the types of the table's columns."""
        return (
            f"CREATE TEMPORARY TABLE {self.name(name)} ON COMMIT DELETE ROWS AS "
            f"SELECT {self.names(columns)} FROM {self.table(table)} WITH NO DATA"
        )

    def copy(self, table: str, columns: Sequence[str]) -> str:
        """The statement that takes rows in."""
        return f"COPY {table} ({self.names(columns)}) FROM STDIN"

    def upsert(self, table: TableId, stage: str, keys: Sequence[str], others: Sequence[str]) -> str:
        """The statement that moves rows from a temporary table, replacing those of the same key."""
        names = self.names([*keys, *others])
        action = "UPDATE SET " + ", ".join(f"{self.name(each)} = EXCLUDED.{self.name(each)}" for each in others)
        return (
            f"INSERT INTO {self.table(table)} ({names}) SELECT {names} FROM {self.name(stage)} "
            f"ON CONFLICT ({self.names(keys)}) DO {action if others else 'NOTHING'}"
        )

    def update(self, table: TableId, stage: str, keys: Sequence[str], others: Sequence[str]) -> str:
        """The statement that changes rows after those of a temporary table."""
        settings = ", ".join(f"{self.name(each)} = s.{self.name(each)}" for each in others)
        return f"UPDATE {self.table(table)} AS t SET {settings} FROM {self.name(stage)} AS s WHERE {self._same(keys)}"

    def delete(self, table: TableId, stage: str, keys: Sequence[str]) -> str:
        """The statement that deletes rows with the keys of a temporary table."""
        return f"DELETE FROM {self.table(table)} AS t USING {self.name(stage)} AS s WHERE {self._same(keys)}"

    def _same(self, keys: Sequence[str]) -> str:
        return " AND ".join(f"t.{self.name(each)} = s.{self.name(each)}" for each in keys)

    def writer(
        self, session: Session, table: TableId, columns: Sequence[Bound], mode: str, *, deletes: bool
    ) -> RowWriter:
        return _Writer(self, session, table, columns, mode, deletes)

    def refusal(self, error: Exception, table: TableId) -> Reason | None:
        state = getattr(error, "sqlstate", None)
        if isinstance(error, psycopg.DataError) and state is None:
            return refusal(table, Rule.FORM, str(error))
        if not isinstance(error, psycopg.Error) or state is None or not _ROW_ERRORS.fullmatch(state):
            return None
        found = error.diag
        column = found.column_name
        if column is None and (match := _COPY_COLUMN.search(found.context or "")):
            column = match[1].strip('"')
        text = found.message_primary or str(error)
        if found.message_detail and state not in _WITHOUT_ROW:
            text = f"{text} ({found.message_detail.rstrip('.')})"
        return refusal(table, _RULES.get(state, Rule.FORM), text, column)


_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_uint64, "NUMERIC(20)"),
    (lambda type_: pa.types.is_int64(type_) or pa.types.is_uint32(type_), "BIGINT"),
    (lambda type_: pa.types.is_int32(type_) or pa.types.is_uint16(type_), "INTEGER"),
    (pa.types.is_integer, "SMALLINT"),
    (pa.types.is_float64, "DOUBLE PRECISION"),
    (pa.types.is_floating, "REAL"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (lambda type_: pa.types.is_duration(type_) or pa.types.is_interval(type_), "INTERVAL"),
    (lambda type_: isinstance(type_, pa.UuidType), "UUID"),
    (
        lambda type_: (
            pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_)
        ),
        "BYTEA",
    ),
)


def copy_text(array: pa.Array) -> pa.Array:
    """A fitted column as large strings in the text form of COPY; null stays null."""
    if pa.types.is_large_binary(array.type):
        texts = [None if value is None else f"\\\\x{value.hex()}" for value in array.to_pylist()]
        return pa.array(texts, pa.large_string())
    text = text_of(array)
    if pc.any(pc.match_substring_regex(text, r"[\\\n\r\t]")).as_py():
        for plain, escaped in _ESCAPED:
            text = pc.replace_substring(text, plain, escaped)
    return text


class _Writer(RowWriter):
    def __init__(
        self,
        dialect: PostgreSQL,
        session: Session,
        table: TableId,
        columns: Sequence[Bound],
        mode: str,
        deletes: bool,
    ) -> None:
        self._dialect = dialect
        self._session = session
        self._table = table
        self._mode = mode
        self._keys = [each.column.name for each in columns if each.key]
        self._others = [each.column.name for each in columns if not each.key]
        self._texts = [copy_text(each.array) for each in columns]
        self._stage = "" if mode == INSERT else self._make_stage(columns)
        # Tombstones have nothing but a key.
        self._key_stage = self._make_stage(columns[: len(self._keys)]) if deletes else ""
        self._lines = self._as_lines(len(columns))

    def write(self, rows: Rows) -> None:
        names = [*self._keys, *self._others]
        with self._session.attempt(self._table):
            if self._mode == INSERT:
                self._copy(self._dialect.table(self._table), names, self._lines, rows)
                return
            if self._mode == UPDATE and not self._others:
                return
            self._copy(self._dialect.name(self._stage), names, self._lines, rows)
            build = self._dialect.update if self._mode == UPDATE else self._dialect.upsert
            self._session.run(build(self._table, self._stage, self._keys, self._others))
            self._session.run(f"DELETE FROM {self._dialect.name(self._stage)}")

    def delete(self, rows: Rows) -> None:
        with self._session.attempt(self._table):
            self._copy(self._dialect.name(self._key_stage), self._keys, self._as_lines(len(self._keys)), rows)
            self._session.run(self._dialect.delete(self._table, self._key_stage, self._keys))
            self._session.run(f"DELETE FROM {self._dialect.name(self._key_stage)}")

    def _as_lines(self, columns: int) -> pa.Array:
        return row_lines(self._texts[:columns], begin="", between="\t", end="\n", null="\\N")

    def _copy(self, table: str, names: Sequence[str], lines: pa.Array, rows: Rows) -> None:
        with self._session.driver.cursor() as cursor, cursor.copy(self._dialect.copy(table, names)) as copy:
            copy.write(joined(lines, rows))

    def _make_stage(self, columns: Sequence[Bound]) -> str:
        signature = repr((str(self._table), [(each.column.name, each.column.type_text) for each in columns]))
        name = f"tidegate_stage_{hashlib.sha256(signature.encode()).hexdigest()[:16]}"
        stages: set[str] = self._session.memory.setdefault(_STAGES, set())
        if name not in stages:
            self._session.run(self._dialect.stage(name, self._table, [each.column.name for each in columns]))
            stages.add(name)
        return name

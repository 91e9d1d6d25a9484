"""MariaDB and MySQL: rows in statements of many rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.connectors.jdbc_sink.dialect import Dialect, RowWriter
from tidegate.connectors.jdbc_sink.fit import text_of
from tidegate.connectors.jdbc_sink.gate import Bound
from tidegate.connectors.jdbc_sink.isolation import RefusedError
from tidegate.connectors.jdbc_sink.options import INSERT, UPDATE, UPSERT
from tidegate.connectors.jdbc_sink.refusal import Rule, refusal
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.errors import FatalError
from tidegate.records.lines import joined, parts, row_lines
from tidegate.records.reason import Reason

_PACKET = "tidegate_packet"
_STAGE = "tidegate_stage"
_ROOM = 64 * 1024
_TRANSACTIONAL = ("innodb", "xtradb", "rocksdb", "tokudb", "ndbcluster")
# Without these a value that does not fit is cut to size, silently; and a backslash has to mean what is written below.
_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_COLUMN = re.compile(r"(?:[Cc]olumn|Field) '(?:[^'`]*`\.)?[`']?([^'`]+)[`']?'?")
_CANNOT_BE_NULL = 1048
_RULES = {
    _CANNOT_BE_NULL: Rule.NOT_NULL,
    1364: Rule.NOT_NULL,
    1062: Rule.UNIQUE,
    1586: Rule.UNIQUE,
    1452: Rule.REFERENCE,
    1216: Rule.REFERENCE,
    1451: Rule.REFERENCE,
    1217: Rule.REFERENCE,
    4025: Rule.CHECK,
    3819: Rule.CHECK,
    1406: Rule.LENGTH,
    1264: Rule.RANGE,
    1690: Rule.RANGE,
}
_FORMS = {1265, 1292, 1366, 1367, 1411, 1416, 1525, 1644, 1118, 1918, 4078, 3140, 4037, 4038}
_TEXT_KEY = {"mariadb": "utf8mb4_nopad_bin", "mysql": "utf8mb4_0900_bin"}


class MariaDB(Dialect):
    """MariaDB and MySQL.

    Args:
        quoted: whether names are quoted.
        product: ``mariadb`` or ``mysql``.
    """

    backend: ClassVar[str] = "mariadb"
    begin: ClassVar[str] = "START TRANSACTION"
    quote_mark: ClassVar[str] = "`"
    table_options: ClassVar[str] = " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4"

    def __init__(self, *, quoted: bool = True, product: str = "mariadb") -> None:
        super().__init__(quoted=quoted)
        self._text_key = _text_key(product)

    def column_type(self, type_: pa.DataType, *, key: bool = False) -> str:
        types = pa.types
        if types.is_decimal(type_):
            if type_.precision > 65 or not 0 <= type_.scale <= 38:
                return self._text_key if key else "LONGTEXT"
            return f"DECIMAL({type_.precision}, {type_.scale})"
        if types.is_timestamp(type_):
            return f"DATETIME({0 if type_.unit == 's' else 3 if type_.unit == 'ms' else 6})"
        if types.is_time(type_):
            return f"TIME({0 if type_.unit == 's' else 3 if type_.unit == 'ms' else 6})"
        if types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_):
            return "VARBINARY(255)" if key else "LONGBLOB"
        if types.is_nested(type_):
            return "JSON"
        for matches, name in _TYPES:
            if matches(type_):
                return name
        # Keys are compared byte by byte, as in Kafka, or two of them could be taken for one.
        return self._text_key if key else "LONGTEXT"

    def prepare(self, session: Session) -> None:
        if _PACKET not in session.memory:
            session.run(f"SET SESSION sql_mode = '{_SQL_MODE}'")
            # A server of either kind answers to either kind of URL.
            self._text_key = _text_key("mariadb" if session.connection.dialect.is_mariadb else "mysql")  # type: ignore[attr-defined]
            if session.connection.dialect.is_mariadb:  # type: ignore[attr-defined]
                session.run(f"SET SESSION idle_write_transaction_timeout = {self.standstill_seconds}")
            session.memory[_PACKET] = int(session.rows("SELECT @@max_allowed_packet")[0][0])

    def check_transactional(self, session: Session, table: TableId) -> None:
        found = session.rows(
            "SELECT engine FROM information_schema.tables "
            "WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s",
            (table.schema, table.name),
        )
        engine = found[0][0] if found else None
        if engine is not None and engine.lower() not in _TRANSACTIONAL:
            raise FatalError(
                f"Table {table} is of engine {engine}, which has no transactions: what a crash leaves half written "
                "would stay.",
                remedy=f"Run: ALTER TABLE {self.table(table)} ENGINE=InnoDB.",
            )

    def insert_if_absent(self, table: TableId, names: Sequence[str]) -> str:
        marks = ", ".join("%s" for _ in names)
        return f"INSERT IGNORE INTO {self.table(table)} ({self.names(names)}) VALUES ({marks})"

    def insert(self, table: str, names: Sequence[str]) -> str:
        """The beginning of a statement that adds rows; the rows follow."""
        return f"INSERT INTO {table} ({self.names(names)}) VALUES "

    def on_duplicate(self, keys: Sequence[str], others: Sequence[str]) -> str:
        """The end of a statement that replaces the rows of the same key.

        MariaDB takes a row that is equal in any unique index for the one to replace. Where that is not the key's, the
        key would become null, which it may not be: so the row is refused rather than written over another.
        """
        guards = [
            f"{self.name(each)} = IF({self.name(each)} <=> VALUES({self.name(each)}), {self.name(each)}, NULL)"
            for each in keys
        ]
        settings = [f"{self.name(each)} = VALUES({self.name(each)})" for each in others]
        return f" ON DUPLICATE KEY UPDATE {', '.join(guards + settings)}"

    def update(self, table: TableId, stage: str, keys: Sequence[str], others: Sequence[str]) -> str:
        """The statement that changes rows after those of a temporary table."""
        same = " AND ".join(f"t.{self.name(each)} = s.{self.name(each)}" for each in keys)
        settings = ", ".join(f"t.{self.name(each)} = s.{self.name(each)}" for each in others)
        return f"UPDATE {self.table(table)} AS t JOIN {self.name(stage)} AS s ON {same} SET {settings}"

    def delete(self, table: TableId, keys: Sequence[str]) -> str:
        """The beginning of a statement that deletes rows; the keys follow, and a parenthesis."""
        return f"DELETE FROM {self.table(table)} WHERE ({self.names(keys)}) IN ("

    def writer(
        self, session: Session, table: TableId, columns: Sequence[Bound], mode: str, *, deletes: bool
    ) -> RowWriter:
        return _Writer(self, session, table, columns, mode)

    def refusal(self, error: Exception, table: TableId) -> Reason | None:
        from pymysql import MySQLError

        if not isinstance(error, MySQLError) or len(error.args) < 2 or not isinstance(error.args[0], int):
            return None
        code, text = error.args[0], str(error.args[1])
        rule = _RULES.get(code) or (Rule.FORM if code in _FORMS else None)
        if rule is None:
            return None
        match = _COLUMN.search(text)
        return refusal(table, rule, text, match[1] if match else None)


_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_uint8, "TINYINT UNSIGNED"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_uint16, "SMALLINT UNSIGNED"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_uint32, "INTEGER UNSIGNED"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint64, "BIGINT UNSIGNED"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_floating, "FLOAT"),
    (pa.types.is_date, "DATE"),
    (lambda type_: isinstance(type_, pa.UuidType), "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin"),
)


def _text_key(product: str) -> str:
    return f"VARCHAR(255) CHARACTER SET utf8mb4 COLLATE {_TEXT_KEY[product]}"


def literals(array: pa.Array) -> pa.Array:
    """A fitted column as large strings that are SQL literals; null stays null."""
    types = pa.types
    if types.is_large_binary(array.type):
        texts = [None if value is None else f"x'{value.hex()}'" for value in array.to_pylist()]
        return pa.array(texts, pa.large_string())
    if types.is_boolean(array.type):
        return array.cast(pa.int8()).cast(pa.large_string())
    text = text_of(array)
    if types.is_integer(array.type) or types.is_floating(array.type) or types.is_decimal(array.type):
        return text
    if pc.any(pc.match_substring_regex(text, r"[\\']")).as_py():
        text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), "'", "\\'")
    quote, empty = pa.scalar("'", pa.large_string()), pa.scalar("", pa.large_string())
    return pc.binary_join_element_wise(quote, text, quote, empty)


class _Writer(RowWriter):
    def __init__(self, dialect: MariaDB, session: Session, table: TableId, columns: Sequence[Bound], mode: str) -> None:
        self._dialect = dialect
        self._session = session
        self._table = table
        self._mode = mode
        self._keys = [each.column.name for each in columns if each.key]
        self._others = [each.column.name for each in columns if not each.key]
        self._most = session.memory[_PACKET] - _ROOM
        texts = [literals(each.array) for each in columns]
        self._lines = _tuples(texts)
        self._key_lines = _tuples(texts[: len(self._keys)]) if self._keys else self._lines
        self._stage = self._make_stage(columns) if mode == UPDATE and self._others else ""

    def write(self, rows: Rows) -> None:
        try:
            self._write(rows)
        except RefusedError as error:
            if self._mode == UPSERT and _nulled(error.__cause__) in self._keys:
                why = "its key is new, but another row is equal in a unique index"
                raise RefusedError(refusal(self._table, Rule.OTHER_UNIQUE, why)) from error
            raise

    def _write(self, rows: Rows) -> None:
        names = [*self._keys, *self._others]
        with self._session.attempt(self._table):
            if self._mode != UPDATE:
                end = "" if self._mode == INSERT else self._dialect.on_duplicate(self._keys, self._others)
                self._send(self._dialect.insert(self._dialect.table(self._table), names), self._lines, rows, end)
            elif self._others:
                stage = self._dialect.name(self._stage)
                self._send(self._dialect.insert(stage, names), self._lines, rows, "")
                self._session.run(self._dialect.update(self._table, self._stage, self._keys, self._others))
                self._session.run(f"DELETE FROM {stage}")

    def delete(self, rows: Rows) -> None:
        with self._session.attempt(self._table):
            self._send(self._dialect.delete(self._table, self._keys), self._key_lines, rows, ")")

    def _send(self, begin: str, lines: pa.Array, rows: Rows, end: str) -> None:
        for part in parts(lines, rows, self._most):
            # The last comma is one too many.
            body = joined(lines, part)[:-1]
            if len(body) > self._most:
                why = f"it takes {len(body)} bytes, and the server's max_allowed_packet is {self._most + _ROOM}"
                raise RefusedError(refusal(self._table, Rule.PACKET, why))
            self._session.run(b"".join((begin.encode(), body, end.encode())))

    def _make_stage(self, columns: Sequence[Bound]) -> str:
        name = "tidegate_stage"
        signature = (self._table, [(each.column.name, each.column.type_text) for each in columns])
        if self._session.memory.get(_STAGE) == signature:
            return name
        self._session.run(f"DROP TEMPORARY TABLE IF EXISTS {self._dialect.name(name)}")
        self._session.run(
            f"CREATE TEMPORARY TABLE {self._dialect.name(name)} ENGINE=InnoDB AS "
            f"SELECT {self._dialect.names([*self._keys, *self._others])} "
            f"FROM {self._dialect.table(self._table)} LIMIT 0"
        )
        self._session.memory[_STAGE] = signature
        return name


def _nulled(error: BaseException | None) -> str | None:
    """The column of an error that says it can not be null."""
    if error is None or error.args[:1] != (_CANNOT_BE_NULL,):
        return None
    match = _COLUMN.search(str(error.args[1]))
    return match[1] if match else None


def _tuples(texts: Sequence[pa.Array]) -> pa.Array:
    return row_lines(texts, begin="(", between=",", end="),", null="NULL")

"""Asks the server for its tables, its position in the log and its settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.connection import Session
from tidegate.connectors.mysql_cdc.ddl import DdlError, constant, type_of
from tidegate.connectors.mysql_cdc.default_text import default_text, told_default
from tidegate.errors import FatalError

BUILTIN_DATABASES = ("mysql", "information_schema", "performance_schema", "sys")

_TABLES = (
    "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, a.CHARACTER_SET_NAME FROM information_schema.TABLES t "
    "LEFT JOIN information_schema.COLLATION_CHARACTER_SET_APPLICABILITY a ON a.COLLATION_NAME = t.TABLE_COLLATION "
    "WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA IN %s"
)
_COLUMNS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLUMN_DEFAULT, EXTRA "
    "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN %s ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
)
_INDEXES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
    "WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA IN %s ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
)
_CHECKS = (
    "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
    "WHERE CHECK_CLAUSE LIKE 'json_valid(%%' AND CONSTRAINT_SCHEMA IN %s"
)
_VERSIONED = (
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
    "WHERE TABLE_TYPE = 'SYSTEM VERSIONED' AND TABLE_SCHEMA IN %s"
)
_ENGINE = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of the log.

    Args:
        file: the last log file.
        pos: its end.
        gtids: all transactions before it; empty where the server has none.
    """

    file: str
    pos: int
    gtids: str


class Catalogue:
    """Asks over one session.

    Args:
        session: to the server.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        version = str(session.run("SELECT VERSION()")[0][0])
        self.mariadb = "mariadb" in version.lower()
        self.version = tuple(int(number) for number in re.findall(r"\d+", version)[:3])

    @property
    def connector(self) -> str:
        """``mysql`` or ``mariadb``."""
        return "mariadb" if self.mariadb else "mysql"

    def server_id(self) -> str:
        """What tells the server apart from its replicas."""
        return self.session.variable("server_uuid") or self.session.variable("server_id") or ""

    def charset_of_collations(self) -> Mapping[int, str]:
        """Character sets by the number of their collations."""
        rows = self.session.run("SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS")
        return {int(number): str(charset) for number, charset in rows if number is not None and charset is not None}

    def databases(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        """Databases and their default character sets."""
        rows = self.session.run("SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA")
        return {name: charset for name, charset in rows if name not in BUILTIN_DATABASES and wanted(name)}

    def tables(self, databases: Sequence[str], table: TableId | None = None) -> dict[TableId, TableDefinition]:
        """Definitions of the tables of some databases, or of one table.

        Raises:
            FatalError: a column's type is not understood.
        """
        if not databases:
            return {}
        one = "" if table is None else " AND TABLE_NAME = " + self.session.literal(table.table)

        def ask(query: str) -> list[tuple[Any, ...]]:
            first, order, rest = query.partition(" ORDER BY")
            name = "t.TABLE_NAME" if " t " in first else "TABLE_NAME"
            return self.session.run(first + one.replace("TABLE_NAME", name) + order + rest, [tuple(databases)])

        columns: dict[TableId, list[Column]] = {}
        for schema, name, column, kind, nullable, charset, default, extra in ask(_COLUMNS):
            try:
                made = type_of(column, _text(kind))
            except DdlError as error:
                raise FatalError(f"The table {schema}.{name} can not be read: {error}.") from error
            made = replace(made, nullable=nullable == "YES", charset=charset if made.is_text else None)
            if default is not None:
                made = replace(made, default=self._default(made, _text(default), _text(extra or "")))
            columns.setdefault(TableId(schema, name), []).append(made)
        self._find_json(columns, ask)
        indexes: dict[TableId, dict[str, list[str]]] = {}
        for schema, name, index, column in ask(_INDEXES):
            if column is not None:
                indexes.setdefault(TableId(schema, name), {}).setdefault(index, []).append(column)
        found = {}
        for schema, name, charset in ask(_TABLES):
            id_ = TableId(schema, name)
            unique = {index: tuple(names) for index, names in indexes.get(id_, {}).items()}
            primary = unique.pop("PRIMARY", ())
            found[id_] = TableDefinition(id_, tuple(columns.get(id_, ())), primary, unique, charset)
        return found

    def _default(self, column: Column, text: str, extra: str) -> str | None:
        """A column's default where it is a constant: MariaDB tells an expression, MySQL a text without quotes."""
        if self.mariadb:
            literal = constant(text)
            return None if literal is None else default_text(column, literal)
        return None if "DEFAULT_GENERATED" in extra.upper() else told_default(column, text)

    def table_names(self, databases: Sequence[str]) -> list[TableId]:
        """The tables of some databases."""
        rows = self.session.run(_TABLES, [tuple(databases)]) if databases else []
        return [TableId(schema, name) for schema, name, _ in rows]

    def versioned(self, databases: Sequence[str]) -> list[TableId]:
        """The tables of some databases that keep their old rows, which the log tells like rows of today."""
        if not self.mariadb or not databases:
            return []
        return [TableId(schema, name) for schema, name in self.session.run(_VERSIONED, [tuple(databases)])]

    def is_transactional(self, table: TableId) -> bool:
        """Whether a consistent snapshot shows a table as it was."""
        rows = self.session.run(_ENGINE, [*table])
        return bool(rows) and str(rows[0][0]).lower() == "innodb"

    def _find_json(self, columns: Mapping[TableId, list[Column]], ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
        """MariaDB's JSON is text with a check."""
        if not self.mariadb:
            return
        for schema, name, clause in ask(_CHECKS):
            check = _JSON_CHECK.fullmatch(_text(clause))
            made = columns.get(TableId(schema, name), [])
            for place, column in enumerate(made):
                if check is not None and column.name == check[1].replace("``", "`") and column.type == "longtext":
                    made[place] = replace(column, type="json")

    def log_end(self) -> LogEnd:
        """Where the log ends now.

        Raises:
            FatalError: the server writes none.
        """
        statement = "SHOW MASTER STATUS"
        if not self.mariadb and self.version >= (8, 4):
            statement = "SHOW BINARY LOG STATUS"
        rows = self.session.run(statement)
        if not rows:
            raise FatalError(
                f"The {self.session.server.name} writes no binary log.",
                remedy="Set log_bin and binlog_format=ROW in its configuration and restart it.",
            )
        file, pos = str(rows[0][0]), int(rows[0][1])
        if not self.mariadb:
            return LogEnd(file, pos, "".join(str(rows[0][4]).split()) if len(rows[0]) > 4 else "")
        return LogEnd(file, pos, self.gtids_at(file, pos))

    def gtids_at(self, file: str, pos: int) -> str:
        """The transactions before a place in MariaDB's log."""
        found = self.session.run("SELECT BINLOG_GTID_POS(%s, %s)", [file, pos])[0][0]
        return _text(found or "")

    def lacking(self, gtids: str) -> str:
        """Those of some of MySQL's transactions that the server has never had."""
        return _text(self.session.run("SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", [gtids])[0][0])

    def snapshot_place(self) -> tuple[str, int] | None:
        """Where in the log the session's consistent snapshot is; None where the server does not tell it."""
        rows = self.session.run("SHOW STATUS LIKE 'binlog_snapshot_%%'", [])
        found = {str(name).lower(): str(value) for name, value in rows}
        file = found.get("binlog_snapshot_file", "")
        return (file, int(found["binlog_snapshot_position"])) if file else None

    def log_files(self) -> dict[str, int]:
        """The log files that are there, oldest first, and their sizes in bytes.

        The last one's is its end, up to which all is written; the server may have made it larger.
        """
        return {str(row[0]): int(row[1]) for row in self.session.run("SHOW BINARY LOGS")}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

"""A table as the database's catalogue has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import types as sql
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from tidegate.connectors.jdbc_sink.table_id import TableId


class Kind(StrEnum):
    """What a column takes, as far as the sink has to tell."""

    BOOLEAN = "boolean"
    INTEGER = "whole number"
    REAL = "floating-point number"
    DECIMAL = "decimal number"
    TEXT = "text"
    BINARY = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp without time zone"
    INSTANT = "timestamp with time zone"
    JSON = "JSON"
    ARRAY = "array"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Args:
        name: its name.
        kind: what it takes.
        type_text: its SQL type, for people.
        required: whether a row has to bring a value: NOT NULL, without a default, not filled in by the database.
        nullable: whether it takes null.
        low: least value of a whole number; None where not known.
        high: greatest value.
        generated: computed by the database; can not be written.
        element: kind of an array's elements.
    """

    name: str
    kind: Kind
    type_text: str
    required: bool = False
    nullable: bool = True
    low: int | None = None
    high: int | None = None
    generated: bool = False
    element: Kind = Kind.OTHER


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Args:
        id: its name.
        columns: its columns by name.
        primary_key: names of the columns of its primary key.
    """

    id: TableId
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()

    def find(self, name: str) -> Column | None:
        """The column of a name; its case does not matter where that is unique."""
        if name in self.columns:
            return self.columns[name]
        folded = [column for other, column in self.columns.items() if other.lower() == name.lower()]
        return folded[0] if len(folded) == 1 else None


def read_table(connection: Connection, table: TableId) -> Table | None:
    """The table as it is now; None when it does not exist.

    Raises:
        SQLAlchemyError: the database is away.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, table.schema):
        return None
    keys = tuple(inspector.get_pk_constraint(table.name, table.schema).get("constrained_columns") or ())
    backend = connection.dialect.name
    columns = {}
    for found in inspector.get_columns(table.name, table.schema):
        column = _column(dict(found), backend, keys)
        columns[column.name] = column
    return Table(table, columns, keys)


def _column(found: Mapping[str, Any], backend: str, keys: tuple[str, ...]) -> Column:
    name = str(found["name"])
    type_: TypeEngine[Any] = found["type"]
    domain = getattr(type_, "data_type", None)
    if type(type_).__name__ == "DOMAIN" and domain is not None:
        type_ = domain
    generated = bool((found.get("computed") or {}).get("sqltext"))
    # SQLite takes null for a key that is INTEGER PRIMARY KEY, and counts it up.
    counted = backend == "sqlite" and keys == (name,) and isinstance(type_, sql.Integer)
    filled = (
        generated
        or counted
        or found.get("default") is not None
        or bool(found.get("identity"))
        or found.get("autoincrement") is True
    )
    nullable = bool(found.get("nullable", True)) and name not in keys
    low, high = _range(type_, backend)
    element = _kind(type_.item_type, backend) if isinstance(type_, sql.ARRAY) else Kind.OTHER
    return Column(
        name,
        _kind(type_, backend),
        _type_text(found["type"]),
        required=not nullable and not filled,
        nullable=nullable,
        low=low,
        high=high,
        generated=generated or bool((found.get("identity") or {}).get("always")),
        element=element,
    )


def _kind(type_: TypeEngine[Any], backend: str) -> Kind:
    name = type(type_).__name__.upper()
    mysql = backend in ("mysql", "mariadb")
    if isinstance(type_, sql.ARRAY):
        return Kind.ARRAY
    if isinstance(type_, sql.Boolean):
        return Kind.BOOLEAN if backend == "postgresql" else Kind.INTEGER
    if isinstance(type_, sql.Integer) or name == "YEAR":
        return Kind.INTEGER
    if isinstance(type_, (sql.Float, sql.Double)):
        return Kind.REAL
    if isinstance(type_, sql.Numeric):
        return Kind.DECIMAL
    if isinstance(type_, sql.DateTime) or name == "TIMESTAMP":
        instant = getattr(type_, "timezone", False) if not mysql else name == "TIMESTAMP"
        return Kind.INSTANT if instant else Kind.TIMESTAMP
    if isinstance(type_, sql.Date):
        return Kind.DATE
    if isinstance(type_, sql.Time):
        return Kind.TIME
    if isinstance(type_, sql.JSON):
        return Kind.JSON
    if isinstance(type_, (sql.Enum, sql.Uuid)) or name == "SET":
        return Kind.OTHER
    if isinstance(type_, sql.String):
        return Kind.TEXT
    if isinstance(type_, sql.LargeBinary) or name in ("BYTEA", "BINARY", "VARBINARY", "BLOB"):
        return Kind.BINARY
    return Kind.OTHER


def _range(type_: TypeEngine[Any], backend: str) -> tuple[int | None, int | None]:
    if not isinstance(type_, sql.Integer):
        return None, None
    name = type(type_).__name__.upper()
    bits = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24}.get(name, 32)
    if isinstance(type_, sql.BigInteger) or backend == "sqlite":
        bits = 64
    if getattr(type_, "unsigned", False):
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _type_text(type_: TypeEngine[Any]) -> str:
    try:
        return str(type_)
    except sa.exc.SQLAlchemyError:
        return type(type_).__name__

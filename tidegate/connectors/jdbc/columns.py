"""The columns of what is read: their Arrow types, and pages of rows as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from tidegate.connectors.jdbc.column_types import TypeMapping, arrow_type
from tidegate.connectors.jdbc.granularity import converted
from tidegate.connectors.jdbc.reflection import Reflection
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.rows import Rows
from tidegate.errors import FatalError
from tidegate.records.avro_metadata import LOGICAL

Fingerprint = tuple[tuple[Any, ...], ...]
"""What a cursor tells about its columns at no cost: names, and types where the driver knows them."""


_MOST_DIGITS = 6


def fingerprint(description: Sequence[Sequence[Any]]) -> Fingerprint:
    """The fingerprint of a DB-API cursor's description."""
    return tuple((str(column[0]), str(column[1]), column[4], column[5]) for column in description)


def driver_type(shown: Sequence[Any]) -> str:
    """The name that a driver has for a column's type; Oracle's shows it as ``<DbType DB_TYPE_DATE>``.

    Args:
        shown: the column as a fingerprint has it.
    """
    return str(shown[1]).removeprefix("<DbType ").removesuffix(">")


def second_digits(shown: Sequence[Any], backend: str) -> int:
    """How many digits of a second a column of times keeps.

    Args:
        shown: the column as a fingerprint has it.
        backend: kind of database, as SQLAlchemy names it.
    """
    _, _, precision, scale = shown
    if backend == "sqlite":
        # It keeps any text; its own clock writes seconds.
        return 0
    if backend == "oracle" and driver_type(shown) == "DB_TYPE_DATE":
        return 0
    digits = precision if backend == "postgresql" else scale
    return _MOST_DIGITS if digits is None else min(digits, _MOST_DIGITS)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table or query as of one fingerprint.

    Args:
        fields: one Arrow field a column, in the order of the rows.
        seen: the fingerprint they belong to.
    """

    fields: tuple[pa.Field, ...]
    seen: Fingerprint

    def index(self, name: str) -> int:
        """Position of a column; the case of its name does not matter where it is unique.

        Raises:
            FatalError: there is no such column.
        """
        names = [field.name for field in self.fields]
        if name in names:
            return names.index(name)
        folded = [index for index, other in enumerate(names) if other.lower() == name.lower()]
        if len(folded) != 1:
            raise FatalError(f"Column {name!r} is missing.", remedy=f"Use one of {', '.join(names)}.")
        return folded[0]

    def read(self, rows: Rows) -> Reading:
        """Rows as arrays, and what is wrong with those that do not fit."""
        arrays: list[pa.Array] = []
        problems: dict[int, str] = {}
        for field, (array, faults) in zip(self.fields, rows.columns(self.fields), strict=True):
            for row, fault in faults.items():
                problems.setdefault(row, f"column {field.name!r}: {fault}")
            if array.null_count and not field.nullable:
                for row in np.flatnonzero(array.is_null()).tolist():
                    problems.setdefault(row, f"column {field.name!r} is NOT NULL and has a null")
            arrays.append(array)
        return Reading(self.fields, arrays, problems)


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows made columns.

    Args:
        fields: one a column.
        arrays: one a column, of all rows.
        problems: by row what is wrong with it: one sentence naming column and rule.
    """

    fields: tuple[pa.Field, ...]
    arrays: Sequence[pa.Array]
    problems: Mapping[int, str]

    def with_granularity(self, granularity: str) -> Reading:
        """With timestamps in another form.

        Args:
            granularity: one of those of ``timestamp.granularity``.
        """
        problems = dict(self.problems)
        fields, arrays = [], []
        for field, array in zip(self.fields, self.arrays, strict=True):
            new_field, new_array, faults = converted(field, array, granularity)
            fields.append(new_field)
            arrays.append(new_array)
            problems = {**faults, **problems}
        return Reading(tuple(fields), arrays, problems)

    def sound(self) -> pa.StructArray:
        """The rows that have no problem."""
        arrays = self.arrays
        if self.problems:
            kept = np.ones(len(arrays[0]), np.bool_)
            kept[list(self.problems)] = False
            arrays = [array.filter(pa.array(kept)) for array in arrays]
        return pa.StructArray.from_arrays(arrays, fields=list(self.fields))


def read_columns(connection: Connection, relation: Relation, seen: Fingerprint, mapping: TypeMapping) -> Columns | None:
    """The columns as the database's catalogue has them now.

    Returns:
        None when they are no longer those of ``seen``: the table has changed again.

    Raises:
        FatalError: the table is gone.
    """
    backend = connection.dialect.name
    names = [column[0] for column in seen]
    if relation.query is not None:
        types = [_described_type(connection, column) for column in seen]
        fields = [
            pa.field(name, arrow_type(type_, mapping, backend=backend))
            for name, type_ in zip(names, types, strict=True)
        ]
        return Columns(tuple(fields), seen)
    reflection = Reflection(connection)
    try:
        reflected = {str(column["name"]): column for column in reflection.columns(relation)}
        keys = reflection.primary_key(relation)
    except sa.exc.NoSuchTableError:
        raise FatalError(f"Table {relation.name} is gone.", remedy="Remove it from table.whitelist.") from None
    matched = [reflected.get(name) for name in names]
    if len(reflected) != len(names) or any(column is None for column in matched):
        return None
    fields = []
    for column in matched:
        assert column is not None
        # SQLite reports INTEGER PRIMARY KEY, which can not be null, as nullable.
        required = not column.get("nullable", True) or (backend == "sqlite" and keys == [column["name"]])
        type_ = arrow_type(column["type"], mapping, backend=backend)
        metadata = {LOGICAL: b"uuid"} if isinstance(column["type"], sa.types.Uuid) else None
        fields.append(pa.field(str(column["name"]), type_, nullable=not required, metadata=metadata))
    return Columns(tuple(fields), seen)


def _described_type(connection: Connection, column: Sequence[Any]) -> TypeEngine[Any]:
    """The SQL type of a query's column, from the driver's description of it."""
    _, code, precision, scale = column
    dialect: Any = connection.dialect
    if dialect.name == "postgresql":
        from psycopg import postgres

        info = postgres.types.get(int(code)) if code.isdigit() else None
        if info is None:
            return sa.types.String()
        name = {"bool": "boolean", "bpchar": "character", "varchar": "character varying"}.get(info.name, info.regtype)
        known = dialect.ischema_names.get(name)
        if known is None:
            return sa.types.String()
        if info.name == "numeric":
            found: TypeEngine[Any] = sa.types.Numeric(precision, scale)
        elif info.name in ("timestamptz", "timetz"):
            found = known(timezone=True)
        else:
            found = known() if isinstance(known, type) else known
        return sa.types.ARRAY(found) if int(code) == info.array_oid else found
    if dialect.name in ("mysql", "mariadb"):
        return _mysql_type(int(code), precision, scale)
    return _UNKNOWN


_UNKNOWN: TypeEngine[Any] = sa.types.String()


def _mysql_type(code: int, precision: int | None, scale: int | None) -> TypeEngine[Any]:
    from pymysql.constants import FIELD_TYPE as KIND

    if code in (KIND.DECIMAL, KIND.NEWDECIMAL):
        return sa.types.Numeric(precision, scale)
    if code in (KIND.TINY, KIND.SHORT, KIND.INT24, KIND.YEAR, KIND.LONG, KIND.LONGLONG):
        return sa.types.BigInteger()
    if code in (KIND.FLOAT, KIND.DOUBLE):
        return sa.types.Double()
    if code == KIND.TIMESTAMP:
        return sa.types.TIMESTAMP(timezone=True)
    kinds: dict[int, TypeEngine[Any]] = {KIND.DATETIME: sa.types.DateTime(), KIND.DATE: sa.types.Date()}
    return kinds.get(code, _UNKNOWN)

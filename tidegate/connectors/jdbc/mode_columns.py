"""By which columns the new rows of a table are found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tidegate.connectors.jdbc.column_mapping import parsed_mapping
from tidegate.connectors.jdbc.keys import INCREMENTING, TIMESTAMP, TIMESTAMP_INCREMENTING
from tidegate.connectors.jdbc.reflection import Reflection
from tidegate.connectors.jdbc.relation import Relation
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import Config

INCREMENTING_NAME = "incrementing.column.name"
INCREMENTING_MAPPING = "incrementing.column.mapping"
TIMESTAMP_NAME = "timestamp.column.name"
TIMESTAMP_MAPPING = "timestamp.columns.mapping"

_SQLITE_NUMBERS = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"
_HALF_YEARS = (datetime(2026, 1, 1), datetime(2026, 7, 1))  # noqa: DTZ001 - times on a wall
_AUTOINCREMENT = re.compile(r"(?i)\bAUTOINCREMENT\b")


@dataclass(frozen=True, slots=True)
class ModeColumns:
    """The columns of a configuration's mode.

    Args:
        incrementing: the one that grows; None where the mode has none.
        timestamps: those with the time of the last change, of which the first that is not null counts.
    """

    incrementing: str | None
    timestamps: Sequence[str]


def mode_columns(connection: Connection, relation: Relation, config: Config) -> ModeColumns:
    """The columns by which a relation's rows are found.

    Args:
        connection: to the database, which may be asked what it numbers itself.
        relation: a table or a query.
        config: the connector's configuration.

    Raises:
        ConfigError: the configuration names none for it, and the database numbers none.
    """
    mode = config["mode"]
    incrementing: str | None = None
    timestamps: Sequence[str] = ()
    if mode in (INCREMENTING, TIMESTAMP_INCREMENTING):
        if config[INCREMENTING_MAPPING]:
            [incrementing] = _mapped(INCREMENTING_MAPPING, relation, connection, config)
        else:
            incrementing = config[INCREMENTING_NAME] or numbered_column(connection, relation)
        if incrementing is None:
            raise ConfigError(
                [ConfigProblem(INCREMENTING_NAME, f"{relation.name} has no column with automatic numbers: name one")]
            )
    if mode in (TIMESTAMP, TIMESTAMP_INCREMENTING):
        mapped = config[TIMESTAMP_MAPPING]
        timestamps = (
            _mapped(TIMESTAMP_MAPPING, relation, connection, config) if mapped else tuple(config[TIMESTAMP_NAME] or ())
        )
    return ModeColumns(incrementing, timestamps)


def numbered_column(connection: Connection, relation: Relation) -> str | None:
    """The first column of a table that the database numbers itself; None for a query.

    In SQLite that is one with AUTOINCREMENT: without it, the number of a row that was deleted is given again.

    Args:
        connection: to the database.
        relation: the table.
    """
    if relation.query is not None:
        return None
    reflection = Reflection(connection)
    if connection.dialect.name == "sqlite":
        made = connection.execute(sa.text(_SQLITE_NUMBERS), {"table": relation.table}).scalar()
        keys = reflection.primary_key(relation)
        return keys[0] if keys and made is not None and _AUTOINCREMENT.search(made) else None
    for column in reflection.columns(relation):
        if column.get("identity") or column.get("autoincrement") is True:
            return str(column["name"])
    return None


def _mapped(key: str, relation: Relation, connection: Connection, config: Config) -> Sequence[str]:
    names = relation.qualified_names(connection.engine.url.database)
    found = {
        columns
        for pattern, columns in map(parsed_mapping, config[key])
        if any(re.fullmatch(pattern, name) for name in names)
    }
    if len(found) != 1:
        matches = "no pattern matches" if not found else "several patterns match"
        raise ConfigError([ConfigProblem(key, f"{matches} table {relation.name}: let exactly one match it")])
    return found.pop()


def alike(types: Sequence[pa.DataType], backend: str, zone: tzinfo) -> bool:
    """Whether the times of some columns can be compared with each other.

    Args:
        types: of the columns.
        backend: kind of database, as SQLAlchemy names it.
        zone: that of the columns without time zone.
    """
    if backend == "sqlite" or len(set(types)) == 1:
        return True
    # MySQL shows an instant without its zone, which is UTC.
    points = all(pa.types.is_timestamp(type_) for type_ in types)
    return backend in ("mysql", "mariadb") and points and not any(map(zone.utcoffset, _HALF_YEARS))

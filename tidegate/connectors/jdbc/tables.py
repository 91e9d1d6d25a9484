"""Which tables a configuration chooses, and whether they have what its mode needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tidegate.connectors.jdbc.column_types import arrow_type
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import INCREMENTING, TIMESTAMP, TIMESTAMP_INCREMENTING
from tidegate.connectors.jdbc.relation import Relation
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import Config


def chosen_tables(database: Database, config: Config) -> list[Relation]:
    """The tables to read, in order of name, each with its schema where the database has schemas.

    Raises:
        ConfigError: a named table does not exist, or there are none.
        RetriableError: the database is away.
    """
    include = config["table.whitelist"] or config["table.include.list"] or []
    exclude = set(config["table.blacklist"] or config["table.exclude.list"] or [])
    key = "table.whitelist" if config["table.whitelist"] or not include else "table.include.list"
    with database.connection() as connection:
        inspector = sa.inspect(connection)
        default = config["schema.pattern"] or inspector.default_schema_name
        # SQLite's "main" is no part of a table's name.
        default = None if database.backend == "sqlite" else default
        if not include:
            kinds = {kind.upper() for kind in config["table.types"]}
            found = inspector.get_table_names(default) if "TABLE" in kinds else []
            found += inspector.get_view_names(default) if "VIEW" in kinds else []
            names = [(default, name) for name in found]
        else:
            names, problems = [], []
            for text in include:
                schema, _, table = text.rpartition(".")
                place = schema or default
                if not inspector.has_table(table, place):
                    near = ", ".join(sorted(inspector.get_table_names(place))[:20]) or "no tables"
                    problems.append(ConfigProblem(key, f"table {text!r} does not exist; there are {near}"))
                names.append((place, table))
            if problems:
                raise ConfigError(problems)
    kept = sorted({(s, t) for s, t in names if t not in exclude and f"{s}.{t}" not in exclude}, key=str)
    if not kept:
        raise ConfigError([ConfigProblem(key, "chooses no table: name at least one that exists")])
    return [Relation(table, schema) for schema, table in kept]


def column_problems(database: Database, relations: Sequence[Relation], config: Config) -> Iterator[ConfigProblem]:
    """What the tables lack for the configuration's mode.

    Raises:
        RetriableError: the database is away.
    """
    mode = config["mode"]
    with database.connection() as connection:
        inspector = sa.inspect(connection)
        for relation in relations:
            columns = {str(c["name"]).lower(): c for c in inspector.get_columns(relation.table, relation.schema)}
            keys = inspector.get_pk_constraint(relation.table, relation.schema).get("constrained_columns") or []
            required = {name for name, c in columns.items() if not c.get("nullable", True) or c["name"] in keys}
            check = _Check(database.backend, relation, columns, required, config["validate.non.null"])
            if mode in (INCREMENTING, TIMESTAMP_INCREMENTING):
                yield from check.incrementing(config["incrementing.column.name"])
            if mode in (TIMESTAMP, TIMESTAMP_INCREMENTING):
                yield from check.timestamps(config["timestamp.column.name"])
            for name in config["message.key.columns"] or ():
                yield from check.present("message.key.columns", name)


class _Check:
    def __init__(
        self, backend: str, relation: Relation, columns: Mapping[str, Any], required: set[str], strict: bool
    ) -> None:
        self._backend = backend
        self._relation = relation
        self._columns = columns
        self._required = required
        self._strict = strict

    def present(self, key: str, name: str) -> Iterator[ConfigProblem]:
        if name.lower() not in self._columns:
            known = ", ".join(str(column["name"]) for column in self._columns.values())
            yield ConfigProblem(key, f"table {self._relation.name} has no column {name!r}; it has {known}")

    def incrementing(self, name: str) -> Iterator[ConfigProblem]:
        key = "incrementing.column.name"
        missing = list(self.present(key, name))
        yield from missing
        if missing:
            return
        type_ = self._columns[name.lower()]["type"]
        arrow = arrow_type(type_, backend=self._backend)
        if not (pa.types.is_integer(arrow) or (pa.types.is_decimal(arrow) and arrow.scale == 0)):
            yield ConfigProblem(
                key, f"column {name!r} of {self._relation.name} is {type_}: name an integer column that only grows"
            )
        elif self._strict and name.lower() not in self._required:
            yield ConfigProblem(
                key,
                f"column {name!r} of {self._relation.name} may be null, and such rows would never be read: "
                "make it NOT NULL, or set validate.non.null=false",
            )

    def timestamps(self, names: Sequence[str]) -> Iterator[ConfigProblem]:
        key = "timestamp.column.name"
        missing = [problem for name in names for problem in self.present(key, name)]
        yield from missing
        if missing:
            return
        for name in names:
            type_ = self._columns[name.lower()]["type"]
            arrow = arrow_type(type_, backend=self._backend)
            if not (pa.types.is_timestamp(arrow) or pa.types.is_date(arrow)):
                yield ConfigProblem(
                    key, f"column {name!r} of {self._relation.name} is {type_}: name columns of a timestamp type"
                )
                return
        if self._strict and not any(name.lower() in self._required for name in names):
            yield ConfigProblem(
                key,
                f"{', '.join(map(repr, names))} of {self._relation.name} may be null, and such rows would never be "
                "read: make one NOT NULL, or set validate.non.null=false",
            )

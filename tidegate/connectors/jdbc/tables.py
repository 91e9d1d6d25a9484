"""Which tables a configuration chooses, and whether they have what its mode needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Inspector

from tidegate.connectors.jdbc.column_types import arrow_type
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import INCREMENTING, QUERY_PARAMETERS, TIMESTAMP, TIMESTAMP_INCREMENTING
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.table_names import TableNames, like
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import Config


def chosen_tables(database: Database, config: Config, *, strict: bool = True) -> list[Relation]:
    """The tables to read, in order of name, each with its schema where the database has schemas.

    Args:
        database: where they are.
        config: the connector's configuration.
        strict: whether all tables that are named have to exist.

    Raises:
        ConfigError: a named table does not exist, or there are none and none may come.
        RetriableError: the database is away.
    """
    names = TableNames.from_config(config)
    key = "table.include.list" if config["table.include.list"] else "table.whitelist"
    with database.connection() as connection:
        inspector = sa.inspect(connection)
        schemas = _schemas(database, inspector, config)
        found = set(_named(inspector, names, schemas, key, strict=strict))
        if names.grows:
            found |= set(_matching(database, inspector, names, schemas, config))
    kept = sorted(((s, t) for s, t in found if not names.excludes(s, t)), key=str)
    if strict and not kept and (not names.grows or names.patterns is None):
        raise ConfigError([ConfigProblem(key, "chooses no table: name at least one that exists")])
    quote = identifier_quoting(config)
    return [Relation(table, schema, quote=quote) for schema, table in kept]


def query_relation(config: Config) -> Relation:
    """The relation of a configuration that has a query."""
    parameters = tuple(sorted(config.with_prefix(QUERY_PARAMETERS).items()))
    return Relation(query=config["query"], parameters=parameters, quote=identifier_quoting(config))


def identifier_quoting(config: Config) -> bool | None:
    """How names are quoted: see :class:`Relation`."""
    return False if config["quote.sql.identifiers"].lower() == "never" else None


def _schemas(database: Database, inspector: Inspector, config: Config) -> list[str | None]:
    """The schemas that a table may be in whose name does not say it."""
    by_catalog = database.backend in ("mysql", "mariadb")
    catalog: str | None = config["catalog.pattern"]
    if catalog and not by_catalog and not like(catalog, [database.url.database or ""]):
        raise ConfigError(
            [
                ConfigProblem(
                    "catalog.pattern", f"does not match the {database.name}: name its database, or leave it out"
                )
            ]
        )
    if database.backend == "sqlite":
        # Its "main" is no part of a table's name.
        return [None]
    pattern: str | None = config["schema.pattern"] or (catalog if by_catalog else None)
    if not pattern:
        return [inspector.default_schema_name]
    key = "schema.pattern" if config["schema.pattern"] else "catalog.pattern"
    found = like(pattern, _users_schemas(inspector))
    if not found:
        known = ", ".join(_users_schemas(inspector)[:20])
        raise ConfigError([ConfigProblem(key, f"matches no schema: there are {known}")])
    return list(found)


def _users_schemas(inspector: Inspector) -> list[str]:
    return sorted(name for name in inspector.get_schema_names() if not _SYSTEM.fullmatch(name))


def _named(
    inspector: Inspector, names: TableNames, schemas: Sequence[str | None], key: str, *, strict: bool
) -> Iterator[tuple[str | None, str]]:
    problems = []
    for text in names.names:
        schema, _, table = text.rpartition(".")
        places = [place for place in ([schema] if schema else schemas) if inspector.has_table(table, place)]
        if not places and strict:
            near = ", ".join(sorted(inspector.get_table_names(schema or schemas[0]))[:20]) or "no tables"
            problems.append(ConfigProblem(key, f"table {text!r} does not exist; there are {near}"))
        yield from ((place, table) for place in places)
    if problems:
        raise ConfigError(problems)


def _matching(
    database: Database, inspector: Inspector, names: TableNames, schemas: Sequence[str | None], config: Config
) -> Iterator[tuple[str | None, str]]:
    places = list(schemas)
    if names.qualified and not config["schema.pattern"] and database.backend != "sqlite":
        places += [name for name in _users_schemas(inspector) if name not in schemas]
    kinds = {kind.strip().upper() for kind in config["table.types"]}
    for schema in places:
        found = inspector.get_table_names(schema) if "TABLE" in kinds else []
        found += inspector.get_view_names(schema) if "VIEW" in kinds else []
        if "MATERIALIZED VIEW" in kinds and database.backend in ("postgresql", "oracle"):
            found += inspector.get_materialized_view_names(schema)
        yield from ((schema, table) for table in found if names.matches(schema, table, default=schema in schemas))


_SYSTEM = re.compile(r"(?i)pg_.*|information_schema|performance_schema|mysql|sys|system|xdb|ctxsys|mdsys|outln|dbsnmp")


def column_problems(database: Database, relations: Sequence[Relation], config: Config) -> Iterator[ConfigProblem]:
    """What the tables lack for the configuration's mode.

    Raises:
        RetriableError: the database is away.
    """
    mode = config["mode"]
    with database.connection() as connection:
        inspector = sa.inspect(connection)
        for relation in relations:
            if config["transaction.horizon"] and relation.table in inspector.get_view_names(relation.schema):
                yield ConfigProblem(
                    "transaction.horizon", f"{relation.name} is a view, whose rows tell no transaction: name its tables"
                )
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

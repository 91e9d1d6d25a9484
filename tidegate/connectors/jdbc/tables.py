"""Which tables a configuration chooses, and whether they have what its mode needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tidegate.connectors.jdbc.column_types import arrow_type
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import QUERY_PARAMETERS
from tidegate.connectors.jdbc.mode_columns import alike, mode_columns
from tidegate.connectors.jdbc.reflection import Reflection
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
    names = TableNames.from_config(config, database.url.database)
    key = "table.include.list" if config["table.include.list"] else "table.whitelist"
    with database.connection() as connection:
        reflection = Reflection(connection)
        schemas = _schemas(database, reflection, config)
        anywhere = [] if config["schema.pattern"] or database.backend == "sqlite" else _users_schemas(reflection)
        found = set(_named(reflection, names, schemas, anywhere, key, strict=strict))
        if names.grows:
            found |= set(_matching(database, reflection, names, schemas, config))
    kept = sorted(((s, t) for s, t in found if not names.excludes(s, t)), key=str)
    if strict and not kept and (not names.grows or names.patterns is None):
        raise ConfigError([ConfigProblem(key, "chooses no table: name at least one that exists")])
    quote = identifier_quoting(config)
    return [Relation(table, schema, quote=quote) for schema, table in kept]


def query_relation(config: Config) -> Relation:
    """The relation of a configuration that has a query."""
    parameters = tuple(sorted(config.with_prefix(QUERY_PARAMETERS).items()))
    return Relation(query=configured_query(config), parameters=parameters, quote=identifier_quoting(config))


def configured_query(config: Config) -> str | None:
    """The query of a configuration, shown or masked; None where it names tables."""
    found: str | None = config["query"] or config["query.masked"] or None
    return found


def identifier_quoting(config: Config) -> bool | None:
    """How names are quoted: see :class:`Relation`."""
    return False if config["quote.sql.identifiers"].lower() == "never" else None


def _schemas(database: Database, reflection: Reflection, config: Config) -> list[str | None]:
    """The schemas that a table may be in whose name does not say it."""
    by_catalog = database.backend in ("mysql", "mariadb")
    # Oracle knows no catalogs, and its drivers do not look at one.
    catalog: str | None = None if database.backend == "oracle" else config["catalog.pattern"]
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
        return [reflection.default_schema]
    key = "schema.pattern" if config["schema.pattern"] else "catalog.pattern"
    found = like(pattern, _users_schemas(reflection))
    if not found:
        known = ", ".join(_users_schemas(reflection)[:20])
        raise ConfigError([ConfigProblem(key, f"matches no schema: there are {known}")])
    return list(found)


def _users_schemas(reflection: Reflection) -> list[str]:
    return sorted(name for name in reflection.schemas() if not _SYSTEM.fullmatch(name))


def _named(
    reflection: Reflection,
    names: TableNames,
    schemas: Sequence[str | None],
    anywhere: Sequence[str],
    key: str,
    *,
    strict: bool,
) -> Iterator[tuple[str | None, str]]:
    problems = []
    for text in names.names:
        readings = names.readings(text)
        found = [
            (place, table)
            for schema, table in readings
            for place in ([schema] if schema else schemas)
            if reflection.has_table(table, place)
        ]
        if not found:
            # Where no schema is said, one that has the only table of this name is meant.
            alone = [table for schema, table in readings if schema is None]
            found = [(place, table) for table in alone for place in anywhere if reflection.has_table(table, place)]
            if len(found) > 1:
                places = ", ".join(sorted(str(place) for place, _ in found))
                problems.append(
                    ConfigProblem(key, f"table {text!r} is in several schemas, {places}: write schema.table")
                )
            elif not found and strict:
                near = ", ".join(sorted(reflection.tables(readings[-1][0] or schemas[0]))[:20]) or "no tables"
                problems.append(ConfigProblem(key, f"table {text!r} does not exist; there are {near}"))
        yield from found
    if problems:
        raise ConfigError(problems)


def _matching(
    database: Database, reflection: Reflection, names: TableNames, schemas: Sequence[str | None], config: Config
) -> Iterator[tuple[str | None, str]]:
    places = list(schemas)
    if names.qualified and not config["schema.pattern"] and database.backend != "sqlite":
        places += [name for name in _users_schemas(reflection) if name not in schemas]
    kinds = {kind.strip().upper() for kind in config["table.types"]}
    ways = {
        "TABLE": reflection.tables,
        "VIEW": reflection.views,
        "MATERIALIZED VIEW": reflection.materialized_views,
        "PARTITIONED TABLE": reflection.partitioned_tables,
        "FOREIGN TABLE": reflection.foreign_tables,
    }
    for schema in places:
        found = [table for kind in kinds for table in ways[kind](schema)]
        yield from ((schema, table) for table in found if names.matches(schema, table, default=schema in schemas))


_SYSTEM = re.compile(r"(?i)pg_.*|information_schema|performance_schema|mysql|sys|system|xdb|ctxsys|mdsys|outln|dbsnmp")


def column_problems(database: Database, relations: Sequence[Relation], config: Config) -> Iterator[ConfigProblem]:
    """What the tables lack for the configuration's mode.

    Raises:
        RetriableError: the database is away.
    """
    with database.connection() as connection:
        reflection = Reflection(connection)
        for relation in relations:
            if config["transaction.horizon"] and relation.table in reflection.views(relation.schema):
                yield ConfigProblem(
                    "transaction.horizon", f"{relation.name} is a view, whose rows tell no transaction: name its tables"
                )
            columns = {str(c["name"]).lower(): c for c in reflection.columns(relation)}
            keys = reflection.primary_key(relation)
            required = {name for name, c in columns.items() if not c.get("nullable", True) or c["name"] in keys}
            check = _Check(database.backend, relation, columns, required, config["validate.non.null"])
            chosen = mode_columns(connection, relation, config)
            if chosen.incrementing is not None:
                yield from check.incrementing(chosen.incrementing)
            if chosen.timestamps:
                yield from check.timestamps(chosen.timestamps, config["db.timezone"])
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

    def timestamps(self, names: Sequence[str], zone: str) -> Iterator[ConfigProblem]:
        key = "timestamp.column.name"
        missing = [problem for name in names for problem in self.present(key, name)]
        yield from missing
        if missing:
            return
        types = []
        for name in names:
            type_ = self._columns[name.lower()]["type"]
            arrow = arrow_type(type_, backend=self._backend)
            types.append(arrow)
            if not (pa.types.is_timestamp(arrow) or pa.types.is_date(arrow)):
                yield ConfigProblem(
                    key, f"column {name!r} of {self._relation.name} is {type_}: name columns of a timestamp type"
                )
                return
        if not alike(types, self._backend, ZoneInfo(zone)):
            yield ConfigProblem(
                key, f"{', '.join(map(repr, names))} of {self._relation.name} are of different types: name those of one"
            )
        if self._strict and not any(name.lower() in self._required for name in names):
            yield ConfigProblem(
                key,
                f"{', '.join(map(repr, names))} of {self._relation.name} may be null, and such rows would never be "
                "read: make one NOT NULL, or set validate.non.null=false",
            )

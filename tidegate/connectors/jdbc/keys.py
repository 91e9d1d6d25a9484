"""Configuration keys of the JDBC source; the names are those of Confluent's JDBC source connector."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.connectors.jdbc.granularity import CONNECT_LOGICAL, GRANULARITIES
from tidegate.connectors.jdbc.url import parse_url
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, between, non_empty, one_of

BULK = "bulk"
INCREMENTING = "incrementing"
TIMESTAMP = "timestamp"
TIMESTAMP_INCREMENTING = "timestamp+incrementing"

TASK_TABLES = "tables"
"""Key of a task's configuration: its tables as a JSON array of [schema or null, table]."""
TASK_SHARE = "tables.share"
"""Key of a task's configuration: which share of new tables is its own, as ``number/tasks``."""
TASK_OTHERS = "tables.others"
"""Key of a task's configuration: fingerprints of the other tasks' tables, as a JSON array."""
QUERY_PARAMETERS = "query.parameters."
"""Prefix of the keys that hold a query's parameters."""

DIALECTS = {
    "PostgreSqlDatabaseDialect": "postgresql",
    "MySqlDatabaseDialect": "mysql",
    "MariaDbDatabaseDialect": "mariadb",
    "SqliteDatabaseDialect": "sqlite",
    "OracleDatabaseDialect": "oracle",
}
"""Values of ``dialect.name``, and the kinds of database they stand for."""
NUMERIC_MAPPINGS = ("none", "precision_only", "best_fit", "best_fit_eager_double")
_NUMERIC = one_of(*NUMERIC_MAPPINGS)
TABLE_TYPES = ("TABLE", "VIEW", "MATERIALIZED VIEW")


def _url(value: Any) -> str | None:
    try:
        parse_url(value)
    except ValueError as error:
        return str(error)
    return None


def _zone(value: Any) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        return f"{value!r} is not a time zone: use a name such as UTC or Europe/Berlin"
    return None


def _dialect(value: Any) -> str | None:
    return None if not value or value in DIALECTS else f"{value!r} is not known: use one of {', '.join(DIALECTS)}"


def _patterns(value: Any) -> str | None:
    for pattern in value or ():
        try:
            re.compile(pattern)
        except re.error as error:
            return f"{pattern!r} is not a regular expression ({error}): escape what is meant by the letter"
    return None


def _table_types(value: Any) -> str | None:
    unknown = {kind.strip().upper() for kind in value} - set(TABLE_TYPES)
    return f"{', '.join(sorted(unknown))} can not be read: use {', '.join(TABLE_TYPES)}" if unknown else None


CONFIG = (
    ConfigDef()
    .define(
        "connection.url",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "URL of the database: jdbc:postgresql://host:port/db, jdbc:mysql:, jdbc:mariadb:, jdbc:sqlite:file, "
        "jdbc:oracle:thin:@//host:port/service, or a SQLAlchemy URL. Do not put the password here: it would be shown.",
        validator=_url,
        group="Database",
    )
    .define("connection.user", Type.STRING, None, Importance.HIGH, "User name, if not in the URL.", group="Database")
    .define(
        "connection.password", Type.PASSWORD, None, Importance.HIGH, "Password, if not in the URL.", group="Database"
    )
    .define(
        "connection.attempts",
        Type.INT,
        3,
        Importance.LOW,
        "How often to try to connect before the task gives up and is started anew by its worker, with a growing pause.",
        validator=at_least(1),
        group="Database",
    )
    .define(
        "connection.backoff.ms",
        Type.LONG,
        10_000,
        Importance.LOW,
        "How long to wait between two attempts to connect, in milliseconds.",
        validator=at_least(0),
        group="Database",
    )
    .define(
        "dialect.name",
        Type.STRING,
        None,
        Importance.LOW,
        "The database's dialect, where it is not the one the URL's first part says.",
        validator=_dialect,
        group="Database",
        recommended=tuple(DIALECTS),
    )
    .define(
        "connection.timeout.ms",
        Type.INT,
        10_000,
        Importance.LOW,
        "Deadline for connecting, in milliseconds.",
        validator=at_least(1000),
        group="Database",
    )
    .define(
        "statement.timeout.ms",
        Type.INT,
        300_000,
        Importance.LOW,
        "Deadline for one query, in milliseconds, where the database has such a thing (not SQLite).",
        validator=at_least(1000),
        group="Database",
    )
    .define(
        "db.timezone",
        Type.STRING,
        "UTC",
        Importance.MEDIUM,
        "Time zone in which the database's timestamps without time zone are meant; used to compare them with "
        "the database's clock.",
        validator=_zone,
        group="Database",
    )
    .define(
        "table.whitelist",
        Type.LIST,
        None,
        Importance.HIGH,
        "Tables to read, as table or schema.table; all tables of the schema when neither this nor a query is given.",
        group="Tables",
    )
    .define(
        "table.include.list",
        Type.LIST,
        None,
        Importance.HIGH,
        "Tables to read, as regular expressions that match table or schema.table wholly. A plain name has to "
        "exist; what else matches is read from when it exists.",
        validator=_patterns,
        group="Tables",
    )
    .define("table.blacklist", Type.LIST, None, Importance.MEDIUM, "Tables not to read, by name.", group="Tables")
    .define(
        "table.exclude.list",
        Type.LIST,
        None,
        Importance.MEDIUM,
        "Tables not to read, as regular expressions that match table or schema.table wholly.",
        validator=_patterns,
        group="Tables",
    )
    .define(
        "schema.pattern",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Schemas of tables given without one, as a LIKE pattern (% for any characters, _ for one); the connection's "
        "default schema when not set. MySQL's and MariaDB's databases are schemas here.",
        group="Tables",
    )
    .define(
        "catalog.pattern",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "LIKE pattern of the database's own name, which has to match. In MySQL and MariaDB, whose databases are "
        "catalogs to JDBC, the same as schema.pattern.",
        group="Tables",
    )
    .define(
        "table.types",
        Type.LIST,
        ["TABLE"],
        Importance.LOW,
        "What counts as a table when found, not named: TABLE, VIEW, MATERIALIZED VIEW (PostgreSQL and Oracle).",
        validator=_table_types,
        group="Tables",
        recommended=TABLE_TYPES,
    )
    .define(
        "table.poll.interval.ms",
        Type.LONG,
        60_000,
        Importance.LOW,
        "How often to look for new tables, and for those that are gone, in milliseconds; 0 is never. A new table "
        "is read by one of the running tasks, and no other notices.",
        validator=at_least(0),
        group="Tables",
    )
    .define(
        "quote.sql.identifiers",
        Type.STRING,
        "always",
        Importance.LOW,
        "always: names are taken from the catalogue and quoted wherever it makes a difference. never: they are written "
        "as they are, and the database may change their case.",
        validator=lambda value: None if str(value).lower() in ("always", "never") else "use always or never",
        group="Tables",
        recommended=("always", "never"),
    )
    .define(
        "query",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "A SELECT to read instead of tables. It is used as a derived table, so mode and paging apply to its columns. "
        "A parameter in it, as :name, has its value from the key query.parameters.name; the value is text and is given "
        "to the database apart from the statement.",
        group="Tables",
    )
    .define(
        "query.suffix",
        Type.STRING,
        "",
        Importance.LOW,
        "Text to put after each query, such as WITH UR.",
        group="Tables",
    )
    .define(
        "mode",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "How new rows are found. bulk: everything at each poll; incrementing: by a column that only grows; timestamp: "
        "by time of the last change; timestamp+incrementing: by both, which also tells rows of equal time apart.",
        validator=one_of(BULK, INCREMENTING, TIMESTAMP, TIMESTAMP_INCREMENTING),
        group="Mode",
        recommended=(BULK, INCREMENTING, TIMESTAMP, TIMESTAMP_INCREMENTING),
    )
    .define(
        "incrementing.column.name",
        Type.STRING,
        None,
        Importance.HIGH,
        "Column that grows with each new row and is never null: an integer, or a numeric without fraction. "
        "Needed by the modes incrementing and timestamp+incrementing. It should have an index.",
        group="Mode",
    )
    .define(
        "timestamp.column.name",
        Type.LIST,
        None,
        Importance.HIGH,
        "Columns with the time of the last change; of several, the first that is not null counts. "
        "Needed by the modes timestamp and timestamp+incrementing. Should have an index.",
        group="Mode",
    )
    .define(
        "timestamp.initial",
        Type.LONG,
        None,
        Importance.LOW,
        "Where to begin without a stored offset, in milliseconds since 1970 UTC; -1 is now. Everything when not set.",
        group="Mode",
    )
    .define(
        "timestamp.delay.interval.ms",
        Type.LONG,
        0,
        Importance.HIGH,
        "How long a row has to be old before it is read, by the database's clock. Give transactions that long to "
        "commit: a row that becomes visible later than this with an earlier timestamp is not seen. In mode "
        "incrementing: how long ago a number has to have been there before it and smaller ones are read.",
        validator=at_least(0),
        group="Mode",
    )
    .define(
        "transaction.horizon",
        Type.BOOLEAN,
        False,
        Importance.HIGH,
        "PostgreSQL from version 13 on, tables: read each row once, when all transactions that began to write before "
        "its own have ended, whatever its timestamp or number is. Nothing that commits late is lost; rows wait for the "
        "oldest writing transaction of the server.",
        group="Mode",
    )
    .define(
        "transaction.horizon.lookback",
        Type.LONG,
        -1,
        Importance.MEDIUM,
        "How far below the greatest value read a late row may be: milliseconds of its timestamp or, in mode "
        "incrementing, numbers. Bounds what each round looks through by the column's index. -1: anywhere, and each "
        "round that finds an ended transaction looks through the whole table.",
        validator=at_least(-1),
        group="Mode",
    )
    .define(
        "bulk.chunks",
        Type.BOOLEAN,
        False,
        Importance.MEDIUM,
        "Mode bulk, tables with a primary key: read in pages in the order of that key, each a query of its own, and "
        "after a restart go on where the round was. No long query holds the database up, but a round is no snapshot.",
        group="Mode",
    )
    .define(
        "validate.non.null",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Refuse an incrementing column, or timestamp columns all of them, that may be null: such rows are never read.",
        group="Mode",
    )
    .define(
        "topic.prefix",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "The topic is this and the table's name; with a query, this alone.",
        validator=non_empty,
        group="Records",
    )
    .define(
        "message.key.columns",
        Type.LIST,
        None,
        Importance.MEDIUM,
        "Columns that make the record's key; no key when not set.",
        group="Records",
    )
    .define(
        "numeric.mapping",
        Type.STRING,
        None,
        Importance.LOW,
        "none: NUMERIC(p,s) becomes a decimal, and without precision text, so that nothing is lost. precision_only: "
        "those without fraction become integers where they fit. best_fit: as that, and others of up to 18 digits or "
        "without precision become doubles. best_fit_eager_double: all with fraction become doubles. When not set, "
        "numeric.precision.mapping says it.",
        validator=lambda value: None if value is None else _NUMERIC(value),
        group="Records",
        recommended=NUMERIC_MAPPINGS,
    )
    .define(
        "numeric.precision.mapping",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Same as numeric.mapping=precision_only.",
        group="Records",
    )
    .define(
        "timestamp.granularity",
        Type.STRING,
        CONNECT_LOGICAL,
        Importance.LOW,
        "What timestamps become. connect_logical: a timestamp type, with microseconds. The others: a number or a text "
        "of micro- or nanoseconds since 1970, or text like 2026-01-31T12:00:00.000001.",
        validator=one_of(*GRANULARITIES),
        group="Records",
        recommended=GRANULARITIES,
    )
    .define(
        "poll.interval.ms",
        Type.INT,
        5000,
        Importance.HIGH,
        "How long to wait for new rows once all have been read, in milliseconds.",
        validator=at_least(1),
        group="Polling",
    )
    .define(
        "batch.max.rows",
        Type.INT,
        100_000,
        Importance.MEDIUM,
        "Most rows of a query and a Kafka transaction. Rows of one timestamp stay together in mode timestamp and may "
        "exceed it.",
        validator=between(1, 1_000_000),
        group="Polling",
    )
    .define(
        "batch.max.bytes",
        Type.INT,
        16 * 1024 * 1024,
        Importance.MEDIUM,
        "About how many bytes of rows to hold at once; the bound of the task's memory. Queries ask for as many rows "
        "as fill half of it, going by the rows before; wider rows end a page early. A single row, and in mode "
        "timestamp the rows of one timestamp, may exceed it.",
        validator=at_least(1024),
        group="Polling",
    )
    .define(
        "postgres.copy",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Read from PostgreSQL by binary COPY, by columns, at a fraction of the cost of reading rows. Servers that only "
        "speak PostgreSQL's protocol and refuse COPY are read by rows in any case.",
        group="Polling",
    )
    .define(
        "oracle.arrow",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Fetch Arrow columns from Oracle's driver, rather than rows. Tables with a column that has no type in Arrow, "
        "such as an INTERVAL or a NUMBER without precision that is to be text, are fetched by rows in any case.",
        group="Polling",
    )
)

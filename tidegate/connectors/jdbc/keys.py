"""Configuration keys of the JDBC source; the names are those of Confluent's JDBC source connector."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.connectors.jdbc.column_mapping import parsed_mapping
from tidegate.connectors.jdbc.granularity import CONNECT_LOGICAL, GRANULARITIES
from tidegate.connectors.jdbc.url import parse_url
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, Validator, at_least, one_of

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
    "GenericDatabaseDialect": "",
}
"""Values of ``dialect.name``, and the kinds of database they stand for; empty where the URL says it."""
NUMERIC_MAPPINGS = ("none", "precision_only", "best_fit", "best_fit_eager_double")
TABLE_TYPES = ("TABLE", "VIEW", "MATERIALIZED VIEW", "PARTITIONED TABLE", "FOREIGN TABLE")
_ISOLATION_MODES = ("DEFAULT", "READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE")
_OWN_CREDENTIALS = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider"
_TOPIC_CHARACTERS = re.compile(r"[A-Za-z0-9._-]{0,249}")
_NO_EFFECT = "Without effect"


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


def _any_case(*allowed: str) -> Validator:
    known = {each.lower() for each in allowed}

    def check(value: Any) -> str | None:
        if value is None or value.lower() in known:
            return None
        return f"{value!r} is not known: use one of {', '.join(allowed)}"

    return check


def _column_mappings(most: int | None) -> Validator:
    def check(value: Any) -> str | None:
        for text in value or ():
            try:
                _, columns = parsed_mapping(text)
            except ValueError as error:
                return str(error)
            if most is not None and len(columns) > most:
                return f"{text!r} names several columns: name one"
        return None

    return check


def _topic_prefix(value: Any) -> str | None:
    if _TOPIC_CHARACTERS.fullmatch(value):
        return None
    return f"{value!r} can not begin a topic's name: use letters, digits, '.', '_' and '-', at most 249"


def _isolation(value: Any) -> str | None:
    if value.upper() == "SQL_SERVER_SNAPSHOT":
        return "SQL Server is not supported: leave it out"
    # Confluent's documentation writes COMMITED.
    return _any_case(*_ISOLATION_MODES)(value.upper().replace("COMMITED", "COMMITTED"))


def _credentials(value: Any) -> str | None:
    if value in (None, "", _OWN_CREDENTIALS):
        return None
    return "classes of Java can not be loaded: give connection.password as ${provider:path:key}"


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
        "What counts as a table when found, not named: TABLE, VIEW, MATERIALIZED VIEW (PostgreSQL and Oracle), "
        "FOREIGN TABLE and PARTITIONED TABLE (PostgreSQL). A partitioned table is a TABLE too and holds the rows of "
        "its partitions; these are not found beside it, and may be named.",
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
        "query.masked",
        Type.PASSWORD,
        None,
        Importance.MEDIUM,
        "Same as query, and not shown: for one that holds what not all may see.",
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
        "Column of the modes incrementing and timestamp+incrementing: one that grows with each new row and is never "
        "null, an integer, or a numeric without fraction. It should have an index. When empty, each table's first "
        "column with automatic numbers: identity, serial, AUTO_INCREMENT, in SQLite AUTOINCREMENT. A query needs it.",
        group="Mode",
    )
    .define(
        "incrementing.column.mapping",
        Type.LIST,
        None,
        Importance.MEDIUM,
        "Instead of incrementing.column.name, where tables differ: pattern:column, with a regular expression that "
        "matches table, schema.table or database.schema.table wholly. Exactly one has to match each table.",
        validator=_column_mappings(1),
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
        "timestamp.columns.mapping",
        Type.LIST,
        None,
        Importance.MEDIUM,
        "Instead of timestamp.column.name, where tables differ: pattern:[column|column], with patterns as in "
        "incrementing.column.mapping.",
        validator=_column_mappings(None),
        group="Mode",
    )
    .define(
        "timestamp.initial",
        Type.LONG,
        None,
        Importance.LOW,
        "Where to begin without a stored offset, in milliseconds since 1970 UTC; -1 is when the table was first looked "
        "at. Everything when not set.",
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
        "",
        Importance.HIGH,
        "The topic is this and the table's name; with a query, which needs it, this alone.",
        validator=_topic_prefix,
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
        validator=_any_case(*NUMERIC_MAPPINGS),
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
        validator=_any_case(*GRANULARITIES),
        group="Records",
        recommended=GRANULARITIES,
    )
    .define(
        "poll.interval.ms",
        Type.INT,
        5000,
        Importance.HIGH,
        "How long to wait for new rows once all have been read, in milliseconds.",
        validator=at_least(0),
        group="Polling",
    )
    .define(
        "batch.max.rows",
        Type.INT,
        100_000,
        Importance.MEDIUM,
        "Most rows of a query and a Kafka transaction. Rows that the mode does not tell apart, such as those of one "
        "timestamp in mode timestamp, stay together and may exceed it.",
        validator=at_least(1),
        group="Polling",
    )
    .define(
        "batch.max.bytes",
        Type.INT,
        16 * 1024 * 1024,
        Importance.MEDIUM,
        "About how many bytes of rows to hold at once; the bound of the task's memory. Queries ask for as many rows "
        "as fill half of it, going by the rows before; wider rows end a page early. A single row, and rows that the "
        "mode does not tell apart, may exceed it.",
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
    .define(
        "query.retry.attempts",
        Type.INT,
        -1,
        Importance.LOW,
        "How often in a row a query that the database did not answer is tried again, with connection.backoff.ms "
        "between, before the task fails for good. -1: the worker starts the task anew, without end, with growing "
        "pauses.",
        validator=at_least(-1),
        group="Polling",
    )
    .define(
        "transaction.isolation.mode",
        Type.STRING,
        "DEFAULT",
        Importance.LOW,
        "A query is one statement and a transaction of its own, which sees what was committed when it began, in "
        "whatever mode. Rows that are not committed are never read.",
        validator=_isolation,
        group=_NO_EFFECT,
        recommended=_ISOLATION_MODES,
    )
    .define(
        "date.calendar.system",
        Type.STRING,
        "PROLEPTIC_GREGORIAN",
        Importance.LOW,
        "Dates are those of the Gregorian calendar, before 1582 too; LEGACY is not offered.",
        validator=_any_case("PROLEPTIC_GREGORIAN", "LEGACY"),
        group=_NO_EFFECT,
    )
    .define(
        "max.buffer.size",
        Type.INT,
        0,
        Importance.LOW,
        "Rows are not buffered between polls; batch.max.bytes bounds a page.",
        group=_NO_EFFECT,
    )
    .define(
        "poll.linger.ms",
        Type.LONG,
        5000,
        Importance.LOW,
        "A poll gives what there is at once.",
        group=_NO_EFFECT,
    )
    .define(
        "table.monitoring.startup.polling.limit.ms",
        Type.LONG,
        10_000,
        Importance.LOW,
        "Tables are looked for before tasks are made, without a thread to wait for; connection.timeout.ms and "
        "statement.timeout.ms bound it.",
        group=_NO_EFFECT,
    )
    .define(
        "jdbc.credentials.provider.class",
        Type.STRING,
        None,
        Importance.LOW,
        "Confluent's default alone: credentials come from connection.user and connection.password, which may be "
        "references such as ${file:/run/secrets/db:password}.",
        validator=_credentials,
        group=_NO_EFFECT,
    )
)

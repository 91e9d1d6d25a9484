"""Configuration keys of the JDBC source; the names are those of Confluent's JDBC source connector."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.connectors.jdbc.url import parse_url
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, between, non_empty, one_of

BULK = "bulk"
INCREMENTING = "incrementing"
TIMESTAMP = "timestamp"
TIMESTAMP_INCREMENTING = "timestamp+incrementing"

TASK_TABLES = "tables"
"""Key of a task's configuration: its tables as a JSON array of [schema or null, table]."""


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
    .define("table.include.list", Type.LIST, None, Importance.HIGH, "Same as table.whitelist.", group="Tables")
    .define("table.blacklist", Type.LIST, None, Importance.MEDIUM, "Tables not to read.", group="Tables")
    .define("table.exclude.list", Type.LIST, None, Importance.MEDIUM, "Same as table.blacklist.", group="Tables")
    .define(
        "schema.pattern",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Schema of tables given without one; the connection's default schema when not set.",
        group="Tables",
    )
    .define(
        "table.types",
        Type.LIST,
        ["TABLE"],
        Importance.LOW,
        "What counts as a table when none are named: TABLE, VIEW.",
        validator=lambda value: (
            None if set(map(str.upper, value)) <= {"TABLE", "VIEW"} else "use TABLE, VIEW or TABLE,VIEW"
        ),
        group="Tables",
    )
    .define(
        "query",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "A SELECT to read instead of tables. It is used as a derived table, so mode and paging apply to its columns.",
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
        "commit: a row that becomes visible later than this with an earlier timestamp is not seen.",
        validator=at_least(0),
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
        "none",
        Importance.LOW,
        "none: NUMERIC(p,s) becomes a decimal, and without precision text, so that nothing is lost. precision_only: "
        "those without fraction become integers where they fit. best_fit: as that, and the others become doubles.",
        validator=one_of("none", "precision_only", "best_fit"),
        group="Records",
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
)

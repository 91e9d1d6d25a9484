"""Configuration keys of the JDBC sink; the names are those of Confluent's JDBC sink connector, and Debezium's."""

from __future__ import annotations

from typing import Any

from tidegate.connectors.jdbc.keys import CONFIG as SOURCE
from tidegate.connectors.jdbc.url import parse_url
from tidegate.connectors.jdbc_sink.options import BACKENDS
from tidegate.sdk.config_def import ConfigDef, Importance, Type, at_least, non_empty, one_of

_DATABASE = "Database"
_WRITES = "Writes"
_KEYS = "Keys"
_TABLES = "Tables"
_RETRIES = "Retries"


def _url(value: Any) -> str | None:
    try:
        url = parse_url(value)
    except ValueError as error:
        return str(error)
    if url.get_backend_name() not in BACKENDS:
        return f"{url.get_backend_name()} can not be written to: use PostgreSQL, MariaDB, MySQL or SQLite"
    return None


def _shared(*names: str) -> ConfigDef:
    return ConfigDef({name: SOURCE.keys[name] for name in names})


CONFIG = (
    ConfigDef()
    .define(
        "connection.url",
        Type.STRING,
        SOURCE.keys["connection.url"].default,
        Importance.HIGH,
        "URL of the database: jdbc:postgresql://host:port/db, jdbc:mariadb:, jdbc:mysql:, jdbc:sqlite:file, or a "
        "SQLAlchemy URL. Do not put the password here: it would be shown.",
        validator=_url,
        group=_DATABASE,
    )
    .merged(_shared("connection.user"))
    .define("connection.username", Type.STRING, None, Importance.LOW, "Same as connection.user.", group=_DATABASE)
    .merged(_shared("connection.password", "connection.timeout.ms"))
    .define(
        "statement.timeout.ms",
        Type.INT,
        30_000,
        Importance.LOW,
        "Deadline for one statement, in milliseconds; keep it below the worker's task_heartbeat_timeout. SQLite has "
        "none; there it bounds nothing.",
        validator=at_least(1000),
        group=_DATABASE,
    )
    .define(
        "db.timezone",
        Type.STRING,
        "UTC",
        Importance.MEDIUM,
        "Time zone of columns that know none: an instant is written to them as this zone's wall clock, and a wall "
        "clock is written to a column of instants as this zone's.",
        validator=SOURCE.keys["db.timezone"].validator,
        group=_DATABASE,
    )
    .define(
        "quote.sql.identifiers",
        Type.STRING,
        "always",
        Importance.LOW,
        "Whether names of tables and columns are quoted: always keeps their case, never leaves it to the database.",
        validator=one_of("always", "never"),
        group=_DATABASE,
        recommended=("always", "never"),
    )
    .define(
        "insert.mode",
        Type.STRING,
        "insert",
        Importance.HIGH,
        "insert adds a row for each record; upsert adds or replaces the row of the record's key; update only changes "
        "rows that exist.",
        validator=one_of("insert", "upsert", "update"),
        group=_WRITES,
        recommended=("insert", "upsert", "update"),
    )
    .define(
        "delete.enabled",
        Type.BOOLEAN,
        False,
        Importance.MEDIUM,
        "Whether a null value (a tombstone) deletes the row of its key; needs pk.mode=record_key. If not, null values "
        "are halted.",
        group=_WRITES,
    )
    .define(
        "batch.size",
        Type.INT,
        3000,
        Importance.MEDIUM,
        "The most rows of one statement. All records of one read from Kafka are one database transaction.",
        validator=at_least(1),
        group=_WRITES,
    )
    .define(
        "pk.mode",
        Type.STRING,
        "none",
        Importance.HIGH,
        "Where the primary key comes from. none: there is none; kafka: topic, partition and offset; record_key: the "
        "record's key; record_value: fields of its value.",
        validator=one_of("none", "kafka", "record_key", "record_value"),
        group=_KEYS,
        recommended=("none", "kafka", "record_key", "record_value"),
    )
    .define("primary.key.mode", Type.STRING, None, Importance.LOW, "Same as pk.mode.", group=_KEYS)
    .define(
        "pk.fields",
        Type.LIST,
        [],
        Importance.MEDIUM,
        "Columns of the primary key. With kafka: three names for topic, partition and offset, by default "
        "__connect_topic, __connect_partition and __connect_offset. With record_key: the fields of the key to use, by "
        "default all; of a key that is no record, the one column's name. With record_value: the fields of the value "
        "to use, by default all.",
        group=_KEYS,
    )
    .define("primary.key.fields", Type.LIST, [], Importance.LOW, "Same as pk.fields.", group=_KEYS)
    .define(
        "table.name.format",
        Type.STRING,
        "${topic}",
        Importance.MEDIUM,
        "Table of a topic's records; ${topic} stands for the topic. A dot parts schema and table; quotes keep a dot "
        'in a name: "${topic}".',
        validator=non_empty,
        group=_TABLES,
    )
    .define(
        "fields.whitelist",
        Type.LIST,
        [],
        Importance.MEDIUM,
        "Fields of the value to write; all when empty. Those of the primary key are always written.",
        group=_TABLES,
    )
    .define("fields.include.list", Type.LIST, [], Importance.LOW, "Same as fields.whitelist.", group=_TABLES)
    .define("field.include.list", Type.LIST, [], Importance.LOW, "Same as fields.whitelist.", group=_TABLES)
    .define(
        "auto.create",
        Type.BOOLEAN,
        False,
        Importance.MEDIUM,
        "Create a missing table from the first record's schema.",
        group=_TABLES,
    )
    .define(
        "auto.evolve",
        Type.BOOLEAN,
        False,
        Importance.MEDIUM,
        "Add a column, nullable, for each field the table has none for. Without it such records are halted.",
        group=_TABLES,
    )
    .define(
        "schema.evolution",
        Type.STRING,
        None,
        Importance.LOW,
        "basic is auto.create=true and auto.evolve=true, none is neither.",
        group=_TABLES,
    )
    .define(
        "max.retries",
        Type.INT,
        10,
        Importance.LOW,
        "How often a transaction is tried again in place when the database is away or refuses it for a moment (a "
        "deadlock); after that, or after 30 s, the task is started anew.",
        validator=at_least(0),
        group=_RETRIES,
    )
    .define(
        "retry.backoff.ms",
        Type.INT,
        3000,
        Importance.LOW,
        "Milliseconds between two tries.",
        validator=at_least(0),
        group=_RETRIES,
    )
)

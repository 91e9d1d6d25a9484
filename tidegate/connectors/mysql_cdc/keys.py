"""Configuration keys of the MySQL and MariaDB change data capture source; the names are Debezium's."""

from __future__ import annotations

from typing import Any

from tidegate.connectors.cdc.debezium_keys import MYSQL, DebeziumKeys
from tidegate.connectors.cdc.keys import (
    EVENT_KEYS,
    POLL_KEYS,
    TOPIC_KEYS,
    TYPE_KEYS,
    filter_keys,
    server_keys,
    snapshot_keys,
    snapshot_mode,
)
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, between, one_of

_DATABASE, _SNAPSHOT, _STREAM, _TYPES = "Database", "Snapshot", "Streaming", "Types"
SNAPSHOT_MODES = ("initial", "initial_only", "no_data", "never", "always", "when_needed")
LOCKING_MODES = ("minimal", "extended", "none")
SSL_MODES = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
MARIADB_SSL_MODES = {
    "disable": "disabled",
    "trust": "required",
    "verify-ca": "verify_ca",
    "verify-full": "verify_identity",
}
"""The words of Debezium's MariaDB connector, and what its MySQL connector calls them."""


def _table(value: Any) -> str | None:
    return None if value is None or "." in value else f"{value!r} is no table: use database.table"


_OWN = (
    server_keys(3306, "User who may replicate, see the tables' rows and, for a snapshot with a lock, RELOAD.")
    .define(
        "database.server.id",
        Type.LONG,
        REQUIRED,
        Importance.HIGH,
        "Number of the replica that the connector is to the server: another one than that of any server and of any "
        "other connector of the same replication topology.",
        validator=between(1, 2**32 - 1),
        group=_DATABASE,
    )
    .define(
        "database.ssl.mode",
        Type.STRING,
        "preferred",
        Importance.MEDIUM,
        "Whether the connection is encrypted, and how the server proves itself: disabled, preferred (where the server "
        "can), required, verify_ca (its certificate is checked), verify_identity (its host name as well). The words of "
        "Debezium's MariaDB connector are understood too: disable, trust, verify-ca, verify-full.",
        validator=one_of(*SSL_MODES, *MARIADB_SSL_MODES),
        group=_DATABASE,
    )
    .define(
        "database.ssl.ca",
        Type.STRING,
        None,
        Importance.LOW,
        "File of the certificates the server's is checked against; the system's where none is given.",
        group=_DATABASE,
    )
    .define(
        "database.ssl.cert", Type.STRING, None, Importance.LOW, "File of the client's certificate.", group=_DATABASE
    )
    .define("database.ssl.key", Type.STRING, None, Importance.LOW, "File of its key.", group=_DATABASE)
    .define(
        "database.initial.statements",
        Type.STRING,
        None,
        Importance.LOW,
        "Statements, between semicolons, run on each connection.",
        group=_DATABASE,
    )
    .define(
        "connect.timeout.ms",
        Type.INT,
        30_000,
        Importance.LOW,
        "Deadline for connecting, in milliseconds.",
        validator=at_least(1000),
        group=_DATABASE,
    )
    .define(
        "snapshot.mode",
        Type.STRING,
        "initial",
        Importance.HIGH,
        "What is read before streaming. initial: all captured tables at the first start; initial_only: the same and "
        "nothing after it; no_data, also never: only the tables' definitions; always: all tables at every start; "
        "when_needed: as initial, and again when the server has not the log any more that is to be read next.",
        validator=snapshot_mode(*SNAPSHOT_MODES),
        group=_SNAPSHOT,
    )
    .define(
        "snapshot.locking.mode",
        Type.STRING,
        "minimal",
        Importance.MEDIUM,
        "Whether writers wait while a snapshot begins. minimal: while place and definitions are read; extended: until "
        "all tables are read; none: never, which is exact on MariaDB for tables of InnoDB, and on MySQL only while "
        "nothing is written.",
        validator=one_of(*LOCKING_MODES),
        group=_SNAPSHOT,
    )
    .define(
        "snapshot.lock.timeout.ms",
        Type.LONG,
        10_000,
        Importance.LOW,
        "How long to wait for the lock of a snapshot, in milliseconds; all who write have to wait meanwhile. The task "
        "is started again with backoff when it was not had.",
        validator=at_least(1000),
        group=_SNAPSHOT,
    )
    .merged(snapshot_keys("database", 20_480))
    .define(
        "snapshot.max.threads",
        Type.INT,
        1,
        Importance.MEDIUM,
        "How many tables of the snapshot are read at once, each over a connection of its own; all see the same place "
        "in the log. With snapshot.locking.mode=none as many as happen to see it, and one on MySQL.",
        validator=between(1, 64),
        group=_SNAPSHOT,
    )
    .define(
        "signal.data.collection",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Table, as database.table, in which a row asks for an incremental snapshot: columns id, type and data. Its "
        "changes are told only where it is captured as well.",
        validator=_table,
        group=_SNAPSHOT,
    )
    .define(
        "incremental.snapshot.chunk.size",
        Type.INT,
        1024,
        Importance.LOW,
        "Rows of a chunk of an incremental snapshot; a chunk is held in memory until its place in the stream has come.",
        validator=at_least(1),
        group=_SNAPSHOT,
    )
    .define(
        "schema.history.internal.store.only.captured.tables.ddl",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether only captured tables' definitions are kept, rather than those of all tables of captured databases: "
        "less to keep, but a table that is renamed to a captured one's name has to be asked for.",
        group=_STREAM,
    )
    .define(
        "include.schema.changes",
        Type.BOOLEAN,
        True,
        Importance.MEDIUM,
        "Whether statements that change captured tables are told in the topic named topic.prefix.",
        group=_STREAM,
    )
    .define(
        "include.query",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether source.query is the statement that a change is of, which the server writes with "
        "binlog_annotate_row_events (MariaDB) or binlog_rows_query_log_events (MySQL).",
        group=_STREAM,
    )
    .define(
        "max.batch.bytes",
        Type.LONG,
        4 * 1024 * 1024,
        Importance.MEDIUM,
        "About the most of the log that one batch holds; a larger event is taken whole.",
        validator=at_least(64 * 1024),
        group=_STREAM,
    )
    .merged(POLL_KEYS)
    .define(
        "position.commit.interval.ms",
        Type.INT,
        10_000,
        Importance.LOW,
        "How often the position is kept while only tables that are not captured change, in milliseconds; so that a "
        "restart does not need old log files.",
        validator=at_least(100),
        group=_STREAM,
    )
    .define(
        "lag.warning.seconds",
        Type.INT,
        300,
        Importance.LOW,
        "A warning is logged when changes are told so many seconds after they were written, or later; 0 for never.",
        validator=at_least(0),
        group=_STREAM,
    )
    .define(
        "bigint.unsigned.handling.mode",
        Type.STRING,
        "long",
        Importance.LOW,
        "What BIGINT UNSIGNED becomes: long (numbers from 2^63 on are negative) or precise (a decimal).",
        validator=one_of("long", "precise"),
        group=_TYPES,
    )
)

_TIMES = ConfigDef().define(
    "time.precision.mode",
    Type.STRING,
    "adaptive_time_microseconds",
    Importance.MEDIUM,
    "What dates and times become: adaptive_time_microseconds (numbers in the column's precision, times in "
    "microseconds), microseconds, connect (milliseconds always, so that microseconds are cut, and no times beyond a "
    "day), isostring (text). TIMESTAMP is ISO 8601 text in UTC always.",
    validator=one_of("adaptive_time_microseconds", "connect", "isostring", "microseconds"),
    group=_TYPES,
)

CONFIG = TOPIC_KEYS.merged(_OWN, filter_keys("database"), EVENT_KEYS, TYPE_KEYS, _TIMES)
DEBEZIUM = DebeziumKeys(CONFIG, MYSQL)

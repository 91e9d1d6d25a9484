"""Configuration keys of the PostgreSQL change data capture source; the names are Debezium's."""

from __future__ import annotations

import re
from typing import Any

from tidegate.connectors.cdc.debezium_keys import POSTGRES, DebeziumKeys
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
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, between, non_empty, one_of

_DATABASE, _SLOT, _SNAPSHOT, _STREAM = "Database", "Slot and publication", "Snapshot", "Streaming"
_SLOT_NAME = re.compile(r"[a-z0-9_]{1,63}")
QUEUE_BYTES = 8 * 1024 * 1024
SNAPSHOT_MODES = ("initial", "initial_only", "no_data", "never", "always", "when_needed")
PUBLICATION_MODES = ("all_tables", "filtered", "no_tables", "disabled")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _slot(value: Any) -> str | None:
    if _SLOT_NAME.fullmatch(value):
        return None
    return f"{value!r} is no name of a replication slot: use up to 63 of a-z, 0-9 and _"


def _plugin(value: Any) -> str | None:
    if value == "pgoutput":
        return None
    return f"{value!r} is not spoken here: write pgoutput, and a slot.name that the server has no slot of yet"


def _queue(value: Any) -> str | None:
    return at_least(64 * 1024)(value) if value else None


_OWN = (
    server_keys(5432, "User with the right REPLICATION.")
    .define(
        "database.dbname",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "Database whose changes are captured.",
        validator=non_empty,
        group=_DATABASE,
    )
    .define(
        "database.sslmode",
        Type.STRING,
        "prefer",
        Importance.MEDIUM,
        "Whether the connection is encrypted, and how the server proves itself; libpq's meaning.",
        validator=one_of(*SSL_MODES),
        group=_DATABASE,
    )
    .define("database.sslcert", Type.STRING, None, Importance.LOW, "File of the client's certificate.", group=_DATABASE)
    .define(
        "database.sslkey", Type.STRING, None, Importance.LOW, "File of the key of that certificate.", group=_DATABASE
    )
    .define("database.sslpassword", Type.PASSWORD, None, Importance.LOW, "Password of that file.", group=_DATABASE)
    .define(
        "database.sslrootcert",
        Type.STRING,
        None,
        Importance.LOW,
        "File of the certificates the server's is checked against.",
        group=_DATABASE,
    )
    .define(
        "database.tcpKeepAlive",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Whether TCP notices a dead connection.",
        group=_DATABASE,
    )
    .define(
        "database.initial.statements",
        Type.STRING,
        None,
        Importance.LOW,
        "Statements, between semicolons, run on each connection that reads tables.",
        group=_DATABASE,
    )
    .define(
        "connection.timeout.ms",
        Type.INT,
        10_000,
        Importance.LOW,
        "Deadline for connecting, in milliseconds.",
        validator=at_least(1000),
        group=_DATABASE,
    )
    .define(
        "plugin.name",
        Type.STRING,
        "pgoutput",
        Importance.LOW,
        "The logical decoding plugin: pgoutput, which the server has built in.",
        validator=_plugin,
        group=_SLOT,
    )
    .define(
        "slot.name",
        Type.STRING,
        "debezium",
        Importance.HIGH,
        "The replication slot, one a connector. Made when it is missing.",
        validator=_slot,
        group=_SLOT,
    )
    .define(
        "slot.drop.on.stop",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether the slot is dropped when the connector stops in order. What is changed until it starts again is lost: "
        "for trials only.",
        group=_SLOT,
    )
    .define(
        "slot.failover",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether the slot is one that standbys keep in step, so that the connector goes on from a standby that was "
        "promoted (PostgreSQL 17 or newer).",
        group=_SLOT,
    )
    .define(
        "slot.max.retries",
        Type.INT,
        6,
        Importance.LOW,
        "How often to try while another session uses the slot.",
        validator=at_least(0),
        group=_SLOT,
    )
    .define(
        "slot.retry.delay.ms",
        Type.INT,
        10_000,
        Importance.LOW,
        "Time between these tries, in milliseconds.",
        validator=at_least(100),
        group=_SLOT,
    )
    .define(
        "publication.name",
        Type.STRING,
        "dbz_publication",
        Importance.HIGH,
        "The publication that says which tables the server sends.",
        validator=non_empty,
        group=_SLOT,
    )
    .define(
        "publication.autocreate.mode",
        Type.STRING,
        "all_tables",
        Importance.MEDIUM,
        "What is done where the publication is missing: all_tables makes one for all tables (needs a superuser), "
        "filtered makes one of the captured tables and alters it when they change, no_tables makes one without tables, "
        "to be altered by hand, disabled fails.",
        validator=one_of(*PUBLICATION_MODES),
        group=_SLOT,
    )
    .define(
        "publish.via.partition.root",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether a publication that is made publishes changes of partitions as changes of the partitioned table.",
        group=_SLOT,
    )
    .define(
        "snapshot.mode",
        Type.STRING,
        "initial",
        Importance.HIGH,
        "What is read before streaming. initial: all captured tables at the first start; initial_only: the same and "
        "nothing after it; no_data, also never: nothing; always: all tables at every start; when_needed: as initial, "
        "and again when the slot has been lost.",
        validator=snapshot_mode(*SNAPSHOT_MODES),
        group=_SNAPSHOT,
    )
    .merged(snapshot_keys("schema", 10_240))
    .define(
        "snapshot.max.threads",
        Type.INT,
        1,
        Importance.MEDIUM,
        "How many tables, or parts of large tables, the snapshot reads at once, each over a connection of its own.",
        validator=between(1, 64),
        group=_SNAPSHOT,
    )
    .define(
        "signal.data.collection",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Table, as schema.table, in which a row asks for an incremental snapshot: columns id, type and data. It has to "
        "be published; its changes are told only where it is captured as well.",
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
        "max.batch.size",
        Type.INT,
        20_480,
        Importance.MEDIUM,
        "Most changes of one batch.",
        validator=at_least(1),
        group=_STREAM,
    )
    .define(
        "max.queue.size.in.bytes",
        Type.LONG,
        QUEUE_BYTES,
        Importance.MEDIUM,
        "Most memory for changes that are received and not yet taken; the server waits while it is full. 0 for the "
        "default: it is never without bound.",
        validator=_queue,
        group=_STREAM,
    )
    .merged(POLL_KEYS)
    .define(
        "status.update.interval.ms",
        Type.INT,
        10_000,
        Importance.LOW,
        "How often the server is told what it may forget, and how often is kept that an idle log has moved on, in "
        "milliseconds; below the server's wal_sender_timeout.",
        validator=between(100, 60_000),
        group=_STREAM,
    )
    .define(
        "xmin.fetch.interval.ms",
        Type.INT,
        0,
        Importance.LOW,
        "Has no effect: xmin is always null.",
        group=_STREAM,
        validator=at_least(0),
    )
    .define(
        "lag.warning.bytes",
        Type.LONG,
        1024**3,
        Importance.LOW,
        "A warning is logged when the slot holds back more of the write-ahead log than so many bytes; 0 for never.",
        validator=at_least(0),
        group=_STREAM,
    )
)

_TYPES = (
    ConfigDef()
    .define(
        "interval.handling.mode",
        Type.STRING,
        "numeric",
        Importance.LOW,
        "What intervals become: numeric (microseconds, a month being 30.4375 days) or string (ISO 8601).",
        validator=one_of("numeric", "string"),
        group="Types",
    )
    .define(
        "hstore.handling.mode",
        Type.STRING,
        "json",
        Importance.LOW,
        "What hstore becomes: json (text) or map.",
        validator=one_of("json", "map"),
        group="Types",
    )
    .define(
        "money.fraction.digits",
        Type.INT,
        2,
        Importance.LOW,
        "Digits after the point of type money.",
        validator=between(0, 18),
        group="Types",
    )
)

CONFIG = TOPIC_KEYS.merged(_OWN, filter_keys("schema"), EVENT_KEYS, TYPE_KEYS, _TYPES)
DEBEZIUM = DebeziumKeys(CONFIG, POSTGRES)

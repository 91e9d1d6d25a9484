"""Configuration keys that connectors for changes of a database share, in Debezium's names."""

from __future__ import annotations

from typing import Any

from tidegate.connectors.cdc.message_keys import message_keys_problem
from tidegate.connectors.cdc.name_adjustment import MODES as ADJUSTMENT_MODES
from tidegate.connectors.cdc.name_patterns import patterns_problem
from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import (
    REQUIRED,
    Config,
    ConfigDef,
    Importance,
    Type,
    Validator,
    at_least,
    between,
    non_empty,
    one_of,
)

_TOPICS, _CAPTURE, _EVENTS, _TYPES = "Topics", "What is captured", "Events", "Types"
_DATABASE, _SNAPSHOT, _STREAM = "Database", "Snapshot", "Streaming"
_SKIPPABLE = ("c", "u", "d", "t", "none")


def _list(config: ConfigDef, name: str, importance: Importance, doc: str) -> ConfigDef:
    return config.define(name, Type.STRING, None, importance, doc, validator=patterns_problem, group=_CAPTURE)


def _operations(value: Any) -> str | None:
    unknown = [one for one in value if one not in _SKIPPABLE]
    return f"{', '.join(unknown)} is no operation: use some of c, u, d, t, or none" if unknown else None


def _placeholder(value: Any) -> str | None:
    return "is in hexadecimal, which is not read here: write it as text" if value.startswith("hex:") else None


TOPIC_KEYS = (
    ConfigDef()
    .define(
        "topic.prefix",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "Name of the database server in topics (prefix.schema.table), record types and offsets. Unique in the Kafka "
        "cluster, and never changed: another one is another source, which begins anew.",
        validator=non_empty,
        group=_TOPICS,
    )
    .define("topic.delimiter", Type.STRING, ".", Importance.LOW, "Between the parts of topics' names.", group=_TOPICS)
    .define(
        "topic.heartbeat.prefix",
        Type.STRING,
        "__debezium-heartbeat",
        Importance.LOW,
        "Heartbeats go to the topic of this name, the delimiter and topic.prefix.",
        group=_TOPICS,
    )
    .define(
        "topic.transaction",
        Type.STRING,
        "transaction",
        Importance.LOW,
        "Transactions go to the topic topic.prefix, the delimiter and this name.",
        group=_TOPICS,
    )
    .define(
        "schema.name.adjustment.mode",
        Type.STRING,
        "none",
        Importance.LOW,
        "Names of record types: none leaves them as they are, avro writes an underscore for each letter that Avro does "
        "not allow, avro_unicode its number. The Avro converter makes names valid in any case.",
        validator=one_of(*ADJUSTMENT_MODES),
        group=_TOPICS,
    )
    .define(
        "field.name.adjustment.mode",
        Type.STRING,
        "none",
        Importance.LOW,
        "Names of fields, which are those of columns: none, avro or avro_unicode, as schema.name.adjustment.mode.",
        validator=one_of(*ADJUSTMENT_MODES),
        group=_TOPICS,
    )
)


def filter_keys(level: str) -> ConfigDef:
    """The keys that choose tables and columns.

    Args:
        level: ``schema`` or ``database``: what tables stand in.
    """
    config = ConfigDef()
    for kind, form in ((level, level), ("table", f"{level}.table"), ("column", f"{level}.table.column")):
        importance = Importance.HIGH if kind == "table" else Importance.MEDIUM
        regex = f"Regular expressions between commas, each for a whole name of the form {form}, in any case"
        _list(config, f"{kind}.include.list", importance, f"{regex}: only these are captured.")
        _list(config, f"{kind}.exclude.list", importance, f"{regex}: these are not captured.")
    return config.define(
        "message.key.columns",
        Type.STRING,
        None,
        Importance.MEDIUM,
        f"Columns that make the key instead of the primary key: {level}.table:column,column, with a regular expression "
        "for the table, several between semicolons.",
        validator=message_keys_problem,
        group=_CAPTURE,
    )


def server_keys(port: int, user: str) -> ConfigDef:
    """The keys that name the server.

    Args:
        port: its default port.
        user: what the user has to be allowed, in a sentence.
    """
    return (
        ConfigDef()
        .define(
            "database.hostname",
            Type.STRING,
            REQUIRED,
            Importance.HIGH,
            "Host of the server.",
            validator=non_empty,
            group=_DATABASE,
        )
        .define(
            "database.port",
            Type.INT,
            port,
            Importance.HIGH,
            "Port of the server.",
            validator=between(1, 65535),
            group=_DATABASE,
        )
        .define("database.user", Type.STRING, REQUIRED, Importance.HIGH, user, group=_DATABASE)
        .define("database.password", Type.PASSWORD, None, Importance.HIGH, "The user's password.", group=_DATABASE)
    )


def snapshot_keys(level: str, rows: int) -> ConfigDef:
    """The keys of which tables a snapshot reads, and how many rows at once.

    Args:
        level: ``schema`` or ``database``: what tables stand in.
        rows: the most of one batch, by default.
    """
    return (
        ConfigDef()
        .define(
            "snapshot.include.collection.list",
            Type.STRING,
            None,
            Importance.MEDIUM,
            f"Regular expressions between commas for {level}.table: only these captured tables are read in the "
            "snapshot.",
            group=_SNAPSHOT,
        )
        .define(
            "snapshot.fetch.size",
            Type.INT,
            rows,
            Importance.LOW,
            "Most rows of one batch of the snapshot.",
            validator=at_least(1),
            group=_SNAPSHOT,
        )
    )


_OLD_SNAPSHOT_MODES = {"schema_only": "no_data", "exported": "initial"}
_OTHER_SNAPSHOT_MODES = {
    "custom": "names a class of Java, which is not run here",
    "configuration_based": "is not done here",
    "recovery": "is not needed: tables' definitions are kept with the offsets",
    "schema_only_recovery": "is not needed: tables' definitions are kept with the offsets",
}


def snapshot_mode(*modes: str) -> Validator:
    """Accepts these modes of snapshots and their old names; see :func:`current_snapshot_mode`."""

    def check(value: Any) -> str | None:
        if value in modes or _OLD_SNAPSHOT_MODES.get(value) in modes:
            return None
        return f"{value!r} {_OTHER_SNAPSHOT_MODES.get(value, 'is not known')}: use one of {', '.join(modes)}"

    return check


def current_snapshot_mode(value: str) -> str:
    """The name that a mode has today."""
    return _OLD_SNAPSHOT_MODES.get(value, value)


POLL_KEYS = ConfigDef().define(
    "poll.interval.ms",
    Type.INT,
    500,
    Importance.LOW,
    "Longest time to wait for changes before other things are looked after, in milliseconds; a second at most.",
    validator=at_least(1),
    group=_STREAM,
)

EVENT_KEYS = (
    ConfigDef()
    .define(
        "tombstones.on.delete",
        Type.BOOLEAN,
        True,
        Importance.MEDIUM,
        "Whether a delete event is followed by a record without a value, which lets Kafka compact the key away.",
        group=_EVENTS,
    )
    .define(
        "skipped.operations",
        Type.LIST,
        ["t"],
        Importance.MEDIUM,
        "Operations that give no event: c (create), u (update), d (delete), t (truncate); none to skip nothing.",
        validator=_operations,
        group=_EVENTS,
    )
    .define(
        "skip.messages.without.change",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether an update gives no event where no captured column has changed, as far as the database tells the row "
        "before (PostgreSQL: REPLICA IDENTITY FULL).",
        group=_EVENTS,
    )
    .define(
        "provide.transaction.metadata",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether events tell their transaction and place in it, and records of the beginning and end of each "
        "transaction are written to a topic of their own.",
        group=_EVENTS,
    )
    .define(
        "heartbeat.interval.ms",
        Type.INT,
        0,
        Importance.MEDIUM,
        "How often a heartbeat is written to its topic, in milliseconds; 0 for never. Unlike with Debezium the "
        "position on the server moves without it, too.",
        validator=at_least(0),
        group=_EVENTS,
    )
    .define(
        "heartbeat.action.query",
        Type.STRING,
        None,
        Importance.LOW,
        "Statement that is run on the database with each heartbeat.",
        group=_EVENTS,
    )
    .define(
        "unavailable.value.placeholder",
        Type.STRING,
        "__debezium_unavailable_value",
        Importance.MEDIUM,
        "Stands for a value that did not change and that the database did not tell because it is stored apart.",
        validator=_placeholder,
        group=_EVENTS,
    )
)


def event_problems(config: Config) -> list[ConfigProblem]:
    """Keys of :data:`EVENT_KEYS` that do not go together."""
    if not (config["skip.messages.without.change"] and config["provide.transaction.metadata"]):
        return []
    problem = "does not go with provide.transaction.metadata, which counts all events: set one of them to false"
    return [ConfigProblem("skip.messages.without.change", problem)]


TYPE_KEYS = (
    ConfigDef()
    .define(
        "decimal.handling.mode",
        Type.STRING,
        "precise",
        Importance.MEDIUM,
        "What decimals become: precise (decimals), double (may lose digits) or string.",
        validator=one_of("precise", "double", "string"),
        group=_TYPES,
    )
    .define(
        "time.precision.mode",
        Type.STRING,
        "adaptive",
        Importance.MEDIUM,
        "What dates and times become: adaptive, adaptive_time_microseconds or microseconds (numbers in the column's "
        "precision), connect (milliseconds always, so that microseconds are cut), isostring (text).",
        validator=one_of("adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds"),
        group=_TYPES,
    )
    .define(
        "binary.handling.mode",
        Type.STRING,
        "bytes",
        Importance.LOW,
        "What binary columns become: bytes, base64, base64-url-safe or hex.",
        validator=one_of("bytes", "base64", "base64-url-safe", "hex"),
        group=_TYPES,
    )
)

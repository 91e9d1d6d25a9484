"""Debezium's configuration keys that are not ours: which are needless here, and which would change what is told.

A configuration of Debezium's runs as it is, unless something in it would be left undone: that is refused, with what to
write instead. What only tunes Debezium's own machinery is accepted, and the log says that it has no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import ConfigDef
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Needless:
    """A key without effect here, whatever its value.

    Args:
        reason: why it is not needed.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class OnlyAs:
    """A key that may only say what is done here anyway.

    Args:
        fine: values that are, in lower case.
        problem: what is wrong with other values, and the remedy.
    """

    fine: Sequence[str]
    problem: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key of Debezium 1, which later versions pass over.

    Args:
        new: its name today.
    """

    new: str


Rule = Needless | OnlyAs | Renamed

_RENAMED = {
    "database.server.name": "topic.prefix",
    "heartbeat.topics.prefix": "topic.heartbeat.prefix",
    "toasted.value.placeholder": "unavailable.value.placeholder",
    "sanitize.field.names": "field.name.adjustment.mode",
    "snapshot.include.tables": "snapshot.include.collection.list",
    "database.whitelist": "database.include.list",
    "database.blacklist": "database.exclude.list",
    "schema.whitelist": "schema.include.list",
    "schema.blacklist": "schema.exclude.list",
    "table.whitelist": "table.include.list",
    "table.blacklist": "table.exclude.list",
    "column.whitelist": "column.include.list",
    "column.blacklist": "column.exclude.list",
}
_MACHINERY = "it tunes Debezium's own machinery"
_RESTARTS = "the worker starts a failed task again by itself, with backoff"
_DEAD_LETTERS = (
    "is not done here: an event that can not be told is halted. Leave the key out; with errors.tolerance=all such "
    "events go to the dead letter queue and the others go on"
)
_CLASS = "names a class of Java, which is not run here: remove it"
_DRIVER = "no driver of Java is used"
_HISTORY = "tables' definitions are kept with the connector's offsets"
_OF_ANOTHER = "it is a key of another of Debezium's connectors"
_SIGNALS = "signals come through the table of signal.data.collection"

_COMMON: Mapping[str, Rule] = {
    **{old: Renamed(new) for old, new in _RENAMED.items()},
    "converters": OnlyAs((), f"{_CLASS}, or convert with transforms"),
    "post.processors": OnlyAs((), f"{_CLASS}, or use transforms"),
    "transaction.metadata.factory": OnlyAs(
        ("io.debezium.pipeline.txmetadata.defaulttransactionmetadatafactory",), f"another than Debezium's own {_CLASS}"
    ),
    "sourceinfo.struct.maker": OnlyAs(
        tuple(
            f"io.debezium.connector.{kind}sourceinfostructmaker"
            for kind in ("postgresql.postgres", "mysql.mysql", "mariadb.mariadb")
        ),
        f"another than Debezium's own {_CLASS}",
    ),
    "topic.naming.strategy": OnlyAs(
        ("io.debezium.schema.schematopicnamingstrategy", "io.debezium.schema.defaulttopicnamingstrategy"),
        f"another than Debezium's own {_CLASS}, and route topics with the transform RegexRouter",
    ),
    "topic.heartbeat.name": OnlyAs((), "is not done here: write topic.heartbeat.prefix"),
    "event.processing.failure.handling.mode": OnlyAs(("fail",), _DEAD_LETTERS),
    "event.converting.failure.handling.mode": OnlyAs(("fail", "warn"), _DEAD_LETTERS),
    "event.deserialization.failure.handling.mode": OnlyAs(("fail",), _DEAD_LETTERS),
    "inconsistent.schema.handling.mode": OnlyAs(("fail",), _DEAD_LETTERS),
    "snapshot.select.statement.overrides": OnlyAs(
        (),
        "is not done here: remove it, set snapshot.mode=no_data, and read the rows that are wanted with a signal "
        "(signal.data.collection) with additional-conditions",
    ),
    "snapshot.query.mode": OnlyAs(("select_all",), f"another than select_all {_CLASS}"),
    "snapshot.query.mode.custom.name": OnlyAs((), _CLASS),
    "snapshot.mode.custom.name": OnlyAs((), _CLASS),
    "snapshot.locking.mode.custom.name": OnlyAs((), _CLASS),
    "snapshot.mode.configuration.based.snapshot.data": OnlyAs(("false",), "is not done here: choose a snapshot.mode"),
    "snapshot.mode.configuration.based.snapshot.schema": OnlyAs(("false",), "is not done here: choose a snapshot.mode"),
    "snapshot.mode.configuration.based.start.stream": OnlyAs(("false",), "is not done here: choose a snapshot.mode"),
    "snapshot.mode.configuration.based.snapshot.on.schema.error": OnlyAs(
        ("false",), "is not done here: set snapshot.mode=when_needed"
    ),
    "snapshot.mode.configuration.based.snapshot.on.data.error": OnlyAs(
        ("false",), "is not done here: set snapshot.mode=when_needed"
    ),
    "signal.enabled.channels": OnlyAs(
        ("source",), f"has channels that are not heard here: write source; {_SIGNALS} only"
    ),
    "notification.enabled.channels": OnlyAs(
        ("log", "jmx", "log,jmx", "jmx,log"),
        "asks for records of the snapshot's progress, which are not written here: remove sink, and watch the log and "
        "the task's metrics",
    ),
    "column.propagate.source.type": OnlyAs((), "is not done here, and readers of the schema would miss it: remove it"),
    "datatype.propagate.source.type": OnlyAs(
        (), "is not done here, and readers of the schema would miss it: remove it"
    ),
    "table.ignore.builtin": OnlyAs(("true",), "the server's own tables are never captured: write true"),
    "include.schema.comments": OnlyAs(("false",), "comments are not told here: write false"),
    "max.queue.size": Needless("memory is bounded in bytes, not in events"),
    "poll.dispatch.interval.ms": Needless(_MACHINERY),
    "queue.provider.type": Needless(_MACHINERY),
    "query.fetch.size": Needless(_MACHINERY),
    "topic.cache.size": Needless(_MACHINERY),
    "database.query.timeout.ms": Needless("each statement has a deadline of its own"),
    "connection.validation.timeout.ms": Needless(_MACHINERY),
    "executor.shutdown.timeout.ms": Needless(_MACHINERY),
    "retriable.restart.connector.wait.ms": Needless(_RESTARTS),
    "errors.max.retries": Needless(_RESTARTS),
    "snapshot.delay.ms": Needless("a snapshot begins when the task does"),
    "streaming.delay.ms": Needless("the stream begins when the snapshot has ended"),
    "snapshot.tables.order.by.row.count": Needless("tables are read in the order of their names"),
    "snapshot.max.threads.multiplier": Needless("snapshot.max.threads cuts large tables by itself"),
    "legacy.snapshot.max.threads": Needless("snapshot.max.threads cuts large tables by itself"),
    "incremental.snapshot.watermarking.strategy": Needless("incremental snapshots write nothing into the database"),
    "incremental.snapshot.allow.schema.changes": Needless("tables may be altered while they are read"),
    "read.only": Needless("incremental snapshots write nothing into the database"),
    "signal.poll.interval.ms": Needless(_SIGNALS),
    "signal.emit.failure.max.retries": Needless(_SIGNALS),
    "signal.emit.failure.backoff.ms": Needless(_SIGNALS),
    "notification.sink.topic.name": Needless("no notifications are written"),
    "custom.metric.tags": Needless("metrics have the connector's and the task's name"),
    "custom.sanitize.pattern": Needless("passwords are never logged"),
    "statistics.metrics.enabled": Needless("metrics are always there"),
    "guardrail.collections.max": Needless("a table more costs little"),
    "guardrail.collections.limit.action": Needless("a table more costs little"),
    "extended.headers.enabled": Needless("no such headers are written"),
    "include.unknown.datatypes": Needless("columns of every type are told, as text where there is no better form"),
    "connection.factory.class": Needless(_DRIVER),
    **{
        f"database.{name}": Needless(_DRIVER)
        for name in ("jdbc.driver", "protocol", "useSSL", "allowPublicKeyRetrieval")
    },
}
_PREFIXES: Mapping[str, Rule] = {
    "signal.kafka.": Needless(_SIGNALS),
    "signal.consumer.": Needless(_SIGNALS),
    "signal.file": Needless(_SIGNALS),
    "openlineage.": Needless("lineage is not told"),
    "driver.": Needless(_DRIVER),
    "snapshot.select.statement.overrides.": Needless("snapshot.select.statement.overrides is not given"),
    "internal.": Needless(_MACHINERY),
    "schema.history.internal": Needless(_HISTORY),
    "database.history": Needless(_HISTORY),
}

POSTGRES: Mapping[str, Rule] = {
    **_COMMON,
    "database.sslfactory": OnlyAs((), f"{_CLASS}; write database.sslmode and database.sslrootcert"),
    "include.schema.changes": Needless("PostgreSQL's log tells no statements"),
    "snapshot.isolation.mode": Needless("all tables are read in one consistent snapshot"),
    "snapshot.locking.mode": OnlyAs(("none", "shared"), f"another than none or shared {_CLASS}"),
    "snapshot.lock.timeout.ms": Needless("a snapshot takes no locks that others wait for"),
    "message.prefix.include.list": OnlyAs((), "messages of pg_logical_emit_message are not told here: remove it"),
    "message.prefix.exclude.list": Needless("messages of pg_logical_emit_message are not told"),
    "slot.stream.params": OnlyAs((), "is not done here: what is sent is what the publication says, so alter that"),
    "replica.identity.autoset.values": OnlyAs((), "is not done here: run ALTER TABLE ... REPLICA IDENTITY yourself"),
    "flush.lsn.source": OnlyAs(("true",), "the server is told what it may forget, or it would keep all: write true"),
    "lsn.flush.mode": OnlyAs(("connector", "connector_and_driver"), "the server is told what it may forget: remove it"),
    "lsn.flush.timeout.ms": Needless(_MACHINERY),
    "lsn.flush.timeout.action": Needless(_MACHINERY),
    "offset.mismatch.strategy": OnlyAs(
        ("no_validation", "trust_offset"),
        "would pass over changes that nobody has read: remove it; a slot that is lost is an error, or a new snapshot "
        "with snapshot.mode=when_needed",
    ),
    "schema.refresh.mode": Needless("tables' definitions come from the stream and the catalogue"),
    "database.include.list": Needless(_OF_ANOTHER),
    "database.exclude.list": Needless(_OF_ANOTHER),
    "database.server.id": Needless(_OF_ANOTHER),
}

_DEFINITIONS = "tables' definitions are followed in the log, and asked for where that does not tell them"
MYSQL: Mapping[str, Rule] = {
    **_COMMON,
    "max.batch.size": Needless("a batch is bounded by max.batch.bytes"),
    "max.queue.size.in.bytes": Needless("a batch is bounded by max.batch.bytes"),
    "database.server.id.offset": Needless("the log has one reader"),
    "connect.keep.alive": Needless("a lost connection is noticed and made anew"),
    "connect.keep.alive.interval.ms": Needless("a lost connection is noticed and made anew"),
    "use.nongraceful.disconnect": Needless(_MACHINERY),
    "binlog.net.write.timeout": Needless("the connection's deadlines are set by itself"),
    "binlog.net.read.timeout": Needless("the connection's deadlines are set by itself"),
    "binlog.buffer.size": Needless("a transaction is told while it is read"),
    "min.row.count.to.stream.results": Needless("rows are always streamed"),
    "resolve.create.table.like.schema": Needless(_DEFINITIONS),
    "ddl.parser.type": Needless(_DEFINITIONS),
    "enable.time.adjuster": Needless("years are told as the server has them"),
    "gtid.source.includes": OnlyAs((), "is not done here: transactions of all servers are told, so remove it"),
    "gtid.source.excludes": OnlyAs((), "is not done here: transactions of all servers are told, so remove it"),
    "gtid.source.filter.dml.events": Needless("transactions of all servers are told"),
    "gtid.ignore.on.recovery": OnlyAs(("false",), "would pass over changes that nobody has read: write false"),
    "database.ssl.keystore": OnlyAs((), "is a file of Java's: write database.ssl.cert and database.ssl.key, PEM files"),
    "database.ssl.keystore.password": OnlyAs((), "is of a file of Java's: see database.ssl.cert"),
    "database.ssl.truststore": OnlyAs((), "is a file of Java's: write database.ssl.ca, a PEM file"),
    "database.ssl.truststore.password": OnlyAs((), "is of a file of Java's: see database.ssl.ca"),
    "database.dbname": Needless(_OF_ANOTHER),
    "schema.include.list": Needless(_OF_ANOTHER),
    "schema.exclude.list": Needless(_OF_ANOTHER),
    "database.connectionTimeZone": Needless("times do not depend on it: DATETIME has no zone, TIMESTAMP is in UTC"),
    "database.serverTimezone": Needless("times do not depend on it: DATETIME has no zone, TIMESTAMP is in UTC"),
    "connectionTimeZone": Needless("times do not depend on it: DATETIME has no zone, TIMESTAMP is in UTC"),
}
_OF_DEBEZIUM = re.compile(
    r"(binlog|column|database|datatype|event|field|gtid|heartbeat|include|incremental|lsn|message|money|notification|"
    r"plugin|publication|schema|signal|skip|skipped|slot|snapshot|source|table|tombstones|topic|unavailable)\."
)
_MASKS = re.compile(r"column\.(mask|truncate)\..*")
_OF_THE_WORKER = re.compile(r"topic\.creation\..*")


class DebeziumKeys:
    """Judges the keys of a configuration that its definition does not have.

    Args:
        config_def: the connector's own keys.
        rules: what is said of others: :data:`POSTGRES` or :data:`MYSQL`.
    """

    def __init__(self, config_def: ConfigDef, rules: Mapping[str, Rule]) -> None:
        self._own = config_def.keys
        self._rules = rules

    def problems(self, config: Mapping[str, str]) -> list[ConfigProblem]:
        """What would be left undone."""
        found = []
        for key, rule in self._judged(config):
            if isinstance(rule, OnlyAs) and config[key].replace(" ", "").lower() not in rule.fine:
                found.append(ConfigProblem(key, rule.problem))
            elif isinstance(rule, Renamed) and rule.new not in config:
                found.append(ConfigProblem(key, f"was renamed by Debezium 2: write {rule.new}"))
        return found

    def warnings(self, config: Mapping[str, str]) -> dict[str, str]:
        """Keys without effect, and why."""
        found = {}
        for key, rule in self._judged(config):
            if isinstance(rule, Needless):
                found[key] = rule.reason
            elif isinstance(rule, Renamed):
                found[key] = f"{rule.new} is given"
        for key in config:
            others = _MASKS.fullmatch(key) or _OF_THE_WORKER.fullmatch(key)
            if key not in self._own and self._rule(key) is None and not others and _OF_DEBEZIUM.match(key):
                found[key] = "it is not known: look for a slip of the pen"
        return found

    def warn(self, config: Mapping[str, str]) -> None:
        """Logs :meth:`warnings`."""
        for key, reason in self.warnings(config).items():
            log.warning("cdc.key_without_effect", key=key, reason=reason)

    def _judged(self, config: Mapping[str, str]) -> Iterator[tuple[str, Rule]]:
        for key, value in config.items():
            rule = None if key in self._own or not value.strip() else self._rule(key)
            if rule is not None:
                yield key, rule

    def _rule(self, key: str) -> Rule | None:
        return self._rules.get(key) or next((rule for start, rule in _PREFIXES.items() if key.startswith(start)), None)

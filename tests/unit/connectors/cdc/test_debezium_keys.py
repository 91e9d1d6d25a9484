"""Configurations made for Debezium: they run, or say what would be left undone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tidegate.connectors.mysql_cdc.keys import CONFIG as MYSQL_CONFIG
from tidegate.connectors.mysql_cdc.keys import DEBEZIUM as MYSQL
from tidegate.connectors.postgres_cdc.keys import CONFIG as POSTGRES_CONFIG
from tidegate.connectors.postgres_cdc.keys import DEBEZIUM as POSTGRES

_SERVER = {
    "tasks.max": "1",
    "database.hostname": "db",
    "database.user": "debezium",
    "database.password": "dbz",
    "topic.prefix": "shop",
}
_OF_POSTGRES = {**_SERVER, "database.dbname": "shop", "connector.class": "PostgresConnector"}
_OF_MYSQL = {**_SERVER, "database.server.id": "184054", "connector.class": "MySqlConnector"}
_JDBC_LIKE = {
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "transforms": "unwrap",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "topic.creation.default.partitions": "3",
    "errors.log.enable": "true",
}


def _invalid(config_def: object, config: Mapping[str, str]) -> list[str]:
    assert hasattr(config_def, "validate")
    return [f"{one.key.name}: {error}" for one in config_def.validate(config) for error in one.errors]


@pytest.mark.parametrize(
    ("more", "needless"),
    [
        ({}, []),
        ({**_JDBC_LIKE, "plugin.name": "pgoutput", "slot.name": "s", "publication.autocreate.mode": "filtered"}, []),
        (
            {
                "database.server.name": "old",
                "schema.history.internal.kafka.bootstrap.servers": "kafka:9092",
                "schema.history.internal.kafka.topic": "history",
                "table.include.list": "public.orders",
                "include.schema.changes": "false",
                "poll.interval.ms": "5000",
                "max.queue.size": "81290",
                "max.batch.size": "20480",
            },
            [
                "database.server.name",
                "schema.history.internal.kafka.bootstrap.servers",
                "schema.history.internal.kafka.topic",
                "include.schema.changes",
                "max.queue.size",
            ],
        ),
        (
            {
                "heartbeat.interval.ms": "10000",
                "heartbeat.action.query": "UPDATE heartbeat SET at = now()",
                "snapshot.mode": "exported",
                "snapshot.isolation.mode": "repeatable_read",
                "signal.enabled.channels": "source",
                "signal.data.collection": "public.signals",
                "schema.name.adjustment.mode": "avro",
                "field.name.adjustment.mode": "avro_unicode",
                "topic.naming.strategy": "io.debezium.schema.SchemaTopicNamingStrategy",
                "event.processing.failure.handling.mode": "fail",
                "column.mask.hash.SHA-256.with.salt.pepper": "public.users.mail",
                "column.truncate.to.10.chars": "public.users.bio",
                "message.key.columns": "public.lines:order_id,line",
                "custom.metric.tags": "team=data",
                "max.queue.size.in.bytes": "0",
                "sourceinfo.struct.maker": "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker",
                "notification.enabled.channels": "",
                "slot.nmae": "typo",
            },
            ["snapshot.isolation.mode", "custom.metric.tags", "slot.nmae"],
        ),
    ],
)
def test_configurations_for_postgresql_run(more: dict[str, str], needless: list[str]) -> None:
    config = {**_OF_POSTGRES, **more}
    assert _invalid(POSTGRES_CONFIG, config) == []
    assert POSTGRES.problems(config) == []
    assert list(POSTGRES.warnings(config)) == needless


@pytest.mark.parametrize(
    ("more", "needless"),
    [
        (
            {
                "database.include.list": "shop",
                "database.allowPublicKeyRetrieval": "true",
                "database.history.kafka.bootstrap.servers": "kafka:9092",
                "database.history.kafka.topic": "history.shop",
                "min.row.count.to.stream.results": "0",
                "snapshot.mode": "schema_only",
                "time.precision.mode": "connect",
                "include.schema.changes": "false",
            },
            [
                "database.allowPublicKeyRetrieval",
                "database.history.kafka.bootstrap.servers",
                "database.history.kafka.topic",
                "min.row.count.to.stream.results",
            ],
        ),
        (
            {
                **_JDBC_LIKE,
                "database.dbname": "shop",
                "schema.history.internal.store.only.captured.tables.ddl": "true",
                "schema.history.internal.skip.unparseable.ddl": "true",
                "snapshot.locking.mode": "none",
                "decimal.handling.mode": "string",
                "bigint.unsigned.handling.mode": "precise",
                "tombstones.on.delete": "false",
                "skipped.operations": "none",
                "max.batch.size": "4096",
                "retriable.restart.connector.wait.ms": "10000",
                "errors.max.retries": "-1",
            },
            [
                "database.dbname",
                "schema.history.internal.skip.unparseable.ddl",
                "max.batch.size",
                "retriable.restart.connector.wait.ms",
                "errors.max.retries",
            ],
        ),
    ],
)
def test_configurations_for_mysql_run(more: dict[str, str], needless: list[str]) -> None:
    config = {**_OF_MYSQL, **more}
    assert _invalid(MYSQL_CONFIG, config) == []
    assert MYSQL.problems(config) == []
    assert list(MYSQL.warnings(config)) == needless


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("table.whitelist", "public.orders", "write table.include.list"),
        ("signal.enabled.channels", "source,kafka", "write source"),
        ("notification.enabled.channels", "sink,log", "remove sink"),
        ("event.processing.failure.handling.mode", "skip", "errors.tolerance=all"),
        ("converters", "isbn", "names a class of Java"),
        ("topic.naming.strategy", "com.acme.Strategy", "RegexRouter"),
        ("snapshot.select.statement.overrides", "public.orders", "additional-conditions"),
        ("snapshot.mode.configuration.based.snapshot.data", "true", "choose a snapshot.mode"),
        ("message.prefix.include.list", "foo", "pg_logical_emit_message"),
        ("offset.mismatch.strategy", "trust_slot", "when_needed"),
        ("flush.lsn.source", "false", "write true"),
        ("slot.stream.params", "proto_version=1", "publication"),
    ],
)
def test_what_would_be_left_undone_is_refused(key: str, value: str, problem: str) -> None:
    (found,) = POSTGRES.problems({**_OF_POSTGRES, key: value})
    assert found.key == key
    assert problem in found.message


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("gtid.source.includes", "uuid", "remove it"),
        ("database.ssl.truststore", "/trust.jks", "database.ssl.ca"),
        ("inconsistent.schema.handling.mode", "warn", "errors.tolerance=all"),
    ],
)
def test_what_would_be_left_undone_of_mysql_is_refused(key: str, value: str, problem: str) -> None:
    (found,) = MYSQL.problems({**_OF_MYSQL, key: value})
    assert found.key == key
    assert problem in found.message


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("custom", "names a class of Java"),
        ("configuration_based", "is not done here"),
        ("recovery", "is not needed"),
        ("whenever", "is not known"),
    ],
)
def test_other_snapshot_modes_say_what_to_use(mode: str, problem: str) -> None:
    for config_def, config in ((POSTGRES_CONFIG, _OF_POSTGRES), (MYSQL_CONFIG, _OF_MYSQL)):
        (found,) = _invalid(config_def, {**config, "snapshot.mode": mode})
        assert found.startswith("snapshot.mode: ")
        assert problem in found
        assert "use one of initial" in found


def test_values_that_are_not_told_here_say_what_to_write() -> None:
    config = {**_OF_POSTGRES, "plugin.name": "decoderbufs", "unavailable.value.placeholder": "hex:00ff"}
    plugin, placeholder = sorted(_invalid(POSTGRES_CONFIG, config))
    assert "write pgoutput" in plugin
    assert "write it as text" in placeholder

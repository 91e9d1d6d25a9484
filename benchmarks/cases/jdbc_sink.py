"""Kafka to a table in PostgreSQL, beside Debezium's JDBC sink."""

from __future__ import annotations

from contextlib import ExitStack

import psycopg
from psycopg import sql

from benchmarks.cases.sink_beside_peer import AVRO, Peer, SinkCase
from benchmarks.data.topics import Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "jdbc-sink"
ROWS = 300_000
DATA = ("orders",)

_JSON = "rows-json-schema"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    peer = Peer("debezium", _JSON, Topics.fill_json_with_schema, _debezium)
    case = SinkCase(NAME, "PostgreSQL", rows=ROWS, data=DATA, component="postgres", tidegate=_tidegate, peer=peer)
    return case.run(settings)


def _tidegate(system: Tidegate, stage: Stage, rows: int, tasks: int) -> Side:
    def prepare(number: int) -> Transfer:
        config: Config = {
            "connector.class": "jdbc-sink",
            "topics": AVRO,
            "value.converter": "avro",
            "connection.url": "${env:DATABASE_URL}",
            "connection.user": "${env:DATABASE_USER}",
            "connection.password": "${env:DATABASE_PASSWORD}",
            "insert.mode": "insert",
            "auto.create": "true",
            "batch.size": 10_000,
        }
        return _transfer(stage, f"tidegate_{number}", "table.name.format", config, rows, tasks)

    return Side(system, "jdbc-sink, Avro, COPY, offsets in the transaction: exactly once", prepare)


def _debezium(exits: ExitStack, stage: Stage, topic: str, rows: int, tasks: int) -> Side:
    system = exits.enter_context(KafkaConnect(stage, name="debezium", plugins=["debezium-jdbc"]))
    postgres = stage.stack.postgres
    database = stage.database_url.rpartition("/")[2]

    def prepare(number: int) -> Transfer:
        config: Config = {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "topics": topic,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "true",
            "connection.url": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{database}",
            "connection.username": postgres.user,
            "connection.password": postgres.password,
            "insert.mode": "insert",
            "primary.key.mode": "none",
            "schema.evolution": "basic",
            "batch.size": 10_000,
            "consumer.override.max.poll.records": 10_000,
        }
        return _transfer(stage, f"debezium_{number}", "collection.name.format", config, rows, tasks)

    return Side(system, "Debezium's JDBC sink, JSON with schemas, batched INSERT: at least once", prepare)


def _transfer(stage: Stage, name: str, table_key: str, config: Config, rows: int, tasks: int) -> Transfer:
    whole: Config = {**config, "tasks.max": tasks, table_key: name}
    return Transfer(
        {name: whole},
        rows,
        lambda: _rows(stage.database_url, name),
        lambda: _rows(stage.database_url, name),
        lambda: _drop(stage.database_url, name),
    )


def _rows(database_url: str, name: str) -> int:
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,):
            return 0
        found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
        return int(found[0]) if found else 0


def _drop(database_url: str, name: str) -> None:
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

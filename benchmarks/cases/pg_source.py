"""A PostgreSQL table to Kafka."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.cases.change_capture import DEBEZIUMS
from benchmarks.comparing import compared
from benchmarks.data.database import drop_slot, load
from benchmarks.data.topics import Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "pg-source"
ROWS = 336_776
DATA = ("flights", "lineitem")


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set."""
    return [_run(settings, data, settings.rows or ROWS) for data in settings.data or DATA]


def _run(settings: Settings, data: str, rows: int) -> Comparison:
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["postgres"]))
        load(stage.database_url, data, rows)
        topics = Topics(stage.bootstrap_servers)
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            sides.append(_tidegate(tidegate, topics, data, rows))
        if settings.wants("debezium"):
            plugins = ["debezium-postgres"]
            sides.append(
                _debezium(exits.enter_context(KafkaConnect(stage, name="debezium", plugins=plugins)), stage, data, rows)
            )
        title = f"{rows:,} rows of {data} from PostgreSQL to Kafka, 1 task"
        return compared(NAME, title, sides, settings, stage)


def _tidegate(system: Tidegate, topics: Topics, table: str, rows: int) -> Side:
    def prepare(number: int) -> Transfer:
        prefix = f"tidegate-{number}."
        topic = f"{prefix}{table}"
        topics.make(topic)
        config: Config = {
            "connector.class": "jdbc-source",
            "tasks.max": 1,
            "connection.url": "${env:DATABASE_URL}",
            "connection.user": "${env:DATABASE_USER}",
            "connection.password": "${env:DATABASE_PASSWORD}",
            "table.include.list": table,
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "topic.prefix": prefix,
            "value.converter": "avro",
        }
        return Transfer(
            {f"jdbc-{number}": config},
            rows,
            lambda: topics.visible(topic),
            lambda: topics.count(topic),
            lambda: topics.remove(topic),
        )

    return Side(system, "jdbc-source, mode incrementing, Avro with registry, exactly once", prepare)


def _debezium(system: KafkaConnect, stage: Stage, table: str, rows: int) -> Side:
    topics = Topics(stage.bootstrap_servers)
    postgres = stage.stack.postgres

    def prepare(number: int) -> Transfer:
        prefix = f"debezium-{number}"
        topic = f"{prefix}.public.{table}"
        slot = f"bench_{number}"
        topics.make(topic)
        config: Config = {
            **DEBEZIUMS,
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": 1,
            "database.hostname": postgres.host,
            "database.port": postgres.port("postgres"),
            "database.user": postgres.user,
            "database.password": postgres.password,
            "database.dbname": stage.database_url.rpartition("/")[2],
            "plugin.name": "pgoutput",
            "slot.name": slot,
            "publication.name": f"bench_{number}",
            "snapshot.mode": "initial_only",
            "table.include.list": f"public.{table}",
            "topic.prefix": prefix,
        }

        def clean() -> None:
            topics.remove(topic)
            drop_slot(stage.database_url, slot)

        return Transfer(
            {f"debezium-{number}": config}, rows, lambda: topics.visible(topic), lambda: topics.count(topic), clean
        )

    return Side(system, "initial snapshot, JsonConverter without schemas, exactly once", prepare)

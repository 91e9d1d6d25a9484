"""From a row's commit in PostgreSQL until a consumer has its change event, at steady rates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
from psycopg import sql

from benchmarks.arrival_times import Flow, FlowSide, compare_arrivals
from benchmarks.cases.pg_cdc import THEIRS, TIDEGATES, database_config
from benchmarks.change_writer import URL_VARIABLE
from benchmarks.data.database import drop_slot
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate

NAME = "pg-cdc-latency"
RATES = (1_000,)
SECONDS = 20.0
_FIELD = ("after", "sent")
_PROMPT: Config = {"transaction.boundary": "poll", "poll.interval.ms": 10}
_EXACTLY_ONCE = ("exactly.once.support", "transaction.boundary")


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each rate."""
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["postgres"]))
        os.environ[URL_VARIABLE] = stage.database_url
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            registries = [tidegate.registry.addresses["grpc"]]
            note = "Avro with registry, exactly once"
            sides.append(FlowSide(tidegate, note, _changes(stage, TIDEGATES), registries, _FIELD))
        for name, exact in (("debezium", True), ("debezium-at-least-once", False)):
            if settings.wants(name):
                connect = KafkaConnect(stage, name=name, plugins=["debezium-postgres"], exactly_once=exact)
                config = {**THEIRS, **_PROMPT}
                del config["transaction.boundary.interval.ms"]
                for key in () if exact else _EXACTLY_ONCE:
                    del config[key]
                note = f"JsonConverter without schemas, {'a transaction a poll' if exact else 'no transactions'}"
                sides.append(FlowSide(exits.enter_context(connect), note, _changes(stage, config), None, _FIELD))
        title = "{rate:,} transactions of one row a second for {seconds:g} s"
        return [compare_arrivals(NAME, title, stage, sides, settings, rate=rate, seconds=SECONDS) for rate in RATES]


def _changes(stage: Stage, config: Config) -> Callable[[str, int, float], Flow]:
    def prepare(name: str, rate: int, seconds: float) -> Flow:
        table = name.replace("-", "_")
        create = "CREATE TABLE {} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sent bigint, pad text)"
        with psycopg.connect(stage.database_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(sql.SQL(create).format(sql.Identifier(table)))
            insert = sql.SQL("INSERT INTO {} (sent, pad) VALUES (%s, '')").format(sql.Identifier(table))
            connection.execute(insert, [time.time_ns()])
        own: Config = {
            **config,
            **database_config(stage, table, table),
            "snapshot.mode": "initial",
            "topic.prefix": name,
        }
        writer = ["benchmarks.change_writer", table, str(rate), str(seconds)]
        return Flow(own, f"{name}.public.{table}", writer, lambda: drop_slot(stage.database_url, table))

    return prepare

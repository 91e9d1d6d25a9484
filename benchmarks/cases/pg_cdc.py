"""PostgreSQL's changes to Kafka: one table's rows in a snapshot, as single-row transactions, and as one transaction.

The whole of TPC-H's lineitem at scale factor 1: ``--case pg-cdc --data snapshot --rows 6001215 --repeats 1``; a million
changes: ``--data single-row,one-transaction --rows 1000000 --repeats 1``.
"""

from __future__ import annotations

from contextlib import ExitStack

import psycopg
from psycopg import sql

from benchmarks.cases.change_capture import (
    DATA,
    DEBEZIUMS,
    NOTES,
    OUR_NOTE,
    OURS,
    ROWS,
    TABLE,
    THEIR_NOTE,
    WARM_ROWS,
    WARM_TABLE,
)
from benchmarks.comparing import compared
from benchmarks.data.database import drop_slot, load
from benchmarks.data.topics import Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "pg-cdc"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each way the changes come about."""
    return [_run(settings, way, settings.rows or ROWS) for way in settings.data or DATA]


def _run(settings: Settings, way: str, rows: int) -> Comparison:
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["postgres"]))
        load(stage.database_url, TABLE, rows)
        if rows > WARM_ROWS:
            _copy(stage.database_url, TABLE, WARM_TABLE, WARM_ROWS)
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            sides.append(_side(tidegate, stage, way, rows, OUR_NOTE, TIDEGATES))
        if settings.wants("debezium"):
            connect = KafkaConnect(stage, name="debezium", plugins=["debezium-postgres"])
            sides.append(_side(exits.enter_context(connect), stage, way, rows, THEIR_NOTE, THEIRS))
        title = f"lineitem of PostgreSQL to Kafka: {NOTES[way].format(rows=rows)}"
        return compared(NAME, title, sides, settings, stage)


TIDEGATES: Config = {**OURS, "connector.class": "postgres-cdc"}
THEIRS: Config = {
    **DEBEZIUMS,
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
}


def database_config(stage: Stage, slot: str, table: str) -> Config:
    """What both sides are told of the database: one table over a slot of its own."""
    postgres = stage.stack.postgres
    return {
        "tasks.max": 1,
        "database.hostname": postgres.host,
        "database.port": postgres.port("postgres"),
        "database.user": postgres.user,
        "database.password": postgres.password,
        "database.dbname": stage.database_url.rpartition("/")[2],
        "slot.name": slot,
        "publication.name": slot,
        "publication.autocreate.mode": "filtered",
        "table.include.list": f"public.{table}",
    }


def _side(system: System, stage: Stage, way: str, rows: int, note: str, own: Config) -> Side:
    topics = Topics(stage.bootstrap_servers)

    def prepare(number: int) -> Transfer:
        name = f"{system.name}-{way}-{number}"
        slot = name.replace("-", "_")
        moved = rows if number else min(rows, WARM_ROWS)
        table = f"changed_{slot}"
        if way == "snapshot":
            table = TABLE if moved == rows else WARM_TABLE
        topic = f"{name}.public.{table}"
        topics.make(topic)
        if way != "snapshot":
            _change(stage.database_url, table, slot, moved, single=way == "single-row")
        config: Config = {
            **own,
            **database_config(stage, slot, table),
            "snapshot.mode": "initial_only" if way == "snapshot" else "no_data",
            "topic.prefix": name,
        }

        def clean() -> None:
            topics.remove(topic)
            drop_slot(stage.database_url, slot)

        return Transfer({name: config}, moved, lambda: topics.visible(topic), lambda: topics.count(topic), clean)

    return Side(system, note, prepare)


def _copy(database_url: str, source: str, table: str, rows: int) -> None:
    """Makes a table of another one's first rows."""
    names = {"table": sql.Identifier(table), "source": sql.Identifier(source), "rows": sql.Literal(rows)}
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        for text in (
            "CREATE TABLE {table} (LIKE {source} INCLUDING ALL)",
            "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {source} WHERE id <= {rows}",
            "VACUUM ANALYZE {table}",
        ):
            connection.execute(sql.SQL(text).format(**names))


def _change(database_url: str, table: str, slot: str, rows: int, *, single: bool) -> None:
    """Makes a slot, and then the changes that it has to tell."""
    names = {"table": sql.Identifier(table), "source": sql.Identifier(TABLE), "slot": sql.Literal(slot)}
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        for text in (
            "CREATE TABLE {table} (LIKE {source} INCLUDING ALL)",
            "CREATE PUBLICATION {publication} FOR TABLE {table}",
            "SELECT pg_create_logical_replication_slot({slot}, 'pgoutput')",
        ):
            connection.execute(sql.SQL(text).format(**names, publication=sql.Identifier(slot)))
        insert = "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {source} WHERE "
        if not single:
            connection.execute(sql.SQL(insert + "id <= {rows}").format(**names, rows=sql.Literal(rows)))
            return
        # COMMIT within a DO block ends a transaction for each row, without a round trip.
        block = "BEGIN FOR i IN 1..{rows} LOOP " + insert + "id = i; COMMIT; END LOOP; END"
        body = sql.SQL(block).format(**names, rows=sql.Literal(rows)).as_string(connection)
        connection.execute(sql.SQL("DO {}").format(sql.Literal(body)))

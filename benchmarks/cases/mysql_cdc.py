"""MariaDB's changes to Kafka: one table's rows in a snapshot, as single-row transactions, and as one transaction.

As ``pg-cdc``, of the same rows: ``--case mysql-cdc --data snapshot --rows 6001215 --repeats 1``; changes:
``--data single-row,one-transaction --rows 300000 --repeats 1``.
"""

from __future__ import annotations

from contextlib import ExitStack

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
from benchmarks.data.mariadb import change, copy, load
from benchmarks.data.topics import Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import DATABASE, Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer
from benchmarks.waiting import wait_until
from tidegate.devstack import MariaDB

NAME = "mysql-cdc"
_SERVER = {
    "log-bin": "bin",
    "binlog-format": "ROW",
    "server-id": "1",
    "sync-binlog": "0",
    "innodb-buffer-pool-size": "512M",
}
_SERVER_IDS = 7_000


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each way the changes come about."""
    return [_run(settings, way, settings.rows or ROWS) for way in settings.data or DATA]


def _run(settings: Settings, way: str, rows: int) -> Comparison:
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        server = exits.enter_context(MariaDB(stage.state_dir, settings=_SERVER))
        server.create_database(DATABASE)
        load(server, DATABASE, TABLE, rows)
        if rows > WARM_ROWS:
            copy(server, DATABASE, TABLE, WARM_TABLE, WARM_ROWS)
        sides = []
        if settings.wants("tidegate"):
            ours: Config = {**OURS, "connector.class": "mysql-cdc"}
            sides.append(_side(exits.enter_context(Tidegate(stage)), stage, server, way, rows, OUR_NOTE, ours))
        if settings.wants("debezium"):
            connect = KafkaConnect(stage, name="debezium", plugins=["debezium-mariadb"])
            theirs: Config = {
                **DEBEZIUMS,
                "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
                "database.ssl.mode": "disable",
                "schema.history.internal.kafka.bootstrap.servers": stage.bootstrap_servers,
            }
            sides.append(_side(exits.enter_context(connect), stage, server, way, rows, THEIR_NOTE, theirs))
        title = f"lineitem of MariaDB to Kafka: {NOTES[way].format(rows=rows)}"
        return compared(NAME, title, sides, settings, stage)


def _side(system: System, stage: Stage, server: MariaDB, way: str, rows: int, note: str, own: Config) -> Side:
    topics = Topics(stage.bootstrap_servers)

    def prepare(number: int) -> Transfer:
        name = f"{system.name}-{way}-{number}"
        moved = rows if number else min(rows, WARM_ROWS)
        table = f"changed_{name.replace('-', '_')}"
        if way == "snapshot":
            table = TABLE if moved == rows else WARM_TABLE
        topic = f"{name}.{DATABASE}.{table}"
        topics.make(topic)
        config: Config = {
            **own,
            "tasks.max": 1,
            "database.hostname": server.host,
            "database.port": server.sql_port,
            "database.user": server.user,
            "database.password": server.password,
            "database.server.id": _SERVER_IDS + 2 * number + isinstance(system, Tidegate),
            "database.include.list": DATABASE,
            "table.include.list": f"{DATABASE}.({table}|mark_{table})",
            "include.schema.changes": "false",
            "schema.history.internal.kafka.topic": f"history-{name}",
            "snapshot.mode": "initial_only" if way == "snapshot" else "no_data",
            "topic.prefix": name,
        }
        if way != "snapshot":
            copy(server, DATABASE, TABLE, table, 0)
            _begin(system, topics, server, name, table, config)
            change(server, DATABASE, TABLE, table, moved, single=way == "single-row")
        return Transfer(
            {name: config},
            moved,
            lambda: topics.visible(topic),
            lambda: topics.count(topic),
            lambda: topics.remove(topic),
        )

    return Side(system, note, prepare)


def _begin(system: System, topics: Topics, server: MariaDB, name: str, table: str, config: Config) -> None:
    """Has the connector find its place in the log, so that it goes on from there with what is changed meanwhile."""
    mark = f"{name}.{DATABASE}.mark_{table}"
    topics.make(mark)
    with server.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE mark_{table} (id BIGINT AUTO_INCREMENT PRIMARY KEY)")

        def marked() -> bool:
            system.connectors.tasks(name)
            cursor.execute(f"INSERT INTO mark_{table} VALUES ()")
            return topics.visible(mark) > 0

        system.connectors.create(name, config)
        try:
            wait_until(marked, f"{name} to read the log", interval=0.5)
        finally:
            system.connectors.delete(name)

"""MySQL change data capture in task processes: they and the server are killed under load, each change is told once."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pymysql
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.integration.connectors.change_ledger import ChangeLedger
from tests.integration.worker.killed_snapshots import kills_while_snapshots_run
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.integration.worker.whole_table import ROWS, each_row_is_told_once
from tests.support.eventually import eventually
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import MariaDB

_KILLS = 3
_TABLES = ("accounts", "orders")
_OPERATIONS = {"insert": "c", "update": "u", "delete": "d"}


@pytest.fixture(scope="module")
def server(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[MariaDB]:
    """MariaDB that writes a log."""
    install_or_skip(pytestconfig)
    settings = {"log-bin": "mariadb-bin", "binlog-format": "ROW", "server-id": "1", "sync-binlog": "0"}
    with MariaDB(state_dir, name="mysql-cdc-tasks", settings=settings) as component:
        yield component


class Shop:
    """Two tables that are written to in common transactions, each of which says in ``history`` what it did."""

    def __init__(self, server: MariaDB, *, rows: int = 300) -> None:
        self.database = f"shop_{uuid.uuid4().hex[:12]}"
        self._server = server
        self._rows = rows
        server.create_database(self.database)
        with server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE history (n bigint AUTO_INCREMENT PRIMARY KEY, t varchar(20), k int, op varchar(9))"
            )
            cursor.execute("CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048))")
            for table in _TABLES:
                cursor.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(60))")
                cursor.execute(f"INSERT INTO {table} SELECT seq, 'old' FROM seq_1_to_{rows}")
        self.transactions = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Shop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Writes nothing more."""
        self._stopping.set()
        self._thread.join()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self._server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def topic(self, table: str) -> str:
        """The topic of a table."""
        return f"p.{self.database}.{table}"

    def ask_for_rows(self) -> None:
        """Signals an incremental snapshot of both tables."""
        data = orjson.dumps({"data-collections": [f"{self.database}.{table}" for table in _TABLES]}).decode()
        with self._server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO signals VALUES ('1', 'execute-snapshot', %s)", [data])

    def goes_on(self) -> None:
        """Waits until so many more transactions have been committed."""
        seen = self.transactions
        eventually(lambda: self.transactions > seen + 50, timeout=DEADLINE, message="the load goes on")

    def _run(self) -> None:
        numbers = itertools.count(1)
        while not self._stopping.is_set():
            with contextlib.suppress(pymysql.err.MySQLError, OSError):
                connection = self._server.connect(self.database)
                connection.autocommit(False)
                while not self._stopping.is_set():
                    self._transaction(connection, next(numbers))
                connection.close()

    def _transaction(self, connection: pymysql.Connection[Any], number: int) -> None:
        if number == 40:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE orders ADD COLUMN more int")
        with connection.cursor() as cursor:
            for table in _TABLES:
                key = 10_000 + number
                self._do(cursor, table, key, "insert", f"INSERT INTO {table} (id, v) VALUES ({key}, 'n{number}')")
                old = number % self._rows + 1
                self._do(cursor, table, old, "update", f"UPDATE {table} SET v = 'u{number}' WHERE id = {old}")
                gone = key - 3
                if cursor.execute(f"SELECT 1 FROM {table} WHERE id = {gone}") and number % 2:
                    self._do(cursor, table, gone, "delete", f"DELETE FROM {table} WHERE id = {gone}")
        connection.commit()
        self.transactions += 1
        time.sleep(0.002)

    @staticmethod
    def _do(cursor: Any, table: str, key: int, operation: str, statement: str) -> None:
        cursor.execute(statement)
        cursor.execute("INSERT INTO history (t, k, op) VALUES (%s, %s, %s)", [table, key, operation])


class Topics:
    """The topics of the tables, read_committed, applied to a ledger as far as they have come."""

    def __init__(self, bootstrap_servers: str, shop: Shop) -> None:
        self.ledger = ChangeLedger()
        self.read_again = 0
        """Rows of incremental snapshots; the ledger has compared them with what was told before."""
        self.sequences: dict[str, dict[int, str]] = {shop.topic(table): {} for table in _TABLES}
        """Operations on each row, in order, but for those."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": shop.database,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._consumer.assign([TopicPartition(shop.topic(table), 0, 0) for table in (*_TABLES, "history")])

    def read(self) -> int:
        """Takes in what is there; gives how many events there have been."""
        for message in self._consumer.consume(20_000, 0.3):
            if message.error() is None:
                topic = str(message.topic())
                value = orjson.loads(message.value() or b"null")
                key = orjson.loads(message.key() or b"null")
                self.ledger.record(topic, key, value)
                if value is not None and value["source"]["snapshot"] == "incremental":
                    self.read_again += 1
                elif value is not None and topic in self.sequences:
                    known = self.sequences[topic].get(key["id"], "")
                    self.sequences[topic][key["id"]] = known + value["op"]
        return len(self.ledger.events)

    def reaches(self, events: int) -> bool:
        """Whether there have been so many events."""
        return self.read() >= events

    def has_read_again(self, rows: int) -> bool:
        """Whether there have been so many rows of incremental snapshots."""
        self.read()
        return self.read_again >= rows

    def close(self) -> None:
        """Closes the consumer."""
        self._consumer.close()


def _config(server: MariaDB, database: str, server_id: str) -> dict[str, str]:
    return {
        "connector.class": "mysql-cdc",
        "database.hostname": server.host,
        "database.port": str(server.port("mariadb")),
        "database.user": server.user,
        "database.password": server.password,
        "database.server.id": server_id,
        "database.include.list": database,
        "topic.prefix": "p",
        "snapshot.fetch.size": "50",
        "max.batch.bytes": "65536",
        "key.converter": "json",
        "key.converter.schemas.enable": "false",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
        "retry.backoff.ms": "200",
    }


async def test_killed_tasks_and_a_killed_server_lose_and_double_nothing(lab: Lab, server: MariaDB) -> None:
    shop = Shop(server)
    topics = Topics(lab.broker.bootstrap_servers, shop)
    with contextlib.closing(topics), lab.worker() as worker, shop:
        await lab.deploy("capture", _config(server, shop.database, "7001"))
        for kills in range(1, _KILLS + 1):
            processes = eventually(partial(task_processes, worker), timeout=DEADLINE)
            wanted = topics.read() + 150
            eventually(partial(topics.reaches, wanted), timeout=DEADLINE)
            for process in processes:
                process.kill()
            if kills == 2:
                server.kill9()
                server.start()
            await lab.reaches("capture", "RUNNING", restarts=kills)
        shop.goes_on()
        _verify(shop, topics)


async def test_killed_while_snapshots_run_at_once_and_while_streaming_nothing_is_lost_or_doubled(
    lab: Lab, server: MariaDB
) -> None:
    shop = Shop(server, rows=3000)
    config = _config(server, shop.database, "7003") | {
        "snapshot.max.threads": "3",
        "signal.data.collection": f"{shop.database}.signals",
        "incremental.snapshot.chunk.size": "20",
    }
    topics = Topics(lab.broker.bootstrap_servers, shop)
    with contextlib.closing(topics), lab.worker("w1") as first, lab.worker("w2"), shop:
        await kills_while_snapshots_run(lab, first, config, server, topics, shop)
        _verify(shop, topics)


@pytest.mark.apache_kafka
@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
async def test_a_large_table_without_a_key_is_told_once_by_a_killed_task(broker_lab: Lab, server: MariaDB) -> None:
    database = f"bare_{uuid.uuid4().hex[:12]}"
    server.create_database(database)
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (id int, v varchar(100))")
        cursor.execute(f"INSERT INTO bare SELECT seq, repeat('x', 100) FROM seq_1_to_{ROWS}")
    config = _config(server, database, "7002") | {"snapshot.fetch.size": "10240"}
    await each_row_is_told_once(broker_lab, config, f"p.{database}.bare")


def _verify(shop: Shop, topics: Topics) -> None:
    shop.finish()
    history = shop.ask("SELECT t, k, op, n FROM history ORDER BY n")
    eventually(
        lambda: topics.read() and (history[-1][3],) in topics.ledger.rows(shop.topic("history")),
        timeout=DEADLINE,
        message="the last change told",
    )
    topics.read()
    for table in _TABLES:
        topic = shop.topic(table)
        told = {key[0]: row["v"] for key, row in topics.ledger.rows(topic).items()}
        assert told == dict(shop.ask(f"SELECT id, v FROM {table}"))
        # What happened before the snapshot is told by it.
        happened: dict[int, str] = {}
        for where, key, operation, _ in history:
            if where == table:
                happened[key] = happened.get(key, "") + _OPERATIONS[operation]
        sequences = topics.sequences[topic]
        for key, sequence in sequences.items():
            changes = sequence.removeprefix("r")
            expected = happened.get(key, "")
            assert expected.endswith(changes) if sequence.startswith("r") else expected == changes, (table, key)
        # A row that was inserted and deleted again before the snapshot was never there to be told.
        missing = [key for key in happened if key not in sequences]
        assert all(happened[key] == "cd" for key in missing)

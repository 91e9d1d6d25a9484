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
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.integration.worker.whole_table import ROWS, each_row_is_told_once
from tests.support.eventually import eventually
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import MariaDB

_ROWS = 300
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

    def __init__(self, server: MariaDB) -> None:
        self._server = server
        server.create_database("shop")
        with server.connect("shop") as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE history (n bigint AUTO_INCREMENT PRIMARY KEY, t varchar(20), k int, op varchar(9))"
            )
            for table in _TABLES:
                cursor.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(60))")
                cursor.execute(f"INSERT INTO {table} SELECT seq, 'old' FROM seq_1_to_{_ROWS}")
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
        with self._server.connect("shop") as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def _run(self) -> None:
        numbers = itertools.count(1)
        while not self._stopping.is_set():
            with contextlib.suppress(pymysql.err.MySQLError, OSError):
                connection = self._server.connect("shop")
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
                old = number % _ROWS + 1
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

    def __init__(self, bootstrap_servers: str) -> None:
        self.ledger = ChangeLedger()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "shop",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._consumer.assign([TopicPartition(f"p.shop.{table}", 0, 0) for table in (*_TABLES, "history")])

    def read(self) -> int:
        """Takes in what is there; gives how many events there have been."""
        for message in self._consumer.consume(20_000, 0.3):
            if message.error() is None:
                value = message.value()
                key = orjson.loads(message.key() or b"null")
                self.ledger.record(str(message.topic()), key, orjson.loads(value) if value else None)
        return len(self.ledger.events)

    def reaches(self, events: int) -> bool:
        """Whether there have been so many events."""
        return self.read() >= events

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
    config = _config(server, "shop", "7001")
    topics = Topics(lab.broker.bootstrap_servers)
    try:
        with lab.worker() as worker, Shop(server) as shop:
            await lab.deploy("capture", config)
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
            seen = shop.transactions
            eventually(lambda: shop.transactions > seen + 50, timeout=DEADLINE)
            shop.finish()
            (last,) = shop.ask("SELECT max(n) FROM history")
            eventually(
                lambda: topics.read() and (last[0],) in topics.ledger.rows("p.shop.history"),
                timeout=DEADLINE,
                message="the last change told",
            )
            topics.read()
            _verify(shop, topics.ledger)
    finally:
        topics.close()


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


def _verify(shop: Shop, ledger: ChangeLedger) -> None:
    history = shop.ask("SELECT t, k, op FROM history ORDER BY n")
    for table in _TABLES:
        topic = f"p.shop.{table}"
        told = {key[0]: row["v"] for key, row in ledger.rows(topic).items()}
        assert told == dict(shop.ask(f"SELECT id, v FROM {table}"))
        # What happened before the snapshot is told by it.
        happened: dict[int, str] = {}
        for where, key, operation in history:
            if where == table:
                happened[key] = happened.get(key, "") + _OPERATIONS[operation]
        sequences: dict[int, str] = {}
        for where, operation, (key, *_) in ledger.events:
            if where == topic and operation != "tombstone":
                sequences[key] = sequences.get(key, "") + operation
        for key, sequence in sequences.items():
            changes = sequence.removeprefix("r")
            expected = happened.get(key, "")
            assert expected.endswith(changes) if sequence.startswith("r") else expected == changes, (table, key)
        # A row that was inserted and deleted again before the snapshot was never there to be told.
        missing = [key for key in happened if key not in sequences]
        assert all(happened[key] == "cd" for key in missing)

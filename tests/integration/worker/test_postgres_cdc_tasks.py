"""Change data capture in real task processes that are killed and paused under load: topics and tables are equal."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from tests.integration.connectors.change_ledger import ChangeLedger
from tests.integration.connectors.postgres_capture import postgres_of
from tests.integration.worker.killed_snapshots import kills_while_snapshots_run
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.integration.worker.whole_table import ROWS, each_row_is_told_once
from tests.support.eventually import aeventually, eventually
from tidegate.devstack import Postgres
from tidegate.devstack.service_process import ServiceProcess

_TABLES = ("a", "b")
_FIRST = "first" + "x" * 800
"""Long enough for a table to be read in several ranges at once."""
_MORE_STEPS = 60
_ALTERED_AT = 400
"""The step that gives a table one more column, in mid-stream."""
_GIVEN: dict[str, dict[str, object]] = {"b": {"added": 5}}
"""What a table's rows of before that have in its new column."""
_REMEMBER = """
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO history (source, id, op) VALUES (TG_TABLE_NAME, OLD.id, 'd');
    ELSE
        INSERT INTO history (source, id, op, v, step)
        VALUES (TG_TABLE_NAME, NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END, NEW.v, NEW.step);
    END IF;
    RETURN NULL;
END $$
"""

Change = tuple[str, object, object]
"""Operation, text and step of a row after it."""


@pytest.fixture(scope="module")
def debians(state_dir: Path) -> Iterator[Postgres]:
    """Debian's PostgreSQL 15, likewise."""
    settings = {"fsync": "on", "wal_sender_timeout": "10s"}
    with postgres_of("15", state_dir, name="cdc-tasks", settings=settings) as component:
        yield component


@pytest.fixture(scope="module")
def server(state_dir: Path) -> Iterator[Postgres]:
    """A PostgreSQL that may be killed; unlike the shared one it writes its log to the disk."""
    settings = {"fsync": "on", "wal_sender_timeout": "10s"}
    with Postgres(state_dir, name="cdc-tasks", settings=settings) as component:
        yield component


class Load:
    """Transactions over two tables, each of which writes its number to a third: the ledger of what was committed."""

    def __init__(self, server: Postgres, database: str, *, pause: float = 0.0) -> None:
        self.server = server
        self.database = database
        self._pause = pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._random = random.Random(7)
        with psycopg.connect(server.url(database), autocommit=True) as connection:
            for table in _TABLES:
                connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text, step int NOT NULL)")
                connection.execute(f"INSERT INTO {table} SELECT i, %s, 0 FROM generate_series(1, 3000) i", [_FIRST])
            connection.execute("CREATE TABLE steps (step int PRIMARY KEY)")
            connection.execute(
                "CREATE TABLE history (n bigserial PRIMARY KEY, source text, id int, op text, v text, step int)"
            )
            connection.execute(_REMEMBER)
            connection.execute("CREATE TABLE signal (id text PRIMARY KEY, type text, data text)")
            for table in _TABLES:
                connection.execute(
                    f"CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION remember()"
                )

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def goes_on(self) -> None:
        """Waits until so many more transactions have been committed."""
        wanted = len(self.rows("steps")) + _MORE_STEPS
        eventually(lambda: len(self.rows("steps")) >= wanted, timeout=DEADLINE, message="the load goes on")

    def ask_for_rows(self) -> None:
        """Signals an incremental snapshot of both tables."""
        with psycopg.connect(self.server.url(self.database), autocommit=True) as connection:
            data = orjson.dumps({"data-collections": [f"public.{table}" for table in _TABLES]}).decode()
            connection.execute("INSERT INTO signal VALUES ('1', 'execute-snapshot', %s)", [data])

    def stop(self) -> None:
        """No more changes after this."""
        self._stopping.set()
        self._thread.join()

    def rows(self, table: str) -> dict[tuple[int, ...], dict[str, object]]:
        """The table's rows by key."""
        with psycopg.connect(self.server.url(self.database), autocommit=True) as connection:
            cursor = connection.execute(f"SELECT * FROM {table}")
            names = [column.name for column in cursor.description or ()]
            return {(row[0],): dict(zip(names, row, strict=True)) for row in cursor.fetchall()}

    def history(self, table: str) -> dict[int, list[Change]]:
        """What has happened to each row, in order, as a trigger wrote it down."""
        found: dict[int, list[Change]] = {}
        with psycopg.connect(self.server.url(self.database), autocommit=True) as connection:
            query = "SELECT id, op, v, step FROM history WHERE source = %s ORDER BY n"
            for key, *change in connection.execute(query, [table]):
                found.setdefault(key, []).append((change[0], change[1], change[2]))
        return found

    def _run(self) -> None:
        step = 0
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self.server.url(self.database), autocommit=True, connect_timeout=5) as connection:
                    found = connection.execute("SELECT coalesce(max(step), 0) FROM steps").fetchone()
                    assert found is not None
                    step = found[0]
                    while not self._stopping.is_set():
                        step += 1
                        with connection.transaction():
                            self._step(connection, step)
                        time.sleep(self._pause)
            except psycopg.OperationalError:
                # The server is being killed; what was committed is what the steps say.
                time.sleep(0.05)

    def _step(self, connection: psycopg.Connection[tuple[object, ...]], step: int) -> None:
        connection.execute("INSERT INTO steps VALUES (%s)", [step])
        for table in self._random.sample(_TABLES, 2):
            key = self._random.randint(1, 3000)
            connection.execute(
                f"INSERT INTO {table} VALUES (%s, 'new', %s)",
                [10_000 + step, step],
            )
            connection.execute(
                f"UPDATE {table} SET v = v || '+', step = %s WHERE id = %s",
                [step, key],
            )
            if step % 4 == 0:
                connection.execute(
                    f"DELETE FROM {table} WHERE id = %s",
                    [self._random.randint(10_000, 10_000 + step)],
                )
        if step % 50 == 0:
            connection.execute("UPDATE a SET step = %s WHERE id <= 2000", [step])
        if step == _ALTERED_AT:
            connection.execute("ALTER TABLE b ADD COLUMN added int NOT NULL DEFAULT 5")


def _config(server: Postgres, database: str) -> dict[str, str]:
    return {
        "connector.class": "tidegate.connectors.postgres_cdc:PostgresCdcConnector",
        "key.converter": "json",
        "key.converter.schemas.enable": "false",
        "database.hostname": server.host,
        "database.port": str(server.port("postgres")),
        "database.user": "postgres",
        "database.password": "tidegate",
        "database.dbname": database,
        "slot.name": database,
        "topic.prefix": database,
        "snapshot.fetch.size": "500",
        "topic.creation.default.partitions": "1",
        "max.batch.size": "500",
        "table.exclude.list": "public.(history|signal)",
    }


class Topics:
    """What is committed in the topics of a database's tables, in order."""

    def __init__(self, lab: Lab, database: str) -> None:
        self.ledger = ChangeLedger()
        self.told: dict[str, dict[int, list[Change]]] = {table: {} for table in _TABLES}
        self.read_again = 0
        """Rows of incremental snapshots; the ledger has compared them with what was told before."""
        self._columns: dict[str, set[str]] = {}
        self._database = database
        self._consumer = Consumer(
            {
                "bootstrap.servers": lab.broker.bootstrap_servers,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._consumer.assign(
            [TopicPartition(f"{database}.public.{table}", 0, OFFSET_BEGINNING) for table in (*_TABLES, "steps")]
        )

    def read(self) -> int:
        """Takes what is there now; gives how many messages that were."""
        messages = self._consumer.consume(5000, 1.0)
        for message in messages:
            if message.error() is None:
                key, value = orjson.loads(message.key() or b"null"), orjson.loads(message.value() or b"null")
                self.ledger.record(str(message.topic()), key, value)
                table = str(message.topic()).rpartition(".")[2]
                if value is not None and table in self.told:
                    after = value["after"] or {"v": None, "step": None}
                    if value["after"]:
                        self._columns_stay(table, after)
                    if value["source"]["snapshot"] == "incremental":
                        self.read_again += 1
                        continue
                    self.told[table].setdefault(key["id"], []).append((value["op"], after["v"], after["step"]))
        return len(messages)

    def rows(self, table: str) -> dict[tuple[object, ...], dict[str, object]]:
        """A table as the topic tells it."""
        return {key: dict(row) for key, row in self.ledger.rows(f"{self._database}.public.{table}").items()}

    def has_read_again(self, rows: int) -> bool:
        """Whether there have been so many rows of incremental snapshots."""
        self.read()
        return self.read_again >= rows

    def close(self) -> None:
        """Ends the consumer."""
        self._consumer.close()

    def _columns_stay(self, table: str, row: dict[str, object]) -> None:
        """A row told after the table got a column has it."""
        lost = self._columns.get(table, set()) - row.keys()
        if lost:
            pytest.fail(f"{table} has {lost} since before, not in {row}")
        self._columns[table] = set(row)


@pytest.fixture
def load(server: Postgres) -> Iterator[Load]:
    """A database under load."""
    name = f"cdc_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    with Load(server, name) as running:
        yield running


def _same_history(happened: dict[int, list[Change]], told: dict[int, list[Change]]) -> None:
    """Each row's events are what has happened to it, in order; the first may be the snapshot's, and stand for some."""
    for key in happened.keys() | told.keys():
        changes, events = happened.get(key, []), told.get(key, [])
        if events and events[0][0] == "r":
            since = len(changes) - len(events) + 1
            assert since >= 0 and events[1:] == changes[since:], f"{key}: {events} for {changes}"
            shown = changes[since - 1] if since else ("", _FIRST, 0)
            assert shown[0] != "d" and events[0][1:] == shown[1:], f"{key}: {events} for {changes}"
        elif events:
            assert events == changes, f"{key}: {events} for {changes}"
        else:
            assert changes[-1][0] == "d", f"{key}: nothing was told of {changes}"


def _equal(lab: Lab, load: Load) -> None:
    """Waits until everything has come, and compares; a row told before its table got a column has none."""
    with contextlib.closing(Topics(lab, load.database)) as topics:
        _equal_in(topics, load, _GIVEN)


def _equal_in(topics: Topics, load: Load, given: Mapping[str, Mapping[str, object]]) -> None:
    load.stop()
    tables = {table: load.rows(table) for table in (*_TABLES, "steps")}

    def told(table: str) -> dict[tuple[object, ...], object]:
        return {key: {**given.get(table, {}), **row} for key, row in topics.rows(table).items()}

    def complete() -> bool:
        return not topics.read() and all(told(table) == rows for table, rows in tables.items())

    # What differs is said by what follows.
    with contextlib.suppress(AssertionError):
        eventually(complete, timeout=DEADLINE, interval=0)
    for table, rows in tables.items():
        assert told(table) == rows
    for table in _TABLES:
        _same_history(load.history(table), topics.told[table])


def _caught_up(worker: ServiceProcess) -> bool:
    """Whether the worker's metrics say that the task is not behind."""
    text = httpx.get(f"http://{worker.addresses['metrics']}/metrics", timeout=10).text
    lags = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("tidegate_task_lag_")
    }
    return lags.get("tidegate_task_lag_seconds") == 0 and 0 <= lags.get("tidegate_task_lag_bytes", -1) < 100_000


@pytest.mark.apache_kafka
@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
async def test_killed_tasks_lose_and_double_nothing(broker_lab: Lab, load: Load) -> None:
    with broker_lab.worker() as worker:
        await broker_lab.deploy("cdc", _config(load.server, load.database))
        # The first is killed as soon as it begins its snapshot.
        await broker_lab.reaches("cdc", "RUNNING")
        for kills in range(1, 4):
            for process in eventually(lambda: task_processes(worker), timeout=DEADLINE):
                process.kill()
            await broker_lab.reaches("cdc", "RUNNING", restarts=kills)
            load.goes_on()
        _equal(broker_lab, load)


async def test_a_killed_worker_loses_and_doubles_nothing(lab: Lab, load: Load) -> None:
    with lab.worker("w1") as first, lab.worker("w2"):
        await lab.deploy("cdc", _config(load.server, load.database))
        await lab.reaches("cdc", "RUNNING")
        load.goes_on()
        first.kill9()
        await lab.assign("cdc", "w2")
        load.goes_on()
        _equal(lab, load)


async def test_a_killed_server_loses_and_doubles_nothing(lab: Lab, load: Load) -> None:
    with lab.worker() as worker:
        await lab.deploy("cdc", _config(load.server, load.database))
        await lab.reaches("cdc", "RUNNING")
        assert worker.alive
        for _ in range(2):
            load.goes_on()
            load.server.kill9()
            load.server.start()
        _equal(lab, load)
        eventually(lambda: _caught_up(worker), timeout=DEADLINE, message="the lag is told, and gone")


async def test_a_task_that_wakes_after_its_successor_adds_nothing(lab: Lab, load: Load) -> None:
    with lab.worker("w1") as first, lab.worker("w2"):
        await lab.deploy("cdc", _config(load.server, load.database))
        await lab.reaches("cdc", "RUNNING")
        first.process.pause(tree=True)
        await lab.assign("cdc", "w2")

        async def moved() -> bool:
            status = await lab.status("cdc")
            return status is not None and status.worker_id == "w2" and status.state == "RUNNING"

        await aeventually(moved, timeout=DEADLINE)
        first.process.resume()
        load.goes_on()
        _equal(lab, load)


async def test_killed_while_snapshots_run_at_once_and_while_streaming_nothing_is_lost_or_doubled(
    lab: Lab, debians: Postgres
) -> None:
    name = f"cdc_{uuid.uuid4().hex[:12]}"
    debians.create_database(name)
    config = _config(debians, name) | {
        "snapshot.max.threads": "3",
        "signal.data.collection": "public.signal",
        "incremental.snapshot.chunk.size": "20",
    }
    with (
        lab.worker("w1") as first,
        lab.worker("w2"),
        contextlib.closing(Topics(lab, name)) as topics,
        Load(debians, name, pause=0.01) as load,
    ):
        await kills_while_snapshots_run(lab, first, config, debians, topics, load)
        # Every row is read again, so that each has the new column, also those that were told before.
        _equal_in(topics, load, {})


@pytest.mark.apache_kafka
@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
async def test_a_large_table_without_a_key_is_told_once_by_a_killed_task(broker_lab: Lab, server: Postgres) -> None:
    name = f"cdc_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (id int, v text)")
        connection.execute(
            sql.SQL("INSERT INTO bare SELECT i, repeat('x', 100) FROM generate_series(1, {}) i").format(ROWS)
        )
    config = _config(server, name) | {"snapshot.fetch.size": "10240"}
    await each_row_is_told_once(broker_lab, config, f"{name}.public.bare")

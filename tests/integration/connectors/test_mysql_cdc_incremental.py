"""Incremental and parallel snapshots of MySQL change data capture, on MariaDB and on MySQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.support.needs_apache_kafka import start_or_skip
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import MariaDB, MySQL
from tidegate.devstack.mysql_server import MySqlServer

_SETTINGS = {"log-bin": "bin", "server-id": "1", "sync-binlog": "0"}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest, state_dir: Path, pytestconfig: pytest.Config) -> Iterator[MySqlServer]:
    """A server that writes a log; MySQL writes no GTIDs."""
    component: MySqlServer
    if request.param == "mariadb":
        install_or_skip(pytestconfig)
        component = MariaDB(state_dir, name="incremental-mariadb", settings={**_SETTINGS, "binlog-format": "ROW"})
    else:
        component = MySQL(state_dir, name="incremental-mysql", settings={**_SETTINGS, "performance-schema": "OFF"})
    start_or_skip(component.start, pytestconfig, what="NOT TESTED ON MYSQL")
    try:
        yield component
    finally:
        component.stop()


@pytest.fixture
def capture(server: MySqlServer) -> Iterator[MySqlCapture]:
    """A database of its own, with a table of signals."""
    made = MySqlCapture(server)
    made.sql("CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))")
    made.configure(
        signal_data_collection=f"{made.database}.signals",
        incremental_snapshot_chunk_size="7",
        table_include_list=rf"{made.database}[.](t|mark|other)",
    )
    try:
        yield made
    finally:
        made.close()


def _ask(
    capture: MySqlCapture, number: int, kind: str = "execute-snapshot", *, table: str = "t", condition: str = ""
) -> None:
    name = f"{capture.database}.{table}"
    data: dict[str, object] = {"data-collections": [name]}
    if condition:
        data["additional-conditions"] = [{"data-collection": name, "filter": condition}]
    capture.sql("INSERT INTO signals VALUES (%s, %s, %s)", [number, kind, orjson.dumps(data).decode()])


def _read(capture: MySqlCapture) -> int:
    """How many rows were read after the first snapshot of 100."""
    return capture.ledger.operations(capture.topic()).count("r") - 100


def _read_at_least(capture: MySqlCapture, rows: int) -> None:
    capture.until(lambda: _read(capture) >= rows)


def _done(capture: MySqlCapture) -> bool:
    return "incremental" not in capture.position()


def test_a_table_of_an_engine_without_snapshots(capture: MySqlCapture) -> None:
    capture.sql("ALTER TABLE t ENGINE=MyISAM")
    capture.start().catch_up()
    _ask(capture, 1)
    for number in range(10):
        capture.sql("UPDATE t SET v = 'changed' WHERE MOD(id, 10) = %s", [number])
        capture.poll()
    capture.catch_up()
    capture.until(lambda: _done(capture))
    assert _read(capture) > 0
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_a_table_is_read_while_it_changes_and_through_crashes(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    stopping = threading.Event()
    writer = capture.churn(stopping)
    try:
        _ask(capture, 1)
        for least in (20, 50):
            _read_at_least(capture, least)
            capture.poll(commit=False)
            capture.crash()
            capture.start()
        _read_at_least(capture, 80)
    finally:
        # The writer adds rows behind those that are read, and may be the faster one.
        stopping.set()
        writer.join()
    capture.catch_up()
    capture.until(lambda: _done(capture))
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert not capture.ledger.rows(capture.topic("signals"))
    marks = {
        row["source"]["snapshot"]
        for batch in capture.harness.committed
        if batch.batch.topic == capture.topic()
        for row in batch.batch.value.to_pylist()
        if row is not None and row["op"] == "r"
    }
    assert "incremental" in marks


def test_paused_resumed_stopped_and_with_a_condition(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    _ask(capture, 1)
    capture.until(lambda: _read(capture) >= 7)
    _ask(capture, 2, "pause-snapshot")
    capture.catch_up()
    paused = _read(capture)
    capture.catch_up()
    assert _read(capture) == paused < 100
    _ask(capture, 3, "resume-snapshot")
    capture.until(lambda: _read(capture) > paused)
    _ask(capture, 4, "stop-snapshot")
    capture.until(lambda: _done(capture))
    _ask(capture, 5, condition="id = 100")
    read = _read(capture)
    capture.until(lambda: _read(capture) > read)
    capture.catch_up()
    assert (_read(capture), capture.ledger.operations(capture.topic(), [100])) == (read + 1, "rr")


def test_a_table_that_is_altered_before_its_chunk_is_told(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    _ask(capture, 1)
    capture.sql("UPDATE t SET v = 'before'")
    capture.sql("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5 AFTER id")
    capture.sql("UPDATE t SET v = 'after' WHERE id < 50")
    capture.until(lambda: _read(capture) >= 50)
    capture.sql("ALTER TABLE t DROP COLUMN v")
    capture.until(lambda: _done(capture))
    capture.catch_up()
    told = capture.ledger.rows(capture.topic())
    assert {key: row["n"] for key, row in told.items()} == dict.fromkeys(capture.table(), 5)


def test_what_can_not_be_read_is_passed_over(capture: MySqlCapture) -> None:
    capture.sql("CREATE TABLE other (v varchar(10))")
    capture.start().catch_up()
    _ask(capture, 1, table="other")
    _ask(capture, 2, condition="no sql")
    capture.sql("INSERT INTO signals VALUES ('3', 'execute-snapshot', 'no json')")
    capture.catch_up()
    capture.until(lambda: _done(capture))
    _ask(capture, 4)
    capture.until(lambda: _read(capture) == 100)


def test_several_tables_at_once_at_one_place(capture: MySqlCapture) -> None:
    for table in ("a", "b", "c"):
        capture.sql(f"CREATE TABLE {table} LIKE t")
        capture.sql(f"INSERT INTO {table} SELECT * FROM t")
    capture.harness.config.pop("table.include.list")
    stopping = threading.Event()
    writer = capture.churn(stopping)
    try:
        capture.configure(snapshot_max_threads="3", snapshot_fetch_size="10").start()
        (threads,) = capture.sql(
            "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = %s AND COMMAND <> 'Binlog Dump'",
            [capture.server.user],
        )[0]
        assert threads >= 3
        for _ in range(6):
            capture.poll()
        capture.crash()
        capture.start()
        capture.until(lambda: len(capture.ledger.rows(capture.topic("c"))) == 100)
    finally:
        stopping.set()
        writer.join()
    capture.catch_up()
    for table in ("a", "b", "c", "t"):
        assert capture.ledger.rows(capture.topic(table)) == capture.table(table)

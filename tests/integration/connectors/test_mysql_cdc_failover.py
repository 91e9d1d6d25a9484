"""MySQL change data capture goes on at a replica when the server it read from is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.support.eventually import eventually
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import MariaDB
from tidegate.errors import FatalError

_DEADLINE = 60.0
_SETTINGS = {"binlog-format": "ROW", "sync-binlog": "0", "gtid-domain-id": "3"}


@pytest.fixture
def servers(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[tuple[MariaDB, MariaDB]]:
    """A server and its replica."""
    install_or_skip(pytestconfig)
    first = {"log-bin": "first-bin", "server-id": "1"}
    second = {
        "log-bin": "second-bin",
        "server-id": "2",
        "log-slave-updates": "ON",
        "replicate-wild-ignore-table": "mysql.%",
    }
    with (
        MariaDB(state_dir, name="mysql-cdc-first", settings=_SETTINGS | first) as primary,
        MariaDB(state_dir, name="mysql-cdc-second", settings=_SETTINGS | second) as replica,
    ):
        yield primary, replica


def test_a_replica_takes_over(servers: tuple[MariaDB, MariaDB]) -> None:
    primary, replica = servers
    capture = MySqlCapture(primary)
    try:
        with replica.connect() as connection, connection.cursor() as cursor:
            cursor.execute("RESET MASTER")
            cursor.execute(
                "CHANGE MASTER TO master_host=%s, master_port=%s, master_user=%s, master_password=%s, "
                "master_use_gtid=slave_pos",
                [primary.host, primary.port("mariadb"), primary.user, primary.password],
            )
            cursor.execute("START SLAVE")
        capture.configure(max_batch_bytes="65536").start().catch_up()
        capture.sql("BEGIN")
        capture.sql("INSERT INTO t SELECT seq, repeat('big', 20) FROM seq_1001_to_6000")
        capture.sql("ALTER TABLE mark ADD COLUMN n int")
        capture.sql("INSERT INTO mark VALUES ('last', 1)")
        capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 1500)
        assert len(capture.ledger.rows(capture.topic())) < 5000
        expected = capture.table()
        eventually(lambda: _has_last(replica, capture.database), timeout=_DEADLINE)
        capture.crash()
        primary.kill9()
        capture.server = replica
        capture.reconnect()
        capture.harness.config["database.port"] = str(replica.port("mariadb"))
        capture.start()
        capture.until(lambda: ("last",) in capture.ledger.rows(capture.topic("mark")))
        capture.sql("UPDATE t SET v = 'on the replica' WHERE id = 1")
        capture.until(lambda: capture.ledger.rows(capture.topic()) == capture.table())
        assert capture.ledger.rows(capture.topic()) == expected | {(1,): {"id": 1, "v": "on the replica"}}
        capture.crash()
        # Transactions that this server never had.
        (key,) = [key for key in capture.harness.offsets if b"schema" not in key]
        capture.harness.offsets[key] = {**capture.harness.offsets[key], "gtids": "3-9-9999999"}
        with pytest.raises(FatalError, match=r"3-9-9999999.*snapshot\.mode=when_needed"):
            capture.start()
            capture.until(lambda: False)
    finally:
        capture.close()


def _has_last(replica: MariaDB, database: str) -> bool:
    # The database may not have come yet.
    with contextlib.suppress(pymysql.err.MySQLError):
        connection = replica.connect(database)
        with connection, connection.cursor() as cursor:
            return bool(cursor.execute("SELECT 1 FROM mark WHERE id = 'last'"))
    return False

"""MySQL change data capture goes on at a replica when the server it read from is gone, on MariaDB and on MySQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.integration.connectors.xa_transactions import prepared
from tests.support.eventually import eventually
from tests.support.needs_apache_kafka import start_or_skip
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import MariaDB, MySQL
from tidegate.devstack.mysql_server import MySqlServer
from tidegate.errors import FatalError

_DEADLINE = 60.0
_MARIADB = {"binlog-format": "ROW", "sync-binlog": "0", "gtid-domain-id": "3"}
_MYSQL = {
    "sync-binlog": "0",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "performance-schema": "OFF",
    "log-slave-updates": "ON",
}
_PRIMARY = {"log-bin": "first-bin", "server-id": "1"}
_REPLICA = {"log-bin": "second-bin", "server-id": "2", "replicate-wild-ignore-table": "mysql.%"}


class Pair:
    """A server and its replica.

    Args:
        primary: it.
        replica: it.
        follow: what is run at the replica, with the primary's host, port, user and password.
        unknown: a set of GTIDs that neither has.
    """

    def __init__(self, primary: MySqlServer, replica: MySqlServer, follow: str, unknown: str) -> None:
        self.primary, self.replica, self.unknown = primary, replica, unknown
        with replica.connect() as connection, connection.cursor() as cursor:
            cursor.execute("RESET MASTER")
            cursor.execute(follow, [primary.host, primary.sql_port, primary.user, primary.password])
            cursor.execute("START SLAVE")

    def has_last(self, database: str) -> bool:
        """Whether the replica has the last change."""
        # The database may not have come yet.
        with contextlib.suppress(pymysql.err.MySQLError):
            connection = self.replica.connect(database)
            with connection, connection.cursor() as cursor:
                return bool(cursor.execute("SELECT 1 FROM mark WHERE id = 'last'"))
        return False

    def promote(self) -> None:
        """Kills the server; its replica takes its place."""
        self.primary.kill9()
        with self.replica.connect() as connection, connection.cursor() as cursor:
            cursor.execute("STOP SLAVE")
            cursor.execute("RESET SLAVE ALL")


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request: pytest.FixtureRequest, state_dir: Path, pytestconfig: pytest.Config) -> Iterator[Pair]:
    """A server and its replica."""
    follow = "CHANGE MASTER TO master_host=%s, master_port=%s, master_user=%s, master_password=%s, "
    made: list[MySqlServer]
    if request.param == "mariadb":
        install_or_skip(pytestconfig)
        follow += "master_use_gtid=slave_pos"
        unknown = "3-9-9999999"
        made = [
            MariaDB(state_dir, name="failover-first", settings=_MARIADB | _PRIMARY),
            MariaDB(state_dir, name="failover-second", settings=_MARIADB | _REPLICA | {"log-slave-updates": "ON"}),
        ]
    else:
        follow += "master_auto_position=1, get_master_public_key=1"
        unknown = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-99"
        made = [
            MySQL(state_dir, name="failover-mysql-first", settings=_MYSQL | _PRIMARY),
            MySQL(state_dir, name="failover-mysql-second", settings=_MYSQL | _REPLICA),
        ]
    with contextlib.ExitStack() as exits:
        for server in made:
            start_or_skip(server.start, pytestconfig, what="NOT TESTED ON MYSQL")
            exits.callback(server.stop)
        yield Pair(made[0], made[1], follow, unknown)


def test_a_replica_takes_over(pair: Pair) -> None:
    capture = MySqlCapture(pair.primary)
    try:
        capture.configure(max_batch_bytes="65536").start().catch_up()
        prepared(capture, "open", "UPDATE t SET v = 'prepared' WHERE id = 2")
        capture.sql("BEGIN")
        for first in (1001, 3001):
            values = ", ".join(f"({key}, '{'big' * 20}')" for key in range(first, first + 2000))
            capture.sql(f"INSERT INTO t VALUES {values}")
        capture.sql("COMMIT")
        capture.sql("ALTER TABLE mark ADD COLUMN n int")
        capture.sql("INSERT INTO mark VALUES ('last', 1)")
        capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 1500)
        assert len(capture.ledger.rows(capture.topic())) < 4000
        expected = capture.table()
        eventually(lambda: pair.has_last(capture.database), timeout=_DEADLINE)
        capture.crash()
        pair.promote()
        capture.server = pair.replica
        capture.reconnect()
        capture.harness.config["database.port"] = str(pair.replica.sql_port)
        capture.start()
        capture.until(lambda: ("last",) in capture.ledger.rows(capture.topic("mark")))
        assert capture.ledger.rows(capture.topic()) == expected
        capture.sql("UPDATE t SET v = 'on the replica' WHERE id = 1")
        capture.sql("XA COMMIT 'open'")
        capture.until(lambda: capture.ledger.rows(capture.topic()) == capture.table())
        changed = {(1,): {"id": 1, "v": "on the replica"}, (2,): {"id": 2, "v": "prepared"}}
        assert capture.ledger.rows(capture.topic()) == expected | changed
        assert {capture.ledger.operations(capture.topic(), [key]) for key in range(1001, 5001)} == {"c"}
        capture.crash()
        # Transactions that this server never had.
        (key,) = [key for key in capture.harness.offsets if b"schema" not in key]
        capture.harness.offsets[key] = {**capture.harness.offsets[key], "gtids": pair.unknown}
        with pytest.raises(FatalError, match=r"has not the log any more.*snapshot\.mode=when_needed"):
            capture.start()
            capture.until(lambda: False)
    finally:
        capture.close()

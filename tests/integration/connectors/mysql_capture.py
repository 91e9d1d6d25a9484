"""A database of a MariaDB or MySQL server and a connector that captures it into a ledger."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import threading
import uuid
from decimal import Decimal
from typing import Any

import pymysql
import pytest

from tests.integration.connectors.ledger_capture import LedgerCapture
from tests.integration.connectors.schema_versions import SchemaVersions
from tests.integration.connectors.source_harness import SourceHarness
from tidegate.connectors.mysql_cdc import MySqlCdcConnector
from tidegate.devstack.mysql_server import MySqlServer
from tidegate.errors import TidegateError

_DEFAULTS: dict[str, tuple[str, Any]] = {
    "n": ("int NOT NULL DEFAULT 7", 7),
    "big": ("bigint unsigned NOT NULL DEFAULT 8", 8),
    "price": ("decimal(10,2) NOT NULL DEFAULT 1.5", Decimal("1.50")),
    "ratio": ("double NOT NULL DEFAULT 0.25", 0.25),
    "state": ("varchar(9) NOT NULL DEFAULT 'it''s new'", "it's new"),
    "kind": ("enum('a','b') NOT NULL DEFAULT 'b'", "b"),
    "on_day": ("date NOT NULL DEFAULT '2020-01-02'", datetime.date(2020, 1, 2)),
    "moment": (
        "datetime NOT NULL DEFAULT '2020-01-02 03:04:05'",
        datetime.datetime.fromisoformat("2020-01-02 03:04:05"),
    ),
    "span": ("time NOT NULL DEFAULT '01:00:00'", 3_600_000_000),
    "flag": ("bit(1) NOT NULL DEFAULT b'1'", True),
    "bits": ("bit(10) NOT NULL DEFAULT b'1100000001'", b"\x01\x03"),
    "raw": ("varbinary(4) NOT NULL DEFAULT 'ab'", b"ab"),
    "yes": ("boolean NOT NULL DEFAULT true", 1),
    "score": ("int DEFAULT 3", 3),
}
_SERVER_IDS = itertools.count(6400)


class MySqlCapture(LedgerCapture):
    """A database with a table ``t`` of 100 rows and one for marks, and a connector that captures it.

    Args:
        server: where the database is made.
    """

    def __init__(self, server: MySqlServer) -> None:
        self.server = server
        self.database = f"cdc_{uuid.uuid4().hex[:12]}"
        server.create_database(self.database)
        self.connection = server.connect(self.database)
        self.sql("CREATE TABLE mark (id varchar(40) PRIMARY KEY)")
        self.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(400))")
        self.sql("INSERT INTO t VALUES " + ", ".join(f"({number}, 'v{number}')" for number in range(1, 101)))
        harness = SourceHarness(
            MySqlCdcConnector(),
            {
                "database.hostname": server.host,
                "database.port": str(server.sql_port),
                "database.user": server.user,
                "database.password": server.password,
                "database.server.id": str(next(_SERVER_IDS)),
                "database.include.list": self.database,
                "topic.prefix": "p",
                "poll.interval.ms": "50",
            },
        )
        super().__init__(harness, f"p.{self.database}")

    def sql(self, statement: str, arguments: Any = None) -> list[tuple[Any, ...]]:
        """Runs a statement."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall())

    def mark(self, text: str) -> None:
        """Inserts a row into ``mark``."""
        self.sql("INSERT INTO mark VALUES (%s)", [text])

    def position(self) -> dict[str, Any]:
        """The committed position."""
        return next((dict(offset) for key, offset in self.harness.offsets.items() if b"schema" not in key), {})

    def reconnect(self) -> None:
        """A new connection, after the server was gone."""
        self.connection = self.server.connect(self.database)

    def table(self, name: str = "t", key: int = 1) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The table's rows by their first columns."""
        with self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(f"SELECT * FROM {name}")
            return {tuple(row.values())[:key]: row for row in cursor.fetchall()}

    def churn(self, stopping: threading.Event) -> threading.Thread:
        """Inserts, updates, deletes and moves rows of ``t`` until told to stop, or the server goes away."""

        def run() -> None:
            with contextlib.suppress(pymysql.err.MySQLError, OSError):
                connection = self.server.connect(self.database)
                connection.autocommit(False)
                for number in itertools.count(1):
                    if stopping.is_set():
                        break
                    with connection.cursor() as cursor:
                        cursor.execute("INSERT INTO t VALUES (%s, 'new')", [1000 + number])
                        cursor.execute("UPDATE t SET v = concat(v, '+') WHERE id = %s", [number % 100 + 1])
                        if number % 3 == 0:
                            cursor.execute("DELETE FROM t WHERE id = %s", [1000 + number - 2])
                        if number % 5 == 0:
                            cursor.execute("UPDATE t SET id = -id WHERE id = %s", [1000 + number])
                    connection.commit()
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def close(self) -> None:
        """Leaves nothing behind."""
        self.crash()
        with contextlib.suppress(pymysql.err.MySQLError):
            self.sql(f"DROP DATABASE {self.database}")
            self.connection.close()


def takes_required_columns_with_defaults(capture: MySqlCapture) -> None:
    """Columns with defaults are added in the stream: BACKWARD takes the version, and it is the catalogue's as well."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _DEFAULTS.items())
    capture.sql(f"CREATE TABLE known (id int PRIMARY KEY, {columns}, stamp timestamp DEFAULT CURRENT_TIMESTAMP)")
    capture.sql("INSERT INTO known (id) VALUES (1)")
    capture.start().catch_up()
    capture.sql("SET time_zone='+02:00'")
    capture.sql(
        f"ALTER TABLE t ADD ({columns}), ADD at0 timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "
        "ADD at3 timestamp(3) NOT NULL DEFAULT NOW(3), ADD dt6 datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
    )
    capture.sql("SET time_zone='+00:00'")
    capture.sql("ALTER TABLE t ALTER COLUMN n DROP DEFAULT")
    capture.sql("INSERT INTO t (id, v, n, score) VALUES (101, 'new', 8, NULL)")
    capture.sql(f"CREATE TABLE later (id int PRIMARY KEY, {columns}, stamp timestamp DEFAULT CURRENT_TIMESTAMP)")
    capture.sql("INSERT INTO later (id) VALUES (1)")
    capture.catch_up()
    versions = SchemaVersions(capture.harness, capture.topic())
    assert len(versions.texts) == 2
    assert versions.refused() == []
    rows = versions.rows()
    assert rows[(101,)]["score"] is None
    told = dict(rows[(1,)])
    ((at0, at3, dt6),) = capture.sql("SELECT at0, at3, dt6 FROM t WHERE id = 1")
    assert [told.pop("at0"), told.pop("at3")] == [f"{at0:%FT%T}Z", f"{at3:%FT%T.%f}"[:23] + "Z"]
    assert told.pop("dt6") == dt6
    assert told == {"id": 1, "v": "v1"} | {name: value for name, (_, value) in _DEFAULTS.items()}
    (known,), (later,) = (SchemaVersions(capture.harness, capture.topic(name)).texts for name in ("known", "later"))
    assert later.replace("later", "known") == known
    assert known.count('"default":') == later.count('"default":') > len(_DEFAULTS)


def loses_nothing_when_killed(capture: MySqlCapture) -> None:
    """Kills the server while it writes; what was told is the table in the end."""
    capture.start().catch_up()
    stopping = threading.Event()
    writer = capture.churn(stopping)
    capture.until(lambda: len(capture.ledger.events) > 300)
    capture.server.kill9()
    writer.join()
    with pytest.raises(TidegateError):
        capture.until(lambda: False)
    capture.crash()
    capture.server.start()
    capture.reconnect()
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()

"""A database of a PostgreSQL server and a connector that captures it into a ledger."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.connectors.change_ledger import ChangeLedger
from tests.integration.connectors.source_harness import SourceHarness
from tests.support.eventually import eventually
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.devstack import Postgres

DEADLINE = 60.0
DEBIAN = Path("/usr/lib/postgresql/15/bin")


class Capture:
    """A database and a connector that captures it into a ledger."""

    def __init__(self, server: Postgres, database: str) -> None:
        self.server = server
        self.database = database
        self.sql = psycopg.connect(server.url(database), autocommit=True)
        self.ledger = ChangeLedger()
        self.harness = self._harness({})
        self._taken = 0

    def _harness(self, more: dict[str, str]) -> SourceHarness:
        config = {
            "database.hostname": self.server.host,
            "database.port": str(self.server.port("postgres")),
            "database.user": "postgres",
            "database.password": "tidegate",
            "database.dbname": self.database,
            "topic.prefix": "p",
            "slot.name": self.database,
            "slot.retry.delay.ms": "1000",
            "poll.interval.ms": "100",
            **more,
        }
        return SourceHarness(PostgresCdcConnector(), config)

    def configure(self, **more: str) -> Capture:
        """Other keys, dots written as underscores."""
        self.harness.config |= {name.replace("__", "-").replace("_", "."): value for name, value in more.items()}
        return self

    def start(self) -> Capture:
        """Starts the task."""
        self.harness.start()
        return self

    def poll(self, *, commit: bool = True) -> int:
        """One poll; what is committed goes to the ledger."""
        found = self.harness.poll(commit=commit)
        fresh = self.harness.committed[self._taken :]
        self._taken = len(self.harness.committed)
        self.ledger.take(one.batch for one in fresh if one.batch.topic.startswith("p.public."))
        return found

    def until(self, done: Callable[[], Any]) -> None:
        """Polls until something holds."""
        end = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < end, f"never happened; told were {self.ledger.events[-20:]}"
            self.poll()

    def catch_up(self) -> None:
        """Polls until a change made now has come, and so all before it."""
        mark = uuid.uuid4().hex
        self.sql.execute("INSERT INTO mark VALUES (%s)", [mark])
        self.until(lambda: (mark,) in self.ledger.rows("p.public.mark"))

    def crash(self) -> None:
        """The task is gone, and whatever it had not committed."""
        self.harness.crash()

    def table(self, name: str, key: int = 1) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The table's rows by their first columns."""
        cursor = self.sql.execute(f"SELECT * FROM {name}")
        names = [column.name for column in cursor.description or ()]
        return {row[:key]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}

    def confirmed(self) -> int:
        """What the server may forget."""
        row = self.sql.execute(
            "SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots WHERE slot_name = %s", [self.database]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Leaves nothing behind."""
        self.crash()
        self.sql.close()
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s"

            def dropped() -> bool:
                with contextlib.suppress(psycopg.errors.ObjectInUse):
                    connection.execute(drop, [self.database])
                    return True
                return False

            eventually(dropped, timeout=DEADLINE)


@contextlib.contextmanager
def captured(server: Postgres) -> Iterator[Capture]:
    """A database of its own with a table ``t`` of 100 rows and one for marks."""
    name = f"cdc_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    made = Capture(server, name)
    made.sql.execute("CREATE TABLE mark (id text PRIMARY KEY)")
    made.sql.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    made.sql.execute("INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i")
    try:
        yield made
    finally:
        made.close()

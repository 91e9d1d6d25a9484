"""A database of a PostgreSQL server and a connector that captures it into a ledger."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.connectors.ledger_capture import DEADLINE, LedgerCapture
from tests.integration.connectors.source_harness import SourceHarness
from tests.support.eventually import eventually
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.devstack import Postgres

DEBIAN = Path("/usr/lib/postgresql/15/bin")


class Capture(LedgerCapture):
    """A database and a connector that captures it into a ledger."""

    def __init__(self, server: Postgres, database: str) -> None:
        self.server = server
        self.database = database
        self.sql = psycopg.connect(server.url(database), autocommit=True)
        config = {
            "database.hostname": server.host,
            "database.port": str(server.port("postgres")),
            "database.user": "postgres",
            "database.password": "tidegate",
            "database.dbname": database,
            "topic.prefix": "p",
            "slot.name": database,
            "slot.retry.delay.ms": "1000",
            "poll.interval.ms": "100",
        }
        super().__init__(SourceHarness(PostgresCdcConnector(), config), "p.public")

    def mark(self, text: str) -> None:
        """Inserts a row into ``mark``."""
        self.sql.execute("INSERT INTO mark VALUES (%s)", [text])

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


@contextlib.contextmanager
def postgres_of(version: str, state_dir: Path, *, name: str, settings: dict[str, str]) -> Iterator[Postgres]:
    """A server of version 18, of the wheel, or of 15, Debian's, without which the test is skipped."""
    if version == "15" and not (DEBIAN / "postgres").exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    programs = DEBIAN if version == "15" else None
    with Postgres(state_dir, name=f"{name}-{version}", settings=settings, programs=programs) as component:
        yield component

"""A standby takes over: with a failover slot the connector goes on from it, with nothing lost and nothing doubled."""

from __future__ import annotations

import os
import pwd
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.connectors.postgres_capture import Capture
from tests.support.eventually import eventually
from tidegate.devstack import Postgres
from tidegate.errors import FatalError, TidegateError

_DEADLINE = 90.0
_COPY_SECONDS = 120
_SYNCED = (
    "SELECT synced AND NOT temporary AND invalidation_reason IS NULL FROM pg_replication_slots WHERE slot_name = %s"
)


class _Standby(Postgres):
    """A standby of another server, which keeps that server's failover slots in step."""

    def __init__(self, state_dir: Path, primary: Postgres) -> None:
        settings = {**primary.settings, "sync_replication_slots": "on", "hot_standby_feedback": "on"}
        super().__init__(state_dir, name=f"{primary.name}-standby", settings=settings)
        self._primary = primary

    def _prepare(self) -> None:
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._data, nobody.pw_uid, nobody.pw_gid)
        command = [*self._as_unprivileged(), str(self._program("pg_basebackup")), "-D", str(self._data), "-R", "-C"]
        command += ["-S", "standby", "-X", "stream", "-c", "fast", "-d", self._primary.url()]
        with self.log_path.open("wb") as log:
            subprocess.run(command, stdout=log, stderr=log, cwd="/", timeout=_COPY_SECONDS, check=True)


@pytest.fixture
def servers(state_dir: Path) -> Iterator[tuple[Postgres, Postgres]]:
    """A server and its standby; the server sends changes to nobody before the standby has them."""
    settings = {"wal_sender_timeout": "10s", "hot_standby": "on"}
    with (
        Postgres(state_dir, name=f"cdc-{uuid.uuid4().hex[:6]}", settings=settings) as primary,
        _Standby(state_dir, primary) as standby,
    ):
        with psycopg.connect(primary.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronized_standby_slots = 'standby'")
            connection.execute("SELECT pg_reload_conf()")
        yield primary, standby


def _captured(primary: Postgres, *, failover: bool) -> Capture:
    primary.create_database("shop")
    capture = Capture(primary, "shop")
    capture.sql.execute("CREATE TABLE mark (id text PRIMARY KEY)")
    capture.sql.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    capture.sql.execute("INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i")
    capture.configure(slot_failover=str(failover).lower(), status_update_interval_ms="100")
    capture.start().catch_up()
    return capture


def _promote(capture: Capture, standby: Postgres) -> None:
    """The server dies, the standby takes over, and the connector's configuration names it."""
    capture.server.kill9()
    with pytest.raises(TidegateError):
        capture.until(lambda: False)
    capture.crash()
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")
    capture.server = standby
    capture.configure(database_port=str(standby.port("postgres")))
    capture.sql = psycopg.connect(standby.url("shop"), autocommit=True)


def test_a_promoted_standby_goes_on_with_nothing_lost_or_doubled(servers: tuple[Postgres, Postgres]) -> None:
    primary, standby = servers
    capture = _captured(primary, failover=True)
    with psycopg.connect(standby.url(), autocommit=True) as there:

        def in_step() -> bool:
            capture.sql.execute("SELECT pg_log_standby_snapshot()")
            capture.catch_up()
            return there.execute(_SYNCED, [capture.database]).fetchone() == (True,)

        eventually(in_step, timeout=_DEADLINE, message="the standby has the slot")
    stopping = threading.Event()

    def write() -> None:
        number = 1000
        with psycopg.connect(primary.url("shop"), autocommit=True) as connection:
            while not stopping.is_set():
                number += 1
                connection.execute("INSERT INTO t VALUES (%s, 'new')", [number])
                connection.execute("UPDATE t SET v = v || '+' WHERE id = %s", [number % 100 + 1])

    def write_until_it_dies() -> None:
        try:
            write()
        except psycopg.OperationalError:
            return

    writer = threading.Thread(target=write_until_it_dies)
    writer.start()
    try:
        capture.until(lambda: len(capture.ledger.events) > 400)
        _promote(capture, standby)
    finally:
        stopping.set()
        writer.join()
    capture.sql.execute("INSERT INTO t VALUES (-1, 'after')")
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")
    capture.close()


def test_a_promoted_standby_without_the_slot_is_told_at_once(servers: tuple[Postgres, Postgres]) -> None:
    primary, standby = servers
    capture = _captured(primary, failover=False)
    _promote(capture, standby)
    with pytest.raises(FatalError, match=r"it does not exist any more.*slot\.failover"):
        capture.start()
    capture.close()

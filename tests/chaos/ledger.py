"""The ledger: a table that a steady writer fills with numbered rows, and the truth the rest is compared with."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
from psycopg import sql

_BATCH = 5
_PAUSE = 0.05
_TIMEOUT = 5


class LedgerRow(NamedTuple):
    """One row, wherever it is found."""

    id: int
    note: str


def ledger_row(number: int) -> LedgerRow:
    """The row of a number as the writer made it."""
    return LedgerRow(number, hashlib.md5(str(number).encode()).hexdigest())


class Ledger:
    """Writes rows 1, 2, 3, ... from a thread of its own until left, through restarts of the database.

    A row whose insertion was not answered is looked for before the next one is written, so that numbers have no gaps.

    Args:
        url: libpq URL of the database.
        table: made on entry.
    """

    def __init__(self, url: str, table: str) -> None:
        self.table = table
        self._url = url
        self._acknowledged = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"write {table}", daemon=True)

    def __enter__(self) -> Self:
        with self._connect() as database:
            database.execute(
                sql.SQL("CREATE TABLE {} (id bigint PRIMARY KEY, note text NOT NULL)").format(self._identifier)
            )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def count(self) -> int:
        """How many rows the database has acknowledged so far."""
        return self._acknowledged

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), f"the writer of {self.table} does not end"

    def rows(self) -> list[LedgerRow]:
        """What the table holds, in order."""
        with self._connect() as database:
            found = database.execute(sql.SQL("SELECT id, note FROM {} ORDER BY id").format(self._identifier)).fetchall()
        return [LedgerRow(*row) for row in found]

    @property
    def _identifier(self) -> sql.Identifier:
        return sql.Identifier(self.table)

    def _connect(self) -> psycopg.Connection[tuple[int, str]]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=_TIMEOUT)

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(psycopg.Error), self._connect() as database:
                self._write(database)
            self._stop.wait(0.2)

    def _write(self, database: psycopg.Connection[tuple[int, str]]) -> None:
        last = sql.SQL("SELECT coalesce(max(id), 0), '' FROM {}").format(self._identifier)
        insert = sql.SQL("INSERT INTO {} SELECT n, md5(n::text) FROM generate_series(%s::bigint, %s::bigint) n")
        found = database.execute(last).fetchone()
        assert found is not None
        self._acknowledged = found[0]
        while not self._stop.wait(_PAUSE):
            first = self._acknowledged + 1
            database.execute(insert.format(self._identifier), (first, first + _BATCH - 1))
            self._acknowledged = first + _BATCH - 1

"""Writers whose transactions overlap, commit out of order or roll back, and the truth of what they have committed."""

from __future__ import annotations

import random
import threading
from types import TracebackType
from typing import Any, Self

from tests.integration.connectors.target_database import TargetDatabase

_LONGEST_PAUSE = 0.05
_LONGEST_OPEN = 0.4


class OverlappingWriters:
    """Threads that insert rows with numbers from one counter of the database, each in transactions of its own.

    Args:
        database: a PostgreSQL where the table is made.
        table: its name; its column ``n`` grows.
        writers: how many at once.
    """

    def __init__(self, database: TargetDatabase, table: str, writers: int = 4) -> None:
        self._database = database
        self._table = table
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(writers)]
        self.committed: list[int] = []
        """Numbers in the order in which they were committed."""

    def __enter__(self) -> Self:
        number = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        self._database.run(f'CREATE TABLE "{self._table}" (n {number}, writer int NOT NULL)')
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        if self._failures and error is None:
            raise self._failures[0]

    @property
    def late(self) -> int:
        """How many numbers were committed after a greater one of an earlier commit."""
        greatest = count = 0
        for number in self.committed:
            count += number < greatest
            greatest = max(greatest, number)
        return count

    def _run(self, writer: int) -> None:
        chance = random.Random(writer)
        try:
            connection = self._database.connect()
            try:
                while not self._stop.is_set():
                    self._transaction(connection, writer, chance)
            finally:
                connection.close()
        except BaseException as error:
            self._failures.append(error)

    def _transaction(self, connection: Any, writer: int, chance: random.Random) -> None:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        rows = []
        insert = f'INSERT INTO "{self._table}" (writer) VALUES ({writer}) RETURNING n'
        for _ in range(chance.randrange(1, 6)):
            cursor.execute(insert)
            rows += [number for (number,) in cursor.fetchall()]
            self._stop.wait(chance.random() * _LONGEST_PAUSE)
        self._stop.wait(chance.random() * _LONGEST_OPEN * (writer == 0))
        if chance.random() < 0.2:
            cursor.execute("ROLLBACK")
            return
        with self._lock:
            cursor.execute("COMMIT")
            self.committed += rows

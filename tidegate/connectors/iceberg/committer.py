"""The committer: reads the control topic and, once an interval, commits each table's changes as one snapshot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tidegate.backoff import Backoff
from tidegate.connectors.iceberg.control_topic import ControlReader
from tidegate.connectors.iceberg.table_commit import TableCommitter, Told
from tidegate.errors import RetriableError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_MOST_CHANGES = 10_000
_MOST_ROWS_BY_KEY = 2_000_000
_MOST_CHANGES_BY_KEY = 500
_READ_WAIT = 0.2
_PATIENCE = 300.0
_LONGEST_PAUSE = 10.0
_LONGEST_GRACE = 10.0


class Committer:
    """Commits what the control topic tells; one thread.

    Args:
        reader: the control topic.
        tables: commits to tables.
    """

    def __init__(self, reader: ControlReader, tables: TableCommitter) -> None:
        self._reader = reader
        self._tables = tables
        self._backlog: list[Told] = []

    @property
    def full(self) -> bool:
        """Whether as many wait as are held in memory; more stay in the topic."""
        return len(self._backlog) >= _MOST_CHANGES

    def read(self, wait: float) -> int:
        """Takes changes from the topic.

        Args:
            wait: seconds to wait for the first.

        Returns:
            How many were found.

        Raises:
            FatalError: see :meth:`ControlReader.read`.
            RetriableError: Kafka is away.
        """
        told = self._reader.read(_MOST_CHANGES - len(self._backlog), wait) if not self.full else []
        self._backlog += told
        return len(told)

    def commit(self) -> None:
        """Commits everything read, one snapshot a table.

        Raises:
            FatalError: see :meth:`TableCommitter.commit`.
            RetriableError: catalog, store or Kafka are away; what was not committed is kept for the next call.
        """
        if not self._backlog:
            return
        after = self._backlog[-1][0] + 1
        by_table: dict[str, list[Told]] = {}
        for offset, change in self._backlog:
            by_table.setdefault(change.table, []).append((offset, change))
        for name, told in by_table.items():
            for portion in _portions(told):
                self._tables.commit(name, portion)
        self._backlog = []
        self._reader.committed(after)


class CommitterThread:
    """Runs a committer beside a task.

    Args:
        make: makes the committer, in its own thread.
        interval: seconds between two commits, counted on the wall clock.
    """

    def __init__(self, make: Callable[[], tuple[ControlReader, Committer]], interval: float) -> None:
        self._make = make
        self._interval = interval
        # Tasks finish their files at multiples of the interval, so that a commit soon after finds them all.
        self._grace = min(interval / 4, _LONGEST_GRACE)
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="iceberg-committer", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the committer, if anything did."""
        if self._failure is not None:
            raise self._failure

    def stop(self, deadline: float) -> None:
        """Commits what is there and ends.

        Args:
            deadline: seconds it may take.
        """
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(deadline)

    def _run(self) -> None:
        try:
            reader, committer = self._make()
            with reader:
                self._loop(committer)
        except Exception as error:  # it is the task's to end with whatever this is
            self._failure = error

    def _loop(self, committer: Committer) -> None:
        due = next_moment(time.time(), self._interval) + self._grace
        failing_since: float | None = None
        pauses = Backoff(0.5, _LONGEST_PAUSE)
        while not self._ending.is_set():
            try:
                found = committer.read(_READ_WAIT)
                if committer.full or (time.time() >= due and not found):
                    committer.commit()
                    due = next_moment(time.time() - self._grace, self._interval) + self._grace
                failing_since = None
                pauses.reset()
            except RetriableError as error:
                now = time.monotonic()
                failing_since = failing_since or now
                if now - failing_since > _PATIENCE:
                    raise
                log.warning("iceberg_commit_waits", reason=str(error), seconds=round(now - failing_since))
                self._ending.wait(pauses.next())
        while committer.read(_READ_WAIT):
            pass
        committer.commit()


def next_moment(now: float, interval: float) -> float:
    """The first multiple of the interval after a moment, in seconds since 1970: the same for every task."""
    return (now // interval + 1) * interval


def _portions(told: list[Told]) -> list[list[Told]]:
    """Parts whose keys fit into memory; each becomes a snapshot."""
    portions: list[list[Told]] = [[]]
    rows = 0
    for offset, change in told:
        weight = change.rows if change.id_columns else 0
        many = rows + weight > _MOST_ROWS_BY_KEY or (change.id_columns and len(portions[-1]) >= _MOST_CHANGES_BY_KEY)
        if portions[-1] and many:
            portions.append([])
            rows = 0
        portions[-1].append((offset, change))
        rows += weight
    return portions

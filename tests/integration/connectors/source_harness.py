"""Runs a source task as a worker would, with the committed offsets in memory and a crash wherever a test wants one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tidegate.errors import RecordHaltedError
from tidegate.records.envelope import SourceBatch
from tidegate.sdk.source import SourceConnector, SourceTask


class MemorySourceContext:
    """A source context over a dict of committed offsets."""

    def __init__(
        self, offsets: Mapping[bytes, Mapping[str, Any]], *, tolerant: bool, task: int = 0, name: str = "test"
    ) -> None:
        self.connector = name
        self.task = task
        self.stopping = threading.Event()
        self.halted: list[tuple[str, bytes, str]] = []
        self.lag_bytes: int | None = None
        self.lag_seconds: float | None = None
        self._offsets = offsets
        self._tolerant = tolerant

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self._offsets.get(partition_key(partition))

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        self.lag_bytes = self.lag_bytes if nbytes is None else nbytes
        self.lag_seconds = self.lag_seconds if seconds is None else seconds

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        if not self._tolerant:
            raise RecordHaltedError(message)
        self.halted.append((topic, raw, message))


def partition_key(partition: Mapping[str, Any]) -> bytes:
    """A source partition as a key."""
    return orjson.dumps(dict(partition), option=orjson.OPT_SORT_KEYS)


class SourceHarness:
    """Starts tasks of one connector configuration and commits what they give.

    Args:
        connector: the connector.
        config: its configuration.
        tolerant: whether halted input goes to :attr:`halted` rather than failing the poll.
        name: the connector's.
    """

    def __init__(
        self, connector: SourceConnector, config: Mapping[str, str], *, tolerant: bool = False, name: str = "test"
    ) -> None:
        self.name = name
        self.connector = connector
        self.config = dict(config)
        self.tolerant = tolerant
        self.offsets: dict[bytes, Mapping[str, Any]] = {}
        self.committed: list[SourceBatch] = []
        self.halted: list[tuple[str, bytes, str]] = []
        self._task: SourceTask | None = None
        self._context: MemorySourceContext | None = None
        self._open: list[SourceBatch] = []
        self._open_halted: list[tuple[str, bytes, str]] = []

    def start(self) -> None:
        """Starts the task from the committed offsets."""
        parsed = self.connector.config_def.parse(self.config)
        self._context = MemorySourceContext(dict(self.offsets), tolerant=self.tolerant, name=self.name)
        self._open, self._open_halted = [], []
        self._task = self.connector.task_class()
        self._task.start(parsed, self._context)

    @property
    def lag(self) -> tuple[int | None, float | None]:
        """How far the task says that it is behind: bytes, seconds."""
        assert self._context is not None
        return self._context.lag_bytes, self._context.lag_seconds

    def crash(self) -> None:
        """Drops the task without a word to it; its connections are closed for the test's sake."""
        if self._task is not None:
            self._task.stop()
        self._task = None

    @property
    def telling(self) -> str:
        """The topic of what was polled last, where it is committed only with what is polled next; else empty."""
        return self._open[-1].batch.topic if self._open else ""

    def poll(self, *, commit: bool = True) -> int:
        """One poll; commits what came, if a transaction may end there, unless told otherwise. Returns the number of
        records."""
        assert self._task is not None and self._context is not None
        batches = self._task.poll()
        if commit:
            self._open += batches
            self._open_halted += self._context.halted
            if not self._open or self._open[-1].offset is not None:
                self._commit(self._task)
        self._context.halted.clear()
        return sum(len(batch.batch) for batch in batches)

    def _commit(self, task: SourceTask) -> None:
        last: dict[bytes, SourceBatch] = {}
        for batch in self._open:
            self.committed.append(batch)
            if batch.offset is not None:
                self.offsets[partition_key(batch.partition)] = orjson.loads(orjson.dumps(dict(batch.offset)))
                last[partition_key(batch.partition)] = batch
        self.halted += self._open_halted
        self._open, self._open_halted = [], []
        for batch in last.values():
            assert batch.offset is not None
            task.committed(batch.partition, batch.offset)

    def die_after_each_poll(self, times: int, *, commits: Callable[[int], bool]) -> None:
        """Starts the task, polls once and drops it, so many times.

        Args:
            times: how many.
            commits: whether what came in a time, counted from 0, is committed before the task dies.
        """
        for time in range(times):
            self.start()
            self.poll(commit=commits(time))
            self.crash()

    def drain(self, rows: int, *, polls: int = 200) -> None:
        """Polls until so many rows have been committed in all."""
        for _ in range(polls):
            if len(self.rows()) >= rows:
                return
            self.poll()
        raise AssertionError(f"only {len(self.rows())} of {rows} rows came in {polls} polls")

    def rows(self) -> list[dict[str, Any]]:
        """All committed values."""
        return [row for batch in self.committed for row in batch.batch.value.to_pylist()]

"""The first stage of a source: polling the task ahead of what is being written."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.kafka.source_offsets import partition_key
from tidegate.records.envelope import SourceBatch
from tidegate.records.faults import Stage
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceTask
from tidegate_worker.task.control import Control
from tidegate_worker.task.halted import HaltedRecord, HaltPolicy

_PAUSE_STEP = 0.5


class Mark(enum.Enum):
    """What a poll's result is, beside records."""

    RECORDS = enum.auto()
    PAUSED = enum.auto()
    """The task rests: everything before may be written, nothing follows until it is resumed."""
    LAST = enum.auto()
    """The task was told to stop: nothing follows."""


@dataclass(frozen=True)
class Polled:
    """What one poll gave.

    Args:
        mark: kind.
        batches: records with their positions.
        halted: input that could not be made into records.
        goes_on: whether its transaction has to go on with the next poll.
    """

    mark: Mark
    batches: Sequence[SourceBatch] = ()
    halted: Sequence[HaltedRecord] = field(default_factory=tuple)
    goes_on: bool = False

    @property
    def bytes(self) -> int:
        """Memory of the records."""
        return sum(each.batch.records.nbytes for each in self.batches)


class SourceTaskContext:
    """What a source task is given; see :class:`tidegate.sdk.SourceContext`."""

    def __init__(
        self,
        connector: str,
        task: int,
        stopping: threading.Event,
        offsets: Mapping[bytes, Mapping[str, Any]],
        policy: HaltPolicy,
    ) -> None:
        self.connector = connector
        self.task = task
        self.stopping = stopping
        self.halted: list[HaltedRecord] = []
        self.lag_bytes = -1
        self.lag_seconds = -1.0
        self._offsets = offsets
        self._policy = policy

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The last committed offset of a source partition."""
        return self._offsets.get(partition_key(partition))

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        """Tells how far the task is behind."""
        if nbytes is not None:
            self.lag_bytes = nbytes
        if seconds is not None:
            self.lag_seconds = seconds

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        """Halts one piece of input."""
        record = HaltedRecord(topic, None, raw, [], Stage.TASK_POLL, exception, message)
        self._policy.admit(record)
        self.halted.append(record)


class SourcePolls:
    """Owns a source task: all its methods are called from the thread that iterates over this.

    Args:
        task: the plugin's task.
        config: its configuration.
        context: what it is given.
        control: orders.
        started: called when the task has started.
    """

    def __init__(
        self,
        task: SourceTask,
        config: Config,
        context: SourceTaskContext,
        control: Control,
        started: Callable[[], None],
    ) -> None:
        self._task = task
        self._config = config
        self._context = context
        self._control = control
        self._started = started
        self._committed: deque[tuple[Mapping[str, Any], Mapping[str, Any]]] = deque()
        self._settled = threading.Event()
        self._abandoned = threading.Event()

    def committed(self, partition: Mapping[str, Any], offset: Mapping[str, Any]) -> None:
        """Has the task told, before its next poll, that an offset is committed."""
        self._committed.append((partition, offset))

    def settle(self) -> None:
        """Says that what came before the last mark is committed: the task may end."""
        self._settled.set()

    def abandon(self) -> None:
        """Ends the polling without waiting for anything."""
        self._abandoned.set()
        self._settled.set()

    def polls(self, beat: Callable[[], None]) -> Generator[Polled]:
        """Starts the task, gives what it polls, tells it what is committed, stops it.

        Args:
            beat: called to show that the polling is not stuck.
        """
        task, control, context = self._task, self._control, self._context
        try:
            task.start(self._config, context)
            self._started()
            goes_on = False
            while not (control.stopping.is_set() or self._abandoned.is_set()):
                beat()
                self._acknowledge()
                if control.paused and not goes_on:
                    yield from self._rest(beat)
                    continue
                batches = task.poll()
                halted, context.halted = context.halted, []
                if batches or halted:
                    goes_on = batches[-1].offset is None if batches else goes_on
                    yield Polled(Mark.RECORDS, batches, halted, goes_on)
            yield Polled(Mark.LAST)
            while not self._settled.wait(_PAUSE_STEP):
                beat()
            self._acknowledge()
        finally:
            task.stop()

    def _rest(self, beat: Callable[[], None]) -> Iterator[Polled]:
        yield Polled(Mark.PAUSED)
        while self._control.paused and not (self._control.stopping.is_set() or self._abandoned.is_set()):
            self._control.wait_resumed(_PAUSE_STEP)
            beat()

    def _acknowledge(self) -> None:
        while self._committed:
            self._task.committed(*self._committed.popleft())

"""What a task's process and its agent share in memory: the lease's deadline and a sign of life."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any


@dataclass(frozen=True)
class VitalSigns:
    """Two doubles in shared memory, in seconds of CLOCK_MONOTONIC, which all processes of a machine share.

    Args:
        deadline_cell: the moment the worker's lease may have run out; written by the agent.
        beat_cell: when the task last showed that it is not stuck; written by the task.
    """

    deadline_cell: Any
    beat_cell: Any

    @classmethod
    def create(cls, context: BaseContext, deadline: float) -> VitalSigns:
        """New cells; the task counts as alive now."""
        return cls(context.Value("d", deadline, lock=False), context.Value("d", time.monotonic(), lock=False))

    @property
    def deadline(self) -> float:
        """The moment from which nothing may be committed."""
        return float(self.deadline_cell.value)

    def extend(self, deadline: float) -> None:
        """Tells the task of a renewed lease."""
        self.deadline_cell.value = deadline

    def beat(self, at: float) -> None:
        """Shows that the task was not stuck at a moment."""
        self.beat_cell.value = at

    def silent_for(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - float(self.beat_cell.value)

    def expired(self) -> bool:
        """Whether the lease may have run out."""
        return time.monotonic() >= self.deadline

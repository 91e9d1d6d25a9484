"""How a task is doing: the value of ``status/<connector>/<n>``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidegate.control.stored_value import StoredValue

State = Literal["UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING", "STOPPED"]


@dataclass(frozen=True)
class TaskStatusRecord(StoredValue):
    """A task's state as its holder last reported it. Written at each change of state, never while it just runs.

    Args:
        state: in Kafka Connect's words.
        worker_id: the holder.
        epoch: create revision of the claim it was reported under.
        generation: generation of the task's configuration.
        trace: the last traceback or reason; empty when there is none. Without secrets.
        since_ms: when the state was entered, milliseconds since 1970 (UTC).
        restarts: how often the process was restarted under this claim.
    """

    state: State
    worker_id: str
    epoch: int
    generation: int
    trace: str = ""
    since_ms: int = 0
    restarts: int = 0

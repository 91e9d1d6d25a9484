"""Why a connector could not be laid out: the value of ``status/<connector>``."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.stored_value import StoredValue
from tidegate.control.task_status import State


@dataclass(frozen=True)
class ConnectorStatusRecord(StoredValue):
    """The state of the connector itself, apart from its tasks. Written by the leader, absent while all is well.

    Args:
        state: FAILED, or RESTARTING while the leader goes on trying by itself.
        generation: the generation that could not be laid out.
        restart: the connector's ``restart`` at that time.
        trace: the reason, with the remedy.
        since_ms: when it happened, milliseconds since 1970 (UTC).
    """

    state: State
    generation: int
    restart: int = 0
    trace: str = ""
    since_ms: int = 0

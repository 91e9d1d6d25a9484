"""What one task shall run: the value of ``tasks/<connector>/<n>``."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.connector_state import ConnectorType
from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class TaskSpec(StoredValue):
    """A task's configuration. Written by the leading coordinator; a worker restarts the task's process when it changes.

    Args:
        config: the task's keys and values; sealed secrets stay sealed.
        generation: the connector's generation it was made from.
        type: whether it is a source or a sink task.
        restart: grows when the user restarts the task.
    """

    config: dict[str, str]
    generation: int
    type: ConnectorType
    restart: int = 0

"""How a connector was last divided into tasks: the value of ``layouts/<connector>``."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class Layout(StoredValue):
    """The last layout of a connector, of which zombies may still run; written by the leader before its first task.

    Stays when the connector is deleted: a new one of the same name must fence the old one's tasks.

    Args:
        generation: the connector's generation.
        task_count: number of tasks, numbered from 0.
        restart: the connector's ``restart`` it was made for.
    """

    generation: int
    task_count: int
    restart: int = 0

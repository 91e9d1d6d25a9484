"""Which worker shall run a task: the value of ``assignments/<connector>/<n>``."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class Assignment(StoredValue):
    """The leader's word on one task. Changing it asks the present holder to drain and the new one to claim.

    Args:
        worker_id: who shall run it.
        generation: the generation of the task's configuration.
    """

    worker_id: str
    generation: int

"""Which worker runs a task: the value of ``claims/<connector>/<n>``, on the holder's lease."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class Claim(StoredValue):
    """The holder of one task; the key's create revision is the task's epoch.

    Made in one transaction: no claim exists, and the assignment names the claimant.

    Args:
        worker_id: who runs it.
        generation: the generation it runs.
    """

    worker_id: str
    generation: int

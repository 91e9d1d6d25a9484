"""What a task's process is started with: small to import, for the agent names it without ever running it."""

from __future__ import annotations

from multiprocessing.connection import Connection

from tidegate_worker.task.launch import TaskLaunch
from tidegate_worker.task.vital_signs import VitalSigns


def main(launch: TaskLaunch, channel: Connection, signs: VitalSigns) -> None:
    """See :func:`tidegate_worker.task.process.main`."""
    from tidegate_worker.task import process

    process.main(launch, channel, signs)

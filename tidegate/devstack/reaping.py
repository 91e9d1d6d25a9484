"""Cleaning up after an owner that was killed before it could stop its processes."""

from __future__ import annotations

from pathlib import Path

from tidegate.devstack.pid_file import pid_path, read_pid_files
from tidegate.devstack.process_tree import kill_tree


def reap_leftovers(state_dir: Path) -> list[str]:
    """Kill the processes recorded under ``state_dir`` whose owner is gone, with all their children.

    Only a process whose pid and create time both match its record is touched. What a live owner holds stays.

    Args:
        state_dir: the directory given to :class:`~tidegate.devstack.process.OwnedProcess`; need not exist.

    Returns:
        the names of the leftovers that were still running and are now ended.
    """
    reaped = []
    for record in read_pid_files(state_dir):
        if record.owner.find() is not None:
            continue
        if kill_tree(record.process):
            reaped.append(record.name)
        pid_path(state_dir, record.name).unlink(missing_ok=True)
    return reaped

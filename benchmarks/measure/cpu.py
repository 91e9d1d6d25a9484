"""CPU seconds of groups of processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure.process_tree import members, read_stat

_TREE_SECONDS = 0.5

Roots = Callable[[], Sequence[int]]
"""Gives the pids that a group's processes descend from."""


class CpuMeter:
    """Adds up what the kernel counted for each process of a group, ended children included.

    Args:
        groups: by name.
    """

    def __init__(self, groups: Mapping[str, Roots]) -> None:
        self._groups = dict(groups)
        self._members: dict[str, set[int]] = {}
        self._looked = 0.0

    def read(self) -> dict[str, float]:
        """CPU seconds of each group since its processes began; only differences mean something."""
        self._refresh()
        return {name: sum(_seconds(pid) for pid in pids) for name, pids in self._members.items()}

    def members(self, group: str) -> set[int]:
        """The pids of a group's processes."""
        self._refresh()
        return self._members[group]

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _TREE_SECONDS:
            self._members = {name: members(roots()) for name, roots in self._groups.items()}
            self._looked = now


def _seconds(pid: int) -> float:
    stat = read_stat(pid)
    return stat.seconds if stat else 0.0

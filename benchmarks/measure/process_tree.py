"""Which processes belong to a system, from /proc alone: cheap enough to look several times a second."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """The part of ``/proc/<pid>/stat`` that counts here.

    Args:
        pid: process id.
        parent: its parent's.
        session: its session's leader.
        seconds: CPU seconds of the process and of its children that have ended and been waited for.
    """

    pid: int
    parent: int
    session: int
    seconds: float


def read_stat(pid: int) -> Stat | None:
    """What the kernel says of one process; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command's name stands in parentheses and may hold anything, spaces and parentheses too.
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(each) for each in fields[11:15])
    return Stat(pid, int(fields[1]), int(fields[3]), ticks / _TICKS)


def members(roots: Iterable[int]) -> set[int]:
    """The pids of ``roots``, all their descendants, and whoever is in a session that one of them leads."""
    wanted = set(roots)
    children: defaultdict[int, list[int]] = defaultdict(list)
    found: list[int] = []
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        stat = read_stat(int(entry.name))
        if stat is None:
            continue
        children[stat.parent].append(stat.pid)
        if stat.pid in wanted or stat.session in wanted:
            found.append(stat.pid)
    family: set[int] = set()
    while found:
        pid = found.pop()
        if pid not in family:
            family.add(pid)
            found += children[pid]
    return family

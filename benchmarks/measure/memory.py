"""Memory of processes as PSS: shared pages are counted once, in equal parts by those that share them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional set size of the processes together; those that have ended count nothing."""
    return sum(_pss(pid) for pid in pids)


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0

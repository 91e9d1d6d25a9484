"""CPU seconds of each thread of a process: what librdkafka and Arrow do beside the interpreter."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def thread_seconds(pid: int) -> dict[str, float]:
    """By thread name; equal names are added up."""
    found: defaultdict[str, float] = defaultdict(float)
    for directory in Path(f"/proc/{pid}/task").glob("*"):
        try:
            text = (directory / "stat").read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        found[name] += (int(fields[11]) + int(fields[12])) / _TICKS
    return dict(found)

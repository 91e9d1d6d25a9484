"""Appends timestamped JSON lines to a file at a steady rate: ``python -m benchmarks.latency_writer FILE RATE SECONDS``.

A process of its own, so that the reader's interpreter does not hold it up.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

_TICK_SECONDS = 0.002
_LINE = b'{"sent":%d,"n":%d,"pad":"' + b"x" * 100 + b'"}\n'


def write(path: str, rate: int, seconds: float) -> None:
    """Append ``rate`` lines a second, each with the moment it was written, in ticks of two milliseconds."""
    with Path(path).open("ab", buffering=0) as file:
        began, written = time.monotonic(), 0
        total = int(rate * seconds)
        while written < total:
            due = min(total, int((time.monotonic() - began) * rate) + 1)
            now = time.time_ns()
            file.write(b"".join(_LINE % (now, number) for number in range(written, due)))
            written = due
            time.sleep(_TICK_SECONDS)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

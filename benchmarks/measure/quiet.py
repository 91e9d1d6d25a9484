"""Waiting until the machine has nothing left to do of the run before."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.measure.cpu import CpuMeter, Roots

_LOOK_SECONDS = 0.5


def wait_quiet(groups: Mapping[str, Roots], *, cores: float = 0.2, timeout: float = 20.0) -> bool:
    """Wait until all groups together use less than so many cores; returns whether they did in time.

    Args:
        groups: processes to look at.
        cores: what idle servers may use.
        timeout: seconds after which it is given up: a run on a machine that is not quite idle is still a run.
    """
    deadline = time.monotonic() + timeout
    meter = CpuMeter(groups)
    before, then = meter.read(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        after, now = meter.read(), time.monotonic()
        if sum(after[name] - before[name] for name in after) / (now - then) < cores:
            return True
        before, then = after, now
    return False

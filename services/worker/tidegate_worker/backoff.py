"""How long a crashed task waits before it is started again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


def _jitter() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311


@dataclass
class Backoff:
    """Exponential pauses with jitter, reset by a healthy run.

    Args:
        first: seconds before the first restart.
        longest: the longest pause in seconds.
        healthy: seconds a process must have run for its crash to count as the first again.
        jitter: gives a factor; by default from 0.5 to 1.
    """

    first: float = 1.0
    longest: float = 60.0
    healthy: float = 120.0
    jitter: Callable[[], float] = _jitter
    failures: int = 0

    def next(self, ran_for: float) -> float:
        """Seconds to wait after a process that ran for ``ran_for`` seconds has crashed."""
        self.failures = 1 if ran_for >= self.healthy else self.failures + 1
        return min(self.longest, self.first * 2.0 ** min(self.failures - 1, 16)) * self.jitter()

    def reset(self) -> None:
        """The user restarted the task or changed it."""
        self.failures = 0

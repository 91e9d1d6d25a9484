"""How long a crashed task waits before it is started again. Pure, but for the jitter."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.backoff import backoff


@dataclass
class RestartPause:
    """Ever longer pauses, short again after a healthy run.

    Args:
        first: seconds, upper bound before the first restart.
        longest: seconds, upper bound of all pauses.
        healthy: seconds a process must have run for its crash to count as the first again.
    """

    first: float = 1.0
    longest: float = 60.0
    healthy: float = 120.0
    failures: int = 0

    def next(self, ran_for: float) -> float:
        """Seconds to wait after a process that ran for ``ran_for`` seconds has crashed."""
        self.failures = 1 if ran_for >= self.healthy else self.failures + 1
        return backoff(self.failures, self.first, self.longest)

    def reset(self) -> None:
        """The user restarted the task or changed it."""
        self.failures = 0

"""How long to wait before the next try: exponentially longer, with jitter, so that many clients do not come in step."""

from __future__ import annotations

import random


def backoff(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after a failure.

    Half of the wait is random ("equal jitter", Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog): it
    spreads the clients and still gives the other side its rest.

    Args:
        failures: how many there have been, this one included; at least 1.
        first: seconds, upper bound after the first one; it doubles with each further one.
        longest: seconds, upper bound of all waits.
    """
    bound = min(longest, first * 2.0 ** min(failures - 1, 30))
    return random.uniform(bound / 2, bound)  # noqa: S311


class Backoff:
    """The waits of a loop that goes on until something works.

    Args:
        first: seconds, upper bound of the first wait.
        longest: seconds, upper bound of all waits.
    """

    def __init__(self, first: float = 0.05, longest: float = 2.0) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now."""
        self._failures += 1
        return backoff(self._failures, self._first, self._longest)

    def reset(self) -> None:
        """Begin again with the shortest wait: something has worked."""
        self._failures = 0

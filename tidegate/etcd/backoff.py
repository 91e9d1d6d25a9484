"""How long to wait before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Exponential waits with full jitter, so that many clients do not come back in step.

    Args:
        base: seconds, upper bound of the first wait; doubles at each further one.
        cap: seconds, upper bound of all waits.
    """

    def __init__(self, base: float = 0.05, cap: float = 2.0) -> None:
        self._base = base
        self._cap = cap
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait now, between 0 and the bound of this try."""
        bound = min(self._cap, self._base * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return random.uniform(0, bound)  # noqa: S311

    def reset(self) -> None:
        """Begin again with the shortest wait: something has worked."""
        self._tries = 0

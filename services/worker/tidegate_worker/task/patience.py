"""Patience: retrying in place what may pass, by ``errors.retry.*``, while the task still shows that it is alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tidegate.backoff import backoff
from tidegate.errors import RetriableError

T = TypeVar("T")

_FIRST_DELAY = 0.3


class Patience:
    """Retries within a budget, with jittered exponential pauses.

    Args:
        timeout_ms: budget in milliseconds; 0 for no retry, -1 for no end (``errors.retry.timeout``).
        max_delay_ms: the longest pause (``errors.retry.delay.max.ms``).
        stopping: ends the waiting.
        beat: called at least every half second while waiting.
    """

    def __init__(self, timeout_ms: int, max_delay_ms: int, stopping: threading.Event, beat: Callable[[], None]) -> None:
        self._timeout_ms = timeout_ms
        self._max_delay_ms = max_delay_ms
        self._stopping = stopping
        self._beat = beat

    def of_stage(self, beat: Callable[[], None]) -> Patience:
        """The same for a stage, which shows in its own way that it is alive."""
        return Patience(self._timeout_ms, self._max_delay_ms, self._stopping, beat)

    def call(self, step: Callable[[], T]) -> T:
        """Calls ``step`` until it raises no :class:`~tidegate.errors.RetriableError`.

        Raises:
            RetriableError: the last one, when the budget is used up or the task is to stop.
        """
        give_up = float("inf") if self._timeout_ms < 0 else time.monotonic() + self._timeout_ms / 1000
        failures = 0
        while True:
            try:
                return step()
            except RetriableError:
                failures += 1
                pause = backoff(failures, _FIRST_DELAY, self._max_delay_ms / 1000)
                if time.monotonic() + pause > give_up or not self._wait(pause):
                    raise

    def _wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._beat()
            if self._stopping.wait(min(left, 0.5)):
                return False
        return True

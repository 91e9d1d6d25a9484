"""Waiting for a condition, with a deadline and a word for what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.errors import BenchmarkError

T = TypeVar("T")


def wait_until(check: Callable[[], T | None], what: str, *, timeout: float = 120.0, interval: float = 0.1) -> T:
    """Call ``check`` until it returns something truthy, and return that.

    Args:
        check: an exception of it means "not yet", save a BenchmarkError, which goes on.
        what: what is waited for, in words that follow "waited for".
        timeout: seconds until giving up.
        interval: seconds between two calls.

    Raises:
        BenchmarkError: time is up.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            obstacle: object = check()
            if obstacle:
                return obstacle  # type: ignore[return-value]
        except BenchmarkError:
            raise
        except Exception as error:
            obstacle = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            raise BenchmarkError(f"waited {timeout:g} s in vain for {what} (last: {obstacle}).")
        time.sleep(interval)

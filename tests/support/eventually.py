"""Waiting for a condition with a deadline, instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(fn: Callable[[], T], timeout: float = 30.0, interval: float = 0.1, message: str = "condition") -> T:
    """Call ``fn`` until it returns something truthy, and return that.

    Args:
        fn: a check; an exception means "not yet".
        timeout: seconds until giving up; ``fn`` is called at least once.
        interval: seconds between two calls.
        message: what is waited for, shown on failure.

    Raises:
        AssertionError: time is up; names the last value or holds the last exception as its cause.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: Exception | None = None
        value: T | None = None
        try:
            value = fn()
        except Exception as error:
            failure = error
        if failure is None and value:
            return value
        if time.monotonic() >= deadline:
            raise _timed_out(message, timeout, value, failure) from failure
        time.sleep(interval)


async def aeventually(
    fn: Callable[[], Awaitable[T]], timeout: float = 30.0, interval: float = 0.1, message: str = "condition"
) -> T:
    """:func:`eventually` for an async check; the event loop goes on meanwhile.

    The deadline also cuts off a call of ``fn`` that hangs.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: Exception | None = None
        value: T | None = None
        try:
            value = await asyncio.wait_for(fn(), max(interval, deadline - time.monotonic()))
        except Exception as error:
            failure = error
        if failure is None and value:
            return value
        if time.monotonic() >= deadline:
            raise _timed_out(message, timeout, value, failure) from failure
        await asyncio.sleep(interval)


def _timed_out(message: str, timeout: float, value: object, failure: Exception | None) -> AssertionError:
    last = f"raised {type(failure).__name__}: {failure}" if failure else f"gave {value!r}"
    return AssertionError(f"{message}: not within {timeout:g} s; the last check {last}")

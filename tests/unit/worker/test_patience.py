"""``errors.retry.*``: how long what may pass is tried again in place."""

from __future__ import annotations

import threading

import pytest
from tidegate_worker.task.patience import Patience

from tidegate.errors import FatalError, RetriableError


class Away:
    """Fails so many times, then answers."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.calls = 0
        self._times = times
        self._error = error or RetriableError("away.")

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise self._error
        return "here"


def patience(timeout_ms: int, stopping: threading.Event | None = None) -> Patience:
    return Patience(timeout_ms, 2, stopping or threading.Event(), lambda: None)


@pytest.mark.parametrize("timeout_ms", [-1, 60_000])
def test_what_comes_back_within_the_budget_is_waited_for(timeout_ms: int) -> None:
    step = Away(5)
    assert patience(timeout_ms).call(step) == "here"
    assert step.calls == 6


def test_without_a_budget_it_is_called_once() -> None:
    step = Away(1)
    with pytest.raises(RetriableError):
        patience(0).call(step)
    assert step.calls == 1


def test_what_can_not_pass_is_not_tried_again() -> None:
    step = Away(1, FatalError("broken."))
    with pytest.raises(FatalError):
        patience(-1).call(step)
    assert step.calls == 1


def test_a_task_that_is_to_stop_waits_no_longer() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(RetriableError):
        patience(-1, stopping).call(Away(1))

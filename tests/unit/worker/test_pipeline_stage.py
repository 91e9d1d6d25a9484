"""A stage works ahead within its bound, keeps the order, and passes on what ended it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest
from tidegate_worker.task.pipeline_stage import PipelineStage

from tests.support.eventually import eventually

DEADLINE = 10.0


@contextmanager
def running(
    items: Callable[[PipelineStage[int]], Generator[int]], *, most_bytes: int = 100, most_items: int = 100
) -> Iterator[PipelineStage[int]]:
    stage: PipelineStage[int] = PipelineStage(
        "test", items, lambda item: item, most_bytes=most_bytes, most_items=most_items
    )
    stage.start()
    try:
        yield stage
    finally:
        stage.close(DEADLINE)


def test_everything_comes_in_order_and_then_the_end() -> None:
    def items(stage: PipelineStage[int]) -> Generator[int]:
        yield from range(50)

    with running(items, most_items=3) as stage:
        assert list(stage.items(lambda: None)) == list(range(50))
        assert stage.finished


def test_it_stands_still_when_enough_waits_and_counts_as_alive_meanwhile() -> None:
    given: list[int] = []

    def items(stage: PipelineStage[int]) -> Generator[int]:
        for item in (40, 40, 40, 500, 1):
            given.append(item)
            yield item

    with running(items, most_bytes=100) as stage:
        eventually(lambda: len(given) == 3, timeout=DEADLINE)
        eventually(lambda: stage.last_sign() > time.monotonic() - 0.001, timeout=DEADLINE)
        assert given == [40, 40, 40], "80 of 100 bytes wait: the third does not fit"
        assert [stage.take(DEADLINE) for _ in range(5)] == [40, 40, 40, 500, 1], "one item alone may be larger"


def test_what_ended_it_is_raised_after_what_came_before() -> None:
    def items(stage: PipelineStage[int]) -> Generator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    with running(items) as stage:
        assert stage.take(DEADLINE) == 1
        assert stage.take(DEADLINE) == 2
        assert stage.take(DEADLINE, leave_failure=True) is None
        assert not stage.finished
        with pytest.raises(ValueError, match="broken"):
            stage.take(DEADLINE)


def test_nothing_within_the_time_is_none() -> None:
    release = threading.Event()

    def items(stage: PipelineStage[int]) -> Generator[int]:
        release.wait(DEADLINE)
        yield 1

    with running(items) as stage:
        assert stage.take(0.01) is None
        release.set()
        assert stage.take(DEADLINE) == 1


def test_closing_ends_it_and_its_cleaning_up_runs_in_its_thread() -> None:
    closed_in: list[str] = []

    def items(stage: PipelineStage[int]) -> Generator[int]:
        try:
            while True:
                yield 60
        finally:
            closed_in.append(threading.current_thread().name)

    with running(items) as stage:
        assert stage.take(DEADLINE) == 60
    assert closed_in == ["test"]


def test_a_stuck_stage_shows_no_sign_of_life() -> None:
    release = threading.Event()

    def items(stage: PipelineStage[int]) -> Generator[int]:
        stage.beat()
        release.wait(DEADLINE)
        yield 1

    with running(items) as stage:
        first = stage.last_sign()
        eventually(lambda: time.monotonic() > first + 0.05, timeout=DEADLINE, interval=0.01)
        assert stage.last_sign() <= first + 0.05
        release.set()
        assert stage.take(DEADLINE) == 1

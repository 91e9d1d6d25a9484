"""A transaction takes what is ready: little while little comes, much under load, never more than its bound."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import pytest
from tidegate_worker.task.pipeline_stage import PipelineStage
from tidegate_worker.task.source_encoding import EncodedPoll
from tidegate_worker.task.source_polls import Mark
from tidegate_worker.task.source_transaction import MOST_RECORDS, take_transaction

from tests.support.eventually import eventually

DEADLINE = 10.0


def poll(records: int, mark: Mark = Mark.RECORDS, *, goes_on: bool = False) -> EncodedPoll:
    return EncodedPoll(mark, (), (), (), records, goes_on)


@contextmanager
def ready(polls: Sequence[EncodedPoll], failure: Exception | None = None) -> Iterator[PipelineStage[EncodedPoll]]:
    """A stage that has given all its polls already."""

    def items(stage: PipelineStage[EncodedPoll]) -> Generator[EncodedPoll]:
        yield from polls
        done.append(True)
        if failure is not None:
            raise failure

    done: list[bool] = []
    stage = PipelineStage("test", items, lambda each: each.bytes, most_bytes=1 << 30, most_items=100)
    stage.start()
    try:
        eventually(lambda: bool(done), timeout=DEADLINE)
        yield stage
    finally:
        stage.close(DEADLINE)


def no_rest() -> float:
    return 0.0


def sizes(taken: tuple[Sequence[EncodedPoll], Mark]) -> tuple[list[int], Mark]:
    return [each.records for each in taken[0]], taken[1]


def test_it_grows_with_what_is_ready_up_to_its_bound() -> None:
    half = MOST_RECORDS // 2
    with ready([poll(7), poll(half), poll(half), poll(9)]) as stage:
        assert sizes(take_transaction(stage, no_rest)) == ([7, half, half], Mark.RECORDS)
        assert sizes(take_transaction(stage, no_rest)) == ([9], Mark.RECORDS)
        assert sizes(take_transaction(stage, no_rest)) == ([], Mark.RECORDS)


def test_a_mark_ends_it() -> None:
    with ready([poll(1), poll(0, Mark.PAUSED), poll(2), poll(0, Mark.LAST)]) as stage:
        assert sizes(take_transaction(stage, no_rest)) == ([1], Mark.PAUSED)
        assert sizes(take_transaction(stage, no_rest)) == ([2], Mark.LAST)


def test_what_has_to_be_whole_is_taken_in_pieces_and_ends_with_itself() -> None:
    whole = [poll(MOST_RECORDS, goes_on=True), poll(2, goes_on=True), poll(3), poll(4, goes_on=True), poll(5)]
    with ready([poll(1), *whole, poll(6)]) as stage:
        assert sizes(take_transaction(stage, no_rest)) == ([1, MOST_RECORDS], Mark.RECORDS)
        assert sizes(take_transaction(stage, no_rest, goes_on=True)) == ([2, 3], Mark.RECORDS)
        assert sizes(take_transaction(stage, no_rest)) == ([4, 5], Mark.RECORDS)
        assert sizes(take_transaction(stage, no_rest)) == ([6], Mark.RECORDS)


def test_what_is_ready_is_written_before_a_failure_is_raised() -> None:
    with ready([poll(1)], ValueError("broken")) as stage:
        assert sizes(take_transaction(stage, no_rest)) == ([1], Mark.RECORDS)
        with pytest.raises(ValueError, match="broken"):
            take_transaction(stage, no_rest)


def test_what_comes_while_the_transaction_before_settles_is_taken_too() -> None:
    settled = threading.Event()

    def items(stage: PipelineStage[EncodedPoll]) -> Generator[EncodedPoll]:
        yield poll(1)
        assert resting.wait(DEADLINE)
        yield poll(2)
        settled.set()

    resting = threading.Event()

    def rest() -> float:
        resting.set()
        return 0.0 if settled.is_set() else DEADLINE

    stage = PipelineStage("test", items, lambda each: each.bytes, most_bytes=1 << 30, most_items=100)
    stage.start()
    try:
        assert sizes(take_transaction(stage, rest)) == ([1, 2], Mark.RECORDS)
    finally:
        stage.close(DEADLINE)

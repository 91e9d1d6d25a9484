"""Settled offsets survive being stored, whatever the order they were settled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.dlq.settled import Settled
from tidegate.errors import FatalError

RANGES = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 20)), max_size=30)


@given(RANGES, st.integers(0, 50))
def test_what_is_settled_reads_back(ranges: list[tuple[int, int]], first: int) -> None:
    settled = Settled(first)
    for start, length in ranges:
        settled.add(start, start + length)
    read = Settled.from_json(settled.to_json(), first)
    expected = set(range(first)) | {offset for start, length in ranges for offset in range(start, start + length)}
    assert {offset for offset in range(400) if offset in read} == expected
    assert read.offset == min(set(range(400)) - expected), "the offset is the first that waits"


def test_a_state_older_than_what_kafka_still_has_counts_from_there() -> None:
    settled = Settled(3)
    settled.add(10, 12)
    read = Settled.from_json(settled.to_json(), 10)
    assert read == Settled(12)


def test_alternating_groups_of_a_large_queue_take_little_room() -> None:
    settled = Settled(0)
    for offset in range(1, 200_001, 2):
        settled.add(offset, offset + 1)
    assert len(settled.to_json()["ranges"]) < 4096


def test_what_another_wrote_is_not_taken_for_ours() -> None:
    with pytest.raises(FatalError, match="not written by tidegate dlq"):
        Settled.from_json({"offset": 5, "ranges": "by hand"}, 0)

"""What a position keeps of a table that is read in several ranges at once."""

from __future__ import annotations

import itertools

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.cdc.snapshot_position import UNREAD, ReadUpTo
from tidegate.connectors.postgres_cdc.position import Position

_KEYS = 60


def _kept(position: Position) -> Position:
    return Position.of(orjson.loads(orjson.dumps(position.offset())))


@given(
    cuts=st.sets(st.integers(0, _KEYS - 1)).map(sorted),
    steps=st.lists(st.tuples(st.integers(0, 99), st.integers(1, 9), st.booleans()), max_size=80),
)
def test_each_key_is_read_once_whatever_dies_between(cuts: list[int], steps: list[tuple[int, int, bool]]) -> None:
    boundary = 1
    position = Position(1).resumed(boundary).divided("t", [(str(cut),) for cut in cuts])
    seen: dict[int, int] = {}
    more = iter(steps)
    while position.snapshot is not None and "t" not in position.snapshot.done:
        which, rows, dies = next(more, (0, _KEYS, False))
        left = position.unread("t")
        after, end = left[which % len(left)]
        first = 0 if after is None else int(after[0]) + 1
        last = _KEYS - 1 if end is None else int(end[0])
        read = list(range(first, last + 1))[:rows]
        done = not read or read[-1] == last
        position = position.advanced_within("t", len(read), end, (str(read[-1]),) if read else None, done=done)
        for key in read:
            assert key not in seen
            seen[key] = boundary
        if dies:
            boundary += 1
            position = _kept(position).resumed(boundary)
    assert sorted(seen) == list(range(_KEYS))
    ranges = position.ranges_of("t")
    assert all(one.boundary != UNREAD for one in ranges)
    told = {key: next(one.boundary for one in ranges if one.key is None or key <= int(one.key[0])) for key in seen}
    assert told == seen
    assert all(one.boundary != other.boundary for one, other in itertools.pairwise(ranges))


def test_a_table_read_in_one_snapshot_leaves_nothing_to_remember() -> None:
    position = Position(5).resumed(5).divided("t", [("3",), ("6",)])
    for _, end in position.unread("t"):
        position = position.advanced_within("t", 1, end, None, done=True)
    assert position.ranges == {} and position.ranges_of("t") == [ReadUpTo(None, 5)]

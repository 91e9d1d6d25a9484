"""Which transactions a snapshot sees, and what signals ask for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.cdc.incremental import Incremental, Signal, WantedTable, signalled
from tidegate.connectors.cdc.snapshot_position import ReadUpTo, SnapshotProgress
from tidegate.connectors.postgres_cdc.incremental import Visible
from tidegate.connectors.postgres_cdc.position import Position

TABLES = ["public.orders", "public.lines", "other.t"]


@given(
    st.integers(3, 2**40),
    st.lists(st.integers(0, 50), max_size=5, unique=True),
    st.integers(0, 60),
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=10),
)
def test_a_snapshot_sees_what_is_ended(first: int, running: list[int], length: int, distances: list[int]) -> None:
    within = sorted(one for one in running if one < length)
    first += 1000
    seen = Visible(first, first + length, frozenset(first + one for one in within))
    numbers = [first + one for one in distances]
    expected = [one < first or (one < first + length and one not in seen.running) for one in numbers]
    # The stream tells the lower half of a transaction's number.
    assert seen.sees(np.array([one % 2**32 for one in numbers], np.int64)).tolist() == expected


def test_a_snapshot_as_the_server_tells_it() -> None:
    assert Visible.of("10:20:12,15") == Visible(10, 20, frozenset({12, 15}))
    assert Visible.of("10:10:") == Visible(10, 10)


def test_tables_are_asked_for_once_with_their_conditions() -> None:
    wanted = Signal(
        "1",
        "execute-snapshot",
        {
            "data-collections": ["public.*"],
            "additional-conditions": [{"data-collection": "public.lines", "filter": "n > 1"}],
        },
    )
    state = signalled(Incremental(), wanted, TABLES)
    assert state.wanted == (WantedTable("public.orders"), WantedTable("public.lines", "n > 1"))
    assert signalled(state, wanted, TABLES) == state
    begun = state.told(("7",))
    stopped = signalled(begun, Signal("2", "stop-snapshot", {"data-collections": ["public.orders"]}), TABLES)
    assert stopped == Incremental((WantedTable("public.lines", "n > 1"),))
    assert signalled(begun, Signal("3", "stop-snapshot"), TABLES) == Incremental()
    assert begun.told(None) == stopped


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        (Signal("1", "dance"), "not known"),
        (Signal("1", "execute-snapshot", {"type": "blocking"}), "another kind"),
    ],
)
def test_what_is_not_understood_is_told(signal: Signal, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        signalled(Incremental(), signal, TABLES)


def test_signals_are_read_by_the_place_of_their_columns() -> None:
    assert Signal.of({"a": "1", "b": "log", "c": '{"message": "x"}'}) == Signal("1", "log", {"message": "x"})
    with pytest.raises(ValueError, match="not a JSON object"):
        Signal.of({"a": "1", "b": "log", "c": "[1]"})


def test_positions_survive_kafka() -> None:
    position = Position(
        10,
        open_commit=20,
        events=3,
        lsn=15,
        tx_id=7,
        ts_usec=99,
        boundary=30,
        ranges={"s.t": [ReadUpTo(("1", "ä"), 5), ReadUpTo(None, 30)]},
        snapshot=SnapshotProgress(frozenset({"s.a"}), 100),
        incremental=Incremental((WantedTable("s.t", "x > 1"),), ("5",), True),
    )
    assert Position.of(position.offset()) == position
    assert Position.of(Position(1).offset()) == Position(1)

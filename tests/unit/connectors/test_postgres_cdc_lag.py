"""How late a piece of PostgreSQL's log is."""

from __future__ import annotations

import pytest

from tidegate.connectors.postgres_cdc.change_decoder import Decoded
from tidegate.connectors.postgres_cdc.position import Position


@pytest.mark.parametrize(
    ("idle_end", "micros", "late"),
    [
        pytest.param(0, 7_000_000, 3.0, id="more may follow"),
        pytest.param(900, 7_000_000, 3.0, id="told to be idle before the last commit"),
        pytest.param(1000, 7_000_000, 0.0, id="nothing follows"),
        pytest.param(0, 11_000_000, 0.0, id="the server's clock is ahead"),
        pytest.param(0, 0, None, id="no transaction"),
    ],
)
def test_how_late_a_piece_is(idle_end: int, micros: int, late: float | None) -> None:
    assert Decoded([], [], Position(1000), idle_end, micros).seconds_late(10.0) == late

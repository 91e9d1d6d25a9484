"""Windows of transactions: which rows are in one, by the 32 bits a row keeps; and when there is a next one."""

from __future__ import annotations

import pytest

from tidegate.connectors.jdbc.postgres.horizon import Window, next_window
from tidegate.errors import FatalError


def test_windows_follow_each_other_without_gap_or_overlap() -> None:
    first = next_window(None, 700)
    assert first == Window(None, 700)
    assert next_window(700, 700) is None
    assert next_window(700, 705) == Window(700, 705)


@pytest.mark.parametrize("now", [699, 700 + 2**32])
def test_horizons_that_do_not_go_together_are_refused(now: int) -> None:
    with pytest.raises(FatalError, match="horizon 700"):
        next_window(700, now)

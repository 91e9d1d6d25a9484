"""Times on the wall that are over: none that comes later shows an earlier one."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.jdbc.wall_clock import floored, over

UTC = datetime.UTC
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Asuncion", "Asia/Kolkata"]
_YEARS = st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2030, 1, 1))  # noqa: DTZ001 - made UTC below


@given(_YEARS, st.timedeltas(datetime.timedelta(), datetime.timedelta(hours=4)), st.sampled_from(ZONES))
def test_what_is_over_is_never_shown_again(now: datetime.datetime, later: datetime.timedelta, name: str) -> None:
    zone, moment = ZoneInfo(name), now.replace(tzinfo=UTC)
    shown = (moment + later).astimezone(zone).replace(tzinfo=None)
    assert over(moment, zone) <= shown


@given(_YEARS, st.sampled_from(ZONES))
def test_all_is_over_two_hours_later(now: datetime.datetime, name: str) -> None:
    zone, moment = ZoneInfo(name), now.replace(tzinfo=UTC)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    assert over(moment + datetime.timedelta(hours=2), zone) > shown


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-24 23:59:59", "2026-10-25 01:59:59"),
        ("2026-10-25 00:00:00", "2026-10-25 02:00:00"),
        ("2026-10-25 00:59:59.999999", "2026-10-25 02:00:00"),
        ("2026-10-25 01:00:00", "2026-10-25 02:00:00"),
        ("2026-10-25 01:30:00", "2026-10-25 02:30:00"),
        ("2026-03-29 01:00:00", "2026-03-29 03:00:00"),
    ],
)
def test_in_berlin(moment: str, expected: str) -> None:
    instant = datetime.datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert over(instant, ZoneInfo("Europe/Berlin")) == datetime.datetime.fromisoformat(expected)


@pytest.mark.parametrize(("digits", "micros"), [(0, 0), (3, 123_000), (6, 123_456)])
def test_a_moment_is_cut_to_what_a_column_keeps(digits: int, micros: int) -> None:
    moment = datetime.datetime(2026, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)
    assert floored(moment, digits).microsecond == micros

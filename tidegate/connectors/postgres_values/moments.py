"""PostgreSQL's points in time as numbers, and as the text of those that Python's datetime can not hold."""

from __future__ import annotations

import datetime

import numpy as np

EPOCH_DAYS = 10_957
"""Days from 1970 to 2000, where PostgreSQL counts from."""
EPOCH_MICROS = EPOCH_DAYS * 86_400_000_000
DAY_MICROS = 86_400_000_000

_FIRST, _LAST = datetime.date.min.toordinal(), datetime.date.max.toordinal()
_UNIX = datetime.date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = _FIRST - _UNIX, _LAST - _UNIX
"""The years 1 to 9999, in days since 1970."""
FIRST_MICRO, LAST_MICRO = FIRST_DAY * DAY_MICROS, (LAST_DAY + 1) * DAY_MICROS - 1
"""The years 1 to 9999, in microseconds since 1970."""

_DATE_LIMITS = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_TIMESTAMP_LIMITS = {2**63 - 1: "infinity", -(2**63): "-infinity"}


def date_text(days: int) -> str:
    """A date as PostgreSQL writes it.

    Args:
        days: since 2000, as its binary format has it.
    """
    if days in _DATE_LIMITS:
        return _DATE_LIMITS[days]
    day, era = _day(days)
    return day + era


def timestamp_text(micros: int, *, zone: bool) -> str:
    """A timestamp as PostgreSQL writes it where the time zone is UTC.

    Args:
        micros: since 2000, as its binary format has it.
        zone: it is a timestamp with time zone.
    """
    if micros in _TIMESTAMP_LIMITS:
        return _TIMESTAMP_LIMITS[micros]
    days, rest = divmod(micros, DAY_MICROS)
    day, era = _day(days)
    return f"{day} {time_text(rest)}{'+00' if zone else ''}{era}"


def time_text(micros: int) -> str:
    """A time of day as PostgreSQL writes it.

    Args:
        micros: since midnight.
    """
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def _day(days: int) -> tuple[str, str]:
    year_text, month, day = str(np.datetime64(days + EPOCH_DAYS, "D")).rsplit("-", 2)
    year = int(year_text)
    # The year before 1 AD is 1 BC.
    return (f"{year:04d}-{month}-{day}", "") if year > 0 else (f"{1 - year:04d}-{month}-{day}", " BC")

"""Times on the wall: what a column without time zone holds, and which of them are over for good."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)


def over(moment: datetime, zone: tzinfo) -> datetime:
    """The time on the wall before which all times are over: from this moment on, none of them is shown again.

    It is what the wall shows, save in the autumn: during the first pass of the hour that is shown twice, it is where
    that hour begins.

    Args:
        moment: a point in time, with time zone.
        zone: where the wall is.
    """
    wall = moment.astimezone(zone)
    shown = wall.replace(tzinfo=None)
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    assert first is not None and second is not None
    # What is shown is never in the hour left out in the spring: offsets that differ tell an hour that comes again.
    if wall.fold or first == second:
        return shown
    begin = moment.replace(microsecond=0)
    left = bisect_left(
        range((first - second) // _SECOND), True, key=lambda n: (begin + n * _SECOND).astimezone(zone).fold == 1
    )
    return (begin + left * _SECOND).astimezone(zone).replace(tzinfo=None)


def floored(moment: datetime, digits: int) -> datetime:
    """A point in time without what a column does not keep.

    Args:
        moment: with or without time zone.
        digits: how many digits of a second the column keeps, at most 6.
    """
    return moment.replace(microsecond=moment.microsecond - moment.microsecond % 10 ** (6 - digits))

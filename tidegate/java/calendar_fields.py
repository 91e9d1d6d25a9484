"""Calendar fields of instants, and instants of calendar fields, for whole columns; UTC, proleptic Gregorian calendar.

Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
DAY_MILLIS = 86_400_000


@dataclass(frozen=True, slots=True)
class CalendarFields:
    """One number an instant each.

    Args:
        year: 0 is 1 BC.
        month: from 1.
        day: of the month, from 1.
        day_of_year: from 1.
        weekday: 0 is Sunday.
        first_weekday: the weekday of the year's first day.
        millis: of the day.
    """

    year: Numbers
    month: Numbers
    day: Numbers
    day_of_year: Numbers
    weekday: Numbers
    first_weekday: Numbers
    millis: Numbers


def fields_of(instants: Numbers) -> CalendarFields:
    """The fields of instants in milliseconds since 1970."""
    days, millis = np.divmod(instants, DAY_MILLIS)
    shifted = days + 719_468
    era, day_of_era = np.divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_from_march = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_from_march + 2) // 153
    day = day_from_march - (153 * month_from_march + 2) // 5 + 1
    month = np.where(month_from_march < 10, month_from_march + 3, month_from_march - 9)
    year = year_of_era + era * 400 + (month <= 2)
    first = days_of(year, np.ones_like(year), np.ones_like(year))
    return CalendarFields(year, month, day, days - first + 1, (days + 4) % 7, (first + 4) % 7, millis)


def days_of(year: Numbers, month: Numbers, day: Numbers) -> Numbers:
    """Days since 1970; months and days outside of their range carry over, as in a lenient calendar."""
    carried, index = np.divmod(month - 1, 12)
    year, month = year + carried, index + 1
    shifted = np.where(month <= 2, year - 1, year)
    era, year_of_era = np.divmod(shifted, 400)
    month_from_march = np.where(month > 2, month - 3, month + 9)
    day_of_year = (153 * month_from_march + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    result: Numbers = era * 146_097 + day_of_era - 719_468 + day - 1
    return result


def week_of_year(fields: CalendarFields) -> tuple[Numbers, Numbers]:
    """Week year and week, as in the United States: weeks begin on Sunday, the first is the one of 1 January."""
    week = (fields.day_of_year - 1 + fields.first_weekday) // 7 + 1
    leap = (fields.year % 4 == 0) & ((fields.year % 100 != 0) | (fields.year % 400 == 0))
    left = 365 + leap - fields.day_of_year
    next_year = left < 6 - fields.weekday
    # The last days of December belong to week 1 when that week holds the next year's first day.
    return np.where(next_year, fields.year + 1, fields.year), np.where(next_year, 1, week)


def week_of_month(fields: CalendarFields) -> Numbers:
    """The week of the month; weeks begin on Sunday."""
    first = (fields.weekday - (fields.day - 1)) % 7
    result: Numbers = (fields.day - 1 + first) // 7 + 1
    return result

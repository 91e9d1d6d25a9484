"""Dates and times of columns as numbers, from the log's packed forms and from text.

The packed forms are those of MySQL's internals manual, "Date and Time Data Type Representation".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.postgres_values.cells import Cells, Mask

DAY_MICROS = 86_400_000_000
_SECOND = 1_000_000
_FRACTION_SCALE = (1, 10_000, 100, 1)
_DAYS_IN_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0])
_NO_DAY = r"^0000-|^\d{4}-00-|^\d{4}-\d\d-00"
_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?")

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """n points in time or durations.

    Args:
        micros: since 1970, or since midnight; arbitrary where there is none.
        present: which are not null; None for all.
        none: which are dates that do not exist, such as 0000-00-00; None for none of them.
    """

    micros: Numbers
    present: Mask | None
    none: Mask | None = None

    @classmethod
    def of_text(cls, text: pa.Array) -> Moments:
        """Dates and timestamps such as ``2020-02-28 01:02:03.5``."""
        none = pc.fill_null(pc.match_substring_regex(text, _NO_DAY), False).to_numpy(zero_copy_only=False)
        if none.any():
            text = pc.if_else(pa.array(none), pa.scalar("1970-01-01", pa.string()), text)
        try:
            micros = text.cast(pa.timestamp("us")).cast(pa.int64())
        except pa.ArrowInvalid:
            # A date like February 30, which a server takes when it is told to.
            found = [None if value is None else _micros(value) for value in text.to_pylist()]
            none |= np.array([one == _NO_SUCH for one in found], np.bool_)
            micros = pa.array([0 if one == _NO_SUCH else one for one in found], pa.int64())
        return cls(pc.fill_null(micros, 0).to_numpy(), _present(text), none if none.any() else None)

    @classmethod
    def of_time_text(cls, text: pa.Array) -> Moments:
        """Durations such as ``-838:59:59.000001``."""
        filled = pc.fill_null(text, "00:00:00")
        negative = pc.starts_with(filled, "-").to_numpy(zero_copy_only=False)
        parts = pc.list_flatten(pc.split_pattern(pc.replace_substring(filled, "-", ""), ":"))
        hours, minutes = (parts.take(pa.array(np.arange(at, len(parts), 3))).cast(pa.int64()) for at in (0, 1))
        seconds = parts.take(pa.array(np.arange(2, len(parts), 3))).cast(pa.decimal128(8, 6))
        # Multiplied as decimals, the digits after the point become whole.
        rest = pc.multiply(seconds, pa.scalar(_SECOND, pa.int64())).cast(pa.int64())
        micros = (hours.to_numpy() * 3600 + minutes.to_numpy() * 60) * _SECOND + rest.to_numpy()
        return cls(np.where(negative, -micros, micros), _present(text))

    @classmethod
    def of_dates(cls, cells: Cells) -> Moments:
        """DATE of the log."""
        packed = little(cells, 3)
        days, none = _days(packed >> 9, packed >> 5 & 15, packed & 31)
        return cls(days * DAY_MICROS, cells.present, _some(none, cells))

    @classmethod
    def of_datetimes(cls, cells: Cells, decimals: int) -> Moments:
        """DATETIME of the log."""
        packed = big(cells, 5) - 0x8000000000
        date, clock = packed >> 17, packed & 0x1FFFF
        days, none = _days((date >> 5) // 13, (date >> 5) % 13, date & 31)
        micros = days * DAY_MICROS + _clock(clock) + _fraction(cells, 5, decimals)
        return cls(micros, cells.present, _some(none, cells))

    @classmethod
    def of_timestamps(cls, cells: Cells, decimals: int) -> Moments:
        """TIMESTAMP of the log."""
        seconds, fraction = big(cells, 4), _fraction(cells, 4, decimals)
        return cls(seconds * _SECOND + fraction, cells.present, _some((seconds == 0) & (fraction == 0), cells))

    @classmethod
    def of_times(cls, cells: Cells, decimals: int) -> Moments:
        """TIME of the log."""
        width = (decimals + 1) // 2
        packed = big(cells, 3 + width) - (0x800000 << (8 * width))
        size = np.abs(packed)
        fraction = (size & ((1 << (8 * width)) - 1)) * _FRACTION_SCALE[width]
        micros = _clock(size >> (8 * width)) + fraction
        return cls(np.where(packed < 0, -micros, micros), cells.present)

    @classmethod
    def of_old_timestamps(cls, cells: Cells) -> Moments:
        """TIMESTAMP in the format before MySQL 5.6."""
        seconds = little(cells, 4)
        return cls(seconds * _SECOND, cells.present, _some(seconds == 0, cells))

    @classmethod
    def of_old_datetimes(cls, cells: Cells) -> Moments:
        """DATETIME in the format before MySQL 5.6: the decimal number YYYYMMDDhhmmss."""
        packed = little(cells, 8)
        date, clock = packed // 1_000_000, packed % 1_000_000
        days, none = _days(date // 10_000, date // 100 % 100, date % 100)
        return cls(days * DAY_MICROS + _decimal_clock(clock), cells.present, _some(none, cells))

    @classmethod
    def of_old_times(cls, cells: Cells) -> Moments:
        """TIME in the format before MySQL 5.6: the decimal number hhmmss."""
        packed = little(cells, 3)
        packed = np.where(packed >= 0x800000, packed - 0x1000000, packed)
        micros = _decimal_clock(np.abs(packed))
        return cls(np.where(packed < 0, -micros, micros), cells.present)


def little(cells: Cells, width: int, offset: int = 0) -> Numbers:
    """Unsigned numbers, the least significant byte first; up to 8 bytes, whose last one may make it negative."""
    found = np.zeros(len(cells), np.int64)
    for byte in range(width):
        found |= cells.gather("u1", offset + byte).astype(np.int64) << (8 * byte)
    return found


def big(cells: Cells, width: int, offset: int = 0) -> Numbers:
    """Unsigned numbers, the most significant byte first."""
    found = np.zeros(len(cells), np.int64)
    for byte in range(width):
        found = found << 8 | cells.gather("u1", offset + byte).astype(np.int64)
    return found


def _fraction(cells: Cells, offset: int, decimals: int) -> Numbers:
    width = (decimals + 1) // 2
    found: Numbers = big(cells, width, offset) * _FRACTION_SCALE[width]
    return found


def _clock(packed: Numbers) -> Numbers:
    micros: Numbers = ((packed >> 12) * 3600 + (packed >> 6 & 63) * 60 + (packed & 63)) * _SECOND
    return micros


def _decimal_clock(packed: Numbers) -> Numbers:
    micros: Numbers = (packed // 10_000 * 3600 + packed // 100 % 100 * 60 + packed % 100) * _SECOND
    return micros


def _days(year: Numbers, month: Numbers, day: Numbers) -> tuple[Numbers, Mask]:
    """Days since 1970, and which dates do not exist."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    limit = _DAYS_IN_MONTH[np.clip(month, 0, 15)] + (leap & (month == 2))
    none = (year == 0) | (month < 1) | (day < 1) | (day > limit)
    # Howard Hinnant's days_from_civil: the year begins in March, so that the leap day is its last one.
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return np.where(none, 0, days), none


def _some(none: Mask, cells: Cells) -> Mask | None:
    present = cells.present
    if present is not None:
        none = none & present
    return none if none.any() else None


def _present(text: pa.Array) -> Mask | None:
    if not text.null_count:
        return None
    present: Mask = text.is_valid().to_numpy(zero_copy_only=False)
    return present


_NO_SUCH = -(2**62)


def _micros(value: str) -> int:
    found = _TEXT.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no date or timestamp")
    year, month, day, hour, minute, second = (int(found[index] or 0) for index in range(1, 7))
    days, none = _days(*(np.array([number], np.int64) for number in (year, month, day)))
    if none[0]:
        return _NO_SUCH
    fraction = int((found[7] or "").ljust(6, "0"))
    return int(days[0]) * DAY_MICROS + (hour * 3600 + minute * 60 + second) * _SECOND + fraction

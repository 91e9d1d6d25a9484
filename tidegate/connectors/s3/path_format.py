"""Path formats of the time partitioner: Joda-Time patterns such as ``'year'=YYYY/'month'=MM``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from babel import Locale, UnknownLocaleError

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "D": lambda t: t.timetuple().tm_yday,
    "d": lambda t: t.day,
    "H": lambda t: t.hour,
    "h": lambda t: t.hour % 12 or 12,
    "m": lambda t: t.minute,
    "s": lambda t: t.second,
    "w": lambda t: t.isocalendar().week,
    "e": lambda t: t.isoweekday(),
}


class PathFormat:
    """A compiled pattern.

    Args:
        pattern: letters as in Joda-Time (y Y x M d D H h m s S w e E a); text within single quotes stands for itself.
        locale: language of names of months and days, such as ``de-DE``.

    Raises:
        ValueError: an unknown letter, an open quote or an unknown language.
    """

    def __init__(self, pattern: str, locale: str = "en-US") -> None:
        self.pattern = pattern
        self._names = path_locale(locale)
        self._parts: list[Callable[[datetime], str]] = []
        self.seconds = False
        """Whether the path tells times within a minute apart."""
        end = 0
        for match in _TOKEN.finditer(pattern):
            if match.start() != end:
                break
            end = match.end()
            self._parts.append(self._part(match))
        if end != len(pattern) or not pattern:
            raise ValueError(f"{pattern!r} is not a path format: write one such as 'year'=YYYY/'month'=MM/'day'=dd")

    def format(self, moment: datetime) -> str:
        """The path of a local time."""
        return "".join(part(moment) for part in self._parts)

    def _part(self, match: re.Match[str]) -> Callable[[datetime], str]:
        text, letter = match.group(0), match.group(2)
        if letter is None:
            literal = text if match.group(1) is None else match.group(1).replace("''", "'") or "'"
            return lambda _: literal
        width = len(text)
        self.seconds = self.seconds or letter in "sS"
        if letter in "yYx":
            year = _week_year if letter == "x" else _year
            return (lambda t: f"{year(t) % 100:02d}") if width == 2 else (lambda t: f"{year(t):0{width}d}")
        if letter == "M":
            if width > 2:
                months = self._names.months["format"]["wide" if width > 3 else "abbreviated"]
                return lambda t: str(months[t.month])
            return lambda t: f"{t.month:0{width}d}"
        if letter == "E":
            days = self._names.days["format"]["wide" if width > 3 else "abbreviated"]
            return lambda t: str(days[t.weekday()])
        if letter == "a":
            halves = self._names.day_periods["format"]["abbreviated"]
            return lambda t: str(halves["am" if t.hour < 12 else "pm"])
        if letter == "S":
            return lambda t: f"{t.microsecond:06d}"[:width].ljust(width, "0")
        number = _NUMBERS.get(letter)
        if number is None:
            raise ValueError(
                f"letter {letter!r} means nothing in {self.pattern!r}: put plain text within single quotes"
            )
        return lambda t: f"{number(t):0{width}d}"


def path_locale(name: str) -> Locale:
    """The locale of a name such as ``de-DE`` or ``de_DE``.

    Raises:
        ValueError: there is none.
    """
    try:
        return Locale.parse(name.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{name!r} is not a locale: use one such as en-US or de-DE") from None


def _year(moment: datetime) -> int:
    return moment.year


def _week_year(moment: datetime) -> int:
    return moment.isocalendar().year

"""Java's ``SimpleDateFormat`` for columns: UTC, English names, lenient, proleptic Gregorian calendar."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.java.calendar_fields import (
    DAY_MILLIS,
    CalendarFields,
    Numbers,
    days_of,
    fields_of,
    week_of_month,
    week_of_year,
)
from tidegate.java.date_pattern import Token, tokens

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()  # noqa: SIM905
_UNREADABLE = "YwWF"
_HOURS = r"(?:[01]\d|2[0-3])"
_MINUTES = r"[0-5]\d"
_ZONE = {
    "z": rf"(?:GMT[+-](?:{_HOURS}|\d):{_MINUTES}|GMT|UTC|[+-]{_HOURS}{_MINUTES})",
    "X1": rf"(?:Z|[+-]{_HOURS})",
    "X2": rf"(?:Z|[+-]{_HOURS}{_MINUTES})",
    "X3": rf"(?:Z|[+-]{_HOURS}:{_MINUTES})",
}
_MOST_DIGITS = 15


class DateFormat:
    """Writes and reads instants.

    Args:
        pattern: a pattern of ``java.text.SimpleDateFormat``.

    Raises:
        ValueError: it is none, with the reason.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._tokens = tokens(pattern)
        fields = fields_of(np.array([time.time_ns() // 1_000_000], dtype=np.int64))
        self._first_year = int(fields.year[0]) - 80
        day = days_of(fields.year - 80, fields.month, fields.day)
        self._century_start = int(day[0] * DAY_MILLIS + fields.millis[0])

    def format(self, instants: pa.Array) -> pa.Array:
        """Text of each instant.

        Args:
            instants: int64, milliseconds since 1970; null stays null.
        """
        numbers = pc.fill_null(instants, 0).to_numpy(zero_copy_only=False)
        fields = fields_of(numbers)
        pieces = [_written(token, fields) for token in self._tokens]
        if not pieces:
            texts = pa.array([""] * len(instants), pa.string())
        else:
            texts = pc.binary_join_element_wise(*_long_enough(pieces, len(instants)), "")
        return pc.if_else(instants.is_valid(), texts, pa.scalar(None, pa.string()))

    def parse(self, texts: pa.Array) -> pa.Array:
        """The instants that texts tell, as milliseconds since 1970; null where a text does not begin as the pattern.

        Numbers outside of their range carry over (32 January is 1 February), and what follows the match is ignored.

        Args:
            texts: string array; null stays null.

        Raises:
            ValueError: the pattern has letters that can only be written.
        """
        if not len(texts) or texts.null_count == len(texts):
            return pa.nulls(len(texts), pa.int64())
        found = pc.extract_regex(texts, self._expression)
        matched = found.is_valid()
        parts = {
            (token.letter, index): pc.fill_null(pc.struct_field(found, f"g{index}"), "")
            for index, token in enumerate(self._tokens)
            if token.letter
        }
        if not parts:
            return pc.if_else(matched, pa.scalar(0, pa.int64()), pa.scalar(None, pa.int64()))
        instants = self._instants(parts, len(texts))
        return pa.array(instants, pa.int64(), mask=~matched.to_numpy(zero_copy_only=False))

    @functools.cached_property
    def _expression(self) -> str:
        unreadable = [token.letter for token in self._tokens if token.letter and token.letter in _UNREADABLE]
        if unreadable:
            raise ValueError(f"pattern {self.pattern!r} can be written but not read: it has the letter {unreadable[0]}")
        expression = r"(?s)^"
        for index, token in enumerate(self._tokens):
            if not token.letter:
                expression += re.escape(token.text)
                continue
            following = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
            abutting = token.is_number and following is not None and following.is_number
            space = r"[ \t]*" if (token.is_number and not abutting) or token.letter in "zZX" else ""
            expression += rf"{space}(?P<g{index}>{_readable(token, following)})"
        return expression

    def _instants(self, parts: dict[tuple[str, int], pa.Array], size: int) -> Numbers:
        values: dict[str, Numbers] = {}
        short = np.zeros(size, dtype=bool)
        for (letter, index), texts in parts.items():
            token = self._tokens[index]
            if letter == "y":
                if token.count <= 2:
                    short = pc.match_substring_regex(texts, r"^\d\d$").to_numpy(zero_copy_only=False)
                values["y"] = np.where(short, self._in_century(_numbers(texts)), _numbers(texts))
            elif letter in "zZX":
                values["zone"] = _offsets(texts)
            elif letter in ("M", "L"):
                values["M"] = _numbers(texts) if token.count <= 2 else _named(texts, _MONTHS) + 1
            elif letter == "a":
                values["a"] = _named(texts, ["AM", "PM"])
            elif letter == "G":
                values["G"] = _named(texts, ["BC", "AD"])
            elif letter not in "Eu":
                values[letter] = _numbers(texts)
        instants = _combined(values, size)
        if short.any():
            late = short & (values["y"] == self._first_year) & (instants < self._century_start)
            instants = np.where(late, _combined({**values, "y": values["y"] + 100}, size), instants)
        return instants

    def _in_century(self, years: Numbers) -> Numbers:
        """Years of two digits: of the hundred years that began 80 years ago, to the millisecond."""
        adjusted = years + self._first_year - self._first_year % 100
        return np.where(adjusted < self._first_year, adjusted + 100, adjusted)


def _written(token: Token, fields: CalendarFields) -> pa.Array | str:
    hour = fields.millis // 3_600_000
    match token.letter:
        case "":
            return token.text
        case "G":
            return _name(np.where(fields.year > 0, 1, 0), ["BC", "AD"])
        case "y":
            return _year(np.where(fields.year > 0, fields.year, 1 - fields.year), token.count)
        case "Y":
            return _year(week_of_year(fields)[0], token.count)
        case "M" | "L":
            if token.count <= 2:
                return _padded(fields.month, token.count)
            return _name(fields.month - 1, _MONTHS if token.count > 3 else [name[:3] for name in _MONTHS])
        case "E":
            return _name(fields.weekday, _DAYS if token.count > 3 else [name[:3] for name in _DAYS])
        case "a":
            return _name(hour // 12, ["AM", "PM"])
        case "z":
            return "Coordinated Universal Time" if token.count > 3 else "UTC"
        case "Z":
            return "+0000"
        case "X":
            return "Z"
        case letter:
            return _padded(_number(letter, fields, hour), token.count)


def _number(letter: str, fields: CalendarFields, hour: Numbers) -> Numbers:
    numbers: dict[str, Callable[[], Numbers]] = {
        "w": lambda: week_of_year(fields)[1],
        "W": lambda: week_of_month(fields),
        "D": lambda: fields.day_of_year,
        "d": lambda: fields.day,
        "F": lambda: (fields.day - 1) // 7 + 1,
        "u": lambda: (fields.weekday + 6) % 7 + 1,
        "H": lambda: hour,
        "k": lambda: (hour + 23) % 24 + 1,
        "K": lambda: hour % 12,
        "h": lambda: (hour + 11) % 12 + 1,
        "m": lambda: fields.millis // 60_000 % 60,
        "s": lambda: fields.millis // 1000 % 60,
        "S": lambda: fields.millis % 1000,
    }
    return numbers[letter]()


def _padded(numbers: Numbers, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, padding="0")


def _year(years: Numbers, count: int) -> pa.Array:
    return _padded(years % 100, 2) if count == 2 else _padded(years, count)


def _name(indexes: Numbers, names: Sequence[str]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(indexes))


def _long_enough(pieces: Sequence[pa.Array | str], size: int) -> list[pa.Array | str]:
    """The pieces, one of them an array, for the join to know how many rows there are."""
    if any(isinstance(piece, pa.Array) for piece in pieces):
        return list(pieces)
    return [pa.array([pieces[0]] * size, pa.string()), *pieces[1:]]


def _readable(token: Token, following: Token | None) -> str:
    if token.is_number:
        # Digits that follow one another without anything between are told apart by the number of letters, and white
        # space and signs count as digits.
        if following is not None and following.is_number:
            return "|".join(
                rf"[ \t]{{{spaces}}}{minus}\d{{{token.count - spaces - len(minus)}}}"
                for spaces in range(token.count)
                for minus in ("-", "")
                if spaces + len(minus) < token.count
            )
        return rf"-?\d{{1,{_MOST_DIGITS}}}"
    match token.letter:
        case "M" | "L":
            return _either(_MONTHS)
        case "E":
            return _either(_DAYS)
        case "a":
            return "(?i:AM|PM)"
        case "G":
            return "(?i:AD|BC)"
        case "X":
            return _ZONE[f"X{token.count}"]
        case _:
            return _ZONE["z"]


def _either(names: Sequence[str]) -> str:
    return f"(?i:{'|'.join([*names, *(name[:3] for name in names)])})"


def _numbers(texts: pa.Array) -> Numbers:
    trimmed = pc.ascii_trim_whitespace(texts)
    filled = pc.if_else(pc.equal(trimmed, ""), "0", trimmed)
    result: Numbers = filled.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return result


def _named(texts: pa.Array, names: Sequence[str]) -> Numbers:
    """The index of each name, told by its first three letters."""
    short = pa.array([name[:3].lower() for name in names], pa.string())
    found = pc.index_in(pc.utf8_slice_codeunits(pc.ascii_lower(texts), 0, 3), value_set=short)
    result: Numbers = pc.fill_null(found, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return result


def _offsets(texts: pa.Array) -> Numbers:
    """Milliseconds by which zones are ahead of UTC."""
    return np.array([_offset(text) for text in texts.to_pylist()], dtype=np.int64)


@functools.lru_cache
def _offset(text: str) -> int:
    digits = text.removeprefix("GMT").removeprefix("UTC").replace(":", "")
    if len(digits) < 2:
        return 0
    sign, digits = (-1 if digits[0] == "-" else 1), digits[1:]
    hours, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
    return sign * (int(hours) * 60 + int(minutes)) * 60_000


def _combined(values: dict[str, Numbers], size: int) -> Numbers:
    zero = np.zeros(size, dtype=np.int64)
    year = values.get("y", zero + 1970)
    if "G" in values:
        year = np.where(values["G"] == 0, 1 - year, year)
    if "D" in values and "d" not in values and "M" not in values:
        days = days_of(year, zero + 1, values["D"])
    else:
        days = days_of(year, values.get("M", zero + 1), values.get("d", zero + 1))
    hour = values.get("H", zero)
    if "k" in values:
        hour = np.where(values["k"] == 24, 0, values["k"])
    if "h" in values or "K" in values:
        half = values["K"] if "K" in values else np.where(values["h"] == 12, 0, values["h"])
        hour = half + 12 * values.get("a", zero)
    seconds = hour * 3600 + values.get("m", zero) * 60 + values.get("s", zero)
    result: Numbers = days * DAY_MILLIS + seconds * 1000 + values.get("S", zero) - values.get("zone", zero)
    return result

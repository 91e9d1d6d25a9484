"""PostgreSQL's text of values as Arrow columns.

Each function takes a string array and gives an array of its type; null stays null. Columns of the usual values are cast
at once; only where that fails is a column looked at value by value.

Raises (all of them):
    ValueError: a value that the type can not hold.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.postgres_values.moments import DAY_MICROS

Reader = Callable[[pa.Array], pa.Array]

POSITIVE_INFINITY = 9223372036825200000
NEGATIVE_INFINITY = -9223372036832400000
"""What Debezium gives for an infinite timestamp in microseconds."""
_INFINITE_DAYS = {"infinity": 2**31 - 1, "-infinity": -(2**31)}
_INFINITE = {"infinity": POSITIVE_INFINITY, "-infinity": NEGATIVE_INFINITY}

_MOMENT = re.compile(
    r"(?:(\d+)-(\d\d)-(\d\d))?[ ]?(?:(\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?([+-]\d\d(?::\d\d){0,2})?( BC)?"
)
_DURATION = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?)?"
)
_DAYS_A_MONTH = 365.25 / 12
_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UTC = "+00"


def cast(kind: pa.DataType) -> Reader:
    """A reader by Arrow's own cast."""

    def read(text: pa.Array) -> pa.Array:
        return text.cast(kind)

    return read


def same(text: pa.Array) -> pa.Array:
    """The text itself."""
    return text


def boolean(text: pa.Array) -> pa.Array:
    """``t`` and ``f``."""
    return pc.equal(text, "t")


def bit(text: pa.Array) -> pa.Array:
    """One bit, ``1`` or ``0``."""
    return pc.equal(text, "1")


def decimals(kind: pa.DataType) -> Reader:
    """A decimal; NaN and the infinities are none."""

    def read(text: pa.Array) -> pa.Array:
        try:
            return text.cast(kind)
        except pa.ArrowInvalid:
            return each(_decimal, kind)(text)

    return read


def money(kind: pa.DataType) -> Reader:
    """An amount such as ``-$1,234.50``."""
    plain = decimals(kind)
    return lambda text: plain(pc.replace_substring_regex(text, r"[^0-9.\-]", ""))


def variable_decimal(kind: pa.DataType) -> Reader:
    """A decimal whose scale is its own: its unscaled number as big-endian two's complement, and the scale."""

    def one(value: str) -> dict[str, Any]:
        number = _decimal(value)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        unscaled = int(number.scaleb(-exponent))
        size = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
        return {"scale": -exponent, "value": unscaled.to_bytes(size, "big", signed=True)}

    return each(one, kind)


def date(text: pa.Array) -> pa.Array:
    """A date; those that are infinite are the largest and the smallest number of days."""
    try:
        return text.cast(pa.date32())
    except pa.ArrowInvalid:
        return each(_days, pa.int32())(text).view(pa.date32())


def time(kind: pa.DataType) -> Reader:
    """A time of day in milliseconds, where the type has 32 bits, or microseconds; 24:00:00 is all that a day has."""

    def read(text: pa.Array) -> pa.Array:
        try:
            moments = pc.binary_join_element_wise("1970-01-01 ", text, "").cast(pa.timestamp("us"))
            micros = moments.cast(pa.int64())
        except pa.ArrowInvalid:
            micros = each(_micros_of_day, pa.int64())(text)
        if kind.bit_width == 64:
            return micros.view(kind)
        return pc.divide(micros, 1000).cast(pa.int32()).view(kind)

    return read


def timestamp(kind: pa.TimestampType, *, text_precision: int = 6) -> Reader:
    """A timestamp without time zone; infinite ones are what Debezium makes of them."""
    per_micro = {"us": 1, "ms": 1000}[kind.unit]

    def one(value: str) -> int:
        return (_INFINITE[value] if value in _INFINITE else _micros(value)) // per_micro

    def read(text: pa.Array) -> pa.Array:
        try:
            found = text.cast(pa.timestamp("us"))
            return found if per_micro == 1 else found.cast(kind, safe=False)
        except pa.ArrowInvalid:
            return each(one, pa.int64())(text).view(kind)

    return read


def zoned_timestamp(precision: int) -> Reader:
    """A timestamp with time zone as ISO 8601 text in UTC, with as many decimals as the column has."""
    width = 20 + precision if precision else 19

    def one(value: str) -> str:
        if value in _INFINITE:
            return value
        micros = _micros(value)
        seconds, fraction = divmod(micros, 1_000_000)
        day, second = divmod(seconds, 86_400)
        shown = str(np.datetime64(day, "D"))
        year, rest = shown[:-6], shown[-6:]
        clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        digits = f".{fraction:06d}"[: precision + 1] if precision else ""
        return f"{'+' if len(year) > 4 and year[0] != '-' else ''}{year}{rest}T{clock}{digits}Z"

    def read(text: pa.Array) -> pa.Array:
        # PostgreSQL leaves out trailing zeros; "2020-01-01 00:00:00.5+00" is the usual form.
        usual = pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$")
        if not pc.all(usual, min_count=0).as_py():
            return each(one, pa.string())(text)
        body = pc.utf8_slice_codeunits(text, 0, -len(_UTC))
        if precision:
            whole = pc.equal(pc.utf8_length(body), 19)
            body = pc.if_else(whole, pc.binary_join_element_wise(body, ".", ""), body)
            body = pc.utf8_rpad(body, width, padding="0")
        return pc.binary_join_element_wise(pc.utf8_replace_slice(body, 10, 11, "T"), "Z", "")

    return read


def zoned_time(value: str) -> str:
    """A time with time zone, as ISO 8601 text in UTC."""
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no time")
    micros = (_clock(found) - _offset(found[8]) * 1_000_000) % DAY_MICROS
    seconds, fraction = divmod(micros, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    digits = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{text}{digits}Z"


def suffixed(suffix: str, *, separator: str | None = None) -> Reader:
    """The text with something after it, and perhaps with a T between date and time."""

    def read(text: pa.Array) -> pa.Array:
        joined = pc.binary_join_element_wise(text, suffix, "")
        return joined if separator is None else pc.replace_substring(joined, " ", separator)

    return read


def interval_micros(value: str) -> int:
    """An interval in ISO 8601 as microseconds, a month being a twelfth of 365.25 days."""
    years, months, weeks, days, hours, minutes, seconds = _duration(value)
    whole_days = (years * 12 + months) * _DAYS_A_MONTH + weeks * 7 + days
    rest = decimal.Decimal(hours * 3600 + minutes * 60) + seconds
    return round(whole_days * DAY_MICROS) + int(rest * 1_000_000)


def interval_text(value: str) -> str:
    """An interval as ISO 8601 text with all its parts, as Debezium writes it."""
    years, months, weeks, days, hours, minutes, seconds = _duration(value)
    exact = format(seconds.normalize(), "f") if seconds else "0"
    return f"P{years}Y{months}M{weeks * 7 + days}DT{hours}H{minutes}M{exact}S"


def binary(value: str) -> bytes:
    """Bytes from PostgreSQL's hexadecimal text."""
    if not value.startswith("\\x"):
        raise ValueError("bytes are not in hexadecimal")
    return bytes.fromhex(value[2:])


def base64_text(value: str) -> str:
    """Bytes as base64."""
    return base64.b64encode(binary(value)).decode()


def base64_url_text(value: str) -> str:
    """Bytes as base64 for URLs."""
    return base64.urlsafe_b64encode(binary(value)).decode()


def hexadecimal(value: str) -> str:
    """Bytes as hexadecimal text."""
    return value[2:]


def bits(value: str) -> bytes:
    """A bit string as bytes, the least significant first."""
    return int(value or "0", 2).to_bytes(max(1, (len(value) + 7) // 8), "little")


def hstore_json(value: str) -> str:
    """An hstore as a JSON object."""
    return json.dumps(hstore_map(value), ensure_ascii=False, separators=(",", ":"))


def hstore_map(value: str) -> dict[str, str | None]:
    """An hstore."""
    return {
        _ESCAPE.sub(r"\1", found[1]): None if found[2] is None else _ESCAPE.sub(r"\1", found[2])
        for found in _HSTORE.finditer(value)
    }


def each(one: Callable[[str], Any], kind: pa.DataType) -> Reader:
    """A reader that looks at each value by itself."""
    return lambda text: pa.array([None if value is None else one(value) for value in text.to_pylist()], kind)


def array(element: Reader, kind: pa.ListType) -> Reader:
    """An array of one dimension, such as ``{1,NULL,"a b"}``; of more dimensions, its elements in order."""

    def read(text: pa.Array) -> pa.Array:
        lists = [None if value is None else array_elements(value) for value in text.to_pylist()]
        flat = element(pa.array([one for each in lists if each is not None for one in each], pa.string()))
        ends = np.cumsum([0, *(0 if each is None else len(each) for each in lists)]).astype(np.int32)
        missing = pa.array([each is None for each in lists])
        found = pa.ListArray.from_arrays(pa.array(ends), flat, mask=missing if text.null_count else None)
        return found.cast(kind)

    return read


def array_elements(text: str) -> list[str | None]:
    """The elements of an array's text.

    Raises:
        ValueError: it is none.
    """
    # Lower bounds other than 1 come first: [0:2]={1,2,3}.
    at = text.find("{")
    if at < 0 or not text.endswith("}"):
        raise ValueError(f"{text!r} is no array")
    if '"' not in text and "\\" not in text:
        inner = text[at:].replace("{", "").replace("}", "")
        return [None if one == "NULL" else one for one in inner.split(",")] if inner else []
    elements: list[str | None] = []
    current: list[str] = []
    quoted = inside = False
    at += 1
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "\\":
            current.append(text[at])
            at += 1
        elif letter == '"':
            inside = not inside
            quoted = True
        elif inside:
            current.append(letter)
        elif letter in ",}":
            if current or quoted:
                word = "".join(current)
                elements.append(None if word == "NULL" and not quoted else word)
            current, quoted = [], False
        elif letter != "{":
            current.append(letter)
    return elements


def _decimal(value: str) -> decimal.Decimal:
    number = decimal.Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value} is no number that a decimal can be: set decimal.handling.mode to double or string")
    return number


def _days(value: str) -> int:
    if value in _INFINITE_DAYS:
        return _INFINITE_DAYS[value]
    found = _MOMENT.fullmatch(value)
    if found is None or found[1] is None:
        raise ValueError(f"{value!r} is no date")
    return _day(found)


def _micros(value: str) -> int:
    found = _MOMENT.fullmatch(value)
    if found is None or found[1] is None or found[4] is None:
        raise ValueError(f"{value!r} is no timestamp")
    return _day(found) * DAY_MICROS + _clock(found) - _offset(found[8]) * 1_000_000


def _micros_of_day(value: str) -> int:
    found = _MOMENT.fullmatch(value)
    if found is None or found[4] is None:
        raise ValueError(f"{value!r} is no time")
    return _clock(found)


def _day(found: re.Match[str]) -> int:
    year = int(found[1]) if found[9] is None else 1 - int(found[1])
    if 1 <= year <= 9999:
        epoch = datetime.date(1970, 1, 1).toordinal()
        return datetime.date(year, int(found[2]), int(found[3])).toordinal() - epoch
    sign = "-" if year < 0 else ""
    return int(np.datetime64(f"{sign}{abs(year):04d}-{found[2]}-{found[3]}", "D").astype(np.int64))


def _clock(found: re.Match[str]) -> int:
    seconds = int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6])
    return seconds * 1_000_000 + int((found[7] or "").ljust(6, "0")[:6] or 0)


def _offset(text: str | None) -> int:
    """Seconds that a zone is ahead of UTC."""
    if text is None:
        return 0
    parts = [int(part) for part in text[1:].split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return -seconds if text[0] == "-" else seconds


def _duration(value: str) -> tuple[int, int, int, int, int, int, decimal.Decimal]:
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no interval in ISO 8601")
    years, months, weeks, days, hours, minutes = (int(found[index] or 0) for index in range(1, 7))
    return years, months, weeks, days, hours, minutes, decimal.Decimal(found[7] or 0)

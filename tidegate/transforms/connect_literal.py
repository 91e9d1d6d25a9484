"""Literals of header values: what type a text is of, by its look.

Source: ``org.apache.kafka.connect.data.Values.parseString`` (Kafka 4.1). Unlike there, a scalar has to be the whole
text: ``1,2`` is text, and not the number 1.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.java.date_format import DateFormat

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TEMPORAL = (
    (13, DateFormat("HH:mm:ss.SSS'Z'"), pa.time32("ms")),
    (24, DateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), pa.timestamp("ms", "UTC")),
    (10, DateFormat("yyyy-MM-dd"), pa.date32()),
)
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_WIDTH = {kind: rank for rank, kind in enumerate((*_INTEGERS, pa.float32(), pa.float64()))}
_TOKEN = re.compile(r'\s*(?:(?P<mark>[\[\]{},:])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[^\[\]{},:"]+))\s*', re.DOTALL)
_BIGGER_THAN_LONG = Decimal("1e19")


class _NotALiteralError(ValueError):
    pass


def literal(text: str) -> pa.Array:
    """The value of a literal, as an array of one element.

    Args:
        text: ``null``, ``true``, a number, an ISO date, time or timestamp, a list or map of these, or any other text.
    """
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        try:
            return _nested(stripped)
        except (_NotALiteralError, pa.ArrowException):
            return pa.array([text], pa.string())
    found = _scalar(stripped)
    return pa.array([text], pa.string()) if found is None else found


def _scalar(text: str) -> pa.Array | None:
    match text:
        case "null":
            return pa.nulls(1)
        case "true" | "false":
            return pa.array([text == "true"])
    if text[:1].isdigit():
        for length, shape, kind in _TEMPORAL:
            if len(text) == length:
                instants = shape.parse(pa.array([text], pa.string()))
                if instants.null_count == 0:
                    return _temporal(instants, kind)
    return _number(text) if _NUMBER.fullmatch(text) else None


def _temporal(instants: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_time(kind):
        return pa.array([instants[0].as_py() % 86_400_000], pa.int32()).cast(kind)
    moment = instants.cast(pa.timestamp("ms", "UTC"))
    return moment.cast(pa.timestamp("ms")).cast(kind) if pa.types.is_date(kind) else moment


def _number(text: str) -> pa.Array | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    size = abs(number)
    if (size == 0 or 1 <= size <= _BIGGER_THAN_LONG) and number == number.to_integral_value():
        for kind in _INTEGERS:
            half = 1 << kind.bit_width - 1
            if -half <= number < half:
                return pa.array([int(number)], kind)
    if exponent != 0:
        with np.errstate(over="ignore"):
            narrow = np.float32(float(number))
        if np.isfinite(narrow):
            return pa.array([narrow], pa.float32())
        if np.isfinite(float(number)):
            return pa.array([float(number)], pa.float64())
    try:
        return pa.array([number], pa.decimal128(38, max(0, -exponent)))
    except pa.ArrowException:
        return pa.array([str(number)], pa.string())


def _nested(text: str) -> pa.Array:
    tokens, at = [], 0
    while at < len(text):
        matched = _TOKEN.match(text, at)
        if matched is None or matched.end() == at:
            raise _NotALiteralError
        tokens.append(matched)
        at = matched.end()
    value, kind, end = _value(tokens, 0)
    if end != len(tokens):
        raise _NotALiteralError
    return pa.array([value], kind)


def _value(tokens: list[re.Match[str]], at: int) -> tuple[Any, pa.DataType, int]:
    """A value, its type, and where the tokens after it begin."""
    if at >= len(tokens):
        raise _NotALiteralError
    token = tokens[at]
    if token["mark"] == "[":
        return _list(tokens, at + 1)
    if token["mark"] == "{":
        return _map(tokens, at + 1)
    if token["mark"]:
        raise _NotALiteralError
    if token["text"] is not None:
        return re.sub(r"\\(.)", r"\1", token["text"], flags=re.DOTALL), pa.string(), at + 1
    found = _scalar(token["bare"].strip())
    if found is None:
        raise _NotALiteralError
    return _as_python(found), found.type, at + 1


def _as_python(found: pa.Array) -> Any:
    value = found[0].as_py()
    return value.replace(tzinfo=datetime.UTC) if isinstance(value, datetime.datetime) else value


def _list(tokens: list[re.Match[str]], at: int) -> tuple[Any, pa.DataType, int]:
    values: list[Any] = []
    kind = pa.null()
    while at < len(tokens) and tokens[at]["mark"] != "]":
        value, one, at = _value(tokens, at)
        values.append(value)
        kind = _common(kind, one)
        if at < len(tokens) and tokens[at]["mark"] == ",":
            at += 1
            if at < len(tokens) and tokens[at]["mark"] == "]":
                break
        elif at < len(tokens) and tokens[at]["mark"] != "]":
            raise _NotALiteralError
    if at >= len(tokens):
        raise _NotALiteralError
    return values, pa.list_(kind), at + 1


def _map(tokens: list[re.Match[str]], at: int) -> tuple[Any, pa.DataType, int]:
    entries: dict[Any, Any] = {}
    keys, kind = pa.null(), pa.null()
    while at < len(tokens) and tokens[at]["mark"] != "}":
        key, one, at = _value(tokens, at)
        if key is None or at >= len(tokens) or tokens[at]["mark"] != ":":
            raise _NotALiteralError
        keys = _common(keys, one)
        entries[key], one, at = _value(tokens, at + 1)
        kind = _common(kind, one)
        if at < len(tokens) and tokens[at]["mark"] == ",":
            at += 1
    if at >= len(tokens):
        raise _NotALiteralError
    return list(entries.items()), pa.map_(pa.string() if pa.types.is_null(keys) else keys, kind), at + 1


def _common(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if pa.types.is_null(left) or left == right:
        return right
    if pa.types.is_null(right):
        return left
    if left in _WIDTH and right in _WIDTH:
        return max(left, right, key=lambda kind: _WIDTH[kind])
    raise _NotALiteralError

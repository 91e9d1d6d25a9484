"""MySQL's binary JSON, as text.

The format is told in the header of ``sql-common/json_binary.h`` of MySQL's source.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY, _LITERAL = range(5)
_LITERALS = {0: None, 1: True, 2: False}
_NUMBERS: dict[int, str] = {5: "<h", 6: "<H", 7: "<i", 8: "<I", 9: "<q", 10: "<Q", 11: "<d"}
_STRING, _OPAQUE = 12, 15
_DATE, _TIME, _DATETIME, _TIMESTAMP, _DECIMAL = 10, 11, 12, 7, 246
_SMALL_INLINE = frozenset({_LITERAL, 5, 6})
_LARGE_INLINE = frozenset({_LITERAL, 5, 6, 7, 8})

DecimalText = Callable[[int, int, bytes], str]


def json_text(data: bytes, decimal_text: DecimalText) -> str:
    """The document as text.

    Args:
        data: of a JSON column; empty stands for null.
        decimal_text: makes text of a decimal: precision, scale, packed digits.

    Raises:
        ValueError: it is no such document.
    """
    if not data:
        return "null"
    try:
        return json.dumps(_value(data[0], data, 1, decimal_text), ensure_ascii=False, separators=(",", ":"))
    except (IndexError, struct.error) as error:
        raise ValueError("a JSON document ends too early") from error


def _value(kind: int, data: bytes, at: int, decimals: DecimalText) -> Any:
    if kind in (_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY):
        return _container(kind, data[at:], decimals)
    if kind == _LITERAL:
        return _LITERALS[data[at]]
    if kind in _NUMBERS:
        return struct.unpack_from(_NUMBERS[kind], data, at)[0]
    if kind == _STRING:
        size, at = _size(data, at)
        return data[at : at + size].decode()
    if kind == _OPAQUE:
        inner = data[at]
        size, at = _size(data, at + 1)
        return _opaque(inner, data[at : at + size], decimals)
    raise ValueError(f"a JSON document has a value of type {kind}")


def _container(kind: int, data: bytes, decimals: DecimalText) -> Any:
    large = kind in (_LARGE_OBJECT, _LARGE_ARRAY)
    form, width = ("<I", 4) if large else ("<H", 2)
    (count,) = struct.unpack_from(form, data)
    at = 2 * width
    keys: list[str] = []
    if kind in (_SMALL_OBJECT, _LARGE_OBJECT):
        for _ in range(count):
            (offset,) = struct.unpack_from(form, data, at)
            (size,) = struct.unpack_from("<H", data, at + width)
            keys.append(data[offset : offset + size].decode())
            at += width + 2
    values = []
    inline = _LARGE_INLINE if large else _SMALL_INLINE
    for _ in range(count):
        inner = data[at]
        if inner in inline:
            values.append(_value(inner, data, at + 1, decimals))
        else:
            (offset,) = struct.unpack_from(form, data, at + 1)
            values.append(_value(inner, data, offset, decimals))
        at += 1 + width
    return dict(zip(keys, values, strict=True)) if kind in (_SMALL_OBJECT, _LARGE_OBJECT) else values


def _size(data: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size, at


def _opaque(kind: int, data: bytes, decimals: DecimalText) -> Any:
    if kind == _DECIMAL:
        return json.loads(decimals(data[0], data[1], data[2:]))
    if kind in (_DATE, _TIME, _DATETIME, _TIMESTAMP):
        return _moment(kind, struct.unpack("<q", data)[0])
    return base64.b64encode(data).decode()


def _moment(kind: int, packed: int) -> str:
    sign = "-" if packed < 0 else ""
    micros, whole = abs(packed) & 0xFFFFFF, abs(packed) >> 24
    clock = whole & 0x1FFFF
    second, minute, hour = clock & 63, clock >> 6 & 63, clock >> 12
    if kind == _TIME:
        return f"{sign}{whole >> 12 & 0x3FF:02d}:{minute:02d}:{second:02d}.{micros:06d}"
    date = whole >> 17
    year, month, day = (date >> 5) // 13, (date >> 5) % 13, date & 31
    text = f"{year:04d}-{month:02d}-{day:02d}"
    return text if kind == _DATE else f"{text} {hour:02d}:{minute:02d}:{second:02d}.{micros:06d}"

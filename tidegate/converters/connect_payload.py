"""Payloads of Kafka Connect's JsonConverter, checked against their Arrow type."""

from __future__ import annotations

import base64
import binascii
import decimal
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tidegate.converters.json_values import json_values
from tidegate.records.codec import DatumError
from tidegate.records.field_default import default_of

PayloadReader = Callable[[Any], Any]
"""Takes a parsed JSON value, gives one that ``pyarrow.array`` takes for the type. Raises DatumError."""

LeafReader = Callable[[pa.Field, str], PayloadReader | None]
"""Takes a field without children and where it stands, gives a reader of its own for it, or None for the usual one."""

_EXACT = decimal.Context(prec=100)


def _usual(field: pa.Field, path: str) -> PayloadReader | None:
    return None


def payload_reader(field: pa.Field, path: str = "", leaf: LeafReader = _usual) -> PayloadReader:
    """A reader of a field's payloads; a field within it that is missing, not one that is null, has its default.

    Args:
        field: type and nullability.
        path: where it stands, for error sentences.
        leaf: reads some leaves otherwise than Connect.
    """
    inner = _reader(field, path, leaf)

    def read(value: Any) -> Any:
        if value is not None:
            return inner(value)
        if not field.nullable:
            raise DatumError(path, "is null or missing, but the schema requires a value")
        return None

    return read


def _reader(field: pa.Field, path: str, leaf: LeafReader) -> PayloadReader:
    kind = field.type
    types = pa.types
    if types.is_struct(kind):
        return _struct(kind, path, leaf)
    if types.is_map(kind):
        return _map(kind, path, leaf)
    if types.is_list(kind):
        items = payload_reader(kind.value_field, f"{path}[]", leaf)
        return lambda value: [items(item) for item in _instance(value, list, "an array", path)]
    own = leaf(field, path)
    if own is not None:
        return own
    if types.is_decimal(kind):
        return lambda value: _decimal(value, kind, path)
    if types.is_binary(kind):
        return lambda value: _base64(value, path)
    if types.is_string(kind):
        return lambda value: _instance(value, str, "a string", path)
    if types.is_boolean(kind):
        return lambda value: _instance(value, bool, "a boolean", path)
    if types.is_floating(kind):
        return lambda value: _number(value, path)
    bits = 32 if types.is_date32(kind) or types.is_time32(kind) else kind.bit_width
    return lambda value: _integer(value, bits, path)


def _struct(kind: pa.StructType, path: str, leaf: LeafReader) -> PayloadReader:
    readers = [
        (child.name, payload_reader(child, f"{path}.{child.name}" if path else child.name, leaf), _default(child))
        for child in kind
    ]

    def read(value: Any) -> dict[str, Any]:
        record = _instance(value, dict, "an object", path)
        out: dict[str, Any] = {}
        for name, inner, default in readers:
            given = record.get(name)
            out[name] = inner(default if given is None and name not in record else given)
        return out

    return read


def _default(field: pa.Field) -> Any:
    """The payload of a field's default; None where it has none."""
    value = default_of(field)
    return None if value is None else json_values(value)[0]


def _map(kind: pa.MapType, path: str, leaf: LeafReader) -> PayloadReader:
    keys = payload_reader(kind.key_field.with_nullable(False), f"{path}{{}}", leaf)
    values = payload_reader(kind.item_field, f"{path}{{}}", leaf)

    def read(value: Any) -> list[tuple[Any, Any]]:
        if isinstance(value, dict):
            return [(keys(key), values(held)) for key, held in value.items()]
        pairs = [
            [entry["key"], entry["value"]] if isinstance(entry, dict) and entry.keys() == {"key", "value"} else entry
            for entry in _instance(value, list, "an object or a list of pairs", path)
        ]
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            raise DatumError(path, "is a map whose entries are not pairs of key and value")
        return [(keys(key), values(held)) for key, held in pairs]

    return read


def _instance(value: Any, kind: type, words: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise DatumError(path, f"is {_shown(value)}, and the schema wants {words}")
    return value


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DatumError(path, f"is {_shown(value)}, and the schema wants a number")
    return float(value)


def _integer(value: Any, bits: int, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise DatumError(path, f"is {_shown(value)}, and the schema wants a whole number of {bits} bits")
    return value


def _base64(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(_instance(value, str, "base64 text", path), validate=True)
    except (binascii.Error, ValueError):
        raise DatumError(path, f"is {_shown(value)}, which is not base64") from None


def _decimal(value: Any, kind: pa.DataType, path: str) -> decimal.Decimal:
    if isinstance(value, str):
        number = _EXACT.scaleb(decimal.Decimal(int.from_bytes(_base64(value, path), "big", signed=True)), -kind.scale)
    else:
        _number(value, path)
        number = decimal.Decimal(repr(value))
    try:
        pa.scalar(number, kind)
    except (pa.ArrowException, ValueError):
        raise DatumError(path, f"is {_shown(value)}, which does not fit {kind}") from None
    return number


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Whether a default value in a schema fits its type (Avro specification 1.12, "Complex Types / Records / default")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate_registry.schemas.avro_types import (
    NO_DEFAULT,
    Array,
    AvroType,
    Enum,
    Fixed,
    Map,
    Primitive,
    Record,
    Union,
    describe,
)
from tidegate_registry.schemas.json_value import JsonValue

_BITS: Final = {"int": 31, "long": 63}
_NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity", "INF", "-INF")


def default_problem(node: AvroType, value: JsonValue) -> str:
    """Why ``value`` is no default of type ``node``; "" if it is one. For a union, any branch will do."""
    match node:
        case Primitive():
            return "" if _fits_primitive(node.name, value) else f"{value!r} is not {_article(node.name)}"
        case Enum():
            return "" if value in node.symbols else f"{value!r} is not a symbol of {describe(node)}"
        case Fixed():
            fits = isinstance(value, str) and len(value) == node.size and _is_bytes(value)
            return "" if fits else f"{value!r} is not a string of {node.size} characters up to \\u00ff"
        case Array():
            if not isinstance(value, list):
                return f"{value!r} is not an array"
            return _first(default_problem(node.items, item) for item in value)
        case Map():
            if not isinstance(value, dict):
                return f"{value!r} is not an object"
            return _first(default_problem(node.values, item) for item in value.values())
        case Union():
            if any(not default_problem(branch, value) for branch in node.branches):
                return ""
            return f"{value!r} fits no branch"
        case Record():
            return _record_problem(node, value)
    return f"{value!r} has an unknown type"


def _record_problem(node: Record, value: JsonValue) -> str:
    if not isinstance(value, dict):
        return f"{value!r} is not an object"
    for field in node.fields:
        if field.name in value:
            problem = default_problem(field.type, value[field.name])
            if problem:
                return f'field "{field.name}": {problem}'
        elif field.default is NO_DEFAULT:
            return f'it lacks the field "{field.name}"'
    return ""


def _fits_primitive(name: str, value: JsonValue) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            bound = 1 << _BITS[name]
            return isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound
        case "float" | "double":
            return (isinstance(value, int | float) and not isinstance(value, bool)) or value in _NOT_FINITE
        case "bytes":
            return isinstance(value, str) and _is_bytes(value)
        case _:
            return isinstance(value, str)


def _is_bytes(value: str) -> bool:
    return all(ord(character) <= 0xFF for character in value)


def _first(problems: Iterator[str]) -> str:
    return next(filter(None, problems), "")


def _article(name: str) -> str:
    return f"an {name}" if name == "int" else name if name in ("null", "bytes") else f"a {name}"

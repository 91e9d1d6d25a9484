"""What tells the form of a record from the form that is expected. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

import pyarrow as pa

_ALIKE = 0.6


class Kind(StrEnum):
    """Kinds of difference."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    TYPE = "type changed"
    RENAMED = "renamed?"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs.

    Args:
        kind: how.
        path: the field, with dots; of a rename the expected one.
        expected: the expected type, or name; empty if there is none.
        found: the record's type, or name; empty if there is none.
    """

    kind: Kind
    path: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        match self.kind:
            case Kind.MISSING:
                return f"{self.path} missing ({self.expected})"
            case Kind.UNEXPECTED:
                return f"{self.path} unexpected ({self.found})"
            case Kind.RENAMED:
                return f"{self.path} missing, {self.found} unexpected: renamed?"
            case _:
                return f"{self.path} is {self.found}, expected {self.expected}"


def differences(found: pa.DataType, expected: pa.DataType, *, plain: bool = False) -> list[Difference]:
    """Every field that differs, renamed ones first.

    Args:
        found: type of the record.
        expected: type of the schema.
        plain: the record is JSON, which has few types: text, number, truth value, object and list.
    """
    return list(_compare(found, expected, "", plain))


def _compare(found: pa.DataType, expected: pa.DataType, path: str, plain: bool) -> Iterator[Difference]:
    if pa.types.is_struct(found) and pa.types.is_struct(expected):
        yield from _compare_fields(found, expected, f"{path}." if path else "", plain)
    elif pa.types.is_list(found) and pa.types.is_list(expected):
        yield from _compare(found.value_type, expected.value_type, f"{path}[]", plain)
    elif pa.types.is_null(found):
        return
    elif not (_may_be(found, expected) if plain else found.equals(expected)):
        yield Difference(Kind.TYPE, path or "the record", _name(expected), _name(found))


def _compare_fields(found: pa.StructType, expected: pa.StructType, prefix: str, plain: bool) -> Iterator[Difference]:
    have = {field.name: field for field in found}
    want = {field.name: field for field in expected}
    missing = [name for name in want if name not in have]
    extra = [name for name in have if name not in want]
    for name in list(missing):
        other = _renamed(name, missing, extra)
        if other is not None:
            missing.remove(name)
            extra.remove(other)
            yield Difference(Kind.RENAMED, f"{prefix}{name}", name, other)
    for name in missing:
        optional = ", optional" if want[name].nullable else ""
        yield Difference(Kind.MISSING, f"{prefix}{name}", f"{_name(want[name].type)}{optional}")
    for name in extra:
        yield Difference(Kind.UNEXPECTED, f"{prefix}{name}", found=_name(have[name].type))
    for name, field in have.items():
        if name in want:
            yield from _compare(field.type, want[name].type, f"{prefix}{name}", plain)


def _renamed(name: str, missing: list[str], extra: list[str]) -> str | None:
    """The field that may be the missing one under another name: the only one, or one that is written alike."""
    alike = [(SequenceMatcher(None, _letters(name), _letters(other)).ratio(), other) for other in extra]
    best = max(alike, default=(0.0, ""))
    if best[0] >= _ALIKE or (len(missing) == 1 and len(extra) == 1):
        return best[1]
    return None


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _may_be(json: pa.DataType, expected: pa.DataType) -> bool:
    """Whether values of a type that was inferred from JSON may stand for those of another type."""
    types = pa.types
    if types.is_struct(expected):
        return bool(types.is_struct(json))
    if types.is_map(expected):
        return bool(types.is_struct(json) or types.is_list(json))
    if types.is_list(expected) or types.is_large_list(expected):
        return bool(types.is_list(json))
    if types.is_boolean(expected):
        return bool(types.is_boolean(json))
    if types.is_integer(expected):
        return bool(types.is_integer(json))
    if types.is_floating(expected):
        return bool(types.is_integer(json) or types.is_floating(json))
    if types.is_string(expected) or types.is_large_string(expected):
        return not (
            types.is_integer(json) or types.is_floating(json) or types.is_boolean(json) or types.is_nested(json)
        )
    # Decimals, dates and bytes are texts or numbers, as the converter is set.
    return not (types.is_boolean(json) or types.is_nested(json))


_NAMES = {"int32": "int", "int64": "long", "float": "float", "double": "double", "bool": "boolean", "binary": "bytes"}


def _name(type_: pa.DataType) -> str:
    return _NAMES.get(str(type_), str(type_))

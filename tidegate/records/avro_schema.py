"""Avro schemas as typed trees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.records.avro_metadata import ORIGINAL_NAME
from tidegate.records.avro_names import is_full_name, is_name
from tidegate.records.schema_error import UnusableSchemaError

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
MAX_DEPTH = 64
"""How deep types may nest."""
NO_DEFAULT: Any = type("NoDefault", (), {"__repr__": lambda self: "NO_DEFAULT"})()
"""Default of fields that have none; ``None`` is the default ``null``."""

_LOGICAL: Mapping[str, tuple[str, ...]] = {
    "decimal": ("bytes", "fixed"),
    "uuid": ("string", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "timestamp-millis": ("long",),
    "timestamp-micros": ("long",),
    "timestamp-nanos": ("long",),
    "local-timestamp-millis": ("long",),
    "local-timestamp-micros": ("long",),
    "local-timestamp-nanos": ("long",),
    "duration": ("fixed",),
}
_MAX_PRECISION = 76


class AvroSchemaError(UnusableSchemaError):
    """A schema is not valid Avro, or is one that no Arrow type stands for."""


@dataclass(frozen=True, slots=True)
class AvroField:
    """A field of a record.

    Args:
        name: its Avro name.
        type: its type.
        default: as in the schema's JSON, or :data:`NO_DEFAULT`.
        properties: attributes the specification does not know.
        aliases: names it has in the schemas of older writers.
    """

    name: str
    type: AvroType
    default: Any = NO_DEFAULT
    properties: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def original_name(self) -> str:
        """The name of the column it stands for."""
        return str(self.properties.get(ORIGINAL_NAME, self.name))


@dataclass(frozen=True, slots=True)
class AvroType:
    """A type of the Avro 1.12 specification; named references are resolved.

    Args:
        kind: a primitive type's name, or ``fixed``, ``enum``, ``array``, ``map``, ``union``, ``record``.
        name: full name of a named type.
        logical: logical type, if it is one of the specification's and fits ``kind``; else empty.
        size: bytes of a fixed type.
        precision: of a decimal.
        scale: of a decimal.
        symbols: of an enum.
        element: items of an array, values of a map.
        branches: of a union.
        fields: of a record.
        properties: attributes the specification does not know.
        aliases: full names that a named type has in the schemas of older writers.
        default: the symbol that an enum has for a writer's symbols it does not know; empty for none.
    """

    kind: str
    name: str = ""
    logical: str = ""
    size: int = 0
    precision: int = 0
    scale: int = 0
    symbols: tuple[str, ...] = ()
    element: AvroType | None = None
    branches: tuple[AvroType, ...] = ()
    fields: tuple[AvroField, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    default: str = ""

    @property
    def items(self) -> AvroType:
        """Type of an array's items or a map's values."""
        assert self.element is not None
        return self.element

    @property
    def null_branch(self) -> int | None:
        """Index of a union's null branch."""
        return next((index for index, branch in enumerate(self.branches) if branch.kind == "null"), None)

    @property
    def value_branches(self) -> tuple[AvroType, ...]:
        """A union's branches without null."""
        return tuple(branch for branch in self.branches if branch.kind != "null")

    @property
    def nullable(self) -> bool:
        """Whether null is a value of the type."""
        return self.kind == "null" or self.null_branch is not None


def parse_schema(text: str, references: Sequence[str] = ()) -> AvroType:
    """Parses a schema.

    Args:
        text: JSON.
        references: texts of schemas whose named types it uses, each after those it uses itself.

    Raises:
        AvroSchemaError: the text is not a valid schema, or a type contains itself.
    """
    names: dict[str, AvroType] = {}
    for reference in references:
        _Parser(names).parse(_load(reference), "", 0)
    return _Parser(names).parse(_load(text), "", 0)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if is_full_name(text.strip()):
            return text.strip()
        raise AvroSchemaError(f"The Avro schema is not JSON: {error}.") from None


class _Parser:
    def __init__(self, names: dict[str, AvroType]) -> None:
        self._names = names
        self._open: set[str] = set()

    def parse(self, schema: Any, namespace: str, depth: int) -> AvroType:
        if depth > MAX_DEPTH:
            raise AvroSchemaError(f"The Avro schema nests types deeper than {MAX_DEPTH} levels.")
        match schema:
            case str():
                return self._reference(schema, namespace)
            case list():
                return self._union(schema, namespace, depth)
            case {"type": str(kind)}:
                return self._complex(schema, kind, namespace, depth)
            case {"type": inner}:
                return self.parse(inner, namespace, depth + 1)
        raise AvroSchemaError(
            f"{_short(schema)} is not an Avro type: it must be a name, a list or an object with a type."
        )

    def _reference(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return AvroType(name)
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self._open:
                raise AvroSchemaError(
                    f"Avro type {candidate} contains itself, and no Arrow type does.",
                    remedy="Use the string converter, or a schema without recursion.",
                )
            if candidate in self._names:
                return self._names[candidate]
        raise AvroSchemaError(f"The Avro schema uses type {full}, which it does not define.")

    def _union(self, schema: list[Any], namespace: str, depth: int) -> AvroType:
        branches = tuple(self.parse(branch, namespace, depth + 1) for branch in schema)
        keys = [branch.name or branch.kind for branch in branches]
        if not branches or len(set(keys)) != len(keys) or "union" in keys:
            raise AvroSchemaError(
                f"The union of {', '.join(keys) or 'nothing'} is not valid Avro: "
                "its branches must be different types, none a union."
            )
        return AvroType("union", branches=branches)

    def _complex(self, schema: dict[str, Any], kind: str, namespace: str, depth: int) -> AvroType:
        properties = {key: value for key, value in schema.items() if key not in _KNOWN}
        match kind:
            case "array" | "map":
                inner = "items" if kind == "array" else "values"
                if inner not in schema:
                    raise AvroSchemaError(f"An Avro {kind} lacks its {inner}.")
                return AvroType(kind, element=self.parse(schema[inner], namespace, depth + 1), properties=properties)
            case "record" | "error" | "enum" | "fixed":
                return self._named(schema, "record" if kind == "error" else kind, namespace, depth, properties)
            case _ if kind in PRIMITIVES:
                return AvroType(kind, properties=properties, **_logical(schema, kind, 0))
        return self._reference(kind, namespace)

    def _named(
        self, schema: dict[str, Any], kind: str, namespace: str, depth: int, properties: dict[str, Any]
    ) -> AvroType:
        name = _full_name(schema, kind, namespace)
        if name in self._names or name in self._open:
            raise AvroSchemaError(f"The Avro schema defines type {name} twice.")
        space = name.rpartition(".")[0]
        aliases = tuple(alias if "." in alias or not space else f"{space}.{alias}" for alias in _aliases(schema))
        if kind == "fixed":
            size = schema.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise AvroSchemaError(f"Avro fixed {name} has size {_short(size)}: it must be a number from 0.")
            parsed = AvroType(
                kind, name, size=size, properties=properties, aliases=aliases, **_logical(schema, kind, size)
            )
        elif kind == "enum":
            symbols = _symbols(schema, name)
            default = schema["default"] if schema.get("default") in symbols else ""
            parsed = AvroType(kind, name, symbols=symbols, properties=properties, aliases=aliases, default=default)
        else:
            self._open.add(name)
            fields = self._fields(schema, name, depth)
            self._open.discard(name)
            parsed = AvroType(kind, name, fields=fields, properties=properties, aliases=aliases)
        self._names[name] = parsed
        return parsed

    def _fields(self, schema: dict[str, Any], record: str, depth: int) -> tuple[AvroField, ...]:
        given = schema.get("fields")
        if not isinstance(given, list):
            raise AvroSchemaError(f"Avro record {record} lacks its list of fields.")
        namespace = record.rpartition(".")[0]
        fields: list[AvroField] = []
        for item in given:
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str) or not is_name(name) or "type" not in item:
                raise AvroSchemaError(f"Avro record {record} has a field {_short(item)} without a valid name and type.")
            if any(name == other.name for other in fields):
                raise AvroSchemaError(f"Avro record {record} has two fields {name}.")
            fields.append(
                AvroField(
                    name,
                    self.parse(item["type"], namespace, depth + 1),
                    item.get("default", NO_DEFAULT),
                    {key: value for key, value in item.items() if key not in _KNOWN},
                    _aliases(item),
                )
            )
        return tuple(fields)


_KNOWN = frozenset(
    {"type", "name", "namespace", "aliases", "doc", "fields", "default", "order", "symbols", "size", "items", "values"}
    | {"logicalType", "precision", "scale"}
)


def _full_name(schema: dict[str, Any], kind: str, namespace: str) -> str:
    name = schema.get("name")
    if not isinstance(name, str) or not is_full_name(name):
        raise AvroSchemaError(f"An Avro {kind} has the name {_short(name)}, which is not a valid name.")
    given = schema.get("namespace", namespace)
    if "." in name or not isinstance(given, str) or not given:
        return name
    return f"{given}.{name}"


def _aliases(schema: dict[str, Any]) -> tuple[str, ...]:
    given = schema.get("aliases")
    return tuple(alias for alias in given if isinstance(alias, str)) if isinstance(given, list) else ()


def _symbols(schema: dict[str, Any], name: str) -> tuple[str, ...]:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise AvroSchemaError(f"Avro enum {name} lacks its list of symbols.")
    if len(set(symbols)) != len(symbols):
        raise AvroSchemaError(f"Avro enum {name} has a symbol twice.")
    return tuple(symbols)


def _logical(schema: dict[str, Any], kind: str, size: int) -> dict[str, Any]:
    """Logical type attributes; an invalid logical type is ignored, as the specification demands."""
    logical = schema.get("logicalType")
    if not isinstance(logical, str) or kind not in _LOGICAL.get(logical, ()):
        return {}
    if (logical == "duration" and size != 12) or (logical == "uuid" and kind == "fixed" and size != 16):
        return {}
    if logical != "decimal":
        return {"logical": logical}
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 < precision <= _MAX_PRECISION:
        return {}
    if not 0 <= scale <= precision or (kind == "fixed" and precision > fixed_precision(size)):
        return {}
    return {"logical": logical, "precision": precision, "scale": scale}


def fixed_precision(size: int) -> int:
    """How many decimal digits always fit a two's complement number of so many bytes."""
    return len(str(2 ** (8 * size - 1) - 1)) - 1 if size else 0


def _short(schema: Any) -> str:
    text = json.dumps(schema, default=repr)
    return text if len(text) <= 80 else f"{text[:77]}..."

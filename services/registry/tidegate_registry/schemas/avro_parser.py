"""Parses Avro schemas (specification 1.12, "Schema Declaration"), naming the place and the rule of every mistake."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from tidegate_registry.schemas.avro_defaults import default_problem
from tidegate_registry.schemas.avro_types import (
    NO_DEFAULT,
    PRIMITIVES,
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Union,
    describe,
)
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.json_value import JsonValue, parse_json
from tidegate_registry.schemas.pointer import descend, shown

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Java's parser, and so what producers have registered elsewhere, takes hyphens and the like in a namespace.
_NAMESPACE: Final = re.compile(r"[^\s.]+(\.[^\s.]+)*")
_ORDERS: Final = ("ascending", "descending", "ignore")
_RECORD_KEYS: Final = frozenset({"type", "name", "namespace", "doc", "aliases", "fields"})
_ENUM_KEYS: Final = frozenset({"type", "name", "namespace", "doc", "aliases", "symbols", "default"})
_FIXED_KEYS: Final = frozenset({"type", "name", "namespace", "doc", "aliases", "size"})
_FIELD_KEYS: Final = frozenset({"name", "type", "doc", "default", "order", "aliases"})


def parse_avro(text: str, known: Mapping[str, Named] | None = None) -> tuple[AvroType, dict[str, Named]]:
    """Parse one schema.

    Args:
        text: the schema as JSON.
        known: named types it may refer to without defining them, by full name: those of its references.

    Returns:
        The schema and the named types it defines, by full name.

    Raises:
        SchemaSyntaxError: it is not JSON or not an Avro schema.
    """
    try:
        document = parse_json(text)
    except ValueError as error:
        raise SchemaSyntaxError(f"the schema is not JSON: {error}.") from None
    parser = _Parser(known or {})
    try:
        return parser.parse(document), parser.defined
    except RecursionError:
        raise SchemaSyntaxError("the schema is nested too deeply.") from None


class _Parser:
    def __init__(self, known: Mapping[str, Named]) -> None:
        self.defined: dict[str, Named] = {}
        self._known = known
        self._defaults: list[tuple[Field, str]] = []

    def parse(self, document: JsonValue) -> AvroType:
        node = self._type(document, "", "")
        for field, path in self._defaults:
            problem = default_problem(field.type, field.default)
            if problem:
                raise SchemaSyntaxError(
                    f'the default of field "{field.name}" (path {path}/default) does not fit {describe(field.type)}:'
                    f" {problem}."
                )
        return node

    def _type(self, schema: JsonValue, namespace: str, path: str) -> AvroType:
        match schema:
            case str():
                return self._reference(schema, namespace, path)
            case list():
                return self._union(schema, namespace, path)
            case dict():
                return self._object(schema, namespace, path)
        raise SchemaSyntaxError(f"{shown(path)} is {schema!r}; a schema is a string, an object or an array.")

    def _reference(self, name: str, namespace: str, path: str) -> AvroType:
        if name in PRIMITIVES:
            return Primitive(name)
        for fullname in (name,) if "." in name or not namespace else (f"{namespace}.{name}", name):
            found = self.defined.get(fullname) or self._known.get(fullname)
            if found is not None:
                return found
        raise SchemaSyntaxError(
            f'{shown(path)} names the type "{name}", which is neither defined before nor among the references.'
        )

    def _union(self, schema: list[JsonValue], namespace: str, path: str) -> Union:
        branches: list[AvroType] = []
        seen: set[str] = set()
        for index, branch in enumerate(schema):
            node = self._type(branch, namespace, descend(path, index))
            if isinstance(node, Union):
                raise SchemaSyntaxError(
                    f"{descend(path, index)} is a union directly inside a union, which Avro forbids."
                )
            key = node.fullname if isinstance(node, Named) else describe_kind(node)
            if key in seen:
                raise SchemaSyntaxError(f"the union at {shown(path)} holds {key} twice.")
            seen.add(key)
            branches.append(node)
        return Union(branches)

    def _object(self, schema: dict[str, JsonValue], namespace: str, path: str) -> AvroType:
        kind = schema.get("type")
        if not isinstance(kind, str):
            raise SchemaSyntaxError(f'{shown(path)} has no "type" that is a string.')
        if kind in PRIMITIVES:
            return Primitive(kind, props=_others(schema, frozenset({"type"})))
        parse: Callable[[dict[str, JsonValue], str, str], AvroType] | None = {
            "record": self._record,
            "error": self._record,
            "enum": self._enum,
            "fixed": self._fixed,
            "array": self._array,
            "map": self._map,
        }.get(kind)
        return parse(schema, namespace, path) if parse else self._reference(kind, namespace, descend(path, "type"))

    def _array(self, schema: dict[str, JsonValue], namespace: str, path: str) -> Array:
        if "items" not in schema:
            raise SchemaSyntaxError(f'the array at {shown(path)} has no "items".')
        items = self._type(schema["items"], namespace, descend(path, "items"))
        return Array(items, props=_others(schema, frozenset({"type", "items"})))

    def _map(self, schema: dict[str, JsonValue], namespace: str, path: str) -> Map:
        if "values" not in schema:
            raise SchemaSyntaxError(f'the map at {shown(path)} has no "values".')
        values = self._type(schema["values"], namespace, descend(path, "values"))
        return Map(values, props=_others(schema, frozenset({"type", "values"})))

    def _record(self, schema: dict[str, JsonValue], namespace: str, path: str) -> Record:
        fullname, aliases, doc = self._naming(schema, namespace, path)
        props = _others(schema, _RECORD_KEYS)
        record = Record(fullname, aliases, doc, is_error=schema["type"] == "error", props=props)
        self._define(record, path)
        fields = schema.get("fields")
        if not isinstance(fields, list):
            raise SchemaSyntaxError(f'the record "{fullname}" ({shown(path)}) has no array "fields".')
        seen: set[str] = set()
        for index, field in enumerate(fields):
            node = self._field(field, record.namespace, descend(path, "fields", index))
            if node.name in seen:
                raise SchemaSyntaxError(f'the record "{fullname}" ({shown(path)}) has two fields "{node.name}".')
            seen.add(node.name)
            record.fields.append(node)
        return record

    def _field(self, schema: JsonValue, namespace: str, path: str) -> Field:
        if not isinstance(schema, dict):
            raise SchemaSyntaxError(f"{path} is {schema!r}; a field is an object.")
        name = schema.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SchemaSyntaxError(f"the field at {path} has the name {name!r}; {_NAME_RULE}.")
        if "type" not in schema:
            raise SchemaSyntaxError(f'the field "{name}" ({path}) has no "type".')
        order = schema.get("order", "ascending")
        if order not in _ORDERS:
            raise SchemaSyntaxError(
                f'the order of field "{name}" ({path}) is {order!r}, not one of {", ".join(_ORDERS)}.'
            )
        field = Field(
            name=name,
            type=self._type(schema["type"], namespace, descend(path, "type")),
            default=schema.get("default", NO_DEFAULT),
            aliases=_aliases(schema, path),
            doc=_doc(schema),
            order=order,
            props=_others(schema, _FIELD_KEYS),
        )
        if field.default is not NO_DEFAULT:
            self._defaults.append((field, path))
        return field

    def _enum(self, schema: dict[str, JsonValue], namespace: str, path: str) -> Enum:
        fullname, aliases, doc = self._naming(schema, namespace, path)
        symbols = schema.get("symbols")
        if not isinstance(symbols, list):
            raise SchemaSyntaxError(f'the enum "{fullname}" ({shown(path)}) has no array "symbols".')
        for symbol in symbols:
            if not isinstance(symbol, str) or not _NAME.fullmatch(symbol):
                raise SchemaSyntaxError(
                    f'the enum "{fullname}" ({shown(path)}) has the symbol {symbol!r}; {_NAME_RULE}.'
                )
        if len(set(symbols)) < len(symbols):
            raise SchemaSyntaxError(f'the enum "{fullname}" ({shown(path)}) has a symbol twice.')
        default = schema.get("default", NO_DEFAULT)
        if default is not NO_DEFAULT and default not in symbols:
            raise SchemaSyntaxError(
                f'the default {default!r} of enum "{fullname}" ({shown(path)}) is not a symbol of it.'
            )
        node = Enum(fullname, aliases, doc, tuple(symbols), default, props=_others(schema, _ENUM_KEYS))
        self._define(node, path)
        return node

    def _fixed(self, schema: dict[str, JsonValue], namespace: str, path: str) -> Fixed:
        fullname, aliases, doc = self._naming(schema, namespace, path)
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise SchemaSyntaxError(
                f'the fixed "{fullname}" ({shown(path)}) has the size {size!r}; a size is a number ≥ 0.'
            )
        node = Fixed(fullname, aliases, doc, size, props=_others(schema, _FIXED_KEYS))
        self._define(node, path)
        return node

    def _naming(
        self, schema: dict[str, JsonValue], enclosing: str, path: str
    ) -> tuple[str, tuple[str, ...], str | None]:
        name = schema.get("name")
        if not isinstance(name, str):
            raise SchemaSyntaxError(f'the {schema["type"]} at {shown(path)} has no "name".')
        given = schema.get("namespace")
        if "." in name:
            namespace, _, simple = name.rpartition(".")
        else:
            namespace, simple = given if isinstance(given, str) else enclosing, name
        if not _NAME.fullmatch(simple):
            raise SchemaSyntaxError(f"the {schema['type']} at {shown(path)} has the name {simple!r}; {_NAME_RULE}.")
        if namespace and not _NAMESPACE.fullmatch(namespace):
            raise SchemaSyntaxError(f"the {schema['type']} at {shown(path)} has the malformed namespace {namespace!r}.")
        if simple in PRIMITIVES and not namespace:
            raise SchemaSyntaxError(
                f'the {schema["type"]} at {shown(path)} is called "{simple}" like a primitive type.'
            )
        aliases = tuple(
            alias if "." in alias or not namespace else f"{namespace}.{alias}" for alias in _aliases(schema, path)
        )
        return f"{namespace}.{simple}" if namespace else simple, aliases, _doc(schema)

    def _define(self, node: Named, path: str) -> None:
        if node.fullname in self.defined or node.fullname in self._known:
            raise SchemaSyntaxError(f'{shown(path)} defines the type "{node.fullname}" a second time.')
        self.defined[node.fullname] = node


_NAME_RULE: Final = "a name begins with a letter or _, followed by letters, digits and _"


def describe_kind(node: AvroType) -> str:
    """What tells two unnamed branches of a union apart: logical types do not."""
    match node:
        case Primitive():
            return node.name
        case Array():
            return "array"
        case _:
            return "map"


def _others(schema: Mapping[str, JsonValue], known: frozenset[str]) -> dict[str, JsonValue]:
    return {key: value for key, value in schema.items() if key not in known}


def _doc(schema: Mapping[str, JsonValue]) -> str | None:
    doc = schema.get("doc")
    return doc if isinstance(doc, str) else None


def _aliases(schema: Mapping[str, JsonValue], path: str) -> tuple[str, ...]:
    aliases = schema.get("aliases")
    if aliases is None:
        return ()
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise SchemaSyntaxError(f"{shown(descend(path, 'aliases'))} is not an array of strings.")
    return tuple(aliases)

"""Whether one JSON Schema accepts every document another one accepts.

Sound for what it proves: where keywords make that undecidable for simple means (``not``, ``if``, patterns and the
like), only an unchanged keyword passes. Content models are judged as Confluent does: where the writer left an object
open, any value may stand under a name, so a new property narrows what is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.json_value import JsonValue, compact_json
from tidegate_registry.schemas.pointer import descend, shown

Target = Callable[[str], "JsonValue | None"]
"""Resolves a ``$ref``; None if it leads outside."""

_ALL_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# A reader may drop these, but neither add nor change them.
_OPAQUE: Final = (
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "pattern", "patternProperties", "propertyNames",
    "multipleOf", "divisibleBy", "uniqueItems", "contains", "minContains", "maxContains", "dependencies",
    "dependentRequired", "dependentSchemas", "additionalItems", "unevaluatedItems", "unevaluatedProperties",
    "disallow", "extends", "$dynamicRef", "$recursiveRef", "contentEncoding", "contentMediaType",
)  # fmt: skip
_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
)
_TYPES_OF: Final = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null",
}  # fmt: skip


def find_unreadable(
    reader: JsonValue, writer: JsonValue, sides: Sides, reader_target: Target, writer_target: Target
) -> list[Incompatibility]:
    """Every reason found why a document valid by ``writer`` may be invalid by ``reader``; empty if none.

    Args:
        reader: the schema that must accept.
        writer: the schema whose documents are given.
        sides: names for the messages.
        reader_target: resolves references in ``reader``.
        writer_target: resolves references in ``writer``.
    """
    return list(_Comparison(sides, reader_target, writer_target).compare(reader, writer, _Place()))


@dataclass(frozen=True)
class _Place:
    reader: str = ""
    writer: str = ""
    property: str = ""

    def down(self, *keys: str | int) -> _Place:
        return replace(self, reader=descend(self.reader, *keys), writer=descend(self.writer, *keys))


class _Comparison:
    def __init__(self, sides: Sides, reader_target: Target, writer_target: Target) -> None:
        self._sides = sides
        self._reader_target = reader_target
        self._writer_target = writer_target
        self._seen: set[tuple[str, str]] = set()

    def compare(self, reader: JsonValue, writer: JsonValue, place: _Place) -> Iterator[Incompatibility]:
        reader = _follow(reader, self._reader_target)
        writer = _follow(writer, self._writer_target)
        pair = _key(reader), _key(writer)
        if reader is True or reader == {} or writer is False or pair in self._seen:
            return
        self._seen.add(pair)
        if pair[0] == pair[1] and '"$ref"' not in pair[0]:
            return
        if not isinstance(reader, dict):
            yield self._found("TYPE_NARROWED", place, f"{self._where(place)} accepts nothing in {self._sides.reader}")
            return
        if not isinstance(writer, dict):
            writer = {}
        writers = _branches(writer)
        readers = _branches(reader)
        if len(writers) > 1 or len(readers) > 1:
            yield from self._combined(readers, writers, place)
        else:
            yield from self._single(readers[0], writers[0], place)

    def _combined(
        self, readers: list[dict[str, Any]], writers: list[dict[str, Any]], place: _Place
    ) -> Iterator[Incompatibility]:
        for branch in writers:
            if not any(self._accepts(candidate, branch, place) for candidate in readers):
                yield self._found(
                    "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
                    place,
                    f"{self._where(place)} may be {_brief(branch)} in {self._sides.writer}, which no branch in"
                    f" {self._sides.reader} accepts",
                )

    def _accepts(self, reader: JsonValue, writer: JsonValue, place: _Place) -> bool:
        seen = set(self._seen)
        found = next(self.compare(reader, writer, place), None)
        if found is not None:
            self._seen = seen
        return found is None

    def _single(self, reader: dict[str, Any], writer: dict[str, Any], place: _Place) -> Iterator[Incompatibility]:
        where, sides = self._where(place), self._sides
        values = _values(writer)
        allowed = _values(reader)
        if allowed is not None:
            extra = (
                None if values is None else [value for value in values if _key(value) not in set(map(_key, allowed))]
            )
            if extra is None or extra:
                what = "any value" if extra is None else ", ".join(compact_json(value) for value in extra)
                problem = f"{where} may be {what} in {sides.writer}, which {sides.reader} does not list"
                yield self._found("ENUM_ARRAY_NARROWED", place, problem)
        types, accepted = _types(writer), _types(reader)
        lost = {kind for kind in types if kind not in accepted and not (kind == "integer" and "number" in accepted)}
        if lost:
            problem = f"{where} may be {_listed(lost)} in {sides.writer} but only {_listed(accepted)} in {sides.reader}"
            yield self._found("TYPE_NARROWED", place, problem)
            return
        yield from self._bounds(reader, writer, place)
        for keyword in _OPAQUE:
            if keyword in reader and (keyword not in writer or _key(reader[keyword]) != _key(writer[keyword])):
                problem = f'"{keyword}" of {where} is added or changed in {sides.reader}'
                yield self._found("KEYWORD_CHANGED", place.down(keyword), problem)
        if "$ref" in reader and reader["$ref"] != writer.get("$ref"):
            problem = f'{where} refers to "{reader["$ref"]}" in {sides.reader}, which can not be compared'
            yield self._found("REFERENCE_CHANGED", place, problem)
        if "object" in types:
            yield from self._objects(reader, writer, place)
        if "array" in types:
            yield from self._arrays(reader, writer, place)

    def _bounds(self, reader: dict[str, Any], writer: dict[str, Any], place: _Place) -> Iterator[Incompatibility]:
        for keyword in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
            if keyword not in reader:
                continue
            mine, theirs = reader[keyword], writer.get(keyword)
            if isinstance(mine, bool) or isinstance(theirs, bool):
                narrowed = bool(mine) and mine != theirs
            else:
                narrowed = theirs is None or (mine > theirs if keyword in _LOWER_BOUNDS else mine < theirs)
            if keyword in ("minLength", "minItems", "minProperties") and mine == 0:
                narrowed = False
            if narrowed:
                problem = (
                    f"{self._where(place)} has {keyword} {compact_json(mine)} in {self._sides.reader} and"
                    f" {'none' if theirs is None else compact_json(theirs)} in {self._sides.writer}"
                )
                yield self._found(f"{keyword.upper()}_NARROWED", place.down(keyword), problem)

    def _objects(self, reader: dict[str, Any], writer: dict[str, Any], place: _Place) -> Iterator[Incompatibility]:
        mine, theirs = reader.get("properties", {}), writer.get("properties", {})
        mine_other, theirs_other = reader.get("additionalProperties", True), writer.get("additionalProperties", True)
        patterned = bool(writer.get("patternProperties"))
        for name in _required(reader) - _required(writer):
            if not (isinstance(mine.get(name), dict) and "default" in mine[name]):
                problem = f'property "{name}" is required in {self._sides.reader} and not in {self._sides.writer}'
                yield self._found(
                    "REQUIRED_ATTRIBUTE_ADDED",
                    place.down("required"),
                    problem,
                    "make it optional, or give it a default",
                )
        for name, schema in mine.items():
            below = replace(place.down("properties", name), property=name)
            if name in theirs:
                yield from self.compare(schema, theirs[name], below)
            elif not self._accepts(schema, {} if patterned else theirs_other, below):
                problem = (
                    f'property "{name}" (path {below.reader}) is described in {self._sides.reader}, while'
                    f" {self._sides.writer} lets it hold any value: its objects are open"
                )
                remedy = 'close the objects with "additionalProperties": false from the first version on'
                yield self._found("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", below, problem, remedy)
        for name, schema in theirs.items():
            if name not in mine and not reader.get("patternProperties"):
                below = replace(place.down("properties", name), property=name)
                if mine_other is False:
                    problem = f'property "{name}" of {self._sides.writer} is not allowed in {self._sides.reader}'
                    yield self._found("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", below, problem, "keep the property")
                else:
                    yield from self.compare(mine_other, schema, below)
        if theirs_other is not False:
            below = place.down("additionalProperties")
            if mine_other is False:
                problem = f"{self._where(place)} allows no further properties in {self._sides.reader}"
                yield self._found("ADDITIONAL_PROPERTIES_REMOVED", below, problem)
            else:
                yield from self.compare(mine_other, theirs_other, below)

    def _arrays(self, reader: dict[str, Any], writer: dict[str, Any], place: _Place) -> Iterator[Incompatibility]:
        for keyword in ("prefixItems", "items"):
            mine, theirs = reader.get(keyword, True), writer.get(keyword, True)
            if not isinstance(mine, list) and not isinstance(theirs, list):
                yield from self.compare(mine, theirs, place.down(keyword))
            elif _key(mine) != _key(theirs) and keyword in reader:
                problem = f"the tuple {self._where(place)} has other items in {self._sides.reader}"
                yield self._found("ITEMS_CHANGED", place.down(keyword), problem)

    def _where(self, place: _Place) -> str:
        path = shown(place.reader if self._sides.new_reads else place.writer)
        return f'property "{place.property}" (path {path})' if place.property else f"the document (path {path})"

    def _found(self, rule: str, place: _Place, problem: str, remedy: str = "keep accepting it") -> Incompatibility:
        path = shown(place.reader if self._sides.new_reads else place.writer)
        return Incompatibility(rule, path, problem, remedy if self._sides.new_reads else "keep to what readers accept")


def _follow(schema: JsonValue, target: Target) -> JsonValue:
    for _ in range(32):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            return schema
        found = target(schema["$ref"])
        if found is None:
            return schema
        schema = found
    return schema


def _branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema, what stands beside ``anyOf`` or ``oneOf`` put into each where nothing clashes."""
    for keyword in ("anyOf", "oneOf"):
        if not isinstance(schema.get(keyword), list):
            continue
        rest = {key: value for key, value in schema.items() if key != keyword and key not in _ANNOTATIONS}
        branches = [{} if branch is True else branch for branch in schema[keyword] if branch is not False]
        if all(rest.keys().isdisjoint(branch) for branch in branches):
            return [{**rest, **branch} for branch in branches] or [{"enum": []}]
    return [schema]


def _types(schema: dict[str, Any]) -> frozenset[str]:
    kind = schema.get("type")
    if kind is None:
        values = _values(schema)
        if values is not None:
            return frozenset(_TYPES_OF[type(value)] for value in values)
        return _ALL_TYPES
    kinds = frozenset([kind] if isinstance(kind, str) else [each for each in kind if isinstance(each, str)])
    return _ALL_TYPES if "any" in kinds else kinds


def _values(schema: dict[str, Any]) -> list[JsonValue] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _required(schema: dict[str, Any]) -> set[str]:
    required = schema.get("required")
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()


def _key(value: JsonValue) -> str:
    return compact_json(value, sort_keys=True)


def _listed(kinds: set[str] | frozenset[str]) -> str:
    return "anything" if kinds == _ALL_TYPES else ", ".join(sorted(kinds))


def _brief(schema: dict[str, Any]) -> str:
    text = str(schema.get("title") or compact_json(schema))
    return text if len(text) <= 80 else text[:77] + "..."

"""JSON Schema documents: validity, sameness, and which changes still accept the old documents."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tidegate_registry.schemas.incompatibility import Sides
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.json_schema import JsonSchema


def rules(reader: Any, writer: Any) -> list[str]:
    found = JsonSchema(json.dumps(reader)).find_unreadable(JsonSchema(json.dumps(writer)), Sides.backward(1))
    return [each.rule for each in found]


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


INT, NUMBER, STRING = {"type": "integer"}, {"type": "number"}, {"type": "string"}
TREE = {"$ref": "#/definitions/T", "definitions": {"T": closed(v=INT, n={"$ref": "#/definitions/T"})}}
WIDER_TREE = {"$ref": "#/definitions/T", "definitions": {"T": closed(v=NUMBER, n={"$ref": "#/definitions/T"})}}


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ({}, INT),
        (True, STRING),
        (NUMBER, INT),
        ({"type": ["integer", "null"]}, INT),
        ({"enum": [1, 2]}, {"enum": [1]}),
        ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 8}),
        (INT, {"type": "integer", "minimum": 3}),
        (closed(a=INT, b=STRING), closed(a=INT)),
        (closed(a=INT), closed(("a",), a=INT)),
        ({"type": "object", "properties": {"a": INT}}, {"type": "object", "properties": {"a": INT, "b": INT}}),
        ({"type": "array", "items": NUMBER}, {"type": "array", "items": INT}),
        ({"oneOf": [{"type": "null"}, INT]}, INT),
        ({"anyOf": [STRING, NUMBER]}, {"anyOf": [INT, STRING]}),
        (WIDER_TREE, TREE),
    ],
)
def test_accepts(reader: Any, writer: Any) -> None:
    assert rules(reader, writer) == []


@pytest.mark.parametrize(
    ("reader", "writer", "rule"),
    [
        (INT, NUMBER, "TYPE_NARROWED"),
        (STRING, {}, "TYPE_NARROWED"),
        (False, STRING, "TYPE_NARROWED"),
        ({"enum": [1]}, {"enum": [1, 2]}, "ENUM_ARRAY_NARROWED"),
        ({"type": "integer", "maximum": 8}, {"type": "integer", "maximum": 9}, "MAXIMUM_NARROWED"),
        ({"type": "string", "pattern": "x"}, STRING, "KEYWORD_CHANGED"),
        (closed(("a",), a=INT), closed(a=INT), "REQUIRED_ATTRIBUTE_ADDED"),
        (closed(a=INT), closed(a=INT, b=INT), "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"),
        ({"type": "object", "properties": {"a": INT}}, {"type": "object"}, "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"),
        (closed(), {"type": "object"}, "ADDITIONAL_PROPERTIES_REMOVED"),
        ({"type": "array", "items": INT}, {"type": "array", "items": NUMBER}, "TYPE_NARROWED"),
        (INT, {"oneOf": [{"type": "null"}, INT]}, "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
        (TREE, WIDER_TREE, "TYPE_NARROWED"),
    ],
)
def test_refuses(reader: Any, writer: Any, rule: str) -> None:
    assert rules(reader, writer) == [rule]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("3", "neither a JSON object"),
        ('{"type":"nonsense"}', "/type"),
        ('{"$ref":"#/definitions/x"}', "which the schema does not hold"),
        ('{"properties":{"a":{"$ref":"other.json"}}}', "not among the references"),
        ('{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":3}', "/prefixItems"),
    ],
)
def test_what_is_no_schema(text: str, problem: str) -> None:
    with pytest.raises(SchemaSyntaxError) as refused:
        JsonSchema(text)
    assert problem in str(refused.value)


def test_whitespace_makes_no_difference_and_order_only_without_normalizing() -> None:
    one, other = JsonSchema('{"type": "object",\n "title": "T"}'), JsonSchema('{"title":"T","type":"object"}')
    assert one.canonical() == '{"type":"object","title":"T"}'
    assert one.canonical() != other.canonical()
    assert one.canonical(normalize=True) == other.canonical(normalize=True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from(["", "a", "bb"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
SCHEMAS = st.recursive(
    st.sampled_from([True, INT, NUMBER, STRING, {"type": "null"}, {"enum": [1, "a"]}, {"const": 2}, {"minimum": 2}]),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner)
        | st.builds(
            lambda properties, required, other: {
                "type": "object",
                "properties": properties,
                "required": sorted(required),
                "additionalProperties": other,
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.sets(st.sampled_from("abc"), max_size=2),
            st.booleans() | inner,
        )
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=5, max_size=20))
def test_a_change_that_breaks_a_document_is_refused(reader: Any, writer: Any, values: list[Any]) -> None:
    old, new = jsonschema.Draft7Validator(writer), jsonschema.Draft7Validator(reader)
    broken = [value for value in values if old.is_valid(value) and not new.is_valid(value)]
    assert not broken or rules(reader, writer)


@settings(deadline=None)
@given(SCHEMAS)
def test_a_schema_accepts_its_own_documents(schema: Any) -> None:
    assert rules(schema, schema) == []

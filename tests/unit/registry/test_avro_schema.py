"""Which texts are Avro schemas, and which of them are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tidegate_registry.schemas.avro import AvroSchema
from tidegate_registry.schemas.invalid import SchemaSyntaxError


def canonical(schema: Any) -> str:
    return AvroSchema(json.dumps(schema)).canonical()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("17", "a schema is a string, an object or an array"),
        ('"integer"', 'names the type "integer"'),
        ('{"type":"record","name":"R"}', 'no array "fields"'),
        ('{"type":"record","fields":[]}', 'no "name"'),
        ('{"type":"record","name":"a-b","fields":[]}', "begins with a letter"),
        ('{"type":"record","name":"long","fields":[]}', "like a primitive"),
        ('{"type":"record","name":"R","fields":[{"name":"1a","type":"int"}]}', "/fields/0 has the name '1a'"),
        ('{"type":"record","name":"R","fields":[{"name":"a"}]}', 'field "a" (/fields/0) has no "type"'),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}', "two fields"),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"0"}]}', "/fields/0/default"),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":true}]}', "does not fit"),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":3000000000}]}', "does not fit"),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"],"default":"x"}]}', "fits no branch"),
        ('{"type":"enum","name":"E","symbols":["A","A"]}', "a symbol twice"),
        ('{"type":"enum","name":"E","symbols":["A"],"default":"B"}', "is not a symbol"),
        ('{"type":"fixed","name":"F","size":-1}', "a number ≥ 0"),
        ('["int","int"]', "holds int twice"),
        ('["int",["string"]]', "union directly inside a union"),
        ('{"type":"array"}', 'no "items"'),
        ('{"type":"map"}', 'no "values"'),
        ('{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}', "Avro codec"),
    ],
)
def test_what_is_no_schema_is_told_with_place_and_rule(text: str, problem: str) -> None:
    with pytest.raises(SchemaSyntaxError) as refused:
        AvroSchema(text)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int", {"type": "int"}),
        (
            {"type": "record", "name": "a.R", "fields": []},
            {"name": "R", "fields": [], "namespace": "a", "type": "record"},
        ),
        (
            {"type": "record", "name": "R", "fields": [{"name": "x", "type": ["null", "R"], "order": "ascending"}]},
            {"type": "record", "name": "R", "fields": [{"type": ["null", "R"], "name": "x"}]},
        ),
    ],
)
def test_the_same_schema(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "more",
    [
        {"doc": "d"},
        {"aliases": ["Q"]},
        {"owner": "me"},
        {"namespace": "n"},
        {"fields": [{"name": "a", "type": "int", "default": 0}]},
        {"fields": [{"name": "a", "type": {"type": "int", "logicalType": "date"}}]},
        {"fields": [{"name": "a", "type": "int", "doc": "d"}]},
        {"fields": [{"name": "a", "type": "int", "owner": "me"}]},
    ],
)
def test_what_makes_a_different_schema(more: dict[str, Any]) -> None:
    base = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    assert canonical(base) != canonical({**base, **more})
    assert json.loads(canonical({**base, **more})).items() >= more.items()


def test_normalizing_forgets_the_order_of_custom_attributes() -> None:
    one, other = '{"type":"int","a":1,"b":2}', '{"type":"int","b":2,"a":1}'
    assert AvroSchema(one).canonical() != AvroSchema(other).canonical()
    assert AvroSchema(one).canonical(normalize=True) == AvroSchema(other).canonical(normalize=True)


def test_references_are_named_not_copied() -> None:
    inner = AvroSchema('{"type":"record","name":"n.I","fields":[]}')
    outer = AvroSchema('{"type":"record","name":"n.O","fields":[{"name":"i","type":"n.I"}]}', [inner])
    assert json.loads(outer.canonical())["fields"] == [{"name": "i", "type": "I"}]
    with pytest.raises(SchemaSyntaxError, match="neither defined before nor among the references"):
        AvroSchema('{"type":"record","name":"n.O","fields":[{"name":"i","type":"n.I"}]}')

"""Each rule of Avro's schema resolution, with the sentence a user reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tidegate_registry.schemas.avro import AvroSchema
from tidegate_registry.schemas.compatibility import find_incompatibilities
from tidegate_registry.schemas.incompatibility import Sides
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.parsed import ParsedSchema


def record(*fields: dict[str, Any], name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def rules(reader: Any, writer: Any) -> list[str]:
    found = AvroSchema(json.dumps(reader)).find_unreadable(AvroSchema(json.dumps(writer)), Sides.backward(4))
    return [each.rule for each in found]


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("long", "int"),
        ("float", "int"),
        ("double", "long"),
        ("double", "float"),
        ("bytes", "string"),
        ("string", "bytes"),
        (["null", "long"], "int"),
        ("long", ["int", "long"]),
        (["null", "string"], ["null", "string"]),
        (["null", "string", "long"], ["int", "null"]),
        (enum("A", "B", "C"), enum("A")),
        (enum("A", default="A"), enum("A", "B")),
        (record(field("b", "int", aliases=["a"])), record(field("a", "int"))),
        (record(name="New", aliases=["R"]), record()),
        (record(name="a.R"), record(name="b.R")),
        (record(field("x", ["null", "R"], default=None)), record(field("x", ["null", "R"], default=None))),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}),
        ({"type": "map", "values": ["null", "int"]}, {"type": "map", "values": "int"}),
        (decimal(12, 2), decimal(10, 2)),
        ("bytes", decimal(10, 2)),
        ({"type": "long", "logicalType": "timestamp-millis"}, "long"),
        (record(field("a", "int"), field("b", "int", aliases=["a"], default=1)), record(field("a", "int"))),
    ],
)
def test_readable(reader: Any, writer: Any) -> None:
    assert rules(reader, writer) == []


@pytest.mark.parametrize(
    ("reader", "writer", "rule"),
    [
        ("int", "long", "TYPE_MISMATCH"),
        ("string", "int", "TYPE_MISMATCH"),
        ("int", {"type": "array", "items": "int"}, "TYPE_MISMATCH"),
        ("string", ["null", "string"], "MISSING_UNION_BRANCH"),
        (["null", "string"], "int", "MISSING_UNION_BRANCH"),
        (enum("A"), enum("A", "B"), "MISSING_ENUM_SYMBOLS"),
        (record(field("a", "int")), record(), "READER_FIELD_MISSING_DEFAULT_VALUE"),
        (record(name="New"), record(), "NAME_MISMATCH"),
        (
            {"type": "fixed", "name": "F", "size": 4},
            {"type": "fixed", "name": "F", "size": 8},
            "FIXED_SIZE_MISMATCH",
        ),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "string"}, "TYPE_MISMATCH"),
        (decimal(10, 3), decimal(10, 2), "DECIMAL_MISMATCH"),
        (decimal(8, 2), decimal(10, 2), "DECIMAL_MISMATCH"),
        (
            record(field("x", record(field("y", "int"), field("z", ["null", "R"]), name="I"))),
            record(field("x", record(field("y", "string"), field("z", ["null", "R"]), name="I"))),
            "TYPE_MISMATCH",
        ),
    ],
)
def test_unreadable(reader: Any, writer: Any, rule: str) -> None:
    assert rules(reader, writer) == [rule]


def messages(level: CompatibilityLevel, new: Any, *old: Any) -> list[str]:
    versions: dict[int, ParsedSchema] = {
        number: AvroSchema(json.dumps(schema)) for number, schema in enumerate(old, start=1)
    }
    found = find_incompatibilities(level, AvroSchema(json.dumps(new)), list(versions), versions.__getitem__)
    return [str(each) for each in found]


def test_a_missing_default_is_told_with_path_version_and_remedy() -> None:
    old = record(field("id", "int"))
    new = record(field("id", "int"), field("user_id", "int"))
    assert messages(CompatibilityLevel.BACKWARD, new, old) == [
        'field "user_id" (path /fields/1) is in the new schema without a default and absent from version 1; add a'
        " default, or register under another subject. [READER_FIELD_MISSING_DEFAULT_VALUE]"
    ]


def test_a_rename_is_recognised() -> None:
    old, new = record(field("userId", "int")), record(field("user_id", "int"))
    (backward,) = messages(CompatibilityLevel.BACKWARD, new, old)
    assert 'if it is "userId" under another name, add "userId" to its aliases; otherwise add a default' in backward
    (forward,) = messages(CompatibilityLevel.FORWARD, new, old)
    assert 'field "userId" (path /fields/0 of version 1) is absent from the new schema' in forward
    assert len(messages(CompatibilityLevel.FULL, new, old)) == 2


def test_nested_paths() -> None:
    old = record(field("a", {"type": "array", "items": record(field("b", "int"), name="I")}))
    new = record(field("a", {"type": "array", "items": record(field("b", "string"), name="I")}))
    (message,) = messages(CompatibilityLevel.BACKWARD, new, old)
    assert message.startswith(
        'field "b" (path /fields/0/type/items/fields/0/type) is string in the new schema and int in version 1'
    )


def test_transitive_levels_look_at_every_version() -> None:
    first, second = record(field("a", "string")), record(field("a", ["null", "string"], default=None))
    third = record(field("a", "null", default=None))
    assert messages(CompatibilityLevel.BACKWARD, record(field("b", "int", default=1)), first, second) == []
    dropped, returned = record(), record(field("a", "int", default=0))
    assert messages(CompatibilityLevel.BACKWARD, returned, first, dropped) == []
    (message,) = messages(CompatibilityLevel.BACKWARD_TRANSITIVE, returned, first, dropped)
    assert "version 1" in message
    assert messages(CompatibilityLevel.FORWARD, third, first)
    assert messages(CompatibilityLevel.NONE, "int", first) == []

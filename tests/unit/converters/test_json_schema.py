"""The JSON Schema converter against a registry in memory."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.converters.memory_registry import MemoryRegistry
from tests.unit.records.arrow_columns import SCALARS, Kind, columns, nested
from tidegate.converters.base import Decoded
from tidegate.converters.json_schema import JsonSchemaConverter
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.field_default import default_of, with_default
from tidegate.records.wire_format import frame, unframe
from tidegate.registry_client import Schema, SchemaReference
from tidegate.transforms.side import is_schemaless

UTC = datetime.UTC


def converter(registry: MemoryRegistry, **config: str) -> JsonSchemaConverter:
    made = JsonSchemaConverter()
    own = {key.replace("_", "."): value for key, value in config.items()}
    made.configure(own, is_key=False, registry=registry.client)
    return made


def read(registry: MemoryRegistry, schema: Any, *values: Any, references: Any = (), **config: str) -> Decoded:
    number = registry.register("s", Schema("JSON", orjson.dumps(schema).decode(), references))
    messages = [None if one is None else frame(number, orjson.dumps(one)) for one in values]
    return converter(registry, **config).decode("t", pa.array(messages, pa.binary()))


def test_the_schema_is_confluents() -> None:
    registry = MemoryRegistry()
    kind = pa.struct(
        [
            pa.field("id", pa.int32(), nullable=False),
            pa.field("price", pa.decimal128(7, 2)),
            pa.field("day", pa.date32()),
            pa.field("tags", pa.list_(pa.string())),
        ]
    )
    row = {"id": 1, "price": decimal.Decimal("-12.34"), "day": datetime.date(1970, 1, 3), "tags": ["a", None]}
    field = pa.field("value", kind, metadata={SCHEMA_NAME: b"shop.Order"})
    encoded = converter(registry).encode("t", pa.array([row, None], kind), field)
    assert orjson.loads(registry.subjects["t-value"][0].schema.text) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "shop.Order",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer", "connect.type": "int32", "connect.index": 0},
            "price": {
                "oneOf": [
                    {"type": "null"},
                    {
                        "type": "string",
                        "connect.type": "bytes",
                        "title": "org.apache.kafka.connect.data.Decimal",
                        "connect.version": 1,
                        "connect.parameters": {"scale": "2", "connect.decimal.precision": "7"},
                    },
                ],
                "connect.index": 1,
            },
            "day": {
                "oneOf": [
                    {"type": "null"},
                    {
                        "type": "integer",
                        "connect.type": "int32",
                        "title": "org.apache.kafka.connect.data.Date",
                        "connect.version": 1,
                    },
                ],
                "connect.index": 2,
            },
            "tags": {
                "oneOf": [
                    {"type": "null"},
                    {"type": "array", "items": {"oneOf": [{"type": "null"}, {"type": "string"}]}},
                ],
                "connect.index": 3,
            },
        },
    }
    assert orjson.loads(unframe(encoded.data[0].as_py())[1]) == {
        "id": 1,
        "price": "+y4=",
        "day": 2,
        "tags": ["a", None],
    }
    (run,) = converter(registry).decode("t", encoded.data).runs
    assert run.values.to_pylist() == [row, None]
    assert run.field.type == kind


def _restorable(kind: Kind) -> bool:
    types = pa.types
    return not (types.is_interval(kind.type) or types.is_duration(kind.type) or types.is_fixed_size_binary(kind.type))


@settings(max_examples=150)
@given(columns(st.recursive(SCALARS.filter(_restorable), nested, max_leaves=5)))
def test_round_trip(generated: tuple[pa.Field, pa.Array]) -> None:
    field, column = generated
    registry = MemoryRegistry()
    encoded = converter(registry).encode("t", column, field)
    assert not encoded.faults
    decoded = converter(registry).decode("t", encoded.data)
    # JSON has no infinite numbers: they are written as null, which a required field refuses.
    if decoded.faults:
        assert "null or missing" in decoded.faults[0].message
    elif column.null_count < len(column):
        (run,) = decoded.runs
        assert run.field.type == field.type


PERSON = {
    "$defs": {"name": {"type": "string"}},
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"$ref": "#/$defs/name"},
        "age": {"type": ["integer", "null"]},
        "kind": {"enum": ["a", "b"]},
        "ratio": {"type": "number"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "address": {"$ref": "address.json"},
    },
}


def test_schemas_of_others_are_read_with_their_references() -> None:
    registry = MemoryRegistry()
    address = {"type": "object", "properties": {"city": {"type": "string"}}}
    registry.register("address", Schema("JSON", orjson.dumps(address).decode()))
    decoded = read(
        registry,
        PERSON,
        {"name": "n", "age": 3, "kind": "a", "labels": {"x": "y"}, "address": {"city": "c", "more": 1}},
        {"age": 3},
        {"name": "n", "age": "3"},
        None,
        references=(SchemaReference("address.json", "address", 1),),
    )
    (run,) = decoded.runs
    assert run.values.to_pylist() == [
        {"name": "n", "age": 3, "kind": "a", "ratio": None, "labels": [("x", "y")], "address": {"city": "c"}},
        None,
    ]
    assert {fault.row: fault.message for fault in decoded.faults} == {
        1: "Field name is null or missing, but the schema requires a value.",
        2: "Field age is '3', and the schema wants a whole number of 64 bits.",
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object"},
        True,
        {"type": "array"},
        {"$defs": {"t": {"type": "object", "properties": {"t": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"},
    ],
)
def test_schemas_without_one_type_are_read_by_inference(schema: Any) -> None:
    decoded = read(MemoryRegistry(), schema, {"a": 1}, "x")
    assert [run.values.to_pylist() for run in decoded.runs] == [[{"a": 1}], ["x"]]
    assert all(is_schemaless(run.field) for run in decoded.runs)


def test_records_are_checked_where_asked_for() -> None:
    registry = MemoryRegistry()
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}}
    decoded = read(registry, schema, {"n": 5}, {"n": 4}, json_fail_invalid_schema="true")
    assert [fault.message for fault in decoded.faults] == [
        "Field n breaks the schema: 4 is less than the minimum of 5."
    ]
    kind = pa.struct([("n", pa.int64())])
    registry.register("t-value", Schema("JSON", orjson.dumps(schema).decode()))
    strict = converter(
        registry, auto_register_schemas="false", use_latest_version="true", json_fail_invalid_schema="true"
    )
    encoded = strict.encode("t", pa.array([{"n": 4}, {"n": 6}], kind), pa.field("value", kind))
    assert [fault.row for fault in encoded.faults] == [0]


def test_a_schema_that_requires_what_the_records_lack_halts_them() -> None:
    registry = MemoryRegistry()
    registry.register("t-value", Schema("JSON", orjson.dumps(PERSON).decode()))
    latest = converter(registry, auto_register_schemas="false", use_latest_version="true")
    kind = pa.struct([("nick", pa.string())])
    encoded = latest.encode("t", pa.array([{"nick": "n"}], kind), pa.field("value", kind))
    assert encoded.faults[0].message == "Field name is required by the schema, and the records have none."


def test_what_is_not_json_is_a_fault() -> None:
    registry = MemoryRegistry()
    number = registry.register("s", Schema("JSON", '{"type":"integer"}'))
    decoded = converter(registry).decode("t", pa.array([frame(number, b"{"), frame(number, b"1")], pa.binary()))
    assert decoded.runs[0].values.to_pylist() == [1]
    assert "is not JSON" in decoded.faults[0].message


def test_defaults_are_told_and_read_back() -> None:
    registry = MemoryRegistry()
    row = pa.struct(
        [
            with_default(pa.field("n", pa.int32(), nullable=False), pa.array([7], pa.int32())),
            with_default(pa.field("s", pa.string()), pa.array(["x"])),
        ]
    )
    column = pa.array([{"n": 8, "s": None}], row)
    encoded = converter(registry).encode("t", column, pa.field("value", row))
    properties = orjson.loads(registry.subjects["t-value"][0].schema.text)["properties"]
    assert properties["n"]["default"] == 7
    assert properties["s"]["oneOf"][1]["default"] == "x"
    (run,) = converter(registry).decode("t", encoded.data).runs
    assert run.values.to_pylist() == column.to_pylist()
    assert [default_of(child) for child in run.field.type] == [default_of(child) for child in row]

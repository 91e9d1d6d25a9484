"""Arrow types and Avro schemas."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_metadata import FIXED, LOGICAL, SYMBOLS, UNION
from tidegate.records.avro_names import record_name, sanitized
from tidegate.records.avro_schema import AvroSchemaError, parse_schema
from tidegate.records.avro_to_arrow import arrow_field
from tidegate.records.envelope import SCHEMA_NAME


def schema_of(field: pa.Field, name: str = "t.Value") -> Any:
    return json.loads(avro_schema(field, name))


@pytest.mark.parametrize(
    ("schema", "arrow"),
    [
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, pa.decimal128(9, 2)),
        ({"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2}, pa.decimal256(50, 2)),
        ({"type": "fixed", "name": "F", "size": 8, "logicalType": "decimal", "precision": 18}, pa.decimal128(18, 0)),
        ({"type": "int", "logicalType": "date"}, pa.date32()),
        ({"type": "int", "logicalType": "time-millis"}, pa.time32("ms")),
        ({"type": "long", "logicalType": "time-micros"}, pa.time64("us")),
        ({"type": "long", "logicalType": "timestamp-millis"}, pa.timestamp("ms", "UTC")),
        ({"type": "long", "logicalType": "timestamp-micros"}, pa.timestamp("us", "UTC")),
        ({"type": "long", "logicalType": "timestamp-nanos"}, pa.timestamp("ns", "UTC")),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, pa.timestamp("ms")),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, pa.timestamp("us")),
        ({"type": "long", "logicalType": "local-timestamp-nanos"}, pa.timestamp("ns")),
        ({"type": "string", "logicalType": "uuid"}, pa.string()),
        ({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}, pa.binary(16)),
        ({"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, pa.month_day_nano_interval()),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, pa.string()),
        ({"type": "fixed", "name": "F", "size": 3}, pa.binary(3)),
        ({"type": "map", "values": "int"}, pa.map_(pa.string(), pa.field("value", pa.int32(), nullable=False))),
        ({"type": "array", "items": ["null", "int"]}, pa.list_(pa.int32())),
    ],
    ids=str,
)
def test_logical_types_both_ways(schema: Any, arrow: pa.DataType) -> None:
    field = arrow_field(parse_schema(json.dumps(schema)), "x")
    assert field.type == arrow
    assert not field.nullable
    again = schema_of(field)
    again.pop("namespace", None)
    assert again == {**schema, **({"scale": 0} if schema.get("precision") == 18 else {})}


def test_invalid_logical_types_are_ignored_as_the_specification_says() -> None:
    for schema in (
        {"type": "long", "logicalType": "date"},
        {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3},
        {"type": "fixed", "name": "F", "size": 11, "logicalType": "duration"},
        {"type": "string", "logicalType": "whatever"},
    ):
        assert parse_schema(json.dumps(schema)).logical == ""


def test_a_record_with_names_that_avro_does_not_allow() -> None:
    field = pa.field(
        "value", pa.struct([("user id", pa.int64()), ("user_id", pa.int64()), pa.field("2nd", pa.string(), False)])
    )
    assert schema_of(field, "my-topic.Value") == {
        "type": "record",
        "name": "Value",
        "namespace": "my-topic",
        "fields": [
            {"name": "user_id_2", "type": ["null", "long"], "default": None, "tidegate.name": "user id"},
            {"name": "user_id", "type": ["null", "long"], "default": None},
            {"name": "_2nd", "type": "string", "tidegate.name": "2nd"},
        ],
    } | {"namespace": "my_topic"}
    assert arrow_field(parse_schema(avro_schema(field, "T")), "value").type == field.type


def test_names_of_nested_types() -> None:
    point = pa.struct([pa.field("x", pa.int32(), nullable=False)])
    named = {SCHEMA_NAME: b"geo.Point"}
    field = pa.field(
        "value",
        pa.struct(
            [
                pa.field("a", point, nullable=False, metadata=named),
                pa.field("b", point, nullable=False, metadata=named),
                pa.field("c", pa.struct([("y", pa.int32())]), nullable=False, metadata=named),
                pa.field("d", pa.list_(pa.field("item", point, nullable=False)), nullable=False),
            ]
        ),
        metadata={SCHEMA_NAME: b"shop.Order"},
    )
    fields = schema_of(field)["fields"]
    assert (fields[0]["type"]["namespace"], fields[0]["type"]["name"]) == ("geo", "Point")
    assert fields[1]["type"] == "geo.Point"
    assert fields[2]["type"]["name"] == "Point_2"
    assert fields[3]["type"]["items"]["name"] == "Order_d_item"
    parse_schema(avro_schema(field, "t.Value"))


def test_a_nested_record_with_its_parents_name() -> None:
    inner = pa.field("child", pa.struct([("x", pa.int32())]), metadata={SCHEMA_NAME: b"n.R"})
    text = avro_schema(pa.field("value", pa.struct([inner]), metadata={SCHEMA_NAME: b"n.R"}), "t.Value")
    assert arrow_field(parse_schema(text), "value").type == pa.struct([inner])


def test_metadata_brings_back_what_arrow_can_not_say() -> None:
    text = (
        '{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},'
        '{"name":"u","type":{"type":"string","logicalType":"uuid"}},{"name":"o","type":["int","string"]},'
        '{"name":"d","type":{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":5,"scale":1}}]}'
    )
    field = arrow_field(parse_schema(text), "value")
    metadata = [child.metadata for child in field.type]
    assert metadata[0] == {SCHEMA_NAME: b"E", SYMBOLS: b'["A"]'}
    assert metadata[1] == {LOGICAL: b"uuid"}
    assert metadata[2] == {UNION: b"true"}
    assert metadata[3] == {SCHEMA_NAME: b"D", FIXED: b"4"}
    assert json.loads(avro_schema(field, "x")) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ('"Nope"', "uses type Nope"),
        ('{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}', "contains itself"),
        ('{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}', "two fields a"),
        ('{"type":"record","name":"9","fields":[]}', "not a valid name"),
        ('["int","int"]', "different types"),
        ('{"type":"fixed","name":"F","size":-1}', "size -1"),
        ('{"type":"array"}', "lacks its items"),
        ("[" * 200 + "]" * 200, "deeper than"),
        ("5", "is not an Avro type"),
    ],
)
def test_schemas_that_can_not_be_read(text: str, problem: str) -> None:
    with pytest.raises(AvroSchemaError, match=problem):
        parse_schema(text)


def test_types_without_an_avro_form() -> None:
    union = pa.dense_union([pa.field("a", pa.int32())])
    with pytest.raises(AvroSchemaError, match="No Avro type stands for Arrow type dense_union"):
        avro_schema(pa.field("value", pa.struct([("u", union)])), "t.Value")


def test_names() -> None:
    assert [sanitized(name) for name in ("a-b", "1a", "", "ok")] == ["a_b", "_1a", "_", "ok"]
    assert record_name("shop.orders-v2", is_key=True) == "shop.orders_v2.Key"

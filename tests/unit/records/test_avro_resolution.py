"""Data of one schema read as another: by Avro's rules, as fastavro reads it."""

from __future__ import annotations

import decimal
import io
import json
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from tests.unit.records.avro_codecs import CODECS, decode, encode
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_schema import parse_schema
from tidegate.records.avro_to_arrow import arrow_type
from tidegate.records.codec import SchemaMismatchError


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


POINT = record(field("x", "int"), field("y", "int"), name="P")
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}

CASES: list[tuple[str, Any, Any, list[Any]]] = [
    ("int to long", "int", "long", [1, -(2**31)]),
    ("int to float", "int", "float", [1, 2**30]),
    ("int to double", "int", "double", [1]),
    ("long to float", "long", "float", [1, 2**62 + 1]),
    ("long to double", "long", "double", [2**53 + 1]),
    ("float to double", "float", "double", [1.5]),
    ("string to bytes", "string", "bytes", ["ü"]),
    ("bytes to string", "bytes", "string", ["ü".encode()]),
    (
        "fields in another order, one dropped, one with a default",
        record(field("a", "int"), field("b", "string"), field("c", POINT)),
        record(field("b", "string"), field("d", ["null", "int"], default=None), field("a", "long")),
        [{"a": 1, "b": "x", "c": {"x": 1, "y": 2}}],
    ),
    (
        "defaults of every kind",
        record(field("a", "int")),
        record(
            field("s", "string", default="text"),
            field("f", "float", default=1.5),
            field("l", {"type": "array", "items": "int"}, default=[1, 2]),
            field("p", POINT, default={"x": 1, "y": 2}),
            field("e", ENUM, default="B"),
            field("u", ["string", "null"], default="first"),
        ),
        [{"a": 1}, {"a": 2}],
    ),
    (
        "aliases of fields and types",
        record(field("old", "int"), name="Old"),
        record(field("new", "int", aliases=["old"]), name="New", aliases=["Old"]),
        [{"old": 1}],
    ),
    (
        "another namespace",
        record(field("a", "int"), namespace="x"),
        record(field("a", "int"), namespace="y"),
        [{"a": 1}],
    ),
    ("null becomes possible", "int", ["null", "long"], [1]),
    ("null is not written", ["null", "int"], "int", [1]),
    ("union of two to one", record(field("u", ["int", "string"])), record(field("u", "string")), [{"u": "x"}]),
    (
        "union of several to several",
        record(field("u", ["null", "int", "string"])),
        record(field("u", ["string", "double", "null"])),
        [{"u": 5}, {"u": "x"}, {"u": None}],
    ),
    (
        "nested in lists and maps",
        record(
            field("l", {"type": "array", "items": ["null", POINT]}),
            field("m", {"type": "map", "values": "int"}),
        ),
        record(
            field("l", {"type": "array", "items": ["null", record(field("y", "long"), name="P")]}),
            field("m", {"type": "map", "values": ["null", "double"]}),
        ),
        [{"l": [{"x": 1, "y": 2}, None], "m": {"k": 1, "j": 2}}, {"l": [], "m": {}}],
    ),
    (
        "an enum's unknown symbol has a default",
        ENUM,
        {"type": "enum", "name": "E", "symbols": ["A", "C", "X"], "default": "X"},
        ["A", "B", "C"],
    ),
    (
        "fixed",
        {"type": "fixed", "name": "F", "size": 2},
        {"type": "fixed", "name": "G", "size": 2, "aliases": ["F"]},
        [b"ab"],
    ),
    (
        "null of a list's items",
        {"type": "array", "items": "null"},
        {"type": "array", "items": ["null", "int"]},
        [[None]],
    ),
]


def data_of(schema: Any, values: list[Any]) -> list[bytes | None]:
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
    data: list[bytes | None] = []
    for value in values:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, value)
        data.append(out.getvalue())
    return data


def plain(value: Any, schema: Any) -> Any:
    """A value as fastavro gives it: maps as dicts, of a union's struct the branch that there is."""
    if isinstance(schema, list):
        others = [branch for branch in schema if branch != "null"]
        if value is None or len(others) == 1:
            return None if value is None else plain(value, others[0])
        (name, held), *_ = [(name, held) for name, held in value.items() if held is not None]
        return plain(held, next(one for one in others if (one if isinstance(one, str) else one["name"]) == name))
    if isinstance(schema, dict) and value is not None:
        match schema["type"]:
            case "record":
                return {one["name"]: plain(value[one["name"]], one["type"]) for one in schema["fields"]}
            case "array":
                return [plain(item, schema["items"]) for item in value]
            case "map":
                return {key: plain(held, schema["values"]) for key, held in value}
    return value


@pytest.mark.parametrize(("writer", "reader", "values"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_as_fastavro_resolves(writer: Any, reader: Any, values: list[Any]) -> None:
    data = data_of(writer, values)
    expected = [
        fastavro.schemaless_reader(
            io.BytesIO(datum or b""),
            fastavro.parse_schema(json.loads(json.dumps(writer))),
            fastavro.parse_schema(json.loads(json.dumps(reader))),
        )
        for datum in data
    ]
    decoded = decode(json.dumps(writer), [None, *data], json.dumps(reader))
    assert not decoded.faults
    assert decoded.values.type == arrow_type(parse_schema(json.dumps(reader)))
    decoded.values.validate(full=True)
    assert [plain(value, reader) for value in decoded.values.to_pylist()] == [None, *expected]


def test_rows_that_do_not_resolve_are_alone() -> None:
    writer = record(
        field("u", ["null", "int", "string"]), field("l", {"type": "array", "items": ENUM}), field("b", "bytes")
    )
    reader = record(
        field("u", ["long"]),
        field("l", {"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["A", "C"]}}),
        field("b", "string"),
    )
    values = [
        {"u": 1, "l": ["A"], "b": b"x"},
        {"u": "text", "l": [], "b": b""},
        {"u": 2, "l": ["A", "B"], "b": b""},
        {"u": None, "l": [], "b": b""},
        {"u": 3, "l": [], "b": b"\xff"},
        {"u": 4, "l": ["C", "A"], "b": b"y"},
    ]
    data = data_of(writer, values)
    decoded = decode(json.dumps(writer), [data[0], b"junk", None, *data[1:]], json.dumps(reader))
    assert decoded.rows.to_pylist() == [0, 2, 7]
    assert decoded.values.to_pylist() == [
        {"u": 1, "l": ["A"], "b": "x"},
        None,
        {"u": 4, "l": ["C", "A"], "b": "y"},
    ]
    sentences = {fault.row: fault.message for fault in decoded.faults}
    assert sorted(sentences) == [1, 3, 4, 5, 6]
    assert sentences[3].startswith("Field u is of type string, and the reader's schema wants")
    assert sentences[4] == "Field l[] is 'B', which is not a symbol of enum E."
    assert sentences[5].startswith("Field u is of type null")
    assert sentences[6] == "Field b is a string that is not valid UTF-8."


@pytest.mark.parametrize(
    ("writer", "reader", "sentence"),
    [
        ("long", "int", "The record was written as Avro long, which can not be read as Avro int."),
        ("string", ["null", "int"], "can not be read as Avro union"),
        (record(field("a", "int")), record(field("b", "int")), "Field b of the reader's schema is not in the writer's"),
        (record(field("a", "int")), record(field("a", "int"), name="S"), "can not be read as Avro record S"),
        (record(field("a", "int")), record(field("a", "string")), "Field a was written as Avro int"),
        ({"type": "fixed", "name": "F", "size": 2}, {"type": "fixed", "name": "F", "size": 3}, "can not be read"),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 1},
            {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2},
            "can not be read as Avro decimal",
        ),
    ],
)
def test_schemas_of_which_no_datum_resolves(writer: Any, reader: Any, sentence: str) -> None:
    for codec in CODECS.values():
        with pytest.raises(SchemaMismatchError, match=sentence.replace("(", "\\(")):
            codec.decoder(parse_schema(json.dumps(writer)), parse_schema(json.dumps(reader)))


def test_maps_with_other_keys() -> None:
    kind = pa.map_(pa.int64(), pa.int32())
    column = pa.array([[(1, 2)], None, [], [(3, None), (4, 5)]], kind)
    written = avro_schema(pa.field("v", kind), "t.Value")
    wanted = json.loads(written)
    wanted["items"]["fields"][1]["type"] = ["null", "double"]
    data = encode(pa.field("v", kind), column).data.to_pylist()
    decoded = decode(written, data, json.dumps(wanted))
    assert decoded.values.to_pylist() == [[(1, 2.0)], None, [], [(3, None), (4, 5.0)]]


def test_defaults_that_fastavro_reads_differently() -> None:
    decimal_type = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    reader = record(field("b", "bytes", default="\u00ff"), field("d", decimal_type, default="\u0001"))
    (row,) = decode(json.dumps(record()), [b""], json.dumps(reader)).values.to_pylist()
    assert row == {"b": b"\xff", "d": decimal.Decimal("0.01")}


def test_time_of_another_unit_is_read_as_the_number_it_is() -> None:
    writer, reader = {"type": "long"}, {"type": "long", "logicalType": "time-micros"}
    decoded = decode(json.dumps(writer), data_of(writer, [5, -1]), json.dumps(reader))
    assert decoded.values.cast(pa.int64()).to_pylist() == [5]
    assert [fault.row for fault in decoded.faults] == [1]

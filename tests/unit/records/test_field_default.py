"""A field's default: kept by Avro, and what a reader gets of records that are older than the field."""

from __future__ import annotations

import decimal
import io
import json
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tidegate_registry.schemas.avro import AvroSchema

from tests.unit.records.arrow_columns import SCALARS, Kind, nested
from tests.unit.records.avro_codecs import decode, encode
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_metadata import FIXED
from tidegate.records.avro_schema import parse_schema
from tidegate.records.avro_to_arrow import arrow_field
from tidegate.records.field_default import DEFAULT, default_of, with_default

ID = pa.field("id", pa.int32(), nullable=False)
OLD = pa.field("value", pa.struct([ID]))


def column(kind: pa.DataType, default: Any, *, nullable: bool = False) -> pa.Field:
    return with_default(pa.field("c", kind, nullable=nullable), pa.array([default], kind))


def record(*fields: pa.Field) -> pa.Field:
    return pa.field("value", pa.struct([ID, *fields]))


@st.composite
def defaulted(draw: st.DrawFn, kinds: st.SearchStrategy[Kind]) -> tuple[pa.Field, pa.Array]:
    kind = draw(kinds)
    value = pa.array([draw(kind.values)], kind.type)
    return with_default(pa.field("c", kind.type, nullable=draw(st.booleans())), value), value


@given(defaulted(SCALARS | nested(SCALARS)))
def test_a_default_is_kept_or_there_is_none(drawn: tuple[pa.Field, pa.Array]) -> None:
    field, value = drawn
    assert default_of(field) in (None, value)


@given(defaulted(SCALARS | nested(SCALARS)))
def test_avro_keeps_a_default_and_old_records_are_read_with_it(drawn: tuple[pa.Field, pa.Array]) -> None:
    field, value = drawn
    text = avro_schema(record(field), "a.B")
    AvroSchema(text, [])
    again = arrow_field(parse_schema(text), "value")
    assert avro_schema(again, "a.B") == text
    if "default" not in json.loads(text)["fields"][1]:
        return
    old = encode(OLD, pa.array([{"id": 1}], OLD.type), avro_schema(OLD, "a.B"))
    read = decode(avro_schema(OLD, "a.B"), old.data.to_pylist(), text).values
    kept = default_of(again.type.field("c"))
    assert read.field("c").is_null()[0].as_py() if kept is None else read.field("c") == kept
    assert kept is None or kept == value


def test_a_map_of_what_python_can_not_hold_has_no_default() -> None:
    kind = pa.map_(pa.string(), pa.date32())
    beyond = pa.array([2**31 - 1], pa.int32()).view(pa.date32())
    value = pa.MapArray.from_arrays([0, 1], pa.array(["a"]), beyond)
    assert default_of(with_default(pa.field("c", kind), value)) is None


def test_the_form_is_confluents() -> None:
    fields = [
        column(pa.int32(), 0).with_name("required"),
        column(pa.string(), "x", nullable=True).with_name("optional"),
        column(pa.decimal128(5, 2), decimal.Decimal("-1.5")).with_name("price"),
        pa.field("plain", pa.int32()),
    ]
    assert json.loads(avro_schema(record(*fields), "R"))["fields"][1:] == [
        {"name": "required", "type": {"type": "int", "connect.default": 0}, "default": 0},
        {"name": "optional", "type": [{"type": "string", "connect.default": "x"}, "null"], "default": "x"},
        {
            "name": "price",
            "type": {
                "type": "bytes",
                "logicalType": "decimal",
                "precision": 5,
                "scale": 2,
                "connect.default": "\u00ff\u006a",
            },
            "default": "\u00ff\u006a",
        },
        {"name": "plain", "type": ["null", "int"], "default": None},
    ]


def test_a_null_stays_null_beside_a_default() -> None:
    field = record(column(pa.int32(), 7, nullable=True))
    rows = pa.array([{"id": 1, "c": None}, {"id": 2, "c": 7}, {"id": 3, "c": 8}], field.type)
    text = avro_schema(field, "R")
    encoded = encode(field, rows, text).data.to_pylist()
    assert decode(text, encoded).values.to_pylist() == rows.to_pylist()


def test_fastavro_reads_old_records_with_the_default() -> None:
    field = record(column(pa.string(), "x", nullable=True))
    writer, reader = (json.loads(avro_schema(one, "R")) for one in (OLD, field))
    (datum,) = encode(OLD, pa.array([{"id": 1}], OLD.type), json.dumps(writer)).data.to_pylist()
    read = fastavro.schemaless_reader(io.BytesIO(datum), writer, reader)
    assert read == {"id": 1, "c": "x"}


@pytest.mark.parametrize(
    ("member", "default"),
    [
        ({"name": "c", "type": "int", "default": 5}, 5),
        ({"name": "c", "type": {"type": "int", "connect.default": 5}}, 5),
        ({"name": "c", "type": ["int", "null"], "default": 5}, 5),
        ({"name": "c", "type": ["null", {"type": "int", "connect.default": 5}], "default": None}, 5),
        ({"name": "c", "type": ["null", "int"], "default": None}, None),
        ({"name": "c", "type": "int", "default": "five"}, None),
        ({"name": "c", "type": ["int", "string"], "default": 5}, None),
        ({"name": "c", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "B"}, "B"),
    ],
    ids=str,
)
def test_defaults_of_other_writers(member: Any, default: Any) -> None:
    schema = parse_schema(json.dumps({"type": "record", "name": "R", "fields": [member]}))
    found = default_of(arrow_field(schema, "value").type.field("c"))
    assert (None if found is None else found[0].as_py()) == default


def test_a_fixed_decimal_has_all_its_bytes() -> None:
    field = column(pa.decimal128(5, 2), decimal.Decimal("-1.5"))
    field = field.with_metadata({**field.metadata, FIXED: b"4"})
    assert json.loads(avro_schema(record(field), "R"))["fields"][1]["default"] == "\u00ff\u00ff\u00ff\u006a"


def test_items_that_may_be_null_have_no_place_in_a_default() -> None:
    kind = pa.list_(pa.string())
    entries = [json.loads(avro_schema(record(column(kind, one)), "R"))["fields"][1] for one in ([], ["a"])]
    assert [one.get("default") for one in entries] == [[], None]


def test_a_default_of_another_type_is_none() -> None:
    assert default_of(pa.field("c", pa.int32(), metadata={DEFAULT: b'"x"'})) is None

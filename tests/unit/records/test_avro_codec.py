"""Avro data: what is written reads back, as fastavro writes and reads it; bad rows are alone with their fault."""

from __future__ import annotations

import datetime
import decimal
import io
import json
import uuid
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.records.arrow_columns import SCALARS, columns, kind_of, nested
from tests.unit.records.avro_codecs import CODECS, decode, encode
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_schema import parse_schema
from tidegate.records.avro_to_arrow import arrow_field, arrow_type
from tidegate.records.codec import AvroCodec, SchemaMismatchError

CODEC = st.sampled_from(list(CODECS.values()))
UTC = datetime.UTC
EPOCH = datetime.datetime.fromtimestamp(0, UTC).replace(tzinfo=None)


@settings(max_examples=400)
@given(columns(), CODEC)
def test_round_trip(generated: tuple[pa.Field, pa.Array], codec: AvroCodec) -> None:
    field, column = generated
    schema = parse_schema(avro_schema(field, "test.Value"))
    encoded = codec.encoder(schema, field).encode(column, b"head")
    assert not encoded.faults
    assert encoded.data.is_null().equals(column.is_null())
    decoded = codec.decoder(schema).decode(encoded.data, 4)
    assert not decoded.faults
    assert decoded.rows.to_pylist() == list(range(len(column)))
    assert decoded.values.type == field.type == arrow_type(schema)
    assert decoded.values.equals(column)


@settings(max_examples=200)
@given(columns())
def test_schema_is_stable_and_comes_back(generated: tuple[pa.Field, pa.Array]) -> None:
    field, _ = generated
    text = avro_schema(field, "test.Value")
    assert text == avro_schema(pa.schema([field]).field(0), "test.Value")
    fastavro.parse_schema(json.loads(text))
    restored = arrow_field(parse_schema(text), "value")
    assert avro_schema(restored, "test.Value") == text


PLAIN = st.one_of(
    kind_of(pa.bool_(), st.booleans()),
    kind_of(pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    kind_of(pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    kind_of(pa.float64(), st.floats(allow_nan=False)),
    kind_of(pa.string(), st.text(max_size=12)),
    kind_of(pa.binary(), st.binary(max_size=12)),
    kind_of(pa.date32(), st.dates()),
    kind_of(pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    kind_of(pa.timestamp("us"), st.datetimes()),
    kind_of(pa.time64("us"), st.times()),
)


@settings(max_examples=200)
@given(columns(st.recursive(PLAIN, nested, max_leaves=6)))
def test_bytes_are_those_of_fastavro(generated: tuple[pa.Field, pa.Array]) -> None:
    field, column = generated
    text = avro_schema(field, "test.Value")
    parsed = fastavro.parse_schema(json.loads(text))
    for value, data in zip(column.to_pylist(), encode(field, column).data.to_pylist(), strict=True):
        if value is None:
            assert data is None
            continue
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, as_fastavro(json.loads(text), value), strict=True)
        assert data == out.getvalue()


def as_fastavro(schema: Any, value: Any) -> Any:
    """Maps as dicts, entries of other maps as dicts, original names as Avro names."""
    if isinstance(schema, list):
        return None if value is None else as_fastavro(schema[-1], value)
    if isinstance(schema, str) or value is None:
        return value
    if schema["type"] == "map":
        return {key: as_fastavro(schema["values"], held) for key, held in value}
    if schema["type"] == "array":
        return [as_fastavro(schema["items"], item) for item in value]
    if schema["type"] == "record":
        if isinstance(value, tuple):
            value = dict(zip(("key", "value"), value, strict=True))
        return {
            field["name"]: as_fastavro(field["type"], value[field.get("tidegate.name", field["name"])])
            for field in schema["fields"]
        }
    return value


@settings(max_examples=300)
@given(columns(), st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=40)), max_size=5))
def test_garbage_is_isolated(generated: tuple[pa.Field, pa.Array], garbage: list[tuple[int, bytes]]) -> None:
    field, column = generated
    data = encode(field, column).data.to_pylist()
    good = list(enumerate(data))
    for place, junk in garbage:
        position = min(place, len(data))
        data.insert(position, junk)
        good = [(row + (row >= position), value) for row, value in good]
    decoded = decode(avro_schema(field, "test.Value"), data)
    faulty = [fault.row for fault in decoded.faults]
    assert sorted([*faulty, *decoded.rows.to_pylist()]) == list(range(len(data)))
    assert not set(faulty) & {row for row, _ in good}
    index = {row: at for at, row in enumerate(decoded.rows.to_pylist())}
    kept = decoded.values.take(pa.array([index[row] for row, _ in good], pa.int64()))
    assert kept.equals(column)


@settings(max_examples=100)
@given(columns(SCALARS), st.data())
def test_cut_off_data_is_a_fault_with_a_sentence(generated: tuple[pa.Field, pa.Array], choice: st.DataObject) -> None:
    field, column = generated
    whole = [value for value in encode(field, column).data.to_pylist() if value]
    cut = [value[: choice.draw(st.integers(0, len(value) - 1))] for value in whole]
    decoded = decode(avro_schema(field, "test.Value"), list(cut))
    assert [fault.row for fault in decoded.faults] == list(range(len(cut)))
    assert all(fault.message.endswith(".") for fault in decoded.faults)


def test_data_that_goes_on_after_its_record_is_a_fault() -> None:
    decoded = decode('"int"', [b"\x02", b"\x02\x02", b"\x04"])
    assert decoded.values.to_pylist() == [1, 2]
    assert decoded.rows.to_pylist() == [0, 2]
    assert decoded.faults[0].message == "The record is followed by 1 bytes that its schema does not explain."


def test_null_in_a_required_field_names_the_field() -> None:
    address = pa.struct([pa.field("zip", pa.string(), nullable=False)])
    field = pa.field("value", pa.struct([pa.field("id", pa.int64()), pa.field("address", address)]))
    rows = [{"id": 1, "address": {"zip": "1"}}, {"id": 2, "address": {"zip": None}}, {"id": 3, "address": None}, None]
    encoded = encode(field, pa.array(rows, field.type))
    assert [fault.row for fault in encoded.faults] == [1]
    assert encoded.faults[0].message == "Field address.zip is null, but the schema requires a value."
    assert encoded.data.is_null().to_pylist() == [False, True, False, True]


def test_null_list_item_where_items_are_required() -> None:
    field = pa.field("value", pa.struct([("tags", pa.list_(pa.field("item", pa.string(), nullable=False)))]))
    encoded = encode(field, pa.array([{"tags": ["a"]}, {"tags": ["a", None]}, {"tags": None}], field.type))
    assert [(fault.row, fault.message) for fault in encoded.faults] == [
        (1, "Field tags[] is null, but the schema requires a value.")
    ]


@pytest.mark.parametrize(
    ("column", "schema", "bad", "sentence"),
    [
        (pa.array([1, 2**63], pa.uint64()), '"long"', 1, "which does not fit Avro long"),
        (pa.array([1, 2**40], pa.int64()), '"int"', 1, "which does not fit Avro int"),
        (pa.array([1000, 1001], pa.time64("ns")), None, 1, "which does not fit Avro time-micros"),
        (pa.array([0, 2**62], pa.timestamp("s")), None, 1, "which does not fit Avro local-timestamp-millis"),
        (pa.array([5, 86_400_000], pa.time32("ms")), None, 1, "no time-millis within a day"),
        (pa.array([(1, 2, 3_000_000), (1, 2, 3)], pa.month_day_nano_interval()), None, 1, "whole milliseconds"),
        (pa.array([(1, 2, 0), (-1, 2, 0)], pa.month_day_nano_interval()), None, 1, "no part below 0"),
        (pa.array(["a", "z"]), '{"type":"enum","name":"e","symbols":["a"]}', 1, "'z', which is not a symbol of enum e"),
        (
            pa.array([str(uuid.UUID(int=1)), "x"]),
            '{"type":"string","logicalType":"uuid"}',
            1,
            "which is not a UUID",
        ),
        (
            pa.array([decimal.Decimal("1.5"), decimal.Decimal("99.5")], pa.decimal128(5, 1)),
            '{"type":"bytes","logicalType":"decimal","precision":2,"scale":1}',
            1,
            "which does not fit Avro decimal(2, 1)",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_alone(column: pa.Array, schema: str | None, bad: int, sentence: str) -> None:
    encoded = encode(pa.field("value", column.type), column, schema)
    assert [fault.row for fault in encoded.faults] == [bad]
    assert sentence in encoded.faults[0].message
    assert encoded.data[1 - bad].is_valid


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array([255], pa.uint8()), [255]),
        (pa.array([2**32 - 1], pa.uint32()), [2**32 - 1]),
        (pa.array([1.5], pa.float16()), [1.5]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.array(["x", None], pa.string_view()), ["x", None]),
        (pa.array([b"x"], pa.large_binary()), [b"x"]),
        (pa.array(["x", None, "x"]).dictionary_encode(), ["x", None, "x"]),
        (pa.array([[1], None, []], pa.large_list(pa.int64())), [[1], None, []]),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), [[1, 2], None, [3, 4]]),
        (pa.array([[1], None, [2, 3]], pa.list_view(pa.int64())), [[1], None, [2, 3]]),
        (pa.array([datetime.date(2013, 1, 1)], pa.date64()), [datetime.date(2013, 1, 1)]),
        (pa.array([1, None], pa.timestamp("s")), [EPOCH + datetime.timedelta(seconds=1), None]),
        (
            pa.array([1], pa.timestamp("ms", "Europe/Berlin")),
            [datetime.datetime(1970, 1, 1, microsecond=1000, tzinfo=UTC)],
        ),
        (pa.array([1], pa.time32("s")), [datetime.time(0, 0, 1)]),
        (pa.array([uuid.UUID(int=7).bytes, None], pa.uuid()), [str(uuid.UUID(int=7)), None]),
        (pa.array([decimal.Decimal("1200")], pa.decimal128(3, -2)), [decimal.Decimal(1200)]),
        (
            pa.array([decimal.Decimal("0.001")], pa.decimal128(3, 3)).cast(pa.decimal128(2, 3)),
            [decimal.Decimal("0.001")],
        ),
        (pa.nulls(2), [None, None]),
    ],
    ids=str,
)
def test_other_arrow_types_widen(column: pa.Array, expected: list[Any]) -> None:
    struct = pa.StructArray.from_arrays([column], names=["x"])
    field = pa.field("value", struct.type)
    text = avro_schema(field, "test.Value")
    fastavro.parse_schema(json.loads(text))
    decoded = decode(text, encode(field, struct).data.to_pylist())
    assert not decoded.faults
    assert decoded.values.field(0).to_pylist() == expected


def test_general_unions_are_structs_of_branches() -> None:
    text = (
        '{"type":"record","name":"R","fields":[{"name":"u","type":["null","int","string",'
        '{"type":"record","name":"P","namespace":"n","fields":[{"name":"x","type":"long"}]}]}]}'
    )
    rows = [{"u": None}, {"u": 5}, {"u": "five"}, {"u": ("n.P", {"x": 7})}]
    parsed = fastavro.parse_schema(json.loads(text))
    data: list[bytes | None] = []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, row)
        data.append(out.getvalue())
    decoded = decode(text, data)
    assert decoded.values.to_pylist() == [
        {"u": None},
        {"u": {"int": 5, "string": None, "P": None}},
        {"u": {"int": None, "string": "five", "P": None}},
        {"u": {"int": None, "string": None, "P": {"x": 7}}},
    ]
    field = arrow_field(parse_schema(text), "value")
    assert encode(field, decoded.values, text).data.to_pylist() == data
    assert encode(field, decoded.values).data.to_pylist() == data


def test_blocks_with_sizes_and_several_blocks_are_read() -> None:
    assert decode('{"type":"array","items":"int"}', [b"\x03\x04\x02\x04\x02\x06\x00"]).values.to_pylist() == [[1, 2, 3]]


def test_an_absurd_count_is_refused_at_once() -> None:
    data: list[bytes | None] = [b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x00"]
    for items in ('"null"', '"int"', '{"type":"record","name":"E","fields":[]}'):
        decoded = decode(f'{{"type":"array","items":{items}}}', data)
        assert [fault.row for fault in decoded.faults] == [0]


def test_a_registered_schema_takes_columns_by_name() -> None:
    schema = (
        '{"type":"record","name":"R","fields":[{"name":"b","type":"long"},{"name":"a","type":["null","string"]},'
        '{"name":"c","type":["string","null"],"default":"none"},{"name":"d","type":{"type":"bytes",'
        '"logicalType":"decimal","precision":4,"scale":2},"default":"\\u0001"}]}'
    )
    column = pa.array([{"a": "x", "b": 1}, {"a": None, "b": 2}], pa.struct([("a", pa.string()), ("b", pa.int32())]))
    encoded = encode(pa.field("value", column.type), column, schema)
    assert decode(schema, encoded.data.to_pylist()).values.to_pylist() == [
        {"b": 1, "a": "x", "c": "none", "d": decimal.Decimal("0.01")},
        {"b": 2, "a": None, "c": "none", "d": decimal.Decimal("0.01")},
    ]


@pytest.mark.parametrize(
    ("kind", "schema", "sentence"),
    [
        (pa.struct([("a", pa.string())]), '[{"name":"a","type":"long"}]', "Field a is of type string"),
        (pa.struct([("a", pa.string())]), "[]", "Field a of the record is not in schema R"),
        (pa.struct([]), '[{"name":"a","type":"long"}]', "Field a is in the schema without a default"),
        (pa.struct([("a", pa.float64())]), '[{"name":"a","type":"float"}]', "can not be written as Avro float"),
    ],
)
def test_a_column_that_can_not_be_written_with_a_schema(kind: pa.DataType, schema: str, sentence: str) -> None:
    parsed = parse_schema(f'{{"type":"record","name":"R","fields":{schema}}}')
    for codec in CODECS.values():
        with pytest.raises(SchemaMismatchError, match=sentence):
            codec.encoder(parsed, pa.field("value", kind))


def test_smallest_decimals_are_as_short_as_javas() -> None:
    column = pa.array([decimal.Decimal(number) for number in (0, 127, 128, -128, -129)], pa.decimal128(5, 0))
    data = encode(pa.field("value", column.type), column).data
    assert data.to_pylist() == [b"\x02\x00", b"\x02\x7f", b"\x04\x00\x80", b"\x02\x80", b"\x04\xff\x7f"]


def test_a_name_with_a_zero_in_it() -> None:
    field = pa.field("value", pa.struct([pa.field("a\0b", pa.int64()), pa.field("a", pa.int64())]))
    column = pa.array([{"a\0b": 1, "a": 2}], field.type)
    assert decode(avro_schema(field, "t.Value"), encode(field, column).data.to_pylist()).values.equals(column)

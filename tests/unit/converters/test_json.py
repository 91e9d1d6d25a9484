"""The JSON converter, with and without schemas."""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.records.arrow_columns import SCALARS, Kind, columns, kind_of, nested
from tidegate.converters.base import Decoded
from tidegate.converters.json import JsonConverter
from tidegate.errors import ConfigError
from tidegate.records.field_default import default_of, with_default

UTC = datetime.UTC


def messages_of(messages: Iterable[bytes | None]) -> pa.Array:
    return pa.array(messages, pa.binary())


def converter(*, is_key: bool = False, **config: str) -> JsonConverter:
    made = JsonConverter()
    made.configure({key.replace("_", "."): value for key, value in config.items()}, is_key=is_key, registry=None)
    return made


def plain() -> JsonConverter:
    return converter(schemas_enable="false")


def runs_of(decoded: Decoded) -> list[tuple[list[int], list[Any]]]:
    return [(run.rows.to_pylist(), run.values.to_pylist()) for run in decoded.runs]


def _restorable(kind: Kind) -> bool:
    return not (
        pa.types.is_interval(kind.type) or pa.types.is_duration(kind.type) or pa.types.is_fixed_size_binary(kind.type)
    )


RESTORABLE = st.recursive(SCALARS.filter(_restorable), nested, max_leaves=5)


@settings(max_examples=200)
@given(columns(RESTORABLE))
def test_round_trip_with_schemas(generated: tuple[pa.Field, pa.Array]) -> None:
    field, column = generated
    if _has_infinity(column):
        return
    json = converter()
    encoded = json.encode("t", column, field)
    assert not encoded.faults
    decoded = json.decode("t", encoded.data)
    assert not decoded.faults
    assert sum(len(run.values) for run in decoded.runs) == len(column)
    for run in decoded.runs:
        if column.null_count < len(column):
            assert run.values.equals(column.cast(run.values.type))
            assert run.field.type == field.type


def _has_infinity(column: pa.Array) -> bool:
    kind = column.type
    if pa.types.is_struct(kind):
        return any(_has_infinity(column.field(index)) for index in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _has_infinity(column.keys) or _has_infinity(column.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _has_infinity(column.values)
    return bool(pa.types.is_floating(kind) and pc.any(pc.is_inf(column)).as_py())


def test_the_envelope_is_connects() -> None:
    struct = pa.struct(
        [
            pa.field("id", pa.int32(), nullable=False),
            pa.field("price", pa.decimal128(7, 2)),
            pa.field("day", pa.date32()),
            pa.field("at", pa.timestamp("ms", "UTC")),
            pa.field("tags", pa.map_(pa.string(), pa.int64())),
        ]
    )
    row = {
        "id": 1,
        "price": decimal.Decimal("-12.34"),
        "day": datetime.date(1970, 1, 3),
        "at": datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "tags": [("a", 5)],
    }
    (message,) = converter().encode("t", pa.array([row], struct), pa.field("value", struct)).data.to_pylist()
    assert message is not None
    assert orjson.loads(message) == {
        "schema": {
            "type": "struct",
            "optional": False,
            "fields": [
                {"field": "id", "type": "int32", "optional": False},
                {
                    "field": "price",
                    "type": "bytes",
                    "name": "org.apache.kafka.connect.data.Decimal",
                    "version": 1,
                    "parameters": {"scale": "2", "connect.decimal.precision": "7"},
                    "optional": True,
                },
                {
                    "field": "day",
                    "type": "int32",
                    "name": "org.apache.kafka.connect.data.Date",
                    "version": 1,
                    "optional": True,
                },
                {
                    "field": "at",
                    "type": "int64",
                    "name": "org.apache.kafka.connect.data.Timestamp",
                    "version": 1,
                    "optional": True,
                },
                {
                    "field": "tags",
                    "type": "map",
                    "keys": {"type": "string", "optional": False},
                    "values": {"type": "int64", "optional": True},
                    "optional": True,
                },
            ],
        },
        "payload": {
            "id": 1,
            "price": base64.b64encode((-1234).to_bytes(2, "big", signed=True)).decode(),
            "day": 2,
            "at": 1000,
            "tags": {"a": 5},
        },
    }


def test_numeric_decimals_keep_their_digits() -> None:
    column = pa.array([decimal.Decimal("12345678901234567890.12")], pa.decimal128(30, 2))
    encoded = converter(schemas_enable="false", decimal_format="NUMERIC").encode(
        "t", column, pa.field("v", column.type)
    )
    assert encoded.data.to_pylist() == [b"12345678901234567890.12"]


def test_faults_of_payloads_name_field_and_rule() -> None:
    schema = {
        "type": "struct",
        "fields": [
            {"field": "id", "type": "int32"},
            {"field": "name", "type": "string", "optional": True},
            {"field": "level", "type": "int8", "default": 3, "optional": True},
        ],
    }
    payloads: list[Any] = [
        {"id": 1, "name": "a"},
        {"id": "one"},
        {"id": None},
        {"id": 2**31},
        None,
        {"id": 2, "name": 5},
        {"id": 3, "level": None},
    ]
    decoded = converter().decode(
        "t", messages_of(orjson.dumps({"schema": schema, "payload": payload}) for payload in payloads)
    )
    assert runs_of(decoded) == [
        ([0, 4, 6], [{"id": 1, "name": "a", "level": 3}, None, {"id": 3, "name": None, "level": None}])
    ]
    assert [(fault.row, fault.message) for fault in decoded.faults] == [
        (1, "Field id is 'one', and the schema wants a whole number of 32 bits."),
        (2, "Field id is null or missing, but the schema requires a value."),
        (3, "Field id is 2147483648, and the schema wants a whole number of 32 bits."),
        (5, "Field name is 5, and the schema wants a string."),
    ]


def test_plain_json_with_schemas_enabled_says_what_to_set() -> None:
    decoded = converter().decode("t", messages_of([b'{"a":1}', b"{", b'{"schema":{"type":"odd"},"payload":1}']))
    assert "schemas.enable=false" in decoded.faults[0].message
    assert "is not JSON" in decoded.faults[1].message
    assert "type 'odd'" in decoded.faults[2].message


def test_values_that_share_a_shape_share_a_run() -> None:
    decoded = plain().decode("t", messages_of([b'{"a":1,"b":null}', None, b'{"a":2.5,"b":"x"}', b'{"b":"y","a":null}']))
    assert runs_of(decoded) == [
        ([0, 1, 2, 3], [{"a": 1.0, "b": None}, None, {"a": 2.5, "b": "x"}, {"a": None, "b": "y"}])
    ]


def test_a_renamed_field_begins_a_new_run_and_an_added_one_does_not() -> None:
    messages = [
        b'{"userId":1}',
        b'{"userId":2,"n":1}',
        b"not json",
        b'{"user_id":3,"n":1}',
        b'{"user_id":4}',
        b'"text"',
    ]
    decoded = plain().decode("t", messages_of(messages))
    assert runs_of(decoded) == [
        ([0, 1], [{"userId": 1, "n": None}, {"userId": 2, "n": 1}]),
        ([3, 4], [{"user_id": 3, "n": 1}, {"user_id": 4, "n": None}]),
        ([5], ["text"]),
    ]
    assert [fault.row for fault in decoded.faults] == [2]


def test_nested_values_and_misfits() -> None:
    messages = [b'{"a":[1,2],"b":{"c":1}}', b'{"a":[1,"x"],"b":null}', b'{"a":[],"b":{"c":2.5}}']
    decoded = plain().decode("t", messages_of(messages))
    assert [fault.row for fault in decoded.faults] == [1]
    assert [row for rows, _ in runs_of(decoded) for row in rows] == [0, 2]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.lists(JSON.map(orjson.dumps) | st.binary(max_size=10) | st.none(), max_size=8))
def test_any_messages_become_runs_or_faults(messages: list[bytes | None]) -> None:
    for json in (plain(), converter()):
        decoded = json.decode("t", messages_of(messages))
        rows = [row for run in decoded.runs for row in run.rows.to_pylist()]
        assert rows == sorted(rows)
        assert sorted([*rows, *(fault.row for fault in decoded.faults)]) == list(range(len(messages)))
        assert all(len(run.rows) == len(run.values) and run.field.type == run.values.type for run in decoded.runs)


@settings(max_examples=100)
@given(
    columns(
        st.one_of(
            kind_of(pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            kind_of(pa.string(), st.text()),
            kind_of(pa.bool_(), st.booleans()),
        )
    )
)
def test_round_trip_without_schemas(generated: tuple[pa.Field, pa.Array]) -> None:
    field, column = generated
    decoded = plain().decode("t", plain().encode("t", column, field).data)
    assert not decoded.faults
    assert [value for run in decoded.runs for value in run.values.to_pylist()] == column.to_pylist()


@pytest.mark.parametrize("kind", [pa.uint64(), pa.float16()])
def test_widened_types(kind: pa.DataType) -> None:
    column = pa.array([1], kind)
    json = converter()
    (run,) = json.decode("t", json.encode("t", column, pa.field("value", kind)).data).runs
    assert run.values.to_pylist() == [1]


def test_nulls_do_not_become_defaults() -> None:
    converter(replace_null_with_default="false")
    with pytest.raises(ConfigError, match=r"replace\.null\.with\.default: would make nulls defaults.*write false"):
        converter(replace_null_with_default="true")


@pytest.mark.parametrize("numeric", ["BASE64", "NUMERIC"])
def test_defaults_are_told_and_read_back(numeric: str) -> None:
    price = pa.decimal128(5, 2)
    row = pa.struct(
        [
            with_default(pa.field("n", pa.int32()), pa.array([7], pa.int32())),
            with_default(pa.field("price", price, nullable=False), pa.array([decimal.Decimal("1.5")], price)),
            pa.field("s", pa.string()),
        ]
    )
    column = pa.array([{"n": None, "price": decimal.Decimal("2.5"), "s": None}], row)
    json_converter = converter(decimal_format=numeric)
    (message,) = json_converter.encode("t", column, pa.field("v", row)).data.to_pylist()
    fields = orjson.loads(message)["schema"]["fields"]
    assert [one.get("default") for one in fields] == [7, 1.5 if numeric == "NUMERIC" else "AJY=", None]
    (run,) = json_converter.decode("t", messages_of([message])).runs
    assert run.values.to_pylist() == column.to_pylist()
    assert [default_of(child) for child in run.field.type] == [default_of(child) for child in row]

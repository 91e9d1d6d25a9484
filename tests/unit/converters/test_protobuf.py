"""The Protobuf converter against a registry in memory."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.converters.memory_registry import MemoryRegistry
from tests.unit.records.protobuf_codecs import CODECS
from tidegate.converters.base import Decoded
from tidegate.converters.protobuf import ProtobufConverter
from tidegate.errors import ConfigError
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.wire_format import frame, unframe
from tidegate.registry_client import Schema, SchemaReference

UTC = datetime.UTC
USER = pa.struct(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("tags", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("home", pa.struct([pa.field("zip_code", pa.int32()), pa.field("lines", pa.list_(pa.string()))])),
        pa.field("price", pa.decimal128(10, 2)),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("day", pa.date32()),
        pa.field("clock", pa.time64("us")),
        pa.field("raw", pa.binary()),
        pa.field("ok", pa.bool_()),
        pa.field("counts", pa.map_(pa.string(), pa.int64())),
    ]
)
FULL: dict[str, Any] = {
    "id": 1,
    "name": "a",
    "tags": ["x", "y"],
    "home": {"zip_code": 7, "lines": ["l"]},
    "price": decimal.Decimal("-12.34"),
    "at": datetime.datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=UTC),
    "day": datetime.date(2020, 2, 29),
    "clock": datetime.time(1, 2, 3, 4),
    "raw": b"\x00\xff",
    "ok": False,
    "counts": [("k", 5)],
}
NOTHING: dict[str, Any] = dict.fromkeys(FULL) | {"id": 0, "tags": [], "counts": []}


@pytest.fixture(scope="module", autouse=True, params=list(CODECS))
def _codec(request: pytest.FixtureRequest) -> Iterator[None]:
    """The converter with every codec of this installation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidegate.converters.protobuf.protobuf_codec", lambda: CODECS[request.param])
        yield


@pytest.fixture(scope="module")
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def converter(registry: MemoryRegistry, *, is_key: bool = False, **config: str) -> ProtobufConverter:
    made = ProtobufConverter()
    own = {key.replace("_", "."): value for key, value in config.items()}
    made.configure(own, is_key=is_key, registry=registry.client)
    return made


def read(registry: MemoryRegistry, data: list[bytes | None]) -> Decoded:
    return converter(registry).decode("t", pa.array(data, pa.binary()))


def registered(registry: MemoryRegistry, subject: str, text: str, *references: SchemaReference) -> int:
    return registry.register(subject, Schema("PROTOBUF", text, references))


def test_round_trip_with_a_tombstone() -> None:
    registry = MemoryRegistry()
    field = pa.field("value", USER, metadata={SCHEMA_NAME: b"shop.User"})
    encoded = converter(registry).encode("users", pa.array([FULL, None, NOTHING], USER), field)
    assert not encoded.faults
    assert set(registry.subjects) == {
        "users-value",
        "confluent/meta.proto",
        "confluent/type/decimal.proto",
        "google/type/date.proto",
        "google/type/timeofday.proto",
    }
    (run,) = read(registry, encoded.data.to_pylist()).runs
    assert run.values.to_pylist() == [FULL, None, NOTHING]
    assert run.field.metadata[SCHEMA_NAME] == b"shop.User"
    assert run.field.type.field("price").type == pa.decimal128(10, 2)


def test_the_schema_text() -> None:
    registry = MemoryRegistry()
    kind = pa.struct(
        [pa.field("a-b", pa.int8()), pa.field("x", pa.struct([pa.field("y", pa.float32(), nullable=False)]))]
    )
    converter(registry).encode("my-topic", pa.array([{"a-b": 1, "x": None}], kind), pa.field("value", kind))
    assert registry.subjects["my-topic-value"][0].schema.text == (
        'syntax = "proto3";\n'
        "package my_topic;\n"
        "\n"
        "message Value {\n"
        "  optional int32 a_b = 1;\n"
        "  X x = 2;\n"
        "\n"
        "  message X {\n"
        "    float y = 1;\n"
        "  }\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array(["a", None]), "StringValue"),
        (pa.array([1, None]), "Int64Value"),
        (pa.array([1, None], pa.int8()), "Int32Value"),
        (pa.array([b"x", None]), "BytesValue"),
        (pa.array([True, None]), "BoolValue"),
        (pa.array([1.5, None], pa.float32()), "FloatValue"),
    ],
)
def test_single_values_are_wrapped(values: pa.Array, text: str) -> None:
    registry = MemoryRegistry()
    encoded = converter(registry, is_key=True).encode("t", values, pa.field("key", values.type))
    assert f"message {text} " in registry.subjects["t-key"][0].schema.text
    (run,) = read(registry, encoded.data.to_pylist()).runs
    assert run.values.to_pylist() == values.to_pylist()


FILE = """
syntax = "proto3";
package geo;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
message Zebra { string name = 1; }
message Ant {
  message Leg { int32 length = 1; }
  enum Color { RED = 0; BLUE = 1; }
  repeated Leg legs = 1;
  Color color = 2;
  google.protobuf.Timestamp at = 3;
  google.protobuf.Int32Value age = 4;
  oneof kind { string worker = 5; Leg soldier = 6; }
  map<int32, Leg> by_id = 7;
  uint64 big = 8;
  google.protobuf.Struct free = 9;
}
"""


def test_message_types_are_told_by_their_indexes_in_the_file() -> None:
    registry = MemoryRegistry()
    number = registered(registry, "s", FILE)
    # Ant with a leg of length 5, a number of its colour without a name, seconds 1, age 3, a soldier, an entry, a big.
    ant = bytes.fromhex("0a02080510071a02080122020803320208093a0608011202080240ffffffffffffffffff01")
    decoded = read(
        registry,
        [
            frame(number, b"\x02\x02" + ant),
            frame(number, b"\x00" + b"\x0a\x01z"),
            None,
            frame(number, b"\x04\x02\x00" + b"\x08\x04"),
            frame(number, b"\x02\x06"),
            frame(number, b"\x00" + b"\x0a\x05z"),
            frame(number, b""),
        ],
    )
    assert [run.rows.to_pylist() for run in decoded.runs] == [[0], [1, 2], [3]]
    assert decoded.runs[0].values.to_pylist() == [
        {
            "legs": [{"length": 5}],
            "color": "7",
            "at": datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
            "age": 3,
            "worker": None,
            "soldier": {"length": 9},
            "by_id": [(1, {"length": 2})],
            "big": 2**64 - 1,
            "free": None,
        }
    ]
    assert decoded.runs[1].values.to_pylist() == [{"name": "z"}, None]
    assert decoded.runs[2].values.to_pylist() == [{"length": 4}]
    problems = {fault.row: fault.message for fault in decoded.faults}
    assert "no message type at the indexes [3]" in problems[4]
    assert "is no message of type geo.Zebra" in problems[5]
    assert "ends within its Protobuf message indexes" in problems[6]


def test_references_and_types_that_contain_themselves() -> None:
    registry = MemoryRegistry()
    registered(registry, "leg", 'syntax = "proto3"; package z; message Leg { int32 length = 1; }')
    text = 'syntax = "proto3"; import "leg.proto"; message Ant { z.Leg leg = 1; }'
    ant = registered(registry, "ant", text, SchemaReference("leg.proto", "leg", 1))
    tree = registered(registry, "tree", 'syntax = "proto3"; message Tree { repeated Tree of = 1; }')
    broken = registered(registry, "broken", "message {")
    decoded = read(registry, [frame(ant, b"\x00\x0a\x02\x08\x05"), frame(tree, b"\x00"), frame(broken, b"\x00")])
    assert decoded.runs[0].values.to_pylist() == [{"leg": {"length": 5}}]
    assert "Tree contains itself" in decoded.faults[0].message
    assert "protoc refuses the schema" in decoded.faults[1].message


def test_what_protobuf_can_not_hold_is_a_fault_of_its_record() -> None:
    registry = MemoryRegistry()
    kind = pa.struct([pa.field("l", pa.list_(pa.int32()))])
    encoded = converter(registry).encode("t", pa.array([{"l": [1]}, {"l": [None]}], kind), pa.field("value", kind))
    assert [(fault.row, fault.message) for fault in encoded.faults] == [
        (1, "Field l holds a null, and lists and maps of Protobuf hold none.")
    ]
    nested = pa.struct([pa.field("l", pa.list_(pa.list_(pa.int32())))])
    refused = converter(registry).encode("t", pa.array([{"l": [[1]]}], nested), pa.field("value", nested))
    assert "list or map within a list or map" in refused.faults[0].message


def test_the_latest_version_is_written_when_asked_for() -> None:
    registry = MemoryRegistry()
    text = 'syntax = "proto3"; message Other {} message Value { string name = 7; enum E { A = 0; B = 1; } E e = 8; }'
    registered(registry, "t-value", text)
    made = converter(registry, auto_register_schemas="false", use_latest_version="true")
    kind = pa.struct([("e", pa.string()), ("name", pa.string())])
    field = pa.field("value", kind, metadata={SCHEMA_NAME: b"Value"})
    encoded = made.encode("t", pa.array([{"name": "n", "e": "B"}, {"name": "n", "e": "C"}], kind), field)
    assert unframe(encoded.data[0].as_py())[1] == b"\x02\x02" + b"\x3a\x01n" + b"\x40\x01"
    assert "the enum Value.E has no such value" in encoded.faults[0].message
    wrong = pa.struct([("nick", pa.string())])
    refused = made.encode("t", pa.array([{"nick": "n"}], wrong), field.with_type(wrong))
    assert refused.faults[0].message == "Field nick is not in the message type Value."


def test_a_registry_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"schema\.registry\.url"):
        ProtobufConverter().configure({}, is_key=False, registry=None)


ROWS = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**63), 2**63 - 1),
        "name": st.none() | st.text(max_size=5),
        "tags": st.lists(st.text(max_size=3), max_size=3),
        "home": st.none()
        | st.fixed_dictionaries(
            {
                "zip_code": st.none() | st.integers(-(2**31), 2**31 - 1),
                "lines": st.lists(st.text(max_size=3), max_size=2),
            }
        ),
        "price": st.none() | st.decimals(-(10**7), 10**7, places=2),
        "at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "day": st.none() | st.dates(),
        "clock": st.none() | st.times(),
        "raw": st.none() | st.binary(max_size=4),
        "ok": st.none() | st.booleans(),
        "counts": st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1), max_size=3).map(
            lambda one: sorted(one.items())
        ),
    }
)


@settings(max_examples=100)
@given(rows=st.lists(st.none() | ROWS, min_size=1, max_size=5))
def test_any_rows_come_back(registry: MemoryRegistry, rows: list[Any]) -> None:
    column = pa.array(rows, USER)
    encoded = converter(registry).encode("any", column, pa.field("value", USER))
    assert not encoded.faults
    (run,) = read(registry, encoded.data.to_pylist()).runs
    if column.null_count < len(column):
        read_back = run.values.to_pylist()
        for row in read_back:
            if row is not None:
                row["counts"] = sorted(row["counts"])
        assert read_back == column.to_pylist()


@settings(max_examples=200)
@given(data=st.binary(max_size=20))
def test_any_bytes_are_a_record_or_a_fault(registry: MemoryRegistry, data: bytes) -> None:
    number = registered(registry, "fuzz", FILE)
    decoded = read(registry, [frame(number, data)])
    assert sum(len(run.rows) for run in decoded.runs) + len(decoded.faults) == 1

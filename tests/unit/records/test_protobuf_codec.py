"""Protobuf messages as columns and back, by every codec of this installation."""

from __future__ import annotations

import datetime
import decimal
import sys
import threading
import time
import uuid
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.records.protobuf_codecs import CODECS, decode, encode, runs
from tests.unit.records.protobuf_schemas import descriptors, messages
from tidegate import native
from tidegate.records.codec import SchemaMismatchError
from tidegate.records.native_plan import NoPlanError
from tidegate.records.protobuf.reading_plan import reading_plan
from tidegate.records.protobuf.schema_file import SchemaFile
from tidegate.records.protobuf.to_arrow import arrow_field
from tidegate.records.protobuf.writing_plan import writing_plan

PROTO3 = SchemaFile("""
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/date.proto";
message Order {
  message Line { string sku = 1; optional int32 count = 2; }
  enum State { NEW = 0; PAID = 1; }
  int64 id = 1;
  repeated Line lines = 2;
  repeated sint32 deltas = 3;
  State state = 4;
  oneof payment { string card = 5; Line voucher = 6; }
  map<string, int64> counts = 7;
  google.protobuf.Timestamp at = 8;
  google.protobuf.Int32Value stars = 9;
  google.type.Date due = 10;
  Line first = 11;
  bytes raw = 12;
}
""").message([0])
EMPTY: dict[str, Any] = {
    "id": 0, "lines": [], "deltas": [], "state": "NEW", "card": None, "voucher": None, "counts": [], "at": None,
    "stars": None, "due": None, "first": None, "raw": b"",
}  # fmt: skip


def row(**values: Any) -> dict[str, Any]:
    return EMPTY | values


def order(*data: str) -> list[Any]:
    """Rows of hexadecimal messages, all of which can be read."""
    decoded = decode(PROTO3, [bytes.fromhex(one) for one in data])
    assert not decoded.faults
    return decoded.values.to_pylist()  # type: ignore[no-any-return]


def test_every_kind_of_field() -> None:
    full = """08 05  12 05 0a 01 61 10 03  12 03 0a 01 62  1a 02 01 03  20 01  32 02 10 01  3a 05 0a 01 78 10 05
    3a 05 0a 01 61 10 02  42 02 08 01  4a 00  52 07 08 e4 0f 10 02 18 1d  62 01 01"""
    assert order(full, "") == [
        row(
            id=5,
            lines=[{"sku": "a", "count": 3}, {"sku": "b", "count": None}],
            deltas=[-1, -2],
            state="PAID",
            voucher={"sku": "", "count": 1},
            counts=[("a", 2), ("x", 5)],
            at=datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC),
            stars=0,
            due=datetime.date(2020, 2, 29),
            raw=b"\x01",
        ),
        row(),
    ]


def test_repeated_numbers_are_read_packed_or_not() -> None:
    assert order("1a020103", "18011803", "1a01011803") == [row(deltas=[-1, -2])] * 3


def test_the_last_of_several_counts_and_messages_are_merged() -> None:
    assert order(
        "08 05  08 06",
        "5a 02 10 07  5a 03 0a 01 61",
        "2a 01 61  32 02 10 02",
        "32 02 10 02  2a 01 61",
        "2a 01 61  2a 01 62",
        "3a 05 0a 01 61 10 02  3a 05 0a 01 61 10 03",
        "42 02 08 01  42 02 08 02",
    ) == [
        row(id=6),
        row(first={"sku": "a", "count": 7}),
        row(voucher={"sku": "", "count": 2}),
        row(card="a"),
        row(card="b"),
        row(counts=[("a", 3)]),
        row(at=datetime.datetime(1970, 1, 1, 0, 0, 2, tzinfo=datetime.UTC)),
    ]


def test_unknown_fields_are_passed_over() -> None:
    unknown = "a0 06 01  a1 06 ff ff ff ff ff ff ff ff  a2 06 01 61  a5 06 ff ff ff ff  08 05"
    assert order(unknown, "a3 06 08 01 a4 06  08 07", "0d ff ff ff ff  08 08") == [row(id=5), row(id=7), row(id=8)]


def test_a_number_of_an_enum_without_a_name_is_a_value() -> None:
    assert order("2007", "20ffffffffffffffffff01") == [row(state="7"), row(state="-1")]


def test_one_bad_message_leaves_the_others_whole() -> None:
    good = bytes.fromhex("08 05  12 03 0a 01 61  3a 05 0a 01 61 10 02")
    bad = {
        "it ends within a message": "08 05  12 0a 0a 01 61",
        "text that is none": "12 03 0a 01 ff",
        "a bad item after a good one": "12 03 0a 01 61  12 03 0a 01 ff",
        "a bad entry after a good one": "3a 05 0a 01 61 10 02  3a 02 0a 05",
        "a number without an end": "08 ff ff ff ff ff ff ff ff ff ff 01",
        "the end of a group that did not begin": "0c",
        "field number 0": "00 01",
        "more seconds than a timestamp has": "42 0a 08 ff ff ff ff ff ff ff ff 7f",
        "a day that is none": "52 06 08 01 10 02 18 1f",
    }
    data: list[bytes | None] = [good, None]
    for each in bad.values():
        data += [bytes.fromhex(each), good]
    decoded = decode(PROTO3, data)
    assert [fault.row for fault in decoded.faults] == list(range(2, len(data), 2))
    assert "is no message of type Order" in decoded.faults[0].message
    assert "Field due has a value that does not fit" in decoded.faults[-1].message
    whole = row(id=5, lines=[{"sku": "a", "count": None}], counts=[("a", 2)])
    assert decoded.values.to_pylist() == [whole, None] + [whole] * len(bad)


PROTO2 = SchemaFile("""
syntax = "proto2";
message Old {
  enum Level { LOW = 1; HIGH = 2; }
  message Inner { optional int32 x = 1 [default = 3]; }
  required int32 id = 1;
  optional string name = 2 [default = "none"];
  optional string text = 3;
  optional Level level = 4;
  repeated Level levels = 5;
  required Inner inner = 6;
  optional double ratio = 7 [default = -inf];
  optional sint64 low = 8 [default = -9];
}
""").message([0])


def test_defaults_presence_and_closed_enums_of_proto2() -> None:
    empty = {"id": 0, "name": "none", "text": None, "level": None, "levels": [], "inner": {"x": 3}}
    empty |= {"ratio": float("-inf"), "low": -9}
    data = ["", "0801120161" "1a00" "2002" "2801" "32020804", "2009" "2801" "2809" "2802"]  # fmt: skip
    decoded = decode(PROTO2, [bytes.fromhex(one) for one in data])
    assert decoded.values.to_pylist() == [
        empty,
        empty | {"id": 1, "name": "a", "text": "", "level": "HIGH", "levels": ["LOW"], "inner": {"x": 4}},
        empty | {"levels": ["LOW", "HIGH"]},
    ]


def test_text_of_proto2_is_looked_at_as_well() -> None:
    decoded = decode(PROTO2, [bytes.fromhex("1a01ff"), b""])
    assert [fault.row for fault in decoded.faults] == [0]
    assert decoded.faults[0].message.startswith("Field text has a value that does not fit")


def test_a_batch_whose_lists_of_messages_are_all_empty() -> None:
    assert order("0801", "0802") == [row(id=1), row(id=2)]


def test_runs_of_message_types() -> None:
    a, b, null = b"\x00", b"\x02\x02", None
    assert runs([null, a + b"x", null, b"", b + b"y", b"\x02\x03", null, a]) == [(0, 4, a), (4, 7, b), (7, 8, a)]
    assert runs([null, b"\x80"]) == [(0, 2, None)]
    assert runs([]) == []


def test_messages_of_another_type_are_faults() -> None:
    decoded = decode(PROTO3, [b"#\x00\x08\x01", b"#\x02\x08\x01", b"#", b""], skip=1, indexes=b"\x00")
    assert decoded.rows.to_pylist() == [0]
    assert [fault.row for fault in decoded.faults] == [1, 2, 3]


def test_writing_every_kind_of_column() -> None:
    descriptor = SchemaFile("""
        syntax = "proto3";
        import "confluent/type/decimal.proto";
        import "google/protobuf/timestamp.proto";
        import "google/type/timeofday.proto";
        import "google/type/date.proto";
        message All {
          string id = 9;
          repeated fixed32 places = 1;
          map<sint32, string> names = 2;
          confluent.type.Decimal price = 3;
          google.protobuf.Timestamp at = 4;
          google.type.TimeOfDay clock = 5;
          google.type.Date day = 6;
          repeated All2 inner = 7;
          optional float ratio = 8;
          string unset = 10;
        }
        message All2 { bytes raw = 1; }
    """).message([0])
    kind = pa.struct(
        [
            pa.field("id", pa.uuid()),
            pa.field("places", pa.large_list(pa.int64())),
            pa.field("names", pa.map_(pa.int64(), pa.dictionary(pa.int8(), pa.string()))),
            pa.field("price", pa.decimal128(10, 2)),
            pa.field("at", pa.timestamp("ns", "UTC")),
            pa.field("clock", pa.time32("ms")),
            pa.field("day", pa.date32()),
            pa.field("inner", pa.list_(pa.struct([pa.field("raw", pa.binary(3))]))),
            pa.field("ratio", pa.float64()),
            pa.field("unset", pa.null()),
        ]
    )
    number = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    full = {
        "id": number.bytes, "places": [1, 2**32 - 1], "names": [(3, "x"), (-1, "y")],
        "price": decimal.Decimal("-1.25"), "at": -1, "clock": datetime.time(1, 2, 3, 4000),
        "day": datetime.date(2020, 2, 29), "inner": [{"raw": b"abc"}, {"raw": None}], "ratio": 0.0,
    }  # fmt: skip
    wrong = {"places": [2**32], "names": [(1, "a"), (1, "b")], "inner": [None]}
    rows = [full, None, {}, *({name: value} for name, value in wrong.items())]
    storage = pa.struct([child.with_type(getattr(child.type, "storage_type", child.type)) for child in kind])
    arrays = [pa.array([None if one is None else one.get(child.name) for one in rows], child.type) for child in storage]
    arrays[0] = pa.ExtensionArray.from_storage(pa.uuid(), arrays[0])
    column = pa.StructArray.from_arrays(arrays, fields=list(kind), mask=pa.array([one is None for one in rows]))
    encoded = encode(descriptor, pa.field("value", kind), column, prefix=b"\x00")
    written = encoded.data.to_pylist()
    assert written[1] is None
    assert written[2] == b"\x00"
    head = """00  0a 08 01 00 00 00 ff ff ff ff  12 05 08 01 12 01 79  12 05 08 06 12 01 78  1a 07 0a 01 83 10 0a 18 02
    22 11 08 ff ff ff ff ff ff ff ff ff 01 10 ff 93 eb dc 03  2a 0b 08 01 10 02 18 03 20 80 92 f4 01
    32 07 08 e4 0f 10 02 18 1d  3a 05 0a 03 61 62 63  3a 00  45 00 00 00 00  4a 24"""
    assert written[0] == bytes.fromhex(head) + str(number).encode()
    assert [fault.row for fault in encoded.faults] == [3, 5]
    assert written[4] == bytes.fromhex("00  12 05 08 02 12 01 62")


@pytest.mark.parametrize(
    ("kind", "value"),
    [(pa.int64(), 2**31), (pa.string(), "GONE")],
)
def test_a_value_out_of_range_is_a_fault_of_its_row(kind: pa.DataType, value: Any) -> None:
    descriptor = SchemaFile('syntax = "proto3"; message M { int32 i = 1; E e = 2; enum E { A = 0; } }').message([0])
    name = "i" if pa.types.is_integer(kind) else "e"
    column = pa.array([{name: value}, {name: None}], pa.struct([(name, kind)]))
    encoded = encode(descriptor, pa.field("v", column.type), column)
    assert [fault.row for fault in encoded.faults] == [0]
    assert encoded.data.to_pylist() == [None, b""]


def test_required_fields_and_members_of_a_oneof() -> None:
    kind = pa.struct([("id", pa.int32()), ("inner", pa.struct([("x", pa.int32())]))])
    column = pa.array([{"id": 1, "inner": {}}, {"id": None, "inner": {}}, {"id": 1, "inner": None}], kind)
    encoded = encode(PROTO2, pa.field("v", kind), column)
    assert [fault.row for fault in encoded.faults] == [1, 2]
    both = pa.struct([("card", pa.string()), ("voucher", pa.struct([("sku", pa.string())]))])
    column = pa.array([{"card": "a"}, {"voucher": {}}, {"card": "a", "voucher": {"sku": "b"}}], both)
    assert encode(PROTO3, pa.field("v", both), column).data.to_pylist() == [
        b"\x2a\x01a",
        b"\x32\x00",
        b"\x32\x03\x0a\x01b",
    ]


@pytest.mark.skipif("native" not in CODECS, reason="the native extension is not built")
def test_the_common_types_have_a_plan() -> None:
    assert reading_plan(PROTO3)[0] == "record"
    assert writing_plan(arrow_field(PROTO3, "v"), PROTO3)[0] == "message"
    for text in (
        "message M { extensions 100 to 199; }",
        "message M { optional group G = 1 { optional int32 x = 1; } }",
    ):
        with pytest.raises(NoPlanError):
            reading_plan(SchemaFile(f'syntax = "proto2"; {text}').message([0]))


@pytest.mark.skipif("native" not in CODECS, reason="the native extension is not built")
def test_other_threads_run_while_messages_are_read_natively() -> None:
    assert native.extension is not None
    decoder = native.extension.ProtobufDecoder(reading_plan(PROTO3), arrow_field(PROTO3, "v").type)
    data = pa.array([bytes.fromhex("08 05")] * 1_000_000, pa.binary())
    seen: list[str] = []

    def read() -> None:
        seen.append("begin")
        decoder.decode(data, 0, b"")
        seen.append("end")

    thread = threading.Thread(target=read)
    before = sys.getswitchinterval()
    # So the interpreter's lock changes hands only where it is given up.
    sys.setswitchinterval(60)
    try:
        thread.start()
        while "end" not in seen:
            seen.append("other")
            time.sleep(0.001)
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert "other" in seen[seen.index("begin") : seen.index("end")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_messages_of_any_type_are_read_the_same_and_written_the_same(data: st.DataObject) -> None:
    descriptor = data.draw(descriptors())
    drawn = data.draw(st.lists(st.none() | messages(descriptor), max_size=6))
    decoded = decode(descriptor, drawn)
    assert len(decoded.rows) + len(decoded.faults) == len(drawn)
    field = arrow_field(descriptor, "v")
    assert decoded.values.type == field.type
    try:
        encode(descriptor, field, decoded.values)
    except SchemaMismatchError:
        # Decimals without digits are text, and other special types have no text.
        return

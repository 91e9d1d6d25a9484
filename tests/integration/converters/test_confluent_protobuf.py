"""Protobuf: what we write, Confluent's deserializer reads, and the other way round, through our registry."""

from __future__ import annotations

import asyncio
import datetime
import decimal
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.confluent.type.decimal_utils import from_proto_decimal
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format

from tests.integration.registry.conftest import Replica
from tidegate.converters.base import Decoded, Encoded
from tidegate.converters.protobuf import ProtobufConverter
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.protobuf.schema_file import SchemaFile, message_class
from tidegate.registry_client import RegistryClient

VALUE = SerializationContext("orders", MessageField.VALUE)
UTC = datetime.UTC
FILE = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Unused { int32 x = 1; }
message Order {
  message Line { string sku = 1; double price = 2; }
  enum State { NEW = 0; PAID = 1; }
  int64 id = 1;
  optional string note = 2;
  repeated Line lines = 3;
  State state = 4;
  map<string, int32> counts = 5;
  google.protobuf.Timestamp at = 6;
}
"""


def encode(replica: Replica, column: pa.Array, field: pa.Field) -> Encoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = ProtobufConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.encode("orders", column, field)


def decode(replica: Replica, data: list[bytes | None]) -> Decoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = ProtobufConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.decode("orders", pa.array(data, pa.binary()))


async def test_confluents_deserializer_reads_what_we_write(replica: Replica) -> None:
    kind = pa.struct(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("price", pa.decimal128(10, 2)),
            pa.field("at", pa.timestamp("us", "UTC")),
            pa.field("day", pa.date32()),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("who", pa.struct([("n", pa.string())])),
        ]
    )
    rows: list[Any] = [
        {
            "id": 7,
            "price": decimal.Decimal("-12.34"),
            "at": datetime.datetime(2013, 1, 1, 5, 0, 0, 1, tzinfo=UTC),
            "day": datetime.date(2013, 1, 1),
            "tags": ["a"],
            "who": {"n": "me"},
        },
        {"id": 2, "price": None, "at": None, "day": None, "tags": None, "who": None},
    ]
    field = pa.field("value", kind, metadata={SCHEMA_NAME: b"shop.Order"})
    encoded = await asyncio.to_thread(encode, replica, pa.array(rows, kind), field)
    assert not encoded.faults
    client = SchemaRegistryClient({"url": replica.rest})
    text = (await asyncio.to_thread(client.get_latest_version, "orders-value")).schema.schema_str
    assert text is not None
    order: Any = message_class(SchemaFile(text).message([0]))

    def read() -> list[Any]:
        deserializer = ProtobufDeserializer(order, {"use.deprecated.format": False})
        return [deserializer(message, VALUE) for message in encoded.data.to_pylist()]

    full, empty = await asyncio.to_thread(read)
    assert from_proto_decimal(full.price) == rows[0]["price"]
    full.ClearField("price")
    assert json_format.MessageToDict(full) == {
        "id": "7",
        "at": "2013-01-01T05:00:00.000001Z",
        "day": {"year": 2013, "month": 1, "day": 1},
        "tags": ["a"],
        "who": {"n": "me"},
    }
    assert json_format.MessageToDict(empty) == {"id": "2"}


@pytest.mark.parametrize("index", [0, 1])
async def test_we_read_what_confluents_serializer_writes(replica: Replica, index: int) -> None:
    kind: Any = message_class(SchemaFile(FILE).message([index]))
    values = (
        {"x": 5} if index == 0 else {"id": 7, "lines": [{"sku": "a", "price": 1.5}], "state": 1, "counts": {"k": 3}}
    )

    def write() -> list[bytes]:
        conf = {"use.deprecated.format": False}
        serializer = ProtobufSerializer(kind, SchemaRegistryClient({"url": replica.rest}), conf)
        return [serializer(kind(**values), VALUE), serializer(kind(), VALUE)]

    messages = await asyncio.to_thread(write)
    decoded = await asyncio.to_thread(decode, replica, [*messages, messages[0][:-1], None])
    (run,) = decoded.runs
    assert run.rows.to_pylist() == [0, 1, 3]
    if index == 0:
        assert run.values.to_pylist() == [{"x": 5}, {"x": 0}, None]
    else:
        assert run.values.to_pylist() == [
            {**values, "state": "PAID", "counts": [("k", 3)], "note": None, "at": None},
            {"id": 0, "note": None, "lines": [], "state": "NEW", "counts": [], "at": None},
            None,
        ]
    assert [fault.row for fault in decoded.faults] == [2]

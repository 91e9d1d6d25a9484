"""What we write, Confluent's deserializer reads, and what its serializer writes, we read: through our registry."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.integration.registry.conftest import Replica
from tidegate.converters.avro import AvroConverter
from tidegate.converters.base import Decoded, Encoded
from tidegate.errors import RetriableError
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.field_default import with_default
from tidegate.registry_client import RegistryClient

UTC = datetime.UTC
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {
            "name": "who",
            "type": ["null", {"type": "record", "name": "Who", "fields": [{"name": "n", "type": "string"}]}],
        },
        {"name": "old_state", "type": ["null", "State"]},
    ],
}


def encode(replica: Replica, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = AvroConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.encode(topic, column, field)


def decode(replica: Replica, topic: str, data: list[bytes | None]) -> Decoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = AvroConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.decode(topic, pa.array(data, pa.binary()))


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


async def test_confluents_deserializer_reads_what_we_write(replica: Replica) -> None:
    struct = pa.struct(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("price", pa.decimal128(10, 2)),
            pa.field("at", pa.timestamp("us", "UTC")),
            pa.field("wall", pa.timestamp("us")),
            pa.field("day", pa.date32()),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("counts", pa.map_(pa.string(), pa.int64())),
            pa.field("who", pa.struct([("n", pa.string())])),
        ]
    )
    at = datetime.datetime(2013, 1, 1, 5, 0, 0, 1, tzinfo=UTC)
    rows: list[Any] = [
        {
            "id": 1,
            "price": decimal.Decimal("-12.34"),
            "at": at,
            "wall": at.replace(tzinfo=None),
            "day": datetime.date(2013, 1, 1),
            "tags": ["a", None],
            "counts": [("x", 1)],
            "who": {"n": "me"},
        },
        {"id": 2, "price": None, "at": None, "wall": None, "day": None, "tags": None, "counts": None, "who": None},
    ]
    field = pa.field("value", struct, metadata={SCHEMA_NAME: b"shop.Order"})
    encoded = await asyncio.to_thread(encode, replica, "orders", pa.array(rows, struct), field)
    assert not encoded.faults

    def read() -> list[Any]:
        deserializer = AvroDeserializer(SchemaRegistryClient({"url": replica.rest}))
        return [deserializer(message, value_of("orders")) for message in encoded.data.to_pylist()]

    assert await asyncio.to_thread(read) == [{**rows[0], "counts": {"x": 1}}, rows[1]]


async def test_a_required_field_with_a_default_follows_records_that_lack_it(replica: Replica) -> None:
    old = pa.struct([pa.field("id", pa.int64(), nullable=False)])
    count = with_default(pa.field("n", pa.int32(), nullable=False), pa.array([7], pa.int32()))
    note = with_default(pa.field("note", pa.string()), pa.array(["none"]))
    new = pa.struct([*old, count, note])
    named = {SCHEMA_NAME: b"shop.Row"}
    first = await asyncio.to_thread(
        encode, replica, "rows", pa.array([{"id": 1}], old), pa.field("value", old, metadata=named)
    )
    rows = [{"id": 2, "n": 8, "note": None}]
    second = await asyncio.to_thread(
        encode, replica, "rows", pa.array(rows, new), pa.field("value", new, metadata=named)
    )
    assert not first.faults and not second.faults
    text = avro_schema(pa.field("value", new, metadata=named), "rows.Value")

    def read() -> list[Any]:
        deserializer = AvroDeserializer(SchemaRegistryClient({"url": replica.rest}), text)
        messages = [*first.data.to_pylist(), *second.data.to_pylist()]
        return [deserializer(message, value_of("rows")) for message in messages]

    assert await asyncio.to_thread(read) == [{"id": 1, "n": 7, "note": "none"}, *rows]


async def test_we_read_what_confluents_serializer_writes(replica: Replica) -> None:
    at = datetime.datetime(2013, 1, 1, 5, tzinfo=UTC)
    orders: list[dict[str, Any]] = [
        {
            "id": 1,
            "price": decimal.Decimal("12.34"),
            "state": "PAID",
            "at": at,
            "day": datetime.date(2013, 1, 1),
            "tags": ["a", "b"],
            "counts": {"x": 1},
            "who": {"n": "me"},
            "old_state": "NEW",
        },
        {
            "id": 2,
            "price": decimal.Decimal("0.00"),
            "state": "NEW",
            "at": at,
            "day": None,
            "tags": [],
            "counts": {},
            "who": None,
            "old_state": None,
        },
    ]

    def write() -> list[bytes]:
        serializer = AvroSerializer(SchemaRegistryClient({"url": replica.rest}), json.dumps(ORDER))
        return [serializer(order, value_of("orders")) for order in orders]

    messages = await asyncio.to_thread(write)
    decoded = await asyncio.to_thread(decode, replica, "orders", [*messages, messages[0][:-1], None])
    (run,) = decoded.runs
    assert run.rows.to_pylist() == [0, 1, 3]
    assert run.values.to_pylist() == [{**order, "counts": list(order["counts"].items())} for order in orders] + [None]
    assert [(fault.row, fault.message) for fault in decoded.faults] == [
        (2, "Field old_state is cut off: the message ends within it.")
    ]


async def test_a_renamed_column_is_refused_with_the_registrys_sentence(replica: Replica) -> None:
    def column(name: str) -> tuple[pa.Array, pa.Field]:
        struct = pa.struct([pa.field(name, pa.int64(), nullable=False)])
        return pa.array([{name: 1}, {name: 2}], struct), pa.field("value", struct)

    assert not (await asyncio.to_thread(encode, replica, "clicks", *column("userId"))).faults
    encoded = await asyncio.to_thread(encode, replica, "clicks", *column("user_id"))
    assert [(fault.row, fault.exception) for fault in encoded.faults] == [
        (0, "IncompatibleSchemaError"),
        (1, "IncompatibleSchemaError"),
    ]
    assert "user_id" in encoded.faults[0].message


async def test_a_registry_that_is_away_is_worth_a_retry() -> None:
    def run() -> None:
        with RegistryClient(["127.0.0.1:1"], timeout=0.5) as registry:
            converter = AvroConverter()
            converter.configure({}, is_key=False, registry=registry)
            with pytest.raises(RetriableError):
                converter.encode("t", pa.array([1]), pa.field("value", pa.int64()))

    await asyncio.to_thread(run)

"""JSON Schema: what we write, Confluent's deserializer reads, and the other way round, through our registry."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import pyarrow as pa
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.integration.registry.conftest import Replica
from tidegate.converters.base import Decoded, Encoded
from tidegate.converters.json_schema import JsonSchemaConverter
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.registry_client import RegistryClient

VALUE = SerializationContext("orders", MessageField.VALUE)
ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}, "price": {"type": "number"}}},
        },
    },
}


def encode(replica: Replica, column: pa.Array, field: pa.Field) -> Encoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = JsonSchemaConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.encode("orders", column, field)


def decode(replica: Replica, data: list[bytes | None]) -> Decoded:
    with RegistryClient([replica.grpc]) as registry:
        converter = JsonSchemaConverter()
        converter.configure({}, is_key=False, registry=registry)
        return converter.decode("orders", pa.array(data, pa.binary()))


async def test_confluents_deserializer_reads_and_validates_what_we_write(replica: Replica) -> None:
    kind = pa.struct(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("price", pa.decimal128(10, 2)),
            pa.field("at", pa.timestamp("ms", "UTC")),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("counts", pa.map_(pa.string(), pa.int64())),
            pa.field("who", pa.struct([("n", pa.string())])),
        ]
    )
    at = datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    rows: list[Any] = [
        {"id": 1, "price": None, "at": at, "tags": ["a", None], "counts": [("x", 1)], "who": {"n": "me"}},
        {"id": 2, "price": None, "at": None, "tags": None, "counts": None, "who": None},
    ]
    field = pa.field("value", kind, metadata={SCHEMA_NAME: b"shop.Order"})
    encoded = await asyncio.to_thread(encode, replica, pa.array(rows, kind), field)
    assert not encoded.faults

    def read() -> list[Any]:
        client = SchemaRegistryClient({"url": replica.rest})
        deserializer = JSONDeserializer(None, schema_registry_client=client)
        return [deserializer(message, VALUE) for message in encoded.data.to_pylist()]

    assert await asyncio.to_thread(read) == [{**rows[0], "at": 1000, "counts": {"x": 1}}, rows[1]]


async def test_we_read_what_confluents_serializer_writes(replica: Replica) -> None:
    orders: list[dict[str, Any]] = [
        {"id": 1, "note": "n", "lines": [{"sku": "a", "price": 1.5}]},
        {"id": 2, "note": None, "lines": []},
        {"id": 3},
    ]

    def write() -> list[bytes]:
        serializer = JSONSerializer(json.dumps(ORDER), SchemaRegistryClient({"url": replica.rest}))
        return [serializer(order, VALUE) for order in orders]

    messages = await asyncio.to_thread(write)
    decoded = await asyncio.to_thread(decode, replica, [*messages, None])
    (run,) = decoded.runs
    assert run.values.to_pylist() == [orders[0], orders[1], {"id": 3, "note": None, "lines": None}, None]
    assert run.field.type.field("id").nullable is False

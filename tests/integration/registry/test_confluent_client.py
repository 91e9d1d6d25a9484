"""Confluent's own Python client, unmodified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.integration.registry.conftest import Replica
from tidegate.api.common.v1.common_pb2 import TaskId

ORDER = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "note", "type": ["null", "string"], "default": None},
        ],
    },
    indent=2,
)
WITHOUT_DEFAULT = ORDER.replace('"id"', '"order_id"')


async def with_client(replica: Replica, act: Callable[[SchemaRegistryClient], Any]) -> Any:
    """Run ``act`` in a thread, as an application would run, away from the servers' event loop."""
    return await asyncio.to_thread(lambda: act(SchemaRegistryClient({"url": replica.rest})))


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


async def test_avro_serializer_and_deserializer(replicas: tuple[Replica, Replica]) -> None:
    writer, reader = replicas

    def serialize(client: SchemaRegistryClient) -> Any:
        return AvroSerializer(client, ORDER)({"id": 7, "note": "hi"}, value_of("orders"))

    message = await with_client(writer, serialize)
    assert message[:5] == b"\x00\x00\x00\x00\x01"

    def deserialize(client: SchemaRegistryClient) -> Any:
        return AvroDeserializer(client)(message, value_of("orders"))

    assert await with_client(reader, deserialize) == {"id": 7, "note": "hi"}


async def test_avro_serializer_without_registering_uses_what_is_there(replica: Replica) -> None:
    def run(client: SchemaRegistryClient) -> Any:
        registered = client.register_schema("orders-value", Schema(ORDER, "AVRO"))
        looked_up = AvroSerializer(client, ORDER, conf={"auto.register.schemas": False})
        latest = AvroSerializer(client, ORDER, conf={"auto.register.schemas": False, "use.latest.version": True})
        order = {"id": 7, "note": None}
        return registered, looked_up(order, value_of("orders")), latest(order, value_of("orders"))

    registered, first, second = await with_client(replica, run)
    assert registered == 1
    assert first == second


async def test_json_serializer_and_deserializer(replica: Replica) -> None:
    schema = json.dumps({"title": "Order", "type": "object", "properties": {"id": {"type": "integer"}}})

    def run(client: SchemaRegistryClient) -> Any:
        message = JSONSerializer(schema, client)({"id": 7}, value_of("orders"))
        return JSONDeserializer(None, schema_registry_client=client)(message, value_of("orders"))

    assert await with_client(replica, run) == {"id": 7}


async def test_protobuf_serializer_and_deserializer(replica: Replica) -> None:
    def run(client: SchemaRegistryClient) -> Any:
        conf = {"use.deprecated.format": False}
        serialize = ProtobufSerializer(TaskId, client, conf)
        message = serialize(TaskId(connector="orders", task=7), value_of("tasks"))
        return ProtobufDeserializer(TaskId, conf, client)(message, value_of("tasks"))

    assert await with_client(replica, run) == TaskId(connector="orders", task=7)


async def test_protobuf_registered_as_text_is_read_by_the_deserializer(replica: Replica) -> None:
    proto = """
        syntax = "proto3";
        package tidegate.common.v1;
        message TaskId { string connector = 1; int32 task = 2; } // as its author wrote it
    """

    body = {"schemaType": "PROTOBUF", "schema": proto}
    assert (await replica.http.post("/subjects/tasks-value/versions", json=body)).json() == {"id": 1}
    # Magic byte, id, index of the first message, then the message.
    message = b"\x00\x00\x00\x00\x01\x00" + TaskId(task=7).SerializeToString()

    def run(client: SchemaRegistryClient) -> Any:
        return ProtobufDeserializer(TaskId, {"use.deprecated.format": False}, client)(message, value_of("tasks"))

    assert await with_client(replica, run) == TaskId(task=7)
    assert (await replica.http.get("/schemas/ids/1")).json() == {"schema": proto, "schemaType": "PROTOBUF"}


async def test_administration(replica: Replica) -> None:
    def run(client: SchemaRegistryClient) -> None:
        first = client.register_schema("a/b c-value", Schema(ORDER, "AVRO"))
        assert client.register_schema("a/b c-value", Schema(ORDER, "AVRO")) == first
        assert client.get_subjects() == ["a/b c-value"]
        assert client.get_versions("a/b c-value") == [1]
        assert client.get_latest_version("a/b c-value").version == 1
        assert client.get_version("a/b c-value", 1).schema_id == first
        assert json.loads(str(client.get_schema(first).schema_str)) == json.loads(ORDER)
        assert client.lookup_schema("a/b c-value", Schema(ORDER, "AVRO")).version == 1
        assert client.get_compatibility() == "BACKWARD"
        assert client.test_compatibility("a/b c-value", Schema(WITHOUT_DEFAULT, "AVRO")) is False
        with pytest.raises(SchemaRegistryError) as refused:
            client.register_schema("a/b c-value", Schema(WITHOUT_DEFAULT, "AVRO"))
        assert refused.value.http_status_code == 409
        assert 'field "order_id" (path /fields/0)' in refused.value.error_message
        client.set_compatibility("a/b c-value", "NONE")
        assert client.get_compatibility("a/b c-value") == "NONE"
        assert client.register_schema("a/b c-value", Schema(WITHOUT_DEFAULT, "AVRO")) == first + 1
        assert client.delete_version("a/b c-value", 2) == 2
        assert client.delete_subject("a/b c-value") == [1]
        assert client.get_subjects() == []
        with pytest.raises(SchemaRegistryError) as missing:
            client.get_versions("a/b c-value")
        assert missing.value.error_code == 40401
        assert client.delete_subject("a/b c-value", permanent=True) == [1, 2]

    await with_client(replica, run)


async def test_avro_references(replica: Replica) -> None:
    customer = '{"type":"record","name":"Customer","namespace":"shop","fields":[{"name":"name","type":"string"}]}'
    order = '{"type":"record","name":"O","namespace":"shop","fields":[{"name":"by","type":"shop.Customer"}]}'

    def run(client: SchemaRegistryClient) -> Any:
        client.register_schema("customer", Schema(customer, "AVRO"))
        schema = Schema(order, "AVRO", [SchemaReference("shop.Customer", "customer", 1)])
        message = AvroSerializer(client, schema)({"by": {"name": "Ada"}}, value_of("orders"))
        with pytest.raises(SchemaRegistryError) as refused:
            client.delete_subject("customer")
        assert refused.value.error_code == 42206
        return AvroDeserializer(client)(message, value_of("orders"))

    assert await with_client(replica, run) == {"by": {"name": "Ada"}}

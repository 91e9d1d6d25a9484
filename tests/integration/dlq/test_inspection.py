"""A dead letter beside the version of its subject that was expected, in each language, through a real registry."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.registry.conftest import Replica, run_replica
from tidegate.converters.plugins import converter
from tidegate.devstack import Etcd
from tidegate.dlq.inspection import Inspection, Inspector
from tidegate.dlq.letter import DeadLetter, letters
from tidegate.kafka.consumed import CONSUMED
from tidegate.records.envelope import Batch
from tidegate.records.wire_format import frame
from tidegate.registry_client import RegistryClient, Schema

EXPECTED = pa.struct(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("userId", pa.string(), nullable=False),
        pa.field("address", pa.struct([pa.field("city", pa.string(), nullable=False)])),
    ]
)
FOUND = pa.struct(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("address", pa.struct([pa.field("city", pa.string(), nullable=False), pa.field("zip", pa.string())])),
    ]
)
RECORD = {"id": "eleven", "user_id": "u11", "address": {"city": "Oslo", "zip": "0150"}}
SAID = {"renamed?": "userId", "type changed": "id", "unexpected": "address.zip"}


@pytest.fixture
async def replica(etcd: Etcd, tmp_path: Path) -> AsyncIterator[Replica]:
    async with run_replica(etcd.endpoint, uuid.uuid4().hex, tmp_path) as running:
        await running.http.put("/config", json={"compatibility": "NONE"})
        yield running


def letter(value: bytes, path: str = "") -> DeadLetter:
    headers = {"__connect.errors.topic": "events", "__connect.errors.partition": "0", "__connect.errors.offset": "7"}
    named = {**headers, "__tidegate.errors.path": path}
    row = {
        "key": None,
        "value": value,
        "headers": [{"key": name, "value": text.encode()} for name, text in named.items()],
        "timestamp": None,
        "partition": 0,
        "offset": 0,
    }
    (found,) = letters(Batch("dlq", pa.RecordBatch.from_pylist([row], schema=CONSUMED)))
    return found


def encoded(registry: RegistryClient, kind: str, record: Mapping[str, Any], type_: pa.DataType) -> bytes:
    writing = converter(kind)
    writing.configure({}, is_key=False, registry=registry)
    (value,) = writing.encode("events", pa.array([record], type_), pa.field("value", type_)).data.to_pylist()
    assert isinstance(value, bytes)
    return value


def inspected(registry: RegistryClient, kind: str, value: bytes) -> Inspection:
    return Inspector({"value.converter": kind}, registry).inspect(letter(value, "userId"))


def differing(opened: Inspection) -> dict[str, str]:
    return {each.kind.value: each.path for each in opened.differences}


@pytest.mark.parametrize("kind", ["avro", "jsonschema", "protobuf"])
async def test_what_differs_from_the_expected_version_is_told_field_by_field(replica: Replica, kind: str) -> None:
    def halted() -> Inspection:
        with RegistryClient([replica.grpc]) as registry:
            good = {"id": 1, "userId": "u1", "address": {"city": "Oslo"}}
            encoded(registry, kind, good, EXPECTED)
            return inspected(registry, kind, encoded(registry, kind, RECORD, FOUND))

    opened = await asyncio.to_thread(halted)
    assert opened.values == RECORD
    assert (opened.subject, opened.expected_version) == ("events-value", 1)
    assert opened.found.keys() == {"id", "user_id", "address.city", "address.zip"}
    assert opened.expected.keys() == {"id", "userId", "address.city"}
    assert differing(opened) == SAID


async def test_json_that_its_own_schema_does_not_take_is_shown_and_compared(replica: Replica) -> None:
    document = {
        "type": "object",
        "required": ["id", "userId"],
        "properties": {
            "id": {"type": "integer"},
            "userId": {"type": "string"},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }

    def halted() -> Inspection:
        with RegistryClient([replica.grpc]) as registry:
            registry.register("events-value", Schema("JSON", json.dumps(document)))
            return inspected(registry, "jsonschema", frame(999, json.dumps(RECORD).encode()))

    opened = await asyncio.to_thread(halted)
    assert "999" in opened.fault
    assert opened.values == RECORD
    assert differing(opened) == SAID


async def test_of_several_messages_of_a_file_the_one_of_the_same_name_is_expected(replica: Replica) -> None:
    other = "message Other { string name = 1; }\n"
    old = f'syntax = "proto3"; message Event {{ int64 id = 1; string userId = 2; }} {other}'
    new = f'syntax = "proto3"; {other} message Event {{ int64 id = 1; string user_id = 2; }}'

    def halted() -> Inspection:
        with RegistryClient([replica.grpc]) as registry:
            registry.register("events-value", Schema("PROTOBUF", old))
            schema_id = registry.register("events-value", Schema("PROTOBUF", new))
            # Message indexes [1], then id=5 and user_id="ab".
            return inspected(registry, "protobuf", frame(schema_id, b"\x02\x02\x08\x05\x12\x02ab"))

    opened = await asyncio.to_thread(halted)
    assert opened.values == {"id": 5, "user_id": "ab"}
    assert differing(opened) == {"renamed?": "userId"}

"""Plain JSON read as a declared schema: what fits is typed, what does not is halted one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest

from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate import native
from tidegate.converters.json import JsonConverter
from tidegate.errors import ConfigError
from tidegate.records.envelope import SCHEMA_ID
from tidegate.registry_client import Schema

AVRO = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
CONNECT = {
    "type": "struct",
    "fields": [
        {"field": "id", "type": "int64"},
        {"field": "name", "type": "string", "optional": True},
        {"field": "tags", "type": "array", "items": {"type": "string"}},
    ],
}
JSON_SCHEMA = {
    "type": "object",
    "required": ["id", "tags"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def converter(registry: Any = None, **config: Any) -> JsonConverter:
    texts = {
        key.replace("_", "."): value if isinstance(value, str) else orjson.dumps(value).decode()
        for key, value in config.items()
    }
    made = JsonConverter()
    made.configure({"schemas.enable": "false", **texts}, is_key=False, registry=registry)
    return made


def messages(*values: Any) -> pa.Array:
    return pa.array(
        [one if one is None or isinstance(one, bytes) else orjson.dumps(one) for one in values], pa.binary()
    )


@pytest.fixture(params=["native", "python"])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(native, "extension", None)


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("schema", [AVRO, CONNECT, JSON_SCHEMA], ids=["avro", "connect", "json-schema"])
def test_records_that_do_not_fit_are_halted_one_by_one(schema: Any) -> None:
    decoded = converter(schema_content=schema).decode(
        "t",
        messages(
            {"id": 1, "name": "a", "tags": ["x"]},
            {"id": "2", "name": "b", "tags": []},
            {"tags": [], "id": 3, "extra": {"any": "thing"}},
            b"{not json",
            {"user": 5, "tags": []},
            None,
            {"id": 7, "name": None, "tags": []} if schema is not JSON_SCHEMA else {"id": 7, "tags": []},
        ),
    )
    [run] = decoded.runs
    assert run.rows.to_pylist() == [0, 2, 5, 6]
    assert run.values.to_pylist() == [
        {"id": 1, "name": "a", "tags": ["x"]},
        {"id": 3, "name": None, "tags": []},
        None,
        {"id": 7, "name": None, "tags": []},
    ]
    assert [fault.row for fault in decoded.faults] == [1, 3, 4]
    assert [fault.message.split()[1] for fault in decoded.faults] == ["id", "record", "id"]
    assert run.field.type.field("id").nullable is False


def test_defaults_enums_and_times_of_avro() -> None:
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}, "default": "B"},
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        ],
    }
    decoded = converter(schema_content=schema).decode(
        "t",
        messages(
            {"at": "2026-03-07T12:00:00.25+01:00", "day": "2026-03-07", "amount": 1.25},
            {"at": 1000, "day": None, "kind": "A", "amount": 2},
            {"at": 1000, "day": None, "kind": "C", "amount": 2},
            {"at": "noon", "day": None, "amount": 2},
        ),
    )
    [run] = decoded.runs
    first, second = run.values.to_pylist()
    assert (first["at"], first["day"], first["kind"]) == (
        datetime(2026, 3, 7, 11, 0, 0, 250_000, UTC),
        date(2026, 3, 7),
        "B",
    )
    assert str(first["amount"]) == "1.25"
    assert second["at"] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert [fault.row for fault in decoded.faults] == [2, 3]
    assert "one of A, B" in decoded.faults[0].message


def test_rules_of_a_json_schema_beyond_types_are_kept() -> None:
    schema = {**JSON_SCHEMA, "additionalProperties": False}
    decoded = converter(schema_content=schema).decode(
        "t", messages({"id": 1, "tags": []}, {"id": 2, "tags": [], "extra": 1})
    )
    assert [fault.row for fault in decoded.faults] == [1]
    assert "'extra' was unexpected" in decoded.faults[0].message


def test_a_subject_names_the_schema() -> None:
    registry = MemoryRegistry()
    first = registry.register("orders-value", Schema("AVRO", orjson.dumps(AVRO).decode()))
    decoded = converter(registry, schema_subject="orders-value").decode("t", messages({"id": 1, "tags": []}))
    [run] = decoded.runs
    assert run.field.metadata[SCHEMA_ID] == str(first).encode()
    assert run.values.to_pylist() == [{"id": 1, "name": None, "tags": []}]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"schema.content": "{"}, "not JSON"),
        ({"schema.content": '{"type": "object"}'}, "without properties"),
        (
            {"schema.content": '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["int", "string"]}]}'},
            "several",
        ),
        ({"schema.content": "{}", "schema.subject": "s"}, "leave one"),
        ({"schema.subject": "s"}, "needs a schema registry"),
    ],
)
def test_unusable_declarations_are_refused(config: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        JsonConverter().configure(config, is_key=False, registry=None)

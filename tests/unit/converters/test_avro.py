"""The Avro converter against a registry in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate.converters.avro import AvroConverter
from tidegate.converters.base import Decoded
from tidegate.errors import ConfigError, RetriableError
from tidegate.records.envelope import SCHEMA_ID, SCHEMA_NAME
from tidegate.records.faults import Stage
from tidegate.records.wire_format import frame, unframe
from tidegate.registry_client import Schema, SchemaReference

USERS = pa.struct([pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string())])
FIELD = pa.field("value", USERS)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def test_nulls_do_not_become_defaults(registry: MemoryRegistry) -> None:
    converter(registry, ignore_default_for_nullables="true")
    with pytest.raises(ConfigError, match=r"ignore\.default\.for\.nullables: would make nulls defaults.*write true"):
        converter(registry, ignore_default_for_nullables="false")


def messages_of(messages: Iterable[bytes | None]) -> pa.Array:
    return pa.array(messages, pa.binary())


def converter(registry: MemoryRegistry, *, is_key: bool = False, **config: str) -> AvroConverter:
    made = AvroConverter()
    made.configure(
        {key.replace("_", "."): value for key, value in config.items()}, is_key=is_key, registry=registry.client
    )
    return made


def users(*rows: Any) -> pa.Array:
    return pa.array(rows, USERS)


def rows_of(decoded: Decoded) -> list[tuple[int, Any]]:
    return [
        (row, value)
        for run in decoded.runs
        for row, value in zip(run.rows.to_pylist(), run.values.to_pylist(), strict=True)
    ]


def test_round_trip_with_a_tombstone(registry: MemoryRegistry) -> None:
    avro = converter(registry)
    encoded = avro.encode("users", users({"id": 1, "name": "a"}, None, {"id": 2, "name": None}), FIELD)
    assert not encoded.data[1].is_valid
    assert registry.subjects["users-value"][0].schema.text.startswith(
        '{"type":"record","name":"Value","namespace":"users"'
    )
    decoded = avro.decode("users", encoded.data)
    (run,) = decoded.runs
    assert run.values.to_pylist() == [{"id": 1, "name": "a"}, None, {"id": 2, "name": None}]
    assert run.field.name == "value"
    assert run.field.nullable
    assert run.field.metadata == {SCHEMA_NAME: b"users.Value", SCHEMA_ID: b"1"}
    assert run.field.type == run.values.type == USERS


def test_the_registry_is_asked_once_per_topic_and_type(registry: MemoryRegistry) -> None:
    avro = converter(registry)
    for _ in range(3):
        avro.encode("users", users({"id": 1, "name": "a"}), FIELD)
    assert registry.calls == ["register users-value"]


def test_names_and_subjects(registry: MemoryRegistry) -> None:
    named = FIELD.with_metadata({SCHEMA_NAME: b"public.users"})
    row = users({"id": 1, "name": "a"})
    converter(registry).encode("t", row, named)
    converter(registry, subject_name_strategy="RecordNameStrategy").encode("t", row, named)
    java = {"value.subject.name.strategy": "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"}
    made = AvroConverter()
    made.configure(java, is_key=False, registry=registry.client)
    made.encode("t", row, named)
    converter(registry, is_key=True).encode("t", pa.array([1]), pa.field("key", pa.int64()))
    assert set(registry.subjects) == {"t-value", "public.users", "t-public.users", "t-key"}


def test_all_null_columns_register_nothing(registry: MemoryRegistry) -> None:
    avro = converter(registry, is_key=True)
    assert avro.encode("t", pa.nulls(3), pa.field("key", pa.null())).data.to_pylist() == [None, None, None]
    assert not registry.calls
    assert rows_of(avro.decode("t", messages_of([None, None]))) == [(0, None), (1, None)]


def test_an_incompatible_schema_is_a_fault_of_every_row(registry: MemoryRegistry) -> None:
    registry.refuse["users-value"] = "Field userId was removed and has no default."
    encoded = converter(registry).encode("users", users({"id": 1, "name": "a"}, None, {"id": 2, "name": "b"}), FIELD)
    assert [(fault.row, fault.stage, fault.exception) for fault in encoded.faults] == [
        (0, Stage.VALUE_CONVERTER, "IncompatibleSchemaError"),
        (2, Stage.VALUE_CONVERTER, "IncompatibleSchemaError"),
    ]
    assert "Field userId was removed" in encoded.faults[0].message
    assert encoded.data.to_pylist() == [None, None, None]


def test_a_registry_that_is_away_stops_the_batch(registry: MemoryRegistry) -> None:
    registry.away = True
    with pytest.raises(RetriableError):
        converter(registry).encode("users", users({"id": 1, "name": "a"}), FIELD)
    with pytest.raises(RetriableError):
        converter(registry).decode("users", messages_of([frame(1, b"\x02")]))


def test_without_auto_registration_the_schema_must_be_there(registry: MemoryRegistry) -> None:
    row = users({"id": 1, "name": "a"})
    encoded = converter(registry, auto_register_schemas="false").encode("users", row, FIELD)
    assert "not registered under subject users-value" in encoded.faults[0].message
    assert "use.latest.version" in encoded.faults[0].message
    converter(registry).encode("users", row, FIELD)
    assert not converter(registry, auto_register_schemas="false").encode("users", row, FIELD).faults


def test_the_latest_version_is_written_when_asked_for(registry: MemoryRegistry) -> None:
    text = (
        '{"type":"record","name":"U","fields":[{"name":"name","type":["null","string"]},{"name":"id","type":"long"},'
        '{"name":"age","type":"int","default":7}]}'
    )
    registry.register("users-value", Schema("AVRO", text))
    avro = converter(registry, auto_register_schemas="false", use_latest_version="true")
    encoded = avro.encode("users", users({"id": 1, "name": "a"}), FIELD)
    assert rows_of(avro.decode("users", encoded.data)) == [(0, {"name": "a", "id": 1, "age": 7})]
    wrong = pa.array([{"id": 1, "nick": "x"}], pa.struct([("id", pa.int64()), ("nick", pa.string())]))
    refused = avro.encode("users", wrong, pa.field("value", wrong.type))
    assert [fault.message for fault in refused.faults] == [
        "Field name is in the schema without a default, and the records have no such field."
    ]


def test_runs_faults_and_nulls_of_a_mixed_topic(registry: MemoryRegistry) -> None:
    avro = converter(registry)
    first = avro.encode("t", pa.array([1, 2, 3]), pa.field("value", pa.int64())).data.to_pylist()
    second = avro.encode("t", pa.array(["x"]), pa.field("value", pa.string())).data.to_pylist()
    data = [None, first[0], b"garbage", first[1], None, second[0], b"", frame(99, b"\x00"), first[2], frame(1, b"\x80")]
    decoded = avro.decode("t", messages_of(data))
    assert [run.rows.to_pylist() for run in decoded.runs] == [[0, 1, 3, 4], [5], [8]]
    assert [run.values.to_pylist() for run in decoded.runs] == [[None, 1, 2, None], ["x"], [3]]
    faults = {fault.row: fault for fault in decoded.faults}
    assert sorted(faults) == [2, 6, 7, 9]
    assert "starts with byte 0x67" in faults[2].message
    assert "empty" in faults[6].message
    assert "schema id 99" in faults[7].message
    assert faults[7].exception == "SchemaNotFoundError"
    assert faults[9].message == "The record is cut off: the message ends within it."


def test_an_unknown_id_is_not_asked_for_again_and_again(registry: MemoryRegistry) -> None:
    avro = converter(registry)
    for _ in range(3):
        avro.decode("t", messages_of([frame(99, b"\x00")]))
    assert registry.calls == ["get 99"]


def test_schemas_that_are_no_avro_or_contain_themselves(registry: MemoryRegistry) -> None:
    registry.register("a", Schema("JSON", "{}"))
    registry.register(
        "b", Schema("AVRO", '{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}')
    )
    decoded = converter(registry).decode("t", messages_of([frame(1, b"\x00"), frame(2, b"\x00")]))
    assert "JSON schema, not an Avro one" in decoded.faults[0].message
    assert "contains itself" in decoded.faults[1].message


def test_references_are_followed(registry: MemoryRegistry) -> None:
    registry.register("country", Schema("AVRO", '{"type":"enum","name":"geo.Country","symbols":["DE","FR"]}'))
    registry.register(
        "city",
        Schema(
            "AVRO",
            '{"type":"record","name":"geo.City","fields":[{"name":"country","type":"geo.Country"}]}',
            (SchemaReference("geo.Country", "country", 1),),
        ),
    )
    root = Schema(
        "AVRO",
        '{"type":"record","name":"Home","fields":[{"name":"city","type":"geo.City"}]}',
        (SchemaReference("geo.City", "city", 1),),
    )
    schema_id = registry.register("home-value", root)
    decoded = converter(registry).decode("home", messages_of([frame(schema_id, b"\x02")]))
    assert rows_of(decoded) == [(0, {"city": {"country": "FR"}})]


def test_a_bad_row_does_not_hold_up_the_others(registry: MemoryRegistry) -> None:
    avro = converter(registry)
    encoded = avro.encode("users", users({"id": 1, "name": "a"}, {"id": None, "name": "b"}), FIELD)
    assert [(fault.row, fault.message) for fault in encoded.faults] == [
        (1, "Field id is null, but the schema requires a value.")
    ]
    assert unframe(encoded.data[0].as_py())[0] == 1


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"auto.register.schemas": "yes"}, "auto.register.schemas"),
        ({"subject.name.strategy": "MyStrategy"}, "subject.name.strategy"),
        ({"auto.register.schemas": "true", "use.latest.version": "true"}, "use.latest.version"),
    ],
)
def test_unusable_configuration(registry: MemoryRegistry, config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AvroConverter().configure(config, is_key=False, registry=registry.client)
    assert [problem.key for problem in caught.value.problems] == [key]
    with pytest.raises(ConfigError, match="schema registry"):
        AvroConverter().configure({}, is_key=False, registry=None)

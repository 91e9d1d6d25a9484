"""From dead letters to records: what is repaired, what is sent as it is, and what waits on with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson
import pyarrow as pa

from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate.converters.avro import AvroConverter
from tidegate.dlq.inspection import Inspector
from tidegate.dlq.letter import DeadLetter, letters
from tidegate.dlq.reason_group import ReasonGroups
from tidegate.dlq.repair import Repair, Repairs
from tidegate.kafka.consumed import CONSUMED
from tidegate.records.envelope import Batch
from tidegate.records.wire_format import frame
from tidegate.registry_client import Schema
from tidegate.sdk.config_def import Config
from tidegate.transforms.configuration import transform_chain

RENAME = {
    "transforms": "back",
    "transforms.back.type": "ReplaceField$Value",
    "transforms.back.renames": "user_id:userId",
}
CONFIG = {"key.converter": "string", "value.converter": "avro"}


def schema(*fields: tuple[str, object]) -> Schema:
    listed = [{"name": name, "type": type_} for name, type_ in fields]
    return Schema("AVRO", json.dumps({"type": "record", "name": "Event", "fields": listed}))


class Subject:
    """Events: version 1 with userId, version 2 with user_id."""

    def __init__(self) -> None:
        stamp = {"type": "long", "logicalType": "timestamp-micros"}
        self.registry = MemoryRegistry()
        self.old = self.registry.register("events-value", schema(("id", "long"), ("userId", "string"), ("at", stamp)))
        self.new = self.registry.register("events-value", schema(("id", "long"), ("user_id", "string"), ("at", stamp)))

    def repair(self, keys: Mapping[str, str], *found: DeadLetter, to: str | None = None) -> Repairs:
        chain = transform_chain(Config({}, dict(keys)))
        return Repair(CONFIG, chain, self.registry.client, to=to).repair(found)

    def decoded(self, value: bytes | None) -> tuple[int, dict[str, object]]:
        reading = AvroConverter()
        reading.configure({}, is_key=False, registry=self.registry.client)
        (run,) = reading.decode("events", pa.array([value], pa.binary())).runs
        assert value is not None
        return int.from_bytes(value[1:5]), run.values[0].as_py()


def letter(
    value: bytes | None,
    *,
    key: bytes | None = None,
    offset: int = 0,
    consumed: bool = True,
    context: Mapping[str, str] | None = None,
) -> DeadLetter:
    headers = {"__connect.errors.topic": "events", "__connect.errors.exception.message": "renamed", **(context or {})}
    if consumed:
        headers |= {"__connect.errors.partition": "3", "__connect.errors.offset": "77"}
    listed = [{"key": name, "value": text.encode()} for name, text in headers.items()]
    row = {"key": key, "value": value, "headers": listed, "timestamp": None, "partition": 0, "offset": offset}
    (found,) = letters(Batch("dlq", pa.RecordBatch.from_pylist([row], schema=CONSUMED)))
    return found


def renamed(id_: int, schema_id: int) -> bytes:
    return frame(schema_id, bytes([id_ * 2, 4]) + b"ab" + b"\x02")


def test_a_renamed_field_is_renamed_back_under_the_version_that_has_it() -> None:
    subject = Subject()
    repairs = subject.repair(RENAME, letter(renamed(1, subject.new), key=b"k"))
    (record,) = repairs.records
    found, row = subject.decoded(record.value)
    assert (found, row["userId"]) == (subject.old, "ab")
    assert (record.topic, record.partition, record.key) == ("events", 3, b"k")
    assert record.headers == [("__tidegate.dlq.replays", b"1")], "its errors are left behind, its replay is told"


def test_a_version_with_the_same_fields_of_other_types_is_not_written_with() -> None:
    subject = Subject()
    stamp = {"type": "long", "logicalType": "timestamp-micros"}
    subject.registry.register("events-value", schema(("id", "string"), ("userId", "string"), ("at", stamp)))
    (record,) = subject.repair(RENAME, letter(renamed(1, subject.new))).records
    assert subject.decoded(record.value)[0] == subject.old


def test_without_transforms_the_bytes_are_sent_as_they_are_even_those_nobody_can_read() -> None:
    subject = Subject()
    again = {"__tidegate.dlq.replays": "2", "trace": "t"}
    (record,) = subject.repair({}, letter(b"\x07garbage", context=again)).records
    assert record.value == b"\x07garbage"
    assert record.headers == [("trace", b"t"), ("__tidegate.dlq.replays", b"3")]


def test_a_row_of_a_source_is_written_with_the_types_of_the_subject() -> None:
    subject = Subject()
    row = orjson.dumps({"id": 1, "user_id": "ab", "at": "2013-01-01T05:00:00+00:00"})
    (record,) = subject.repair(RENAME, letter(row, key=b'"k"', consumed=False)).records
    found, value = subject.decoded(record.value)
    assert (found, str(value["at"])) == (subject.old, "2013-01-01 05:00:00+00:00")
    assert (record.partition, record.key) == (-1, b"k")


def test_what_can_not_be_repaired_waits_on_and_its_neighbours_do_not() -> None:
    subject = Subject()
    good = letter(renamed(1, subject.new), offset=0)
    garbage = letter(b"\x07garbage", offset=1)
    rows = [
        letter(orjson.dumps({"id": each, "user_id": "a", "at": "2013-01-01T00:00:00Z"}), offset=2, consumed=False)
        for each in ("x", 2)
    ]
    repairs = subject.repair(RENAME, good, garbage, *rows)
    assert [each.letter for each in repairs.records] == [good, rows[1]]
    assert [each.letter for each in repairs.failed] == [garbage, rows[0]]
    assert "0x07" in repairs.failed[0].reason and "x" in repairs.failed[1].reason


def test_a_letter_that_the_transforms_filter_out_is_done_without_a_record() -> None:
    subject = Subject()
    repairs = subject.repair({"transforms": "no", "transforms.no.type": "Filter"}, letter(renamed(1, subject.new)))
    assert (len(repairs.dropped), repairs.records, repairs.failed) == (1, [], [])


def test_a_queue_without_headers_is_replayed_only_to_a_topic_that_is_named() -> None:
    subject = Subject()
    row = {"key": None, "value": b"v", "headers": None, "timestamp": None, "partition": 0, "offset": 0}
    (bare,) = letters(Batch("dlq", pa.RecordBatch.from_pylist([row], schema=CONSUMED)))
    assert "--to" in subject.repair({}, bare).failed[0].reason
    assert [each.topic for each in subject.repair({}, bare, to="other").records] == ["other"]


def test_the_inspection_marks_the_rename_beside_the_expected_version() -> None:
    subject = Subject()
    opened = Inspector(CONFIG, subject.registry.client).inspect(letter(renamed(1, subject.new)))
    assert opened.values is not None and opened.values["user_id"] == "ab"
    assert (opened.subject, opened.expected_version) == ("events-value", 1)
    assert [str(each) for each in opened.differences] == ["userId missing, user_id unexpected: renamed?"]


def test_of_several_versions_the_nearest_that_has_the_field_is_expected() -> None:
    subject = Subject()
    subject.registry.register("events-value", schema(("id", "long")))
    subject.registry.register("events-value", schema(("id", "string"), ("userId", "string")))
    halted = letter(renamed(1, subject.new), context={"__tidegate.errors.path": "userId"})
    opened = Inspector(CONFIG, subject.registry.client).inspect(halted)
    assert opened.expected_version == 1
    assert [str(each) for each in opened.differences] == ["userId missing, user_id unexpected: renamed?"]


def test_a_record_that_is_cut_off_is_shown_as_far_as_it_goes() -> None:
    subject = Subject()
    opened = Inspector(CONFIG, subject.registry.client).inspect(letter(renamed(5, subject.old)[:8]))
    assert opened.values == {"id": 5}
    assert "userId" in opened.fault and opened.unread == "04 61"


def test_garbage_and_unknown_ids_are_shown_as_bytes_with_the_reason() -> None:
    inspector = Inspector(CONFIG, Subject().registry.client)
    garbage = inspector.inspect(letter(b"\x07garbage"))
    assert garbage.unread.startswith("07 67 61") and "0x07" in garbage.fault
    unknown = inspector.inspect(letter(frame(999, b"\x02")))
    assert "999" in unknown.fault and unknown.values is None


def test_letters_with_figures_and_names_of_their_own_are_one_group() -> None:
    groups = ReasonGroups()
    for number in range(3):
        said = {"__connect.errors.exception.message": f"Field n: 'v{number}' is no int32 at {number}"}
        groups.add(letter(b"{}", offset=number, context=said))
    groups.add(letter(b"{}", offset=9, context={"__connect.errors.exception.message": "Something else"}))
    assert [(each.count, each.first.offset, each.last.offset) for each in groups.found.values()] == [
        (3, 0, 2),
        (1, 9, 9),
    ]

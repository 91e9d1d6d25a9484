"""File source, file sink and datagen: resumed after a death at any step, nothing lost, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.sink_harness import SinkHarness, consumed, records
from tests.integration.connectors.source_harness import SourceHarness
from tidegate.connectors.datagen import DatagenSourceConnector
from tidegate.connectors.file import FileSinkConnector, FileSourceConnector
from tidegate.errors import FatalError, RecordHaltedError, RetriableError
from tidegate.records.envelope import TopicPartition

T0 = TopicPartition("t", 0)
T1 = TopicPartition("t", 1)


def source(path: Path, *, tolerant: bool = False, **keys: str) -> SourceHarness:
    config = {"file": str(path), "topic": "lines", **{key.replace("_", "."): value for key, value in keys.items()}}
    return SourceHarness(FileSourceConnector(), config, tolerant=tolerant)


def append(path: Path, *lines: Any) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def test_source_goes_on_after_the_last_committed_line(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    append(path, *({"id": i} for i in range(50)))
    run = source(path, batch_size="7")
    run.die_after_each_poll(20, commits=lambda step: step % 2 == 0)
    assert [row["id"] for row in run.rows()] == list(range(50))
    [offset] = run.offsets.values()
    assert offset["position"] == path.stat().st_size


def test_source_waits_for_the_file_and_for_the_end_of_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    run = source(path)
    run.start()
    assert run.poll() == 0
    path.write_text('{"id": 1}\n{"id":')
    run.drain(1)
    assert run.poll() == 0
    with path.open("a") as file:
        file.write(" 2}\n")
    run.drain(2)
    run.crash()
    assert [row["id"] for row in run.rows()] == [1, 2]


@pytest.mark.parametrize("how", ["truncated", "replaced", "replaced with an open line"])
def test_source_reads_a_new_file_from_its_beginning(tmp_path: Path, how: str) -> None:
    path = tmp_path / "in.jsonl"
    append(path, {"id": 1}, {"id": 2})
    run = source(path)
    run.start()
    run.drain(2)
    expected = [1, 2, 3]
    if how == "truncated":
        path.write_text("")
        run.poll()
    else:
        if how != "replaced":
            with path.open("a") as file:
                file.write('{"id": 20}')
            expected = [1, 2, 20, 3]
        path.rename(tmp_path / "in.jsonl.1")
    append(path, {"id": 3})
    run.drain(len(expected))
    run.crash()
    assert [row["id"] for row in run.rows()] == expected


def test_source_halts_lines_that_are_no_records_each_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    long = json.dumps({"id": "x" * 3000})
    path.write_text('{"id": 1}\nnot json\n[1]\n{"id": 2}\n{"id": 18446744073709551615}\n' + long + '\n{"id": 3}\n')
    run = source(path, tolerant=True, line_max_bytes="1024")
    run.start()
    run.drain(3)
    run.crash()
    assert [row["id"] for row in run.rows()] == [1, 2, 3]
    words = ["not JSON", "not an object", "longer than 1024", "fits no columns"]
    assert [next(word for word in words if word in message) for _, _, message in run.halted] == words
    strict = source(path)
    strict.start()
    with pytest.raises(RecordHaltedError, match="before byte 19"):
        strict.poll()


def test_source_moves_on_when_all_lines_are_halted(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("bad\nworse\n")
    run = source(path, tolerant=True)
    run.start()
    run.poll()
    run.crash()
    run.start()
    run.poll()
    run.crash()
    assert len(run.halted) == 2


def test_source_keeps_inferred_types_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    append(path, {"id": 1, "v": None}, {"id": 2, "v": "x"})
    run = source(path)
    run.start()
    run.poll()
    run.crash()
    append(path, {"id": 3, "v": "y"})
    run.start()
    run.poll()
    run.crash()
    first, second = (batch.batch.value_field.type for batch in run.committed)
    assert first == second
    assert (first.field("id").nullable, first.field("v").nullable) == (False, True)


def test_source_gives_a_renamed_field_a_schema_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    append(path, {"id": 1, "userId": "a"}, {"id": 2, "user_id": "b"}, {"id": 3, "userId": "c"})
    run = source(path)
    run.start()
    run.poll()
    run.crash()
    assert [batch.batch.value_field.type.field(1).name for batch in run.committed] == ["userId", "user_id", "userId"]
    assert not any(field.nullable for batch in run.committed for field in batch.batch.value_field.type)


def test_source_of_text(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"one\r\ntwo\n\xff\n")
    run = source(path, tolerant=True, format="text")
    run.start()
    run.poll()
    run.crash()
    assert run.committed[0].batch.value.to_pylist() == ["one", "two"]
    assert "not UTF-8" in run.halted[0][2]


def sink(path: Path, *, tolerant: bool = False, **keys: str) -> SinkHarness:
    return SinkHarness(FileSinkConnector(), {"file": str(path), **keys}, tolerant=tolerant)


def ids(path: Path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def batch(first: int, count: int, *, partition: int = 0, base: int = 0) -> Any:
    value = records([{"id": base + i} for i in range(first, first + count)], pa.field("id", pa.int64()))
    return consumed("t", value, first_offset=first, partition=partition)


@pytest.mark.parametrize("crash_after", ["put", "prepare", "kafka commit"])
def test_sink_writes_each_record_once_through_a_death(tmp_path: Path, crash_after: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"id": -1}\n')
    harness = sink(path)
    for step in range(6):
        run = harness.start(T0, T1)
        start = {where: harness.offsets[where].offset if where in harness.offsets else 0 for where in (T0, T1)}
        run.put(batch(start[T0], 5))
        if step % 2:
            run.put(batch(start[T1], 2, partition=1, base=1000))
        if crash_after != "put" or step % 3 == 2:
            offsets = run.prepare()
            if crash_after == "kafka commit" or step % 3 == 2:
                run.kafka_commit(offsets)
        run.task.stop()
    run = harness.start(T0, T1)
    run.task.stop()
    found = ids(path)
    assert found[0] == -1
    assert len(set(found)) == len(found)
    assert sorted(id_ for id_ in found if 0 <= id_ < 1000) == list(range(harness.offsets[T0].offset))
    committed = harness.offsets[T1].offset if T1 in harness.offsets else 0
    assert sorted(id_ for id_ in found if id_ >= 1000) == list(range(1000, 1000 + committed))


def test_sink_follows_offsets_that_are_set_back(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    harness = sink(path)
    run = harness.start(T0)
    for first in (0, 5):
        run.put(batch(first, 5))
        run.commit()
    run.task.stop()
    harness.offsets.clear()
    run = harness.start(T0)
    assert path.read_text() == ""
    run.put(batch(0, 10))
    run.commit()
    run.task.stop()
    assert ids(path) == list(range(10))


def test_sink_holds_a_lock_and_notices_a_file_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    harness = sink(path)
    run = harness.start(T0)
    with pytest.raises(RetriableError, match="another task"):
        harness.start(T0)
    run.put(batch(0, 3))
    run.commit()
    run.task.stop()
    path.write_text("")
    with pytest.raises(FatalError, match="had 27"):
        harness.start(T0)


@pytest.mark.parametrize(("format_", "lines"), [(None, 'a"b\nd\n'), ("text", 'a"b\nd\n'), ("json", '"a\\"b"\n"d"\n')])
def test_strings_are_lines_as_they_are_or_json(tmp_path: Path, format_: str | None, lines: str) -> None:
    path = tmp_path / "out.txt"
    run = (sink(path) if format_ is None else sink(path, format=format_)).start(T0)
    run.put(consumed("t", pa.array(['a"b', "d"])))
    run.commit()
    run.task.stop()
    assert path.read_text() == lines


@pytest.mark.parametrize("type_", [pa.string(), pa.binary()])
def test_sink_of_text_halts_what_is_no_line(tmp_path: Path, type_: pa.DataType) -> None:
    path = tmp_path / "out.txt"
    run = sink(path, tolerant=True).start(T0)
    run.put(consumed("t", pa.array(["a", "b\nc", "d"], type_)))
    run.commit()
    run.task.stop()
    assert path.read_text() == "a\nd\n"
    assert [offset for _, offset, _ in run.context.halted] == [1]


def test_datagen_makes_the_same_records_in_every_run_and_each_once() -> None:
    config = {"kafka.topic": "o", "max.interval": "0", "iterations": "100", "batch.size": "7"}
    connector = DatagenSourceConnector()
    seen: list[int] = []
    for task in connector.task_configs(connector.config_def.parse(config), 2):
        run = SourceHarness(connector, {**config, **task})
        for step in range(60):
            run.start()
            if len(run.rows()) < 100:
                run.poll(commit=step % 2 == 0)
            run.crash()
        seen += [row["orderid"] for row in run.rows()]
        again = SourceHarness(connector, {**config, **task})
        again.start()
        again.drain(100)
        assert again.rows() == run.rows()
    assert sorted(seen) == list(range(200))


@pytest.mark.parametrize("quickstart", ["users", "orders", "pageviews"])
def test_datagen_records_have_only_required_fields(quickstart: str) -> None:
    run = SourceHarness(DatagenSourceConnector(), {"kafka.topic": "o", "quickstart": quickstart, "batch.size": "50"})
    run.start()
    run.drain(50)
    run.crash()
    [made] = run.committed
    assert not any(field.nullable for field in made.batch.value_field.type)
    assert made.batch.key.null_count == 0
    assert len({json.dumps(row) for row in run.rows()}) == 50

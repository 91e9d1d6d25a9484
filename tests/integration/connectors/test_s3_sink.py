"""The S3 sink on a real store: every record in exactly one visible file, through a death at every step."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import EndpointConnectionError

from tests.conftest import TEST_BUCKET
from tests.integration.connectors.lake import Lake, s3_sink
from tests.integration.connectors.sink_harness import MemorySinkContext, consumed, records
from tests.support.eventually import eventually
from tidegate.connectors.s3 import S3SinkConnector
from tidegate.connectors.s3.multipart import complete_upload
from tidegate.devstack import SeaweedFS
from tidegate.errors import FatalError, RecordHaltedError, RetriableError
from tidegate.records.envelope import Batch, TopicPartition

T0 = TopicPartition("orders", 0)
T1 = TopicPartition("orders", 1)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())


@pytest.fixture
def lake(seaweedfs: SeaweedFS) -> Lake:
    return Lake(seaweedfs)


def rows(ids: Sequence[int], *, partition: int = 0, **kwargs: Any) -> Batch:
    value = records([{"id": id_, "name": f"n{id_}"} for id_ in ids], ID, NAME)
    return consumed("orders", value, partition=partition, offsets=list(ids), **kwargs)


def test_a_file_appears_whole_after_its_offset_is_committed(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    run.put(rows(range(100)))
    assert run.commit() == {}  # nothing is due
    offsets = run.prepare(closing=True)
    assert {where: offset.offset for where, offset in offsets.items()} == {T0: 100}
    assert lake.files() == []
    run.kafka_commit(offsets)
    assert lake.files() == []
    run.task.committed(offsets)
    assert lake.files() == ["orders/partition=0/orders+0+0000000000.zstd.parquet"]
    assert lake.ids() == list(range(100))
    assert (lake.manifests(), lake.uploads()) == ([], [])
    table = lake.table(lake.files()[0])
    assert table.schema.field("id").nullable is False
    run.task.stop()


def test_a_closing_commit_is_not_the_end(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    run.put(rows(range(10)))
    run.commit(closing=True)
    assert run.commit(closing=True) == {}
    run.put(rows(range(10, 20)))
    run.commit(closing=True)
    assert lake.ids() == list(range(20))


def _crash_before_prepare(run: Any) -> None:
    pass


def _crash_after_prepare(run: Any) -> None:
    run.prepare(closing=True)


def _crash_after_kafka_commit(run: Any) -> None:
    run.kafka_commit(run.prepare(closing=True))


def _crash_in_mid_complete(run: Any) -> None:
    run.kafka_commit(run.prepare(closing=True))
    task = run.task
    commit = task._writers[T0].prepared
    complete_upload(task._client, task._bucket, commit.files[0])


def _crash_before_manifest_is_deleted(run: Any) -> None:
    run.kafka_commit(run.prepare(closing=True))
    task = run.task
    for file in task._writers[T0].prepared.files:
        complete_upload(task._client, task._bucket, file)


CRASHES = [
    _crash_before_prepare,
    _crash_after_prepare,
    _crash_after_kafka_commit,
    _crash_in_mid_complete,
    _crash_before_manifest_is_deleted,
]


@pytest.mark.parametrize("crash", CRASHES)
def test_the_successor_repairs_whatever_a_death_left(lake: Lake, crash: Callable[[Any], None]) -> None:
    harness = s3_sink(lake, flush_size="7", partitioner_class="field", partition_field_name="name")
    first = harness.start(T0)
    value = records([{"id": id_, "name": "ab"[id_ % 2]} for id_ in range(30)], ID, NAME)
    first.put(consumed("orders", value))
    crash(first)
    # The store's clock counts whole seconds: what is as young as the successor is left to the next one.
    time.sleep(1.1)
    second = harness.start(T0)
    start = harness.offsets[T0].offset if T0 in harness.offsets else 0
    assert lake.ids() == list(range(start))
    assert (lake.manifests(), lake.uploads()) == ([], [])
    if start < 30:
        second.put(consumed("orders", value.slice(start), first_offset=start))
    second.commit(closing=True)
    assert lake.ids() == list(range(30))


def test_a_zombie_prepares_but_what_it_prepared_is_never_seen(lake: Lake) -> None:
    harness = s3_sink(lake)
    zombie = harness.start(T0)
    zombie.put(rows(range(50)))
    successor = harness.start(T0)
    successor.put(rows(range(20)))
    successor.commit(closing=True)
    # It wakes up and prepares, under the very offset its successor commits next; the broker refuses its commit.
    successor.put(rows(range(20, 50)))
    prepared = successor.prepare(closing=True)
    zombie.prepare(closing=True)
    successor.kafka_commit(prepared)  # and the successor dies before it completes
    assert len(lake.manifests()) == 2
    time.sleep(1.1)
    third = harness.start(T0)
    assert lake.ids() == list(range(50))
    assert (lake.manifests(), lake.uploads()) == ([], [])
    zombie.task.stop()
    third.task.stop()
    assert lake.ids() == list(range(50))


def test_what_a_zombie_prepares_after_its_successor_has_finished_is_never_seen(lake: Lake) -> None:
    harness = s3_sink(lake)
    zombie = harness.start(T0)
    successor = harness.start(T0)
    successor.put(rows(range(20)))
    successor.commit(closing=True)
    successor.put(rows(range(20, 50)))
    successor.commit(closing=True)
    # Under the offset that is committed, but cut otherwise.
    zombie.put(rows(range(50)))
    zombie.prepare(closing=True)
    harness.start(T0)
    assert lake.ids() == list(range(50))


def test_files_of_keys_appear_with_those_of_their_values_or_not_at_all(lake: Lake) -> None:
    keys = {"store.kafka.keys": "true", "keys.format.class": "parquet", "behavior.on.null.values": "write"}
    harness = s3_sink(lake, keys=keys, flush_size="4")
    value = records([None if i % 5 == 0 else {"id": i, "name": "x"} for i in range(20)], ID, NAME)
    batch = consumed("orders", value, key=pa.array([f"k{i}" for i in range(20)]))
    dying = harness.start(T0)
    dying.put(batch)
    dying.prepare(closing=True)  # and dies before the commit
    late = harness.start(T0)
    assert lake.files() == []
    late.put(batch)
    late.kafka_commit(late.prepare(closing=True))  # and dies after it
    harness.start(T0)
    found = {key.removeprefix("orders/"): lake.table(key) for key in lake.files()}
    for name, table in found.items():
        if name.startswith("partition=0/") and ".keys." not in name:
            its_keys = found[name.replace(".zstd", ".keys.zstd")]["key"].to_pylist()
            assert its_keys == [f"k{id_}" for id_ in table["id"].to_pylist()]
    written = [key for name, table in found.items() if ".keys." in name for key in table["key"].to_pylist()]
    assert Counter(written) == Counter(f"k{i}" for i in range(20))
    assert lake.ids() == [i for i in range(20) if i % 5]


def test_manifests_do_not_pile_up(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    for start in range(0, 50, 10):
        run.put(rows(range(start, start + 10)))
        run.commit(closing=True)
    assert len(lake.files("_tidegate/sink/manifests/")) == 1


def test_a_late_holder_does_not_touch_its_successors_files(lake: Lake) -> None:
    harness = s3_sink(lake)
    late = s3_sink(lake)
    stale = late.connector.task_class()
    stale.start(late.connector.config_def.parse(late.config), MemorySinkContext("sink", 1, tolerant=False))
    time.sleep(1.1)
    successor = harness.start(T0, epoch=2)
    successor.put(rows(range(10)))
    prepared = successor.prepare(closing=True)
    stale.open({T0: None})  # it was paused between its start and here
    successor.kafka_commit(prepared)
    successor.task.committed(prepared)
    assert lake.ids() == list(range(10))


def test_a_commit_that_is_tried_again_holds_everything(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    run.put(rows(range(10)))
    run.prepare(closing=True)
    run.put(rows(range(10, 20)))
    run.commit(closing=True)
    assert lake.ids() == list(range(20))
    assert lake.manifests() == []


def test_a_committed_upload_that_somebody_aborted_is_said_loudly(lake: Lake) -> None:
    harness = s3_sink(lake)
    first = harness.start(T0)
    first.put(rows(range(10)))
    first.kafka_commit(first.prepare(closing=True))
    for upload in lake.client.list_multipart_uploads(Bucket=TEST_BUCKET, Prefix=lake.prefix)["Uploads"]:
        lake.client.abort_multipart_upload(Bucket=TEST_BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    with pytest.raises(FatalError, match="can not be completed"):
        harness.start(T0)


def test_rotation_by_rows_cuts_exactly_and_leaves_the_last_file_to_grow(lake: Lake) -> None:
    run = s3_sink(lake, flush_size="40").start(T0)
    run.put(rows(range(100)))
    assert run.task.commit_due()
    assert run.commit()[T0].offset == 80
    assert not run.task.commit_due()
    run.put(rows(range(100, 130)))
    assert run.commit()[T0].offset == 120
    assert [key.split("+")[-1] for key in lake.files()] == [
        "0000000000.zstd.parquet",
        "0000000040.zstd.parquet",
        "0000000080.zstd.parquet",
    ]
    assert [lake.table(key).num_rows for key in lake.files()] == [40, 40, 40]
    assert run.commit(closing=True)[T0].offset == 130
    assert lake.ids() == list(range(130))


def test_directories_that_interleave_are_committed_together(lake: Lake) -> None:
    run = s3_sink(lake, flush_size="10", partitioner_class="field", partition_field_name="name").start(T0)
    value = records([{"id": i, "name": "odd" if i % 4 == 1 else "other"} for i in range(20)], ID, NAME)
    run.put(consumed("orders", value))
    assert run.commit()[T0].offset == 20
    assert Counter(lake.ids()) == Counter(range(20))


def test_rotation_by_record_time_waits_for_a_later_record(lake: Lake) -> None:
    run = s3_sink(lake, rotate_interval_ms="60000").start(T0)
    times = [1_700_000_000_000 + 20_000 * i for i in range(9)]
    run.put(rows(range(2), timestamps=times[:2]))
    assert not run.task.commit_due()
    run.put(rows(range(2, 9), timestamps=times[2:]))
    assert run.task.commit_due()
    run.commit()
    assert [lake.table(key)["id"].to_pylist() for key in lake.files()] == [[0, 1, 2], [3, 4, 5]]
    run.commit(closing=True)
    assert [lake.table(key)["id"].to_pylist() for key in lake.files()] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_rotation_by_the_clock_needs_no_record(lake: Lake) -> None:
    run = s3_sink(lake, rotate_schedule_interval_ms="1000").start(T0)
    run.put(rows(range(3)))
    eventually(run.task.commit_due, timeout=10)
    run.commit()
    assert lake.ids() == [0, 1, 2]


def test_rotation_by_bytes(lake: Lake) -> None:
    run = s3_sink(lake, rotate_bytes="200000", parquet_codec="none").start(T0)
    for start in range(0, 60_000, 5_000):
        run.put(rows(range(start, start + 5_000)))
    run.commit(closing=True)
    sizes = [
        lake.client.head_object(Bucket=TEST_BUCKET, Key=f"{lake.prefix}/{key}")["ContentLength"] for key in lake.files()
    ]
    assert len(sizes) > 2
    assert max(sizes) < 400_000
    assert lake.ids() == list(range(60_000))


def test_large_files_go_in_parts(lake: Lake) -> None:
    run = s3_sink(lake, s3_part_size=str(5 << 20), parquet_codec="none", parquet_row_group_bytes=str(1 << 20)).start(T0)
    blob = pa.field("blob", pa.binary(), nullable=False)
    for start in range(0, 3000, 500):
        value = records([{"id": start + i, "blob": uuid.uuid4().bytes * 512} for i in range(500)], ID, blob)
        run.put(consumed("orders", value, first_offset=start))
    assert lake.files() == []
    run.commit(closing=True)
    assert lake.ids() == list(range(3000))


def test_partitions_of_a_topic_commit_apart(lake: Lake) -> None:
    run = s3_sink(lake, flush_size="10").start(T0, T1)
    run.put(rows(range(10)))
    run.put(rows(range(4), partition=1))
    offsets = run.commit()
    assert {where: offset.offset for where, offset in offsets.items()} == {T0: 10}
    assert [key.split("/")[1] for key in lake.files()] == ["partition=0"]
    run.commit(closing=True)
    assert [key.split("/")[1] for key in lake.files()] == ["partition=0", "partition=1"]


def test_a_batch_of_several_partitions_is_sorted_into_their_files(lake: Lake) -> None:
    run = s3_sink(lake).start(T0, T1)
    value = records([{"id": i, "name": "x"} for i in range(6)], ID, NAME)
    run.put(consumed("orders", value, partition=[0, 1, 0, 1, 1, 0], offsets=[0, 0, 1, 1, 2, 2]))
    run.commit(closing=True)
    assert [lake.table(key)["id"].to_pylist() for key in lake.files()] == [[0, 2, 5], [1, 3, 4]]


def test_partition_by_field_keeps_the_field_and_escapes_it(lake: Lake) -> None:
    run = s3_sink(
        lake, partitioner_class="io.confluent.connect.storage.partitioner.FieldPartitioner", partition_field_name="name"
    ).start(T0)
    value = records([{"id": 0, "name": "a/b=c"}, {"id": 1, "name": None}, {"id": 2, "name": "ü"}], ID, NAME)
    run.put(consumed("orders", value))
    run.commit(closing=True)
    assert [key.split("/")[1] for key in lake.files()] == [
        "name=%C3%BC",
        "name=__HIVE_DEFAULT_PARTITION__",
        "name=a%2Fb%3Dc",
    ]
    assert lake.table(lake.files()[2])["name"].to_pylist() == ["a/b=c"]


def test_partition_by_time_of_a_field_in_a_time_zone(lake: Lake) -> None:
    at = pa.field("at", pa.timestamp("us", "UTC"))
    run = s3_sink(
        lake,
        tolerant=True,
        partitioner_class="time",
        timestamp_extractor="RecordField",
        timestamp_field="at",
        timezone="Europe/Berlin",
        path_format="'d'=YYYY-MM-dd/'h'=HH",
        partition_duration_ms="21600000",
    ).start(T0)
    moments = [datetime(2026, 1, 31, 22, 59, tzinfo=UTC), datetime(2026, 1, 31, 23, 1, tzinfo=UTC), None]
    run.put(consumed("orders", records([{"id": i, "at": m} for i, m in enumerate(moments)], ID, at)))
    run.commit(closing=True)
    assert [key.split("orders/")[1].rsplit("/", 1)[0] for key in lake.files()] == [
        "d=2026-01-31/h=18",
        "d=2026-02-01/h=00",
    ]
    assert [(where, "'at'" in message) for _, where, message in run.context.halted] == [(2, True)]


def test_the_gate_halts_a_renamed_field_and_goes_on(lake: Lake) -> None:
    harness = s3_sink(lake, tolerant=True)
    run = harness.start(T0)
    user = pa.field("userId", pa.string(), nullable=False)
    renamed = pa.field("user_id", pa.string(), nullable=False)
    run.put(consumed("orders", records([{"id": 0, "userId": "a"}], ID, user)))
    run.put(consumed("orders", records([{"id": 1, "user_id": "b"}], ID, renamed), first_offset=1))
    run.put(consumed("orders", records([{"id": 2, "userId": "c"}], ID, user), first_offset=2))
    [(_, offset, message)] = run.context.halted
    assert offset == 1
    assert "'userId' is required" in message
    assert "renamed?" in message
    run.commit(closing=True)
    # Another process judges alike, though the renamed record is the first it sees.
    again = harness.start(T0)
    again.put(consumed("orders", records([{"id": 3, "user_id": "d"}], ID, renamed), first_offset=3))
    assert [offset for _, offset, _ in again.context.halted] == [3]
    again.commit(closing=True)
    assert harness.offsets[T0].offset == 4
    assert lake.ids() == [0, 2]
    assert [lake.table(key).column_names for key in lake.files()] == [["id", "userId"]]


def test_an_intolerant_sink_stops_exactly_at_the_bad_record(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    value = records([{"id": 0, "name": "a"}, {"id": 1, "name": "b"}, None, {"id": 3, "name": "c"}], ID, NAME)
    with pytest.raises(RecordHaltedError, match="null"):
        run.put(consumed("orders", value))
    run.positions[T0] = 2
    run.commit(closing=True)
    assert lake.ids() == [0, 1]


def test_a_widened_schema_begins_a_new_file_and_older_records_are_projected(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    narrow = records([{"id": 0}], pa.field("id", pa.int32(), nullable=False))
    run.put(consumed("orders", narrow))
    run.put(rows([1]))
    run.put(consumed("orders", narrow, first_offset=2))
    run.commit(closing=True)
    tables = [lake.table(key) for key in lake.files()]
    assert [table.column_names for table in tables] == [["id"], ["id", "name"]]
    assert tables[1]["name"].to_pylist() == ["n1", None]
    assert tables[1].schema.field("id").type == pa.int64()


def test_without_compatibility_a_changed_schema_begins_a_new_file(lake: Lake) -> None:
    run = s3_sink(lake, schema_compatibility="NONE").start(T0)
    for offset, value in enumerate([{"id": 0}, {"id": "x"}]):
        type_ = pa.int64() if offset == 0 else pa.string()
        run.put(consumed("orders", records([value], pa.field("id", type_)), first_offset=offset))
    run.commit(closing=True)
    assert [lake.table(key)["id"].to_pylist() for key in lake.files()] == [[0], ["x"]]


def test_values_without_a_schema_are_halted(lake: Lake) -> None:
    run = s3_sink(lake, tolerant=True).start(T0)
    run.put(consumed("orders", pa.array(["text", None])))
    assert [offset for _, offset, _ in run.context.halted] == [0, 1]
    run.commit()
    assert (lake.files(), run._harness.offsets[T0].offset, lake.manifests()) == ([], 2, [])


def test_validation_finds_a_missing_bucket_and_an_absent_store(lake: Lake) -> None:
    connector = S3SinkConnector()

    def problems(**keys: str) -> list[tuple[str, str]]:
        config = {**lake.config, **{key.replace("_", "."): value for key, value in keys.items()}}
        return [(p.key, p.message) for p in connector.validate(connector.config_def.parse(config))]

    assert problems() == []
    assert problems(s3_bucket_name="no-such-bucket")[0][0] == "s3.bucket.name"
    assert problems(store_url="http://127.0.0.1:1")[0][0] == "store.url"
    assert problems(aws_access_key_id="nobody")[0][0] == "aws.access.key.id"
    assert problems(partitioner_class="field")[0][0] == "partition.field.name"


def test_a_store_that_is_away_is_retriable(lake: Lake) -> None:
    with pytest.raises(RetriableError, match="reach bucket"):
        s3_sink(lake, store_url="http://127.0.0.1:1").start(T0)


def test_a_bucket_that_is_missing_is_fatal(lake: Lake) -> None:
    with pytest.raises(FatalError, match=r"Check s3\.bucket\.name"):
        s3_sink(lake, s3_bucket_name="no-such-bucket").start(T0)


def test_an_intolerant_sink_stops_at_values_without_a_schema(lake: Lake) -> None:
    run = s3_sink(lake).start(T0)
    with pytest.raises(RecordHaltedError, match="not a record"):
        run.put(consumed("orders", pa.array(["text"])))
    assert lake.files("") == []


def test_optional_nested_records_with_required_fields(lake: Lake) -> None:
    inner = pa.struct([pa.field("x", pa.int64(), nullable=False), pa.field("tags", pa.map_(pa.string(), pa.int32()))])
    run = s3_sink(lake).start(T0)
    rows_: list[dict[str, Any]] = [{"id": 0, "s": {"x": 1, "tags": [("k", 2)]}}, {"id": 1, "s": None}]
    run.put(consumed("orders", records(rows_, ID, pa.field("s", inner))))
    run.put(rows([2]))
    run.commit(closing=True)
    tables = [lake.table(key) for key in lake.files()]
    assert tables[0]["s"].to_pylist() == [row["s"] for row in rows_]
    assert [table.column_names for table in tables] == [["id", "s"], ["id", "s", "name"]]


def test_a_transaction_that_failed_is_offered_again_without_waiting_for_rotation(lake: Lake) -> None:
    run = s3_sink(lake, flush_size="10").start(T0)
    run.put(rows(range(10)))
    assert run.prepare()
    assert run.prepare()
    run.commit()
    assert (lake.ids(), lake.manifests()) == (list(range(10)), [])


def test_no_record_twice_over_many_crashes(lake: Lake) -> None:
    harness = s3_sink(lake, flush_size="13", partitioner_class="field", partition_field_name="name")
    total = 400
    steps = 0
    while harness.offsets.get(T0) is None or harness.offsets[T0].offset < total:
        run = harness.start(T0)
        start = harness.offsets[T0].offset if T0 in harness.offsets else 0
        for first in range(start, min(start + 60, total), 17):
            ids = range(first, min(first + 17, total))
            value = records([{"id": i, "name": f"g{i % 3}"} for i in ids], ID, NAME)
            run.put(consumed("orders", value, first_offset=first))
            if run.task.commit_due() and steps % 2:
                run.commit()
        CRASHES[steps % len(CRASHES)](run)
        steps += 1
        assert steps < 100
    harness.start(T0)
    assert Counter(lake.ids()) == Counter(range(total))


def test_a_batch_put_again_after_s3_was_away_is_there_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = s3_sink(lake, buffer_memory_bytes=str(8 << 20)).start(T0)
    blob = pa.field("blob", pa.binary(), nullable=False)

    def batch(first: int) -> Batch:
        rows = [{"id": first + i, "name": "n", "blob": os.urandom(16_384)} for i in range(800)]
        return consumed("orders", records(rows, ID, NAME, blob), first_offset=first)

    upload = run.task._client.upload_part  # type: ignore[attr-defined]
    away = True

    def upload_part(**arguments: Any) -> Any:
        if away:
            raise EndpointConnectionError(endpoint_url="http://s3")
        return upload(**arguments)

    monkeypatch.setattr(run.task._client, "upload_part", upload_part)  # type: ignore[attr-defined]
    run.put(batch(0))
    for _ in range(2):
        with pytest.raises(RetriableError):
            run.put(batch(800))
    with pytest.raises(RetriableError):
        run.prepare(closing=True)
    away = False
    run.put(batch(800))
    run.commit(closing=True)
    assert lake.ids() == list(range(1600))

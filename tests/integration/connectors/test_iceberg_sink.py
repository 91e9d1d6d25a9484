"""The Iceberg sink on real catalogs: what its tables hold, read by PyIceberg and by DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.iceberg_harness import Lakehouse, keyed_batch, rest_catalog, sql_catalog
from tests.integration.connectors.sink_harness import consumed, records
from tests.support.eventually import eventually
from tidegate.connectors.iceberg import IcebergSinkConnector
from tidegate.devstack import SeaweedFS, Tansu
from tidegate.errors import FatalError, RecordHaltedError, RetriableError
from tidegate.kafka.topics import TopicAdmin
from tidegate.records.envelope import Batch, TopicPartition

T0 = TopicPartition("orders", 0)
T1 = TopicPartition("orders", 1)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())
ROW = pa.struct([ID, NAME])
KEY = pa.struct([pa.field("id", pa.int64(), nullable=False)])
UPSERT = {"iceberg.tables.upsert-mode-enabled": "true"}
EVOLVE = {"iceberg.tables.evolve-schema-enabled": "true"}


@pytest.fixture(params=["rest", "sql"])
def lake(request: pytest.FixtureRequest, seaweedfs: SeaweedFS, tansu: Tansu, tmp_path: Path) -> Lakehouse:
    """On each of the two kinds of catalog."""
    catalog = rest_catalog(seaweedfs) if request.param == "rest" else sql_catalog(seaweedfs, tmp_path)
    return Lakehouse(catalog, seaweedfs, tansu)


@pytest.fixture
def rest(seaweedfs: SeaweedFS, tansu: Tansu) -> Lakehouse:
    """On the REST catalog."""
    return Lakehouse(rest_catalog(seaweedfs), seaweedfs, tansu)


def rows(ids: Sequence[int], *, partition: int = 0, **kwargs: Any) -> Batch:
    value = records([{"id": id_, "name": f"n{id_}"} for id_ in ids], ID, NAME)
    return consumed("orders", value, partition=partition, offsets=list(ids), **kwargs)


def put(lake: Lakehouse, *batches: Batch, tolerant: bool = False, **keys: str) -> list[tuple[int, int, str]]:
    """One task puts batches, all is committed; returns what was halted."""
    named = {key.replace("__", ".").replace("_", "-"): value for key, value in keys.items()}
    run = lake.start(T0, tolerant=tolerant, keys={f"iceberg.{key}": value for key, value in named.items()})
    for batch in batches:
        run.put(batch)
    run.commit()
    lake.commit_all()
    run.close()
    return run.context.halted


def test_rows_appear_when_the_committer_has_been_and_duckdb_reads_them(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(1000)))
    offsets = run.prepare()
    assert {where: each.offset for where, each in offsets.items()} == {T0: 1000}
    assert lake.ids() == []
    run.kafka_commit(offsets)
    assert lake.ids() == []
    lake.commit_all()
    assert lake.ids() == list(range(1000))
    assert lake.duckdb_rows("id, name")[:2] == [(0, "n0"), (1, "n1")]
    assert [(field.name, field.required) for field in lake.table().schema().fields] == [("id", True), ("name", False)]
    run.close()


def test_the_snapshot_tells_the_offsets_it_holds(lake: Lakehouse) -> None:
    run = lake.start(T0, T1)
    run.put(rows(range(10)))
    run.put(rows(range(5), partition=1))
    run.commit()
    lake.commit_all()
    run.put(rows(range(10, 12)))
    run.commit()
    lake.commit_all()
    told = [summary["tidegate.source-offsets"] for summary in lake.snapshots()]
    assert told == ['{"orders:0":10,"orders:1":5}', '{"orders:0":12,"orders:1":5}']
    positions = [
        summary[f"kafka.connect.offsets.tidegate-iceberg-{lake.connector}.{lake.connector}"]
        for summary in lake.snapshots()
    ]
    assert positions == sorted(positions)
    run.close()


def test_all_tasks_together_make_one_snapshot_an_interval(lake: Lakehouse) -> None:
    tasks = [lake.start(TopicPartition("orders", number), task=number) for number in range(1, 4)]
    for number, run in enumerate(tasks, start=1):
        run.put(rows(range(100 * number, 100 * number + 50), partition=number))
        run.commit()
    lake.commit_all()
    assert len(lake.snapshots()) == 1
    assert len(lake.ids()) == 150
    for run in tasks:
        run.close()


def test_the_committing_task_commits_by_itself_and_idle_tasks_stall_nobody(lake: Lakehouse) -> None:
    committing = lake.start(T1, task=0)
    idle = lake.start(TopicPartition("orders", 2), task=2)
    run = lake.start(T0, task=1)
    run.put(rows(range(10)))
    eventually(run.task.commit_due, timeout=10, interval=0.02)
    run.commit(closing=False)
    eventually(lambda: lake.ids() == list(range(10)), timeout=30)
    committing.task.commit_due()
    for each in (committing, idle, run):
        each.close()


def test_a_task_that_stops_has_committed_what_was_told(lake: Lakehouse) -> None:
    run = lake.start(T0, task=0, keys={"iceberg.control.commit.interval-ms": "3600000"})
    run.put(rows(range(10)))
    run.commit()
    run.close()
    assert lake.ids() == list(range(10))


@pytest.mark.parametrize("catalog", ["rest"])
def test_every_type_arrives_and_is_read_back(rest: Lakehouse, catalog: str) -> None:
    lake = rest
    fields = [
        ID,
        pa.field("small", pa.int16()),
        pa.field("ratio", pa.float32()),
        pa.field("amount", pa.decimal128(12, 2)),
        pa.field("raw", pa.binary()),
        pa.field("fixed", pa.binary(4)),
        pa.field("day", pa.date32()),
        pa.field("at", pa.timestamp("ms", "UTC")),
        pa.field("local", pa.timestamp("us")),
        pa.field("clock", pa.time32("ms")),
        pa.field("flag", pa.bool_()),
        pa.field("level", pa.dictionary(pa.int32(), pa.string())),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("counts", pa.map_(pa.string(), pa.int64())),
        pa.field("place", pa.struct([pa.field("x", pa.float64(), nullable=False), pa.field("name", pa.string())])),
        pa.field("nothing", pa.null()),
    ]
    full = {
        "id": 1,
        "small": 7,
        "ratio": 0.5,
        "amount": Decimal("12345.67"),
        "raw": b"\x00\x01",
        "fixed": b"abcd",
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "local": datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001
        "clock": datetime(2026, 1, 1, 3, 4, 5).time(),  # noqa: DTZ001
        "flag": True,
        "level": "high",
        "tags": ["a", None],
        "counts": [("k", 1)],
        "place": {"x": 1.5, "name": None},
        "nothing": None,
    }
    columns = [
        pa.array([full[field.name], None], field.type) if field.name != "id" else pa.array([1, 2]) for field in fields
    ]
    value = pa.StructArray.from_arrays(columns, fields=fields)
    put(lake, consumed("orders", value))
    first, second = lake.rows()
    del full["nothing"]
    assert first == full
    assert second == {"id": 2} | dict.fromkeys([name for name in full if name != "id"])
    assert lake.duckdb_rows("id, amount, day, tags, place.x")[0] == (
        1,
        Decimal("12345.67"),
        date(2026, 1, 2),
        ["a", None],
        1.5,
    )


def test_partitions_with_transforms(lake: Lakehouse) -> None:
    at = pa.field("at", pa.timestamp("us", "UTC"))
    value = records(
        [{"id": i, "name": f"name{i % 2}", "at": datetime(2026, 1, 1 + i % 3, tzinfo=UTC)} for i in range(60)],
        ID,
        NAME,
        at,
    )
    put(lake, consumed("orders", value), tables__default_partition_by="day(at), bucket(id, 4), truncate(name, 5), name")
    table = lake.table()
    assert [field.name for field in table.spec().fields] == ["at_day", "id_bucket", "name_trunc", "name"]
    assert lake.ids() == list(range(60))
    files = table.inspect.files()
    assert 12 < files.num_rows <= 24
    day = table.scan(row_filter="at >= '2026-01-03T00:00:00+00:00'")
    assert len(list(day.plan_files())) < files.num_rows
    assert len(day.to_arrow()) == 20
    assert len(lake.duckdb_rows("id")) == 60


def test_a_table_follows_its_records(lake: Lakehouse) -> None:
    inner = pa.struct([pa.field("x", pa.int32())])
    wide = pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.string())])
    halted = put(
        lake,
        consumed(
            "orders", records([{"id": 0, "n": 1, "p": {"x": 1}}], ID, pa.field("n", pa.int32()), pa.field("p", inner))
        ),
        consumed(
            "orders",
            records(
                [{"id": 1, "n": 2**40, "p": {"x": 2**40, "y": "b"}, "new": "c"}],
                ID,
                pa.field("n", pa.int64()),
                pa.field("p", wide),
                pa.field("new", pa.string(), nullable=False),
            ),
            first_offset=1,
        ),
        consumed("orders", records([{"id": 2}], ID), first_offset=2),
        tables__evolve_schema_enabled="true",
    )
    assert halted == []
    assert lake.rows() == [
        {"id": 0, "n": 1, "p": {"x": 1, "y": None}, "new": None},
        {"id": 1, "n": 2**40, "p": {"x": 2**40, "y": "b"}, "new": "c"},
        {"id": 2, "n": None, "p": None, "new": None},
    ]
    assert len(lake.snapshots()) == 1
    assert lake.duckdb_rows("id, n, new") == [(0, 1, None), (1, 2**40, "c"), (2, None, None)]


def test_tasks_that_evolve_a_table_at_once_agree(lake: Lakehouse) -> None:
    put(lake, rows([0]))
    one = lake.start(T0, task=1, keys=EVOLVE)
    two = lake.start(T1, task=2, keys=EVOLVE)
    for run in (one, two):
        run.put(rows([1], partition=run.context.task))
    a = pa.field("a", pa.string())
    b = pa.field("b", pa.string())
    one.put(consumed("orders", records([{"id": 2, "name": "x", "a": "a"}], ID, NAME, a), first_offset=2))
    two.put(consumed("orders", records([{"id": 3, "name": "x", "b": "b"}], ID, NAME, b), partition=1, first_offset=2))
    for run in (one, two):
        run.commit()
        run.close()
    lake.commit_all()
    assert {field.name for field in lake.table().schema().fields} == {"id", "name", "a", "b"}
    assert [(row["id"], row["a"], row["b"]) for row in lake.rows()][3:] == [(2, "a", None), (3, None, "b")]


def test_a_renamed_required_field_is_halted_and_the_rest_goes_on(lake: Lakehouse) -> None:
    user = pa.field("userId", pa.string(), nullable=False)
    renamed = pa.field("user_id", pa.string(), nullable=False)
    halted = put(
        lake,
        consumed("orders", records([{"id": 0, "userId": "a"}], ID, user)),
        consumed("orders", records([{"id": 1, "user_id": "b"}], ID, renamed), first_offset=1),
        consumed("orders", records([{"id": "x", "userId": "a"}], pa.field("id", pa.string()), user), first_offset=2),
        consumed("orders", records([{"id": 3, "userId": "c"}], ID, user), first_offset=3),
        tolerant=True,
        tables__evolve_schema_enabled="true",
    )
    assert [offset for _, offset, _ in halted] == [1, 2]
    assert "'userId' is required and missing" in halted[0][2] and "renamed?" in halted[0][2]
    assert "'id' is string" in halted[1][2]
    assert lake.ids() == [0, 3]
    assert [field.name for field in lake.table().schema().fields] == ["id", "userId"]


def test_without_evolution_new_fields_are_left_out_and_nulls_are_halted_one_by_one(lake: Lakehouse) -> None:
    put(lake, rows([0]))
    loose = pa.field("id", pa.int64())
    value = records(
        [{"id": 1, "more": "x"}, {"id": None, "more": "y"}, {"id": 3, "more": "z"}],
        loose,
        pa.field("more", pa.string()),
    )
    halted = put(lake, consumed("orders", value, first_offset=1), tolerant=True)
    assert [(offset, "'id' is null" in why) for _, offset, why in halted] == [(2, True)]
    assert lake.rows() == [{"id": 0, "name": "n0"}, {"id": 1, "name": None}, {"id": 3, "name": None}]


def test_an_intolerant_sink_stops_exactly_at_the_bad_record(rest: Lakehouse) -> None:
    run = rest.start(T0)
    value = records([{"id": 0, "name": "a"}, {"id": 1, "name": "b"}, None, {"id": 3, "name": "c"}], ID, NAME)
    with pytest.raises(RecordHaltedError, match="null"):
        run.put(consumed("orders", value))
    run.positions[T0] = 2
    run.commit()
    rest.commit_all()
    assert rest.ids() == [0, 1]
    run.close()


def test_rows_are_replaced_and_deleted_by_key(lake: Lakehouse) -> None:
    run = lake.start(T0, keys=UPSERT)
    run.put(keyed_batch([{"id": i} for i in range(6)], [{"id": i, "name": "old"} for i in range(6)], KEY, ROW))
    run.commit()
    lake.commit_all()
    run.put(
        keyed_batch(
            [{"id": 1}, {"id": 2}, {"id": 1}, {"id": 9}, {"id": 9}, {"id": 3}, {"id": 3}],
            [
                {"id": 1, "name": "x"},
                None,
                {"id": 1, "name": "y"},
                {"id": 9, "name": "z"},
                None,
                None,
                {"id": 3, "name": "back"},
            ],
            KEY,
            ROW,
            first_offset=6,
        )
    )
    run.commit()
    lake.commit_all()
    expected = [(0, "old"), (1, "y"), (3, "back"), (4, "old"), (5, "old")]
    assert [(row["id"], row["name"]) for row in lake.rows()] == expected
    assert lake.duckdb_rows("id, name") == expected
    assert len(lake.snapshots()) == 2
    assert list(lake.table().schema().identifier_field_names()) == ["id"]
    run.close()


def test_changes_told_before_one_commit_are_applied_in_their_order(lake: Lakehouse) -> None:
    run = lake.start(T0, keys=UPSERT)
    for offset, value in enumerate(
        [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}, None, {"id": 1, "name": "c"}, {"id": 2, "name": "d"}, None]
    ):
        key = {"id": 1} if offset < 4 else {"id": 2}
        run.put(keyed_batch([key], [value], KEY, ROW, first_offset=offset))
        run.commit()
    lake.commit_all()
    assert lake.rows() == [{"id": 1, "name": "c"}]
    assert len(lake.snapshots()) == 1
    run.close()


def test_a_field_tells_what_a_record_does(lake: Lakehouse) -> None:
    op = pa.field("__op", pa.string())
    row = pa.struct([ID, NAME, op])
    ops = [(1, "r"), (2, "c"), (3, "I"), (1, "u"), (2, "d"), (4, "?")]
    values = [{"id": id_, "name": f"{id_}{what}", "__op": what} for id_, what in ops]
    run = lake.start(
        T0, tolerant=True, keys={"iceberg.tables.cdc-field": "__op", "iceberg.tables.default-id-columns": "id"}
    )
    run.put(keyed_batch([None] * len(ops), values, pa.null(), row))
    run.commit()
    lake.commit_all()
    assert [(each["id"], each["name"]) for each in lake.rows()] == [(1, "1u"), (3, "3I")]
    assert [(offset, "'?'" in why) for _, offset, why in run.context.halted] == [(5, True)]
    run.close()


def test_keys_of_two_columns_in_a_partitioned_table(lake: Lakehouse) -> None:
    row = pa.struct([pa.field("shop", pa.string(), nullable=False), ID, NAME, pa.field("tags", pa.list_(pa.string()))])
    keys = {
        **UPSERT,
        "iceberg.tables.default-id-columns": "shop, id",
        "iceberg.tables.default-partition-by": "shop",
    }
    run = lake.start(T0, keys=keys)
    every = [(shop, id_) for shop in ("a", "b") for id_ in range(50)]
    nulls = [None] * len(every)
    run.put(keyed_batch(nulls, [{"shop": s, "id": i, "name": "old", "tags": ["t"]} for s, i in every], pa.null(), row))
    run.commit()
    lake.commit_all()
    changed = [("a", 7), ("b", 8)]
    key = pa.struct([("shop", pa.string()), ("id", pa.int64())])
    run.put(
        keyed_batch(
            [{"shop": s, "id": i} for s, i in [*changed, ("a", 9)]],
            [*({"shop": s, "id": i, "name": "new", "tags": []} for s, i in changed), None],
            key,
            row,
            first_offset=100,
        )
    )
    run.commit()
    lake.commit_all()
    names = {(each["shop"], each["id"]): each["name"] for each in lake.rows()}
    assert names == {place: "new" if place in changed else "old" for place in every if place != ("a", 9)}
    run.close()


def test_a_replaced_row_touches_only_the_file_that_holds_it(rest: Lakehouse) -> None:
    run = rest.start(T0, keys=UPSERT)
    for first in (0, 100, 200):
        ids = range(first, first + 100)
        run.put(
            keyed_batch([{"id": i} for i in ids], [{"id": i, "name": "old"} for i in ids], KEY, ROW, first_offset=first)
        )
        run.commit()
    rest.commit_all()
    before = set(rest.table().inspect.files()["file_path"].to_pylist())
    run.put(keyed_batch([{"id": 150}], [{"id": 150, "name": "new"}], KEY, ROW, first_offset=300))
    run.commit()
    rest.commit_all()
    after = set(rest.table().inspect.files()["file_path"].to_pylist())
    assert len(before - after) == 1
    assert len(rest.ids()) == 300
    run.close()


def test_routing_by_a_pattern_and_by_name(lake: Lakehouse) -> None:
    kind = pa.field("kind", pa.string())
    value = records([{"id": i, "kind": k} for i, k in enumerate(["eu-1", "us-1", "eu-2", None, "asia"])], ID, kind)
    eu, us = f"{lake.namespace}.eu", f"{lake.namespace}.us"
    keys = {
        "iceberg.tables": f"{eu},{us}",
        "iceberg.tables.route-field": "kind",
        f"iceberg.table.{eu}.route-regex": "eu-.*|asia",
        f"iceberg.table.{us}.route-regex": "us-.*",
    }
    run = lake.start(T0, keys=keys)
    run.put(consumed("orders", value))
    run.commit()
    lake.commit_all()
    assert (lake.ids(eu), lake.ids(us)) == ([0, 2, 4], [1])
    run.close()
    named = records([{"id": 7, "kind": f"{lake.namespace}.Eu"}, {"id": 8, "kind": "nowhere"}], ID, kind)
    run = lake.start(
        T0,
        tolerant=True,
        keys={"iceberg.tables": "", "iceberg.tables.route-field": "kind", "iceberg.tables.dynamic-enabled": "true"},
    )
    run.put(consumed("orders", named, first_offset=5))
    run.commit()
    lake.commit_all()
    assert lake.ids(eu) == [0, 2, 4, 7]
    assert [offset for _, offset, _ in run.context.halted] == [6]
    run.close()


def test_each_topic_to_its_own_table(lake: Lakehouse) -> None:
    for topic in ("shop.a", "shop.b"):
        TopicAdmin(lake.kafka).ensure(topic)
    run = lake.start(keys={"iceberg.tables": f"{lake.namespace}.{{topic}}"})
    run.put(consumed("shop.a", records([{"id": 1}], ID)))
    run.put(consumed("shop.b", records([{"id": 2}], ID)))
    run.commit()
    lake.commit_all()
    assert (lake.ids(f"{lake.namespace}.shop_a"), lake.ids(f"{lake.namespace}.shop_b")) == ([1], [2])
    run.close()


def test_files_have_their_target_size(rest: Lakehouse) -> None:
    run = rest.start(
        T0,
        keys={
            "iceberg.tables.write-props.write.target-file-size-bytes": "200000",
            "iceberg.tables.write-props.write.parquet.compression-codec": "uncompressed",
        },
    )
    for start in range(0, 60_000, 5_000):
        run.put(rows(range(start, start + 5_000)))
    run.commit()
    rest.commit_all()
    sizes = rest.table().inspect.files()["file_size_in_bytes"].to_pylist()
    assert len(sizes) > 2
    assert max(sizes) < 600_000
    assert rest.ids() == list(range(60_000))
    run.close()


def test_many_open_partitions_stay_within_the_memory_bound(rest: Lakehouse) -> None:
    keys = {"iceberg.tables.default-partition-by": "bucket(id, 100)", "buffer.memory.bytes": "2000000"}
    run = rest.start(T0, keys=keys)
    payload = pa.field("payload", pa.string())
    for first in range(0, 4000, 500):
        value = records([{"id": i, "payload": f"{i:08d}" * 250} for i in range(first, first + 500)], ID, payload)
        run.put(consumed("orders", value, first_offset=first))
        assert run.task.writer is not None
        assert run.task.writer.memory <= 2_000_000
    run.commit()
    rest.commit_all()
    assert rest.ids() == list(range(4000))
    run.close()


def test_a_table_that_may_not_be_made(rest: Lakehouse) -> None:
    run = rest.start(T0, keys={"iceberg.tables.auto-create-enabled": "false"})
    with pytest.raises(FatalError, match="does not exist"):
        run.put(rows([0]))
    run.close()


def test_a_catalog_that_is_away_is_retriable(rest: Lakehouse) -> None:
    with pytest.raises(RetriableError, match="catalog"):
        rest.start(T0, keys={"iceberg.catalog.uri": "http://127.0.0.1:1"})


def test_validation_names_the_key_and_the_remedy(rest: Lakehouse) -> None:
    connector = IcebergSinkConnector()

    def problems(keys: dict[str, str]) -> list[str]:
        return [each.key for each in connector.validate(connector.config_def.parse(rest.config(keys)))]

    assert problems({}) == []
    assert problems({"iceberg.tables": ""}) == ["iceberg.tables"]
    assert problems({"iceberg.tables": "orders"}) == ["iceberg.tables"]
    assert problems({"iceberg.tables.dynamic-enabled": "true"}) == ["iceberg.tables.route-field"]
    assert problems({"iceberg.tables.default-partition-by": "weeks(x)"}) == ["iceberg.tables.default-partition-by"]
    assert problems({"iceberg.table.db.orders.partition": "x"}) == ["iceberg.table.db.orders.partition"]
    assert problems({"iceberg.catalog.uri": "http://127.0.0.1:1"}) == ["iceberg.catalog.uri"]
    assert problems({"iceberg.catalog.client.secret-access-key": "wrong"}) == ["iceberg.catalog.uri"]

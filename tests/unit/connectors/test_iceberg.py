"""The pure parts of the Iceberg sink: partitionings, evolution, routing, projection, keys, intervals."""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema
from pyiceberg.types import DoubleType, IntegerType, LongType, NestedField, StringType, StructType

from tidegate.connectors.iceberg import IcebergSinkConnector, IcebergSinkTask
from tidegate.connectors.iceberg.change import Change
from tidegate.connectors.iceberg.column_types import UnstorableTypeError, iceberg_type, storable, widened
from tidegate.connectors.iceberg.committer import next_moment
from tidegate.connectors.iceberg.evolution import evolution
from tidegate.connectors.iceberg.faults import null_faults
from tidegate.connectors.iceberg.keyed_rows import KeySet, last_of_each
from tidegate.connectors.iceberg.partition_by import PartitionTerm, parse_partition_by
from tidegate.connectors.iceberg.partition_spec import partition_spec
from tidegate.connectors.iceberg.projection import project
from tidegate.connectors.iceberg.table_names import TableRouter
from tidegate.errors import FatalError
from tidegate.records.envelope import Batch

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "n", IntegerType(), required=False),
    NestedField(3, "name", StringType(), required=True),
    NestedField(4, "p", StructType(NestedField(5, "x", IntegerType(), required=False)), required=False),
    identifier_field_ids=[1],
)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string(), nullable=False)


def test_a_partitioning_is_read_as_spark_and_iceberg_write_it() -> None:
    assert parse_partition_by("region, day(ts), bucket(id, 16),truncate(name,4), hours(a.b)") == (
        PartitionTerm("region"),
        PartitionTerm("ts", "day"),
        PartitionTerm("id", "bucket", 16),
        PartitionTerm("name", "truncate", 4),
        PartitionTerm("a.b", "hour"),
    )
    assert parse_partition_by("") == ()


@pytest.mark.parametrize("text", ["week(ts)", "bucket(id)", "day(ts, 3)", "day(ts", "bucket(id, 0)", "truncate(4)"])
def test_a_partitioning_that_is_none_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("(")[0]):
        parse_partition_by(text)


def test_a_partitioning_has_to_go_with_the_columns() -> None:
    spec = partition_spec(parse_partition_by("bucket(id, 4), p.x"), SCHEMA)
    assert [(field.name, field.source_id) for field in spec.fields] == [("id_bucket", 1), ("p_x", 5)]
    with pytest.raises(ValueError, match="no field"):
        partition_spec(parse_partition_by("day(ts)"), SCHEMA)
    with pytest.raises(ValueError, match="does not go with"):
        partition_spec(parse_partition_by("day(name)"), SCHEMA)


def test_what_a_table_lacks() -> None:
    record = pa.struct(
        [
            ID,
            pa.field("n", pa.int64()),
            pa.field("name", pa.string()),
            pa.field("p", pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.float32())])),
            pa.field("new", pa.list_(pa.string())),
            pa.field("nothing", pa.null()),
        ]
    )
    found = evolution(SCHEMA, record)
    assert [path for path, _ in found.added] == [("p", "y"), ("new",)]
    assert found.widened == [(("n",), LongType()), (("p", "x"), LongType())]
    assert found.relaxed == [("name",)]
    assert found.refusals == []


def test_what_no_change_mends() -> None:
    renamed = evolution(SCHEMA, pa.struct([ID, pa.field("Name", pa.string(), nullable=False)]))
    assert "column 'name' is required and missing in the record (new in it: 'Name'; renamed?)" in renamed.refusals
    assert evolution(SCHEMA, pa.struct([ID, pa.field("NAME", pa.string())]), ignore_case=True).refusals == []
    changed = evolution(SCHEMA, pa.struct([pa.field("id", pa.string()), NAME]))
    assert "'id' is string and its column long" in changed.refusals[0]
    keyless = evolution(SCHEMA, pa.struct([pa.field("id", pa.int64()), NAME]))
    assert keyless.relaxed == []


@pytest.mark.parametrize(
    ("known", "new", "wider"),
    [
        (pa.int32(), pa.int64(), LongType()),
        (pa.int64(), pa.int8(), LongType()),
        (pa.float32(), pa.float64(), DoubleType()),
        (pa.float64(), pa.int32(), DoubleType()),
        (pa.float32(), pa.int32(), None),
        (pa.int64(), pa.float64(), None),
        (pa.string(), pa.binary(), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
    ],
)
def test_types_are_widened_where_no_value_is_lost(known: pa.DataType, new: pa.DataType, wider: Any) -> None:
    left, right = iceberg_type(known, itertools.count(1)), iceberg_type(new, itertools.count(1))
    assert left is not None
    assert right is not None
    assert widened(left, right) == wider


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.int8(), 5),
        (pa.uint32(), 2**32 - 1),
        (pa.uint64(), 2**64 - 1),
        (pa.float16(), 0.5),
        (pa.decimal128(5, 2), Decimal("1.25")),
        (pa.timestamp("s"), datetime(2026, 1, 1)),  # noqa: DTZ001
        (pa.timestamp("ms", "Europe/Berlin"), datetime(2026, 1, 1, tzinfo=UTC)),
        (pa.large_string(), "x"),
        (pa.list_(pa.struct([("a", pa.int8())])), [{"a": 1}]),
        (pa.map_(pa.string(), pa.list_(pa.int16())), [("k", [1])]),
    ],
)
def test_values_keep_their_value_in_the_type_they_are_stored_in(type_: pa.DataType, value: Any) -> None:
    found = iceberg_type(type_, itertools.count(1))
    assert found is not None
    stored = project(pa.array([None, value, value], type_).slice(1), storable(found))
    assert stored.to_pylist() == [value, value]
    assert project(pa.array([None], type_), storable(found)).to_pylist() == [None]


def test_types_without_a_place_in_iceberg_are_named() -> None:
    with pytest.raises(UnstorableTypeError, match="duration"):
        iceberg_type(pa.duration("s"), itertools.count(1))
    assert iceberg_type(pa.null(), itertools.count(1)) is None


def test_projection_goes_by_name_and_leaves_out_what_the_table_lacks() -> None:
    target = pa.struct([ID, pa.field("n", pa.int64()), pa.field("more", pa.string())])
    given_ = pa.array(
        [{"N": 1, "extra": True, "id": 5}, None],
        pa.struct([("N", pa.int32()), ("extra", pa.bool_()), ("id", pa.int64())]),
    )
    assert project(given_, target).to_pylist() == [{"id": 5, "n": None, "more": None}, None]
    assert project(given_, target, ignore_case=True).to_pylist()[0] == {"id": 5, "n": 1, "more": None}


def test_a_null_where_a_value_is_required_is_found_with_its_path() -> None:
    inner = pa.struct([pa.field("x", pa.int64(), nullable=False)])
    row = pa.struct([ID, pa.field("p", inner), pa.field("l", pa.list_(inner))])
    values = [
        {"id": 1, "p": None, "l": None},
        {"id": None, "p": {"x": 1}, "l": []},
        {"id": 3, "p": {"x": None}, "l": [{"x": 1}]},
        {"id": 4, "p": {"x": 1}, "l": [{"x": 1}, {"x": None}]},
    ]
    loose = pa.struct(
        [("id", pa.int64()), ("p", pa.struct([("x", pa.int64())])), ("l", pa.list_(pa.struct([("x", pa.int64())])))]
    )
    faults = null_faults(project(pa.array(values, loose), row))
    assert {place: why.split("'")[1] for place, why in faults.items()} == {1: "id", 2: "p.x", 3: "l[].x"}


def _router(**keys: str) -> TableRouter:
    named = {key.replace("__", ".").replace("_", "-"): value for key, value in keys.items()}
    return TableRouter(IcebergSinkConnector.config_def.parse({f"iceberg.{key}": value for key, value in named.items()}))


def _batch(*values: Any, topic: str = "shop.orders") -> Batch:
    value = pa.array(values, pa.struct([("kind", pa.string()), ("in", pa.struct([("k", pa.int64())]))]))
    return Batch(topic, pa.RecordBatch.from_arrays([value], names=["value"]))


def _rows(router: TableRouter, batch: Batch) -> dict[str, list[int]]:
    return {".".join(name): rows.to_pylist() for name, rows in router.route(batch).rows.items()}


def test_without_a_route_every_record_goes_to_every_table() -> None:
    batch = _batch({"kind": "a"}, None)
    assert _rows(_router(tables="db.a,db.{topic}"), batch) == {"db.a": [0, 1], "db.shop_orders": [0, 1]}


def test_a_pattern_has_to_match_the_whole_value() -> None:
    config = {
        "iceberg.tables": "db.a,db.b,db.c",
        "iceberg.tables.route-field": "in.k",
        "iceberg.table.db.a.route-regex": "1|2",
        "iceberg.table.db.b.route-regex": "[12].*",
    }
    router = TableRouter(IcebergSinkConnector.config_def.parse(config))
    batch = _batch({"in": {"k": 1}}, {"in": {"k": 22}}, {"in": None}, {"in": {"k": 2}}, None)
    assert _rows(router, batch) == {"db.a": [0, 3], "db.b": [0, 1, 3]}


def test_a_value_that_names_no_table_is_a_fault() -> None:
    router = _router(tables__route_field="kind", tables__dynamic_enabled="true")
    routed = router.route(_batch({"kind": "DB.A"}, {"kind": "a"}, {"kind": None}, {"kind": "db.b"}, {"kind": "db.a"}))
    assert {name: rows.to_pylist() for name, rows in routed.rows.items()} == {("db", "a"): [0, 4], ("db", "b"): [3]}
    assert sorted(routed.faults) == [1, 2]


KEYS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=20)


@given(KEYS, KEYS)
def test_keys_of_two_columns_are_found_as_pairs(rows: list[tuple[int, str]], wanted: list[tuple[int, str]]) -> None:
    def table(pairs: list[tuple[int, str]]) -> pa.Table:
        return pa.table(
            {"a": pa.array([a for a, _ in pairs], pa.int64()), "b": pa.array([b for _, b in pairs], pa.string())}
        )

    for columns in (["a", "b"], ["b"]):
        keys = KeySet([(0, table(wanted[:3]).select(columns)), (1, table(wanted[3:]).select(columns))])

        def part(pair: tuple[int, str], columns: list[str] = columns) -> tuple[Any, ...]:
            return pair if len(columns) == 2 else pair[1:]

        for after, left in ((-1, wanted), (0, wanted[3:]), (1, [])):
            expected = [part(pair) in [part(each) for each in left] for pair in rows]
            assert keys.matches(table(rows), after).to_pylist() == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_last_row_of_each_key(keys: list[int]) -> None:
    last = {key: place for place, key in enumerate(keys)}
    assert last_of_each(pa.table({"k": keys})).to_pylist() == sorted(last.values())


def test_a_change_is_what_was_told() -> None:
    change = Change("db.t", "uuid", 1, "s3://m", 5, ("id",), "s3://d", {"orders:0": 7})
    assert Change.from_json(change.to_json()) == change
    with pytest.raises(FatalError, match="control topic"):
        Change.from_json(b"hello")


@given(st.floats(0, 1e10), st.floats(0.1, 1e5))
def test_all_tasks_finish_at_the_same_moments(now: float, interval: float) -> None:
    moment = next_moment(now, interval)
    assert moment > now - 1e-6
    assert moment - now <= interval * (1 + 1e-9) + 1e-6


def test_a_worker_without_pyiceberg_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tidegate.connectors.iceberg.record_writer", raising=False)
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)
    monkeypatch.delitem(sys.modules, "tidegate.connectors.iceberg.catalog", raising=False)
    config = IcebergSinkConnector.config_def.parse({"iceberg.tables": "db.t", "iceberg.catalog.uri": "http://x"})
    problems = IcebergSinkConnector().validate(config)
    assert [problem.key for problem in problems] == ["connector.class"]
    with pytest.raises(FatalError, match=r"pip install 'tidegate\[iceberg\]'"):
        IcebergSinkTask().start(config, None)  # type: ignore[arg-type]

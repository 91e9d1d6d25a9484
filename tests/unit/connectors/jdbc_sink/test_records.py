"""How records become rows: keys, collapsing, isolation, and what the gate lets through."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.connectors.sink_harness import consumed, records
from tidegate.connectors.jdbc_sink import JdbcSinkConnector
from tidegate.connectors.jdbc_sink.collapse import Rows, collapse, key_numbers
from tidegate.connectors.jdbc_sink.fit import UnfitError, fit
from tidegate.connectors.jdbc_sink.gate import judge
from tidegate.connectors.jdbc_sink.isolation import RefusedError, isolate
from tidegate.connectors.jdbc_sink.options import Options, problems
from tidegate.connectors.jdbc_sink.record_columns import RecordsRefusedError, record_columns
from tidegate.connectors.jdbc_sink.table import Column, Kind, Table
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.records.lines import joined, parts, row_lines
from tidegate.records.reason import Reason, Rule

ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans())))
def test_collapsing_leaves_the_same_rows_as_one_after_the_other(changes: list[tuple[int, int, bool]]) -> None:
    one_by_one: dict[tuple[int, int], int] = {(k, 0): -1 for k in range(4)}
    at_once = dict(one_by_one)
    for row, (first, second, dead) in enumerate(changes):
        if dead:
            one_by_one.pop((first, second), None)
        else:
            one_by_one[first, second] = row
    keys = [pa.array([first for first, _, _ in changes], pa.int32()), pa.array([b for _, b, _ in changes], pa.int8())]
    tombstones = np.array([dead for _, _, dead in changes], dtype=np.bool_)
    chosen = collapse(key_numbers(keys), tombstones, np.arange(len(changes)))
    for row in chosen.deletes.tolist():
        at_once.pop(changes[row][:2], None)
    for row in chosen.upserts.tolist():
        at_once[changes[row][:2]] = row
    assert at_once == one_by_one


@pytest.mark.parametrize(
    "key",
    [
        pa.array(["a", "b", "a"]),
        pa.array([b"a", b"b", b"a"]),
        pa.array([Decimal("1.0"), Decimal("2.0"), Decimal("1.0")]),
        pa.array([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), datetime.date(2026, 1, 1)]),
        pa.array([1.5, None, 1.5]),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([{"x": 1}, {"x": 2}, {"x": 1}]),
        pa.array([[1], [2], [1]]),
        pa.array([bytes(16), bytes(15) + b"1", bytes(16)], pa.uuid()),
    ],
)
def test_keys_of_any_type_are_told_apart(key: pa.Array) -> None:
    numbers = key_numbers([key])
    assert numbers[0] == numbers[2] != numbers[1]


@given(st.sets(st.integers(0, 40)), st.integers(1, 50), st.integers(0, 41))
def test_exactly_the_refused_records_are_left_out(bad: set[int], size: int, count: int) -> None:
    written: list[int] = []

    def attempt(rows: Rows) -> None:
        assert 0 < len(rows) <= size
        worst = [row for row in rows.tolist() if row in bad]
        if worst:
            raise RefusedError(Reason(f"row {worst[0]}", Rule.REFUSED))
        written.extend(rows.tolist())

    refused = isolate(np.arange(count), size, attempt)
    assert written == [row for row in range(count) if row not in bad]
    assert refused == {row: f"row {row}" for row in range(count) if row in bad}


def test_lines_are_cut_by_their_bytes() -> None:
    lines = row_lines(
        [pa.array(["a", "bb", None, "dddd"], pa.large_string())], begin="(", between=",", end="),", null="NULL"
    )
    rows = np.array([0, 1, 2, 3])
    assert bytes(joined(lines, np.array([3, 0]))) == b"(dddd),(a),"
    assert [part.tolist() for part in parts(lines, rows, 10)] == [[0, 1], [2], [3]]
    assert [part.tolist() for part in parts(lines, rows, 3)] == [[0], [1], [2], [3]]


def wall_clock(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def made(kind: Kind, **facts: Any) -> Column:
    return Column("c", kind, kind.value, **facts)


TEXTS = made(Kind.ARRAY, element=Kind.TEXT)
SMALL = made(Kind.INTEGER, low=-32768, high=32767)


@pytest.mark.parametrize(
    ("array", "column", "values", "faulty"),
    [
        (pa.array([1, 2**15, -(2**15)]), SMALL, [1, None, -32768], [1]),
        (pa.array([1.0, 1.5, float("nan"), 1e300]), SMALL, [1, None, None, None], [1, 2, 3]),
        (pa.array([Decimal("2.00"), Decimal("2.50")]), SMALL, [2, None], [1]),
        (pa.array([True, None]), SMALL, [1, None], []),
        (pa.array([0, 1, 2]), made(Kind.BOOLEAN), [False, True, None], [2]),
        (pa.array([2**63], pa.uint64()), made(Kind.INTEGER, low=-(2**63), high=2**63 - 1), [None], [0]),
        (pa.array([1, None]), made(Kind.TEXT), [1, None], []),
        (pa.array([wall_clock("2026-01-31T23:30")]), made(Kind.DATE), [datetime.date(2026, 1, 31)], []),
        (pa.array(["2026-01-01T01:00:00+02:00"]), made(Kind.INSTANT), [wall_clock("2025-12-31T23:00+00:00")], []),
        (pa.array(["yesterday"]), made(Kind.INSTANT), ["yesterday"], []),
        (pa.array([{"a": Decimal("1.50")}]), made(Kind.JSON), ['{"a":1.50}'], []),
        (pa.array([["a", 'q"\\', None], None]), TEXTS, ['{"a","q\\"\\\\",NULL}', None], []),
        (pa.array([[[1], [2, 3]]]), made(Kind.ARRAY, element=Kind.INTEGER), ['{{"1"},{"2","3"}}'], []),
        (pa.nulls(2), SMALL, [None, None], []),
    ],
)  # fmt: skip
def test_values_take_the_form_of_the_column(
    array: pa.Array, column: Column, values: list[Any], faulty: list[int]
) -> None:
    fitted = fit(pa.field("f", array.type), array, column, zone="UTC", backend="postgresql")
    assert fitted.array.to_pylist() == values
    assert sorted(fitted.faults) == faulty


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([1]), Kind.TIMESTAMP),
        (pa.array([b"x"]), Kind.TEXT),
        (pa.array([{"a": 1}]), Kind.INTEGER),
        (pa.array([wall_clock("2026-01-01")]), Kind.INTEGER),
        (pa.array([datetime.time(1)]), Kind.DATE),
        (pa.array([datetime.date(2026, 1, 1)]), Kind.TIME),
        (pa.array([1.5]), Kind.BINARY),
    ],
)
def test_a_type_that_means_something_else_is_refused(array: pa.Array, kind: Kind) -> None:
    with pytest.raises(UnfitError, match=r"need|alter the column"):
        fit(pa.field("f", array.type), array, made(kind), zone="UTC", backend="mariadb")


def test_instants_and_wall_clocks_meet_in_the_zone_of_the_database() -> None:
    instant = pa.array([wall_clock("2026-07-01T10:00+00:00")])
    local = pa.array([wall_clock("2026-07-01T12:00")])
    zone = "Europe/Berlin"
    as_local = fit(pa.field("f", instant.type), instant, made(Kind.TIMESTAMP), zone=zone, backend="postgresql")
    as_instant = fit(pa.field("f", local.type), local, made(Kind.INSTANT), zone=zone, backend="postgresql")
    assert as_local.array.to_pylist() == local.to_pylist()
    assert as_instant.array.to_pylist() == instant.to_pylist()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_a_database_would_take_for_null_is_refused(value: float) -> None:
    array = pa.array([value, 1.0])
    fitted = fit(pa.field("f", array.type), array, made(Kind.REAL), zone="UTC", backend="mariadb")
    assert list(fitted.faults) == [0]


def test_the_gate_names_field_rule_and_remedy() -> None:
    table = Table(
        TableId("t"),
        {
            "ID": Column("ID", Kind.INTEGER, "BIGINT", required=True, nullable=False, low=-(2**63), high=2**63 - 1),
            "name": Column("name", Kind.TEXT, "TEXT", required=True, nullable=False),
            "sum": Column("sum", Kind.INTEGER, "INTEGER", generated=True),
        },
    )
    both = consumed("t", records([{"id": 1, "name": None}, None, {"id": 2, "name": "x"}], ID, NAME))
    passage = judge(record_columns(both, Options()), table, Options(), backend="postgresql")
    assert [bound.column.name for bound in passage.columns] == ["ID", "name"]
    assert passage.faults.keys() == {0, 1}
    assert "field 'name' is null and column 'name' of table t is NOT NULL: give the field a value" in passage.faults[0]
    assert "tombstone" in passage.faults[1]
    unknown = consumed("t", records([{"id": 1, "nom": "x"}], ID, pa.field("nom", pa.string())))
    passage = judge(record_columns(unknown, Options()), table, Options(), backend="postgresql")
    assert "(it has 'nom', which the table has not; renamed?)" in passage.faults[0]
    computed = consumed("t", records([{"id": 1, "name": "x", "sum": 1}], ID, NAME, pa.field("sum", pa.int64())))
    passage = judge(record_columns(computed, Options()), table, Options(), backend="postgresql")
    assert "is computed by the database" in passage.faults[0]


def test_where_the_key_comes_from() -> None:
    value = records([{"id": 1, "name": "x"}], ID, NAME)
    key = records([{"id": 7, "region": "eu"}], ID, pa.field("region", pa.string()))
    batch = consumed("t", value, key=key, first_offset=9)

    def parts_of(**options: Any) -> tuple[list[str], list[str]]:
        columns = record_columns(batch, Options(**options))
        return [field.name for field in columns.keys], [field.name for field in columns.others]

    assert parts_of() == ([], ["id", "name"])
    assert parts_of(pk_mode="record_key") == (["id", "region"], ["name"])
    assert parts_of(pk_mode="record_key", pk_fields=("region",)) == (["region"], ["id", "name"])
    assert parts_of(pk_mode="record_value", pk_fields=("name",), fields=frozenset(["id"])) == (["name"], ["id"])
    assert parts_of(pk_mode="kafka", pk_fields=("a", "b", "c")) == (["a", "b", "c"], ["id", "name"])
    columns = record_columns(batch, Options(pk_mode="kafka"))
    assert [array.to_pylist() for array in columns.key_arrays] == [["t"], [0], [9]]
    with pytest.raises(RecordsRefusedError, match="'nope' of the primary key is missing in the record's key"):
        parts_of(pk_mode="record_key", pk_fields=("nope",))
    with pytest.raises(RecordsRefusedError, match="has no key"):
        record_columns(consumed("t", value), Options(pk_mode="record_key"))
    with pytest.raises(RecordsRefusedError, match=r"set pk\.fields to one name"):
        record_columns(consumed("t", value, key=pa.array([1])), Options(pk_mode="record_key"))
    with pytest.raises(RecordsRefusedError, match="no field to write"):
        parts_of(fields=frozenset(["nope"]))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, None),
        ({"insert.mode": "upsert"}, "pk.mode"),
        ({"insert.mode": "upsert", "pk.mode": "record_value"}, None),
        ({"insert.mode": "upsert", "primary.key.mode": "record_key", "schema.evolution": "basic"}, None),
        ({"delete.enabled": "true", "pk.mode": "record_value"}, "pk.mode"),
        ({"pk.mode": "record_key", "primary.key.mode": "record_key"}, "primary.key.mode"),
        ({"primary.key.mode": "nonsense"}, "primary.key.mode"),
        ({"schema.evolution": "some"}, "schema.evolution"),
        ({"pk.mode": "kafka", "pk.fields": "a,b"}, "pk.fields"),
        ({"pk.fields": "a"}, "pk.fields"),
    ],
)
def test_combinations(keys: dict[str, str], problem: str | None) -> None:
    config = JdbcSinkConnector.config_def.parse({"connection.url": "jdbc:sqlite:x", **keys})
    assert [found.key for found in problems(config)] == ([problem] if problem else [])


def test_other_spellings_mean_the_same() -> None:
    keys = {"primary.key.mode": "record_key", "primary.key.fields": "a", "field.include.list": "b"}
    config = JdbcSinkConnector.config_def.parse(
        {"connection.url": "jdbc:sqlite:x", "schema.evolution": "basic", **keys}
    )
    assert Options.from_config(config) == Options(
        pk_mode="record_key", pk_fields=("a",), fields=frozenset(["b"]), auto_create=True, auto_evolve=True
    )


def test_a_database_that_can_not_be_written_to_is_refused() -> None:
    [value] = [
        value
        for value in JdbcSinkConnector.config_def.validate({"connection.url": "jdbc:oracle:thin:@//h:1/s"})
        if value.key.name == "connection.url"
    ]
    assert "use PostgreSQL, MariaDB, MySQL or SQLite" in value.errors[0]

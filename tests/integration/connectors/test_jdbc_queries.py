"""Queries of the JDBC source on each database: parameters, suffix, NULLs, time zones, granularity, numbers."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc import JdbcSourceConnector


def harness(target: TargetDatabase, **keys: str) -> SourceHarness:
    config = {**target.config, "topic.prefix": "db.", "poll.interval.ms": "1"}
    config |= {key.replace("_", "."): value for key, value in keys.items()}
    assert JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(config)) == []
    return SourceHarness(JdbcSourceConnector(), config)


def drained(run: SourceHarness, rows: int) -> list[dict[str, Any]]:
    run.start()
    run.drain(rows)
    run.poll()
    run.crash()
    return run.rows()


def test_parameters_are_given_apart_from_the_statement(target: TargetDatabase) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY, region VARCHAR(30))")
    hostile = "x' OR ''='"
    target.run(f"INSERT INTO t VALUES (1, 'north'), (2, 'south'), (3, '{hostile.replace(chr(39), chr(39) * 2)}')")
    query = "SELECT id, region, ':region' AS note FROM t WHERE region = :region AND id >= :least"
    run = harness(
        target,
        mode="incrementing",
        incrementing_column_name="id",
        query=query,
        query_parameters_region=hostile,
        query_parameters_least="1",
    )
    [row] = drained(run, 1)
    assert [int(row["id"]), row["region"], row["note"]] == [3, hostile, ":region"]


def test_a_parameter_that_the_query_has_not_is_refused(target: TargetDatabase) -> None:
    config = {**target.config, "topic.prefix": "x", "mode": "bulk", "query": "SELECT 1", "query.parameters.who": "a"}
    problems = JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(config))
    assert [problem.key for problem in problems] == ["query.parameters.who"]


def test_a_suffix_ends_each_query(target: TargetDatabase) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    target.run("INSERT INTO t VALUES (1), (2), (3), (4)")
    suffix = target.pick(postgresql="OFFSET 1", mariadb="OFFSET 1", sqlite="")
    if not suffix:
        pytest.skip("SQLite has nothing that may follow an OFFSET of SQLAlchemy's")
    run = harness(target, mode="incrementing", incrementing_column_name="id", table_whitelist="t", query_suffix=suffix)
    assert [row["id"] for row in drained(run, 3)] == [2, 3, 4]


@pytest.mark.parametrize("mode", ["incrementing", "timestamp", "timestamp+incrementing"])
def test_rows_whose_column_is_null_are_left_out_and_stop_nothing(target: TargetDatabase, mode: str) -> None:
    target.run("CREATE TABLE t (n INTEGER, id INTEGER, at TIMESTAMP NULL, made TIMESTAMP NULL)")
    day = "'2026-01-0{} 00:00:00'"
    rows = [(1, 1, day.format(1), "NULL"), (2, "NULL", "NULL", "NULL"), (3, 3, "NULL", day.format(3))]
    rows += [(4, 4, day.format(4), day.format(1)), (5, "NULL", day.format(5), "NULL"), (6, 6, day.format(6), "NULL")]
    for row in rows:
        target.run(f"INSERT INTO t VALUES ({', '.join(map(str, row))})")
    run = harness(
        target,
        mode=mode,
        incrementing_column_name="id",
        timestamp_column_name="at,made",
        table_whitelist="t",
        validate_non_null="false",
        batch_max_rows="2",
    )
    expected = [1, 3, 4, 5, 6] if mode == "timestamp" else [1, 3, 4, 6]
    assert [row["n"] for row in drained(run, len(expected))] == expected


@pytest.mark.parametrize("mode", ["incrementing", "timestamp", "timestamp+incrementing"])
def test_a_delay_lets_rows_in_that_commit_late(target: TargetDatabase, mode: str) -> None:
    if target.kind == "sqlite":
        pytest.skip("SQLite has one writer at a time: none commits late")
    moment = target.pick(postgresql="timestamptz DEFAULT now()", mariadb="TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {moment} NOT NULL)")
    target.run("INSERT INTO t (id) VALUES (1)")
    late = target.connect()
    cursor = late.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t (id) VALUES (2)")
    target.run("INSERT INTO t (id) VALUES (3)")
    run = harness(
        target,
        mode=mode,
        incrementing_column_name="id",
        timestamp_column_name="at",
        table_whitelist="t",
        timestamp_delay_interval_ms="1500",
    )
    run.start()
    run.poll()
    assert 3 not in [row["id"] for row in run.rows()], "it is there, but has not been for so long"
    cursor.execute("COMMIT")
    late.close()
    run.drain(3, polls=100_000)
    run.crash()
    assert [row["id"] for row in run.rows()] == [1, 2, 3]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_times_without_zone_are_compared_in_the_database_zone(target: TargetDatabase, zone: str) -> None:
    from zoneinfo import ZoneInfo

    kind = target.pick(postgresql="TIMESTAMP", mariadb="DATETIME(6)", sqlite="TIMESTAMP")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {kind} NOT NULL)")
    now = datetime.datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    for number, hours in enumerate([-2, -1, 1]):
        target.run(f"INSERT INTO t VALUES ({number}, '{now + datetime.timedelta(hours=hours)}')")
    run = harness(target, mode="timestamp", timestamp_column_name="at", table_whitelist="t", db_timezone=zone)
    assert [row["id"] for row in drained(run, 2)] == [0, 1], "what is an hour ahead there waits"
    initial = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=90)
    run = harness(
        target,
        mode="timestamp",
        timestamp_column_name="at",
        table_whitelist="t",
        db_timezone=zone,
        timestamp_initial=str(int(initial.timestamp() * 1000)),
    )
    assert [row["id"] for row in drained(run, 1)] == [1]


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("micros_long", 1_767_323_045_000_006),
        ("nanos_string", "1767323045000006000"),
        ("micros_iso_datetime_string", "2026-01-02T03:04:05.000006"),
        ("nanos_iso_datetime_string", "2026-01-02T03:04:05.000006000"),
    ],
)
def test_timestamps_in_another_form(target: TargetDatabase, granularity: str, expected: Any) -> None:
    kind = target.pick(postgresql="TIMESTAMP", mariadb="DATETIME(6)", sqlite="TIMESTAMP")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {kind})")
    target.run("INSERT INTO t VALUES (1, '2026-01-02 03:04:05.000006'), (2, NULL), (3, '9999-01-01 00:00:00')")
    run = harness(
        target,
        mode="incrementing",
        incrementing_column_name="id",
        table_whitelist="t",
        timestamp_granularity=granularity,
    )
    run.tolerant = True
    rows = drained(run, 2)
    assert [row["at"] for row in rows[:2]] == [expected, None]
    beyond = granularity == "nanos_string"
    assert [len(rows), len(run.halted)] == ([2, 1] if beyond else [3, 0])


@pytest.mark.parametrize(
    ("keys", "whole", "money", "long"),
    [
        ({}, Decimal(7), Decimal("1.25"), Decimal("1.5")),
        ({"numeric.precision.mapping": "true"}, 7, Decimal("1.25"), Decimal("1.5")),
        ({"numeric.mapping": "best_fit"}, 7, 1.25, Decimal("1.5")),
        ({"numeric.mapping": "best_fit_eager_double"}, 7, 1.25, 1.5),
        ({"numeric.mapping": "none", "numeric.precision.mapping": "true"}, Decimal(7), Decimal("1.25"), Decimal("1.5")),
    ],
)
def test_numbers_are_mapped(target: TargetDatabase, keys: dict[str, str], whole: Any, money: Any, long: Any) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY, w NUMERIC(9,0), m NUMERIC(9,2), l NUMERIC(30,2))")
    target.run("INSERT INTO t VALUES (1, 7, 1.25, 1.5)")
    run = harness(target, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.config.update(keys)
    [row] = drained(run, 1)
    assert [type(row["w"]), type(row["m"]), type(row["l"])] == [type(whole), type(money), type(long)]
    assert [row["w"], row["m"], row["l"]] == [whole, money, long]


def test_a_dialect_may_be_named(target: TargetDatabase) -> None:
    dialect = target.pick(
        postgresql="PostgreSqlDatabaseDialect", mariadb="MySqlDatabaseDialect", sqlite="SqliteDatabaseDialect"
    )
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    target.run("INSERT INTO t VALUES (1)")
    run = harness(target, mode="incrementing", incrementing_column_name="id", table_whitelist="t", dialect_name=dialect)
    assert drained(run, 1)[0]["id"] == 1
    assert pa.types.is_integer(run.committed[0].batch.value_field.type.field("id").type)

"""What a position of the JDBC source could step over, on each database: rows that it does not tell apart."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.connectors.jdbc.database import Database
from tidegate.errors import FatalError

UTC = datetime.UTC


def harness(target: TargetDatabase, **keys: str) -> SourceHarness:
    config = {**target.config, "topic.prefix": "db.", "poll.interval.ms": "0", "table.whitelist": "t"}
    config |= {key.replace("_", "."): value for key, value in keys.items()}
    return SourceHarness(JdbcSourceConnector(), config)


class Clock:
    """The database's clock, set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = ""
        monkeypatch.setattr(Database, "clock", lambda database, connection: self.time())

    def time(self) -> datetime.datetime:
        return datetime.datetime.fromisoformat(self.now).replace(tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def whole_seconds(target: TargetDatabase) -> str:
    found: str = target.pick(postgresql="timestamp(0)", mariadb="DATETIME", sqlite="TIMESTAMP")
    return found


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
def test_a_second_that_is_not_over_waits_for_its_other_rows(target: TargetDatabase, clock: Clock, mode: str) -> None:
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, at {whole_seconds(target)} NOT NULL)")
    second, before = "'2026-03-01 12:00:00'", "'2026-03-01 11:59:59'"
    target.run(f"INSERT INTO t VALUES (1, 0, {before}), (2, 0, {second})")
    run = harness(target, mode=mode, incrementing_column_name="id", timestamp_column_name="at")
    clock.now = "2026-03-01 12:00:00.8"
    run.start()
    run.poll()
    assert [row["id"] for row in run.rows()] == [1]
    target.run(f"UPDATE t SET v = 1, at = {second} WHERE id = 1")
    clock.now = "2026-03-01 12:00:01"
    run.drain(3)
    run.crash()
    assert sorted((int(row["id"]), int(row["v"])) for row in run.rows()) == [(1, 0), (1, 1), (2, 0)]


def test_milliseconds_wait_for_their_end_and_microseconds_for_theirs(target: TargetDatabase, clock: Clock) -> None:
    if target.kind == "sqlite":
        pytest.skip("SQLite has no precision: see the test of seconds")
    kind = target.pick(postgresql="timestamp({})", mariadb="DATETIME({})")
    for digits, moment, early, late in [
        (3, "12:00:00.007", "12:00:00.007999", "12:00:00.008000"),
        (6, "12:00:00.000007", "12:00:00.000007", "12:00:00.000008"),
    ]:
        target.run("DROP TABLE IF EXISTS t")
        target.run(f"CREATE TABLE t (at {kind.format(digits)} NOT NULL)")
        target.run(f"INSERT INTO t VALUES ('2026-03-01 {moment}')")
        run = harness(target, mode="timestamp", timestamp_column_name="at")
        clock.now = f"2026-03-01 {early}"
        run.start()
        assert run.poll() == 0
        clock.now = f"2026-03-01 {late}"
        assert run.poll() == 1
        run.crash()


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
def test_the_hour_that_comes_twice_in_autumn_loses_nothing(target: TargetDatabase, clock: Clock, mode: str) -> None:
    kind = target.pick(postgresql="timestamp", mariadb="DATETIME(6)", sqlite="TIMESTAMP")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {kind} NOT NULL)")
    run = harness(
        target, mode=mode, incrementing_column_name="id", timestamp_column_name="at", db_timezone="Europe/Berlin"
    )
    run.start()
    # When each is written, in UTC, and what the wall shows; the clocks go back from 03:00 to 02:00 at 01:00 UTC.
    written = ["23:55 01:55", "00:20 02:20", "00:50 02:50", "01:10 02:10", "01:40 02:40", "02:05 03:05"]
    for number, (moment, wall) in enumerate(pair.split() for pair in written):
        day = 24 if moment.startswith("23") else 25
        target.run(f"INSERT INTO t VALUES ({number}, '2026-10-25 {wall}:00')")
        clock.now = f"2026-10-{day} {moment}:30"
        run.poll()
        run.poll()
    run.crash()
    assert sorted(row["id"] for row in run.rows()) == list(range(6))
    assert [str(row["at"])[11:16] for row in run.rows()] == ["01:55", "02:10", "02:20", "02:40", "02:50", "03:05"]


@pytest.mark.parametrize("mode", ["incrementing", "timestamp+incrementing"])
@pytest.mark.parametrize(("source", "page"), [("table", 3), ("query", 1)])
def test_a_number_that_many_rows_share_is_never_parted(
    target: TargetDatabase, source: str, mode: str, page: int
) -> None:
    kind = target.pick(postgresql="timestamptz", mariadb="TIMESTAMP(6)", sqlite="TIMESTAMP")
    target.run("CREATE TABLE t (line INTEGER, number INTEGER NOT NULL, " + f"at {kind} NOT NULL)")
    lines = 0
    for number, size in enumerate([1, 5, 2, 4]):
        for _ in range(size):
            target.run(f"INSERT INTO t VALUES ({lines}, {number}, '2026-01-01 00:00:0{number // 2}')")
            lines += 1
    run = harness(
        target,
        mode=mode,
        incrementing_column_name="number",
        timestamp_column_name="at",
        batch_max_rows=str(page),
        **({"query": "SELECT * FROM t", "table_whitelist": ""} if source == "query" else {}),
    )
    run.die_after_each_poll(10, commits=lambda step: step % 3 != 1)
    assert sorted(int(row["line"]) for row in run.rows()) == list(range(lines))


@pytest.mark.parametrize(
    "numbers", [["-30", "-2", "0", "7"], ["9223372036854775807", "9223372036854775808", "1180591620717411303424"]]
)
@pytest.mark.parametrize("mode", ["incrementing", "timestamp+incrementing"])
def test_negative_and_long_numbers(target: TargetDatabase, mode: str, numbers: list[str]) -> None:
    if target.kind == "sqlite" and len(numbers[0]) > 10:
        pytest.skip("SQLite's integers have 64 bits")
    kind = target.pick(postgresql="numeric(30,0)", mariadb="DECIMAL(30,0)", sqlite="INTEGER")
    target.run(f"CREATE TABLE t (id {kind} PRIMARY KEY NOT NULL, at TIMESTAMP NOT NULL)")
    for number in numbers:
        target.run(f"INSERT INTO t VALUES ({number}, '2026-01-01 00:00:00')")
    run = harness(target, mode=mode, incrementing_column_name="id", timestamp_column_name="at", batch_max_rows="1")
    run.die_after_each_poll(2 * len(numbers), commits=lambda step: step % 2 == 0)
    assert [str(row["id"]) for row in run.rows()] == numbers


def test_rows_that_come_before_the_first_page_of_a_start_from_now_are_read(
    target: TargetDatabase, clock: Clock
) -> None:
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {whole_seconds(target)} NOT NULL)")
    target.run("INSERT INTO t VALUES (1, '2026-03-01 11:00:00')")
    run = harness(target, mode="timestamp", timestamp_column_name="at", timestamp_initial="-1")
    clock.now = "2026-03-01 12:00:00.5"
    run.start()
    run.poll()
    run.crash()
    target.run("INSERT INTO t VALUES (2, '2026-03-01 12:00:00'), (3, '2026-03-01 12:30:00')")
    clock.now = "2026-03-01 13:00:00"
    run.start()
    run.drain(2)
    run.crash()
    assert [row["id"] for row in run.rows()] == [2, 3]


def test_columns_of_different_types_have_no_common_order(target: TargetDatabase) -> None:
    if target.kind == "sqlite":
        pytest.skip("SQLite's times are all text")
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP NULL, made DATE NOT NULL)")
    keys = {"mode": "timestamp", "timestamp_column_name": "changed,made"}
    run = harness(target, **keys)
    problems = JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(run.config))
    assert [problem.key for problem in problems] == ["timestamp.column.name"]
    assert "different types" in problems[0].message
    run = harness(target, **keys, query="SELECT * FROM t", table_whitelist="")
    with pytest.raises(FatalError, match="different types"):
        run.start()
    run.crash()


def test_a_row_is_read_again_after_it_was_changed_while_others_were_read(target: TargetDatabase) -> None:
    kind = target.pick(postgresql="timestamp", mariadb="DATETIME(6)", sqlite="TIMESTAMP")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, at {kind} NOT NULL)")
    for number in range(1, 9):
        target.run(f"INSERT INTO t VALUES ({number}, 0, '2026-01-0{number} 00:00:00')")
    run = harness(target, mode="timestamp", timestamp_column_name="at", batch_max_rows="3")
    run.start()
    run.poll()
    # One that was read, one that was not, and one of the group that a page would end with.
    target.run("UPDATE t SET v = 1, at = '2026-01-09 00:00:00' WHERE id IN (2, 4, 6)")
    run.drain(9)
    assert run.poll() == 0
    run.crash()
    found = [(int(row["id"]), int(row["v"])) for row in run.rows()]
    assert found[:3] == [(1, 0), (2, 0), (3, 0)]
    assert sorted(found[3:]) == [(2, 1), (4, 1), (5, 0), (6, 1), (7, 0), (8, 0)]


def test_an_offset_of_confluents_connector_goes_on_where_it_was(target: TargetDatabase) -> None:
    kind = target.pick(postgresql="timestamp", mariadb="DATETIME(6)", sqlite="TIMESTAMP")
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {kind} NOT NULL)")
    for number in range(1, 5):
        target.run(f"INSERT INTO t VALUES ({number}, '2026-01-01 00:00:00.00000{number}')")
    run = harness(target, mode="timestamp+incrementing", incrementing_column_name="id", timestamp_column_name="at")
    run.start()
    run.drain(4)
    run.crash()
    [partition] = run.offsets
    moment = datetime.datetime(2026, 1, 1, tzinfo=UTC)
    run.offsets[partition] = {"timestamp": int(moment.timestamp()) * 1000, "timestamp_nanos": 2000, "incrementing": 2}
    run.start()
    run.drain(6)
    run.crash()
    assert [row["id"] for row in run.rows()[4:]] == [3, 4]


def test_dates_that_are_none_are_stepped_over(on_mariadb: TargetDatabase) -> None:
    on_mariadb.run("SET sql_mode = ''")
    on_mariadb.run("CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME NOT NULL)")
    zeros = ", ".join(f"({number}, '0000-00-00 00:00:00')" for number in range(5))
    on_mariadb.run(f"INSERT INTO t VALUES {zeros}, (5, '2026-02-00 00:00:00'), (6, '2026-03-01 00:00:00')")
    strict = "sessionVariables=sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'"
    rows: dict[str, list[Any]] = {}
    for options in ("", f"?{strict}", "?zeroDateTimeBehavior=convertToNull"):
        run = harness(
            on_mariadb,
            mode="timestamp",
            timestamp_column_name="at",
            batch_max_rows="2",
            connection_url=on_mariadb.config["connection.url"] + options,
        )
        run.tolerant = True
        run.start()
        run.drain(1)
        run.crash()
        rows[options] = [row["id"] for row in run.rows()]
        assert len(run.halted) == 6
    assert list(rows.values()) == [[6]] * 3


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
def test_a_timestamp_column_that_becomes_coarser_while_it_is_read(
    target: TargetDatabase, clock: Clock, mode: str
) -> None:
    if target.kind == "sqlite":
        pytest.skip("SQLite has no precision and does not alter columns")
    fine, coarse = target.pick(
        postgresql=("timestamp(6)", "ALTER COLUMN at TYPE timestamp(0)"),
        mariadb=("DATETIME(6)", "MODIFY at DATETIME(0) NOT NULL"),
    )
    target.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {fine} NOT NULL)")
    target.run("INSERT INTO t VALUES (2, '2026-03-01 11:00:00')")
    run = harness(target, mode=mode, incrementing_column_name="id", timestamp_column_name="at")
    clock.now = "2026-03-01 12:00:00.5"
    run.start()
    run.drain(1)
    target.run(f"ALTER TABLE t {coarse}")
    target.run("INSERT INTO t VALUES (3, '2026-03-01 12:00:00')")
    assert run.poll() == 0, "the second is not over"
    target.run("INSERT INTO t VALUES (1, '2026-03-01 12:00:00')")
    clock.now = "2026-03-01 12:00:01"
    run.drain(3)
    run.crash()
    assert sorted(row["id"] for row in run.rows()) == [1, 2, 3]

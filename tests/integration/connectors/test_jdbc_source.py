"""The JDBC source on a real PostgreSQL and on SQLite: nothing lost, nothing twice, through crashes and ties."""

from __future__ import annotations

import datetime
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.support.eventually import eventually
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.postgres.copy_stream import CopyStream
from tidegate.connectors.jdbc.url import parse_url
from tidegate.devstack import Postgres
from tidegate.errors import ConfigError, FatalError, RetriableError

UTC = datetime.UTC


@pytest.fixture(params=["copy", "cursor"])
def database(
    postgres: Postgres, request: pytest.FixtureRequest
) -> Iterator[tuple[psycopg.Connection[Any], dict[str, str]]]:
    """An empty database, read by COPY and by a cursor in turn."""
    name = f"jdbc_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    port = postgres.port("postgres")
    config = {
        "connection.url": f"jdbc:postgresql://{postgres.host}:{port}/{name}?user={postgres.user}",
        "connection.password": postgres.password,
        "topic.prefix": "db.",
        "poll.interval.ms": "1",
        "postgres.copy": str(request.param == "copy").lower(),
    }
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        yield connection, config


def harness(config: dict[str, str], **keys: str) -> SourceHarness:
    merged = {**config, **{key.replace("_", "."): value for key, value in keys.items()}}
    return SourceHarness(JdbcSourceConnector(), merged)


def test_incrementing_goes_on_exactly_after_the_last_commit_wherever_it_crashes(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, name text)")
    connection.execute("INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 95) i")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t", batch_max_rows="10")
    # Every second page is read and lost with the process.
    run.die_after_each_poll(30, commits=lambda step: step % 2 == 0)
    assert [row["id"] for row in run.rows()] == list(range(1, 96))
    assert list(run.offsets.values()) == [{"incrementing": 95}]
    connection.execute("INSERT INTO t VALUES (96, 'late')")
    run.start()
    run.drain(96)
    run.crash()
    assert run.rows()[-1] == {"id": 96, "name": "late"}
    assert {batch.batch.topic for batch in run.committed} == {"db.t"}


@pytest.mark.parametrize("page", [1, 3, 7, 50])
def test_timestamp_mode_never_parts_rows_of_equal_time(database: Any, page: int) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int, changed timestamptz NOT NULL)")
    sizes = [1, 5, 2, 9, 1, 1, 4, 12]
    moment = datetime.datetime(2026, 1, 1, tzinfo=UTC)
    expected: list[int] = []
    for group, size in enumerate(sizes):
        for _ in range(size):
            expected.append(len(expected))
            at = moment + datetime.timedelta(microseconds=group)
            connection.execute("INSERT INTO t VALUES (%s, %s)", [expected[-1], at])
    run = harness(
        config,
        mode="timestamp",
        timestamp_column_name="changed",
        table_whitelist="t",
        batch_max_rows=str(page),
    )
    run.die_after_each_poll(60, commits=lambda step: step % 3 != 1)
    assert sorted(row["id"] for row in run.rows()) == expected
    assert list(run.offsets.values()) == [{"timestamp": "2026-01-01T00:00:00.000007Z"}]


@pytest.mark.parametrize("column_type", ["timestamptz", "timestamp"])
def test_timestamp_and_incrementing_sees_updates_and_splits_ties(database: Any, column_type: str) -> None:
    connection, config = database
    connection.execute(f"CREATE TABLE t (id bigint PRIMARY KEY, v int, changed {column_type} NOT NULL)")
    connection.execute("INSERT INTO t SELECT i, 0, '2026-01-01 00:00:00.000001' FROM generate_series(1, 20) i")
    run = harness(
        config,
        mode="timestamp+incrementing",
        incrementing_column_name="id",
        timestamp_column_name="changed",
        table_whitelist="t",
        batch_max_rows="6",
    )
    run.die_after_each_poll(12, commits=lambda step: step % 2 == 1)
    assert [row["id"] for row in run.rows()] == list(range(1, 21))
    connection.execute("UPDATE t SET v = 1, changed = '2026-01-01 00:00:00.000002' WHERE id IN (3, 4)")
    run.start()
    run.drain(22)
    run.crash()
    assert [(row["id"], row["v"]) for row in run.rows()[20:]] == [(3, 1), (4, 1)]


def test_rows_younger_than_the_delay_wait(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int, changed timestamptz NOT NULL)")
    connection.execute("INSERT INTO t VALUES (1, now() - interval '1 hour'), (2, now() - interval '1 minute')")
    run = harness(
        config,
        mode="timestamp",
        timestamp_column_name="changed",
        table_whitelist="t",
        timestamp_delay_interval_ms="600000",
    )
    run.start()
    run.drain(1)
    run.poll()
    run.crash()
    assert [row["id"] for row in run.rows()] == [1]


def test_types_come_from_the_catalogue_not_from_the_data(database: Any) -> None:
    connection, config = database
    connection.execute(
        """CREATE TABLE t (id int PRIMARY KEY, s smallint, l bigint NOT NULL, n numeric(12,3), u numeric, r real,
        d double precision, b boolean, x text NOT NULL, c varchar(9), y bytea, dt date, tm time, ts timestamp,
        tz timestamptz, g uuid, j jsonb, a int[], e interval)"""
    )
    connection.execute("INSERT INTO t (id, l, x) VALUES (1, 1, 'only nulls')")
    connection.execute(
        """INSERT INTO t VALUES (2, -7, 9223372036854775807, 123456789.125, 1.000000000000000000001, 0.5, 0.1, true,
        'ä', 'v', '\\x00ff', '2026-02-28', '23:59:59.000001', '2026-02-28 01:02:03.000004',
        '2026-02-28 01:02:03.000004+02', '6c1bb2d8-5b4c-4b7c-9d56-e37ffc9b0c3a', '{"k": [1, null]}', '{1,NULL,3}',
        '1 day')"""
    )
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t", batch_max_rows="1")
    run.start()
    run.drain(2)
    run.crash()
    first, second = (batch.batch.value_field.type for batch in run.committed)
    assert first == second
    assert {field.name for field in first if not field.nullable} == {"id", "l", "x"}
    types = {field.name: field.type for field in first}
    assert types["s"] == pa.int16()
    assert types["n"] == pa.decimal128(12, 3)
    assert types["r"] == pa.float32()
    assert types["ts"] == pa.timestamp("us")
    assert types["tz"] == pa.timestamp("us", "UTC")
    assert types["a"] == pa.list_(pa.int32())
    row = run.rows()[1]
    assert row["n"] == Decimal("123456789.125")
    assert row["u"] == "1.000000000000000000001"
    assert row["tz"] == datetime.datetime(2026, 2, 27, 23, 2, 3, 4, tzinfo=UTC)
    assert (row["y"], row["g"], row["a"]) == (b"\x00\xff", "6c1bb2d8-5b4c-4b7c-9d56-e37ffc9b0c3a", [1, None, 3])
    assert row["j"] == '{"k": [1, null]}'
    assert row["tm"] == datetime.time(23, 59, 59, 1)


def test_a_table_altered_in_mid_stream_gives_its_new_schema_from_the_next_row_on(database: Any) -> None:
    connection, config = database
    connection.execute('CREATE TABLE users (id int PRIMARY KEY, "userId" text NOT NULL)')
    connection.execute("INSERT INTO users SELECT i, 'u' FROM generate_series(1, 20) i")
    run = harness(
        config, mode="incrementing", incrementing_column_name="id", table_whitelist="users", batch_max_rows="10"
    )
    run.start()
    run.poll()
    connection.execute('ALTER TABLE users RENAME COLUMN "userId" TO user_id')
    run.poll()
    connection.execute("ALTER TABLE users ADD COLUMN age int")
    connection.execute("ALTER TABLE users ALTER COLUMN user_id DROP NOT NULL")
    connection.execute("INSERT INTO users VALUES (21, NULL, 7)")
    run.poll()
    run.crash()
    names = [[field.name for field in batch.batch.value_field.type] for batch in run.committed]
    assert names == [["id", "userId"], ["id", "user_id"], ["id", "user_id", "age"]]
    assert run.rows()[-1] == {"id": 21, "user_id": None, "age": 7}


def test_a_dropped_not_null_is_noticed_by_its_first_null(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)")
    connection.execute("INSERT INTO t VALUES (1, 1)")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.start()
    run.drain(1)
    connection.execute("ALTER TABLE t ALTER COLUMN v DROP NOT NULL")
    connection.execute("INSERT INTO t VALUES (2, NULL), (3, 3)")
    run.drain(3)
    run.crash()
    assert [row["v"] for row in run.rows()] == [1, None, 3]


def test_a_value_no_column_can_hold_is_halted_by_itself(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(5,2))")
    connection.execute("INSERT INTO t VALUES (1, 1.5), (2, 'NaN'), (3, 2.5)")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.tolerant = True
    run.start()
    run.drain(2)
    run.crash()
    assert [row["id"] for row in run.rows()] == [1, 3]
    [(topic, raw, message)] = run.halted
    assert (topic, "'n'" in message, b'"id":2' in raw) == ("db.t", True, True)
    assert list(run.offsets.values()) == [{"incrementing": 3}]


def test_bulk_reads_everything_again_each_round(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int)")
    connection.execute("INSERT INTO t SELECT i FROM generate_series(1, 25) i")
    run = harness(config, mode="bulk", table_whitelist="t", batch_max_rows="10")
    run.start()
    run.drain(50)
    run.crash()
    assert sorted(row["id"] for row in run.rows()[:50]) == sorted([*range(1, 26)] * 2)
    assert [len(batch.batch) for batch in run.committed][:3] == [10, 10, 5]


def test_a_query_is_paged_like_a_table(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
    connection.execute("INSERT INTO t SELECT i, '2026-01-01 10:00:00' FROM generate_series(1, 25) i")
    run = harness(
        config,
        mode="incrementing",
        incrementing_column_name="id",
        query="SELECT id, id::numeric(9,2) AS n, at::text = '10:00:00%' AS same FROM t WHERE id % 2 = 1;",
        batch_max_rows="5",
    )
    assert JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(run.config)) == []
    run.start()
    run.drain(13)
    run.crash()
    assert [row["id"] for row in run.rows()] == list(range(1, 26, 2))
    assert run.committed[0].batch.topic == "db."
    assert run.committed[0].batch.value_field.type.field("n").type == pa.decimal128(9, 2)


def test_key_columns_make_a_record_key(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    connection.execute("INSERT INTO t VALUES (1, 'a')")
    run = harness(
        config, mode="incrementing", incrementing_column_name="id", table_whitelist="t", message_key_columns="id"
    )
    run.start()
    run.drain(1)
    run.crash()
    assert run.committed[0].batch.key.to_pylist() == [{"id": 1}]


def test_tables_are_spread_over_tasks(database: Any) -> None:
    connection, config = database
    for name in ("a", "b", "c"):
        connection.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        connection.execute(f"INSERT INTO {name} VALUES (1)")
    config = {**config, "mode": "incrementing", "incrementing.column.name": "id"}
    connector = JdbcSourceConnector()
    tasks = connector.task_configs(connector.config_def.parse(config), 2)
    assert len(tasks) == 2
    topics = set()
    for task in tasks:
        run = SourceHarness(connector, {**config, **task})
        run.start()
        for _ in range(4):
            run.poll()
        run.crash()
        topics |= {batch.batch.topic for batch in run.committed}
    assert topics == {"db.a", "db.b", "db.c"}


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"mode": "incrementing"}, "incrementing.column.name", "no column with automatic numbers"),
        ({"mode": "timestamp"}, "timestamp.column.name", "needs it"),
        ({"mode": "incrementing", "incrementing.column.name": "nope"}, "incrementing.column.name", "has no column"),
        ({"mode": "incrementing", "incrementing.column.name": "v"}, "incrementing.column.name", "integer"),
        ({"mode": "incrementing", "incrementing.column.name": "maybe"}, "incrementing.column.name", "may be null"),
        ({"mode": "timestamp", "timestamp.column.name": "v"}, "timestamp.column.name", "timestamp type"),
        ({"mode": "bulk", "table.whitelist": "absent"}, "table.whitelist", "does not exist; there are t"),
        ({"mode": "bulk", "connection.password": "wrong"}, "connection.url", "refuses the user"),
        ({"mode": "bulk", "connection.url": "jdbc:postgresql://127.0.0.1:1/x"}, "connection.url", "does not answer"),
        ({"mode": "bulk", "query": "SELECT 1"}, "query", "either a query or tables"),
        ({"mode": "bulk", "query": "SELEC 1", "table.whitelist": ""}, "query", "refuses the statement"),
    ],
)
def test_validation_names_the_key_and_the_remedy(database: Any, keys: dict[str, str], key: str, words: str) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text, maybe int)")
    connector = JdbcSourceConnector()
    problems = connector.validate(connector.config_def.parse({**config, "table.whitelist": "t", **keys}))
    assert [problem.key for problem in problems] == [key]
    assert words in problems[0].message
    assert "wrong" not in problems[0].message


def test_a_dropped_table_is_fatal_and_a_lost_database_retriable(database: Any, postgres: Postgres) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.start()
    run.poll()
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    run.poll()  # an idle connection that was lost is replaced
    connection.execute("DROP TABLE t")
    with pytest.raises(FatalError, match="lacks what was asked for"):
        run.poll()
    run.crash()
    gone = harness(
        {**config, "connection.url": "jdbc:postgresql://127.0.0.1:1/x"},
        mode="bulk",
        query="SELECT 1",
        connection_attempts="2",
        connection_backoff_ms="1",
    )
    gone.start()
    with pytest.raises(RetriableError, match="does not answer"):
        gone.poll()


def test_a_missing_table_fails_the_split(database: Any) -> None:
    _, config = database
    connector = JdbcSourceConnector()
    parsed = connector.config_def.parse({**config, "mode": "bulk", "table.whitelist": "absent"})
    with pytest.raises(ConfigError, match="does not exist"):
        connector.task_configs(parsed, 1)


@pytest.mark.parametrize("mode", ["incrementing", "timestamp", "timestamp+incrementing", "bulk"])
def test_sqlite(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(6,2), ok BOOLEAN, changed TIMESTAMP NOT NULL)"
        )
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)",
            [(i, i / 4, i % 2, f"2026-01-01 00:00:{i // 4:02d}") for i in range(1, 31)],
        )
    config = {
        "connection.url": f"jdbc:sqlite:{path}",
        "topic.prefix": "lite-",
        "mode": mode,
        "incrementing.column.name": "id",
        "timestamp.column.name": "changed",
        "poll.interval.ms": "1",
        "batch.max.rows": "6",
        "table.whitelist": "t",
    }
    connector = JdbcSourceConnector()
    assert connector.validate(connector.config_def.parse(config)) == []
    run = SourceHarness(connector, config)
    if mode == "bulk":
        run.start()
        run.drain(30)
        run.crash()
    else:
        run.die_after_each_poll(40, commits=lambda step: step % 2 == 0)
    assert sorted(row["id"] for row in run.rows()[:30]) == list(range(1, 31))
    assert len(run.rows()) == 30 or mode == "bulk"
    type_ = run.committed[0].batch.value_field.type
    assert type_.field("id") == pa.field("id", pa.int64(), nullable=False)
    assert type_.field("n").type == pa.decimal128(6, 2)
    assert run.rows()[0]["ok"] is True


def test_a_moment_that_no_column_can_hold_fails_the_poll_by_its_name(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
    connection.execute("INSERT INTO t VALUES (1, 'infinity')")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.start()
    with pytest.raises(FatalError, match="column 'at': 'infinity' is not a point in time of the years 1 to 9999"):
        run.poll()
    run.crash()


@pytest.mark.parametrize("column_type", ["timestamptz", "timestamp", "date"])
def test_an_offset_may_stand_before_the_year_1(database: Any, column_type: str) -> None:
    connection, config = database
    connection.execute(f"CREATE TABLE t (id int, at {column_type} NOT NULL)")
    moments = ["-infinity", "0044-03-15 BC", "0044-03-15 BC", "0001-01-01", "2026-01-01", "infinity"]
    for number, moment in enumerate(moments):
        connection.execute("INSERT INTO t VALUES (%s, %s)", [number, moment])
    run = harness(config, mode="timestamp", timestamp_column_name="at", table_whitelist="t", batch_max_rows="1")
    run.tolerant = True
    for _ in range(6):
        run.start()
        run.poll()
        run.crash()
    assert [row["id"] for row in run.rows()] == [3, 4]
    assert [b'"id":%d' % number in raw for number, (_, raw, _) in enumerate(run.halted)] == [True] * 3
    texts = connection.execute("SELECT DISTINCT at::text FROM t WHERE id < 3").fetchall()
    assert {text for (text,) in texts} == {raw.decode().split('"')[-2] for _, raw, _ in run.halted}


def test_wide_rows_make_short_pages(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, wide text)")
    connection.execute("INSERT INTO t SELECT i, repeat('x', 10000) FROM generate_series(1, 300) i")
    for mode in ("incrementing", "bulk"):
        run = harness(config, mode=mode, incrementing_column_name="id", table_whitelist="t", batch_max_bytes="200000")
        run.start()
        run.drain(300)
        run.crash()
        assert sorted(row["id"] for row in run.rows()[:300]) == list(range(1, 301))
        # A cursor's rows come by the thousand, and are weighed only then.
        if config["postgres.copy"] == "true":
            assert max(len(batch.batch) for batch in run.committed) <= 21


def test_bulk_reads_many_tables_over_one_connection(database: Any) -> None:
    connection, config = database
    for name in ("a", "b", "c", "d"):
        connection.execute(f"CREATE TABLE {name} AS SELECT i AS id FROM generate_series(1, 25) i")
    run = harness(config, mode="bulk", batch_max_rows="10", poll_interval_ms="60000")
    run.start()
    run.drain(100)
    run.crash()
    assert [len(batch.batch) for batch in run.committed] == [10, 10, 5] * 4


def test_a_task_may_be_started_polled_and_stopped_by_different_threads(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) i")
    run = harness(config, mode="bulk", table_whitelist="t", batch_max_rows="10")
    for step in (run.start, lambda: run.drain(500), run.crash):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(step).result()
    assert len(run.rows()) == 500


def test_a_stop_waits_for_the_poll_that_is_under_way(database: Any) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES (1)")
    run = harness(config, mode="incrementing", incrementing_column_name="id", table_whitelist="t")
    run.start()
    with ThreadPoolExecutor(2) as threads:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE t")
        polled = threads.submit(run.poll)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
        eventually(lambda: connection.execute(waiting).fetchone()[0] == 1)
        stopped = threads.submit(run.crash)
        assert not stopped.done()
        connection.execute("COMMIT")
        stopped.result()
    assert polled.result() == 1


@pytest.mark.parametrize("mode", ["incrementing", "timestamp", "timestamp+incrementing"])
def test_pages_are_found_by_an_index_each_row_read_about_once(database: Any, mode: str) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, pad text)")
    connection.execute(
        "INSERT INTO t SELECT i, '2026-01-01'::timestamptz + i / 10 * interval '1 s', repeat('x', 100)"
        " FROM generate_series(1, 20000) i"
    )
    connection.execute("CREATE INDEX ON t (at, id)")
    connection.execute("VACUUM ANALYZE t")
    reads = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 't'"
    connection.execute("SELECT pg_stat_force_next_flush()")
    sequential, _ = connection.execute(reads).fetchone()
    run = harness(
        config,
        mode=mode,
        incrementing_column_name="id",
        timestamp_column_name="at",
        table_whitelist="t",
        batch_max_rows="500",
    )
    run.start()
    assert sum(run.poll() for _ in range(50)) == 20000
    run.crash()
    # The server counts at the latest when a client leaves.
    eventually(lambda: connection.execute(reads).fetchone()[1] >= 20000)
    after, by_index = connection.execute(reads).fetchone()
    assert after == sequential
    assert by_index < 21000


@pytest.mark.parametrize("mode", ["incrementing", "bulk"])
def test_a_server_that_refuses_copy_is_read_by_rows(database: Any, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, config = database
    connection.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 25) i")
    original = CopyStream.__init__

    def refused(self: CopyStream, connection: Any, statement: bytes, *rest: Any) -> None:
        original(self, connection, statement.replace(b"FORMAT binary", b"FORMAT cockroach"), *rest)

    monkeypatch.setattr(CopyStream, "__init__", refused)
    run = harness(config, mode=mode, incrementing_column_name="id", table_whitelist="t", batch_max_rows="10")
    run.start()
    run.drain(25)
    run.crash()
    assert sorted(row["id"] for row in run.rows()) == list(range(1, 26))


@pytest.mark.parametrize(("stopping", "waits"), [(False, 2), (True, 1)])
def test_connecting_is_tried_again_after_a_pause_until_told_to_stop(stopping: bool, waits: int) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return stopping

    database = Database(
        parse_url("jdbc:postgresql://127.0.0.1:1/x"),
        connect_timeout_ms=1000,
        statement_timeout_ms=1000,
        attempts=3,
        backoff_ms=250,
        wait=wait,
    )
    with pytest.raises(RetriableError, match="does not answer"), database.connection():
        pass
    database.close()
    assert waited == [0.25] * waits

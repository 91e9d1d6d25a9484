"""What becomes of tables, keys and transactions of PostgreSQL while their changes are captured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.connectors.postgres_capture import Capture, captured, postgres_of
from tidegate.devstack import Postgres


@pytest.fixture(scope="module", params=["18", "15"])
def server(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Postgres]:
    """PostgreSQL of the wheel and of Debian."""
    settings = {"max_prepared_transactions": "5", "wal_sender_timeout": "10s"}
    with postgres_of(request.param, state_dir, name="midstream", settings=settings) as component:
        yield component


@pytest.fixture
def capture(server: Postgres) -> Iterator[Capture]:
    """A database of its own."""
    with captured(server) as made:
        yield made


def _same(capture: Capture, table: str, key: int = 1) -> None:
    capture.catch_up()
    assert capture.ledger.rows(f"p.public.{table}") == capture.table(table, key)


def _stored_apart(seed: int) -> str:
    """A text that is neither compressed nor kept within its row, and fits an index."""
    letters = random.Random(seed)
    return "".join(letters.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(2500))


def test_the_slot_moves_while_only_another_database_is_written(capture: Capture) -> None:
    capture.configure(status_update_interval_ms="200").start().catch_up()
    with psycopg.connect(capture.server.url("postgres"), autocommit=True) as other:
        other.execute("CREATE TABLE IF NOT EXISTS elsewhere (i int)")
        other.execute("INSERT INTO elsewhere SELECT generate_series(1, 1000)")
        row = other.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    wanted = int(row[0])
    capture.until(lambda: capture.confirmed() >= wanted)


def test_a_key_that_is_stored_apart(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE k (id text PRIMARY KEY, n int)")
    capture.sql.execute("ALTER TABLE k ALTER id SET STORAGE EXTERNAL")
    capture.sql.execute("INSERT INTO k VALUES (%s, 1)", [_stored_apart(1)])
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO k VALUES (%s, 1)", [_stored_apart(2)])
    capture.sql.execute("UPDATE k SET n = 2")
    _same(capture, "k")
    capture.sql.execute("UPDATE k SET id = %s WHERE id = %s", [_stored_apart(3), _stored_apart(1)])
    capture.sql.execute("DELETE FROM k WHERE id = %s", [_stored_apart(2)])
    _same(capture, "k")


def test_a_replica_identity_by_index(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE k (a int NOT NULL, b text NOT NULL, n int)")
    capture.sql.execute("CREATE UNIQUE INDEX kb ON k (b); ALTER TABLE k REPLICA IDENTITY USING INDEX kb")
    capture.sql.execute("CREATE TABLE both_keys (id int PRIMARY KEY, b text NOT NULL, n int)")
    capture.sql.execute("CREATE UNIQUE INDEX bb ON both_keys (b)")
    capture.sql.execute("ALTER TABLE both_keys REPLICA IDENTITY USING INDEX bb")
    capture.sql.execute("INSERT INTO k VALUES (1, 'x', 1); INSERT INTO both_keys VALUES (1, 'x', 1), (2, 'y', 1)")
    capture.start().catch_up()
    capture.sql.execute("UPDATE k SET n = 2; UPDATE k SET b = 'z'")
    capture.sql.execute("UPDATE both_keys SET n = 2; UPDATE both_keys SET b = 'z' WHERE id = 1")
    capture.sql.execute("DELETE FROM both_keys WHERE id = 2")
    capture.catch_up()
    # The key is what a delete tells.
    assert capture.ledger.rows("p.public.k") == {("z",): {"a": 1, "b": "z", "n": 2}}
    assert capture.ledger.rows("p.public.both_keys") == {("z",): {"id": 1, "b": "z", "n": 2}}


def test_rows_that_come_into_a_filter_and_leave_it(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE f (id int PRIMARY KEY, n int); ALTER TABLE f REPLICA IDENTITY FULL")
    capture.sql.execute("INSERT INTO f SELECT i, i FROM generate_series(1, 6) i")
    capture.sql.execute("CREATE TABLE signal (id text PRIMARY KEY, type text, data text)")
    capture.sql.execute("CREATE PUBLICATION filtered FOR TABLE mark, signal, f WHERE (n < 4)")
    capture.configure(
        publication_name="filtered",
        publication_autocreate_mode="disabled",
        signal_data_collection="public.signal",
        table_exclude_list="public.signal",
    )
    capture.start().catch_up()
    capture.sql.execute("UPDATE f SET n = 0 WHERE id = 5; UPDATE f SET n = 9 WHERE id = 1")
    capture.catch_up()
    published = [(2,), (3,), (5,)]
    assert sorted(capture.ledger.rows("p.public.f")) == published
    told = capture.ledger.operations("p.public.f")
    capture.sql.execute("INSERT INTO signal VALUES ('1', 'execute-snapshot', '{\"data-collections\": [\"public.f\"]}')")
    capture.until(lambda: len(capture.ledger.operations("p.public.f")) >= len(told) + len(published))
    capture.catch_up()
    assert capture.ledger.operations("p.public.f") == told + "r" * len(published)
    assert sorted(capture.ledger.rows("p.public.f")) == published


def test_generated_columns_where_they_are_published(capture: Capture) -> None:
    if not capture.server.name.endswith("18"):
        pytest.skip("needs PostgreSQL 18")
    capture.sql.execute("CREATE TABLE g (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)")
    capture.sql.execute("INSERT INTO g VALUES (1)")
    capture.sql.execute("CREATE PUBLICATION generated FOR TABLE mark, g WITH (publish_generated_columns = stored)")
    capture.configure(publication_name="generated", publication_autocreate_mode="disabled").start().catch_up()
    capture.sql.execute("INSERT INTO g VALUES (2)")
    _same(capture, "g")


def test_a_table_that_is_renamed_and_one_that_is_made_anew(capture: Capture) -> None:
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO t VALUES (101, 'old'); ALTER TABLE t RENAME TO u")
    capture.sql.execute("INSERT INTO u VALUES (102, 'renamed'); CREATE TABLE t (id int PRIMARY KEY, other date)")
    capture.sql.execute(
        "INSERT INTO t VALUES (103, '2026-01-02'); DROP TABLE t; CREATE TABLE t (id bigint PRIMARY KEY)"
    )
    capture.sql.execute("INSERT INTO t VALUES (104)")
    capture.catch_up()
    assert capture.ledger.rows("p.public.t")[(101,)] == {"id": 101, "v": "old"}
    assert capture.ledger.rows("p.public.u") == {(102,): {"id": 102, "v": "renamed"}}
    assert str(capture.ledger.rows("p.public.t")[(103,)]["other"]) == "2026-01-02"
    assert capture.ledger.rows("p.public.t")[(104,)] == {"id": 104}


@pytest.mark.parametrize("root", ["true", "false"])
def test_partitions_that_are_attached_and_detached(capture: Capture, root: str) -> None:
    capture.sql.execute("CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    capture.sql.execute("CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10)")
    capture.sql.execute(f"CREATE PUBLICATION parts FOR TABLE mark, m WITH (publish_via_partition_root = {root})")
    capture.configure(publication_name="parts", publication_autocreate_mode="disabled").start().catch_up()
    capture.sql.execute("INSERT INTO m VALUES (1, 'a')")
    capture.sql.execute("CREATE TABLE m2 (v text, gone int, id int PRIMARY KEY); ALTER TABLE m2 DROP COLUMN gone")
    capture.sql.execute("ALTER TABLE m ATTACH PARTITION m2 FOR VALUES FROM (10) TO (20)")
    capture.sql.execute("INSERT INTO m VALUES (11, 'b'); UPDATE m SET v = 'c'")
    capture.sql.execute("ALTER TABLE m DETACH PARTITION m1; INSERT INTO m1 VALUES (2, 'not published any more')")
    capture.sql.execute("INSERT INTO m VALUES (12, 'd')")
    capture.catch_up()
    told: dict[tuple[Any, ...], Any] = {}
    for topic in ("m",) if root == "true" else ("m1", "m2"):
        told |= capture.ledger.rows(f"p.public.{topic}")
    assert {key: row["v"] for key, row in told.items()} == {(1,): "c", (11,): "c", (12,): "d"}


def test_types_that_become_wider(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE w (id int PRIMARY KEY, n int, v varchar(3), d numeric(5, 2))")
    capture.sql.execute("INSERT INTO w VALUES (1, 1, 'abc', 1.25)")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO w VALUES (2, 2, 'abc', 2.25)")
    capture.sql.execute("ALTER TABLE w ALTER n TYPE bigint, ALTER v TYPE varchar(9), ALTER d TYPE numeric(9, 4)")
    capture.sql.execute("INSERT INTO w VALUES (3, 5000000000, 'abcdefghi', 12345.6789)")
    capture.sql.execute("ALTER TABLE w ALTER id TYPE bigint; UPDATE w SET n = n + 1")
    _same(capture, "w")


def test_prepared_transactions_and_savepoints(capture: Capture) -> None:
    capture.start().catch_up()
    with psycopg.connect(capture.server.url(capture.database), autocommit=True) as other:
        other.execute("BEGIN; INSERT INTO t VALUES (201, 'prepared'); PREPARE TRANSACTION 'one'")
        other.execute("BEGIN; INSERT INTO t VALUES (202, 'given up'); PREPARE TRANSACTION 'two'")
        capture.catch_up()
        assert (201,) not in capture.ledger.rows("p.public.t")
        other.execute("COMMIT PREPARED 'one'")
        other.execute("ROLLBACK PREPARED 'two'")
    with capture.sql.transaction():
        capture.sql.execute("INSERT INTO t VALUES (203, 'kept')")
        with capture.sql.transaction(force_rollback=True):
            capture.sql.execute("INSERT INTO t VALUES (204, 'rolled back')")
            capture.sql.execute("DELETE FROM t WHERE id = 203")
        with capture.sql.transaction():
            capture.sql.execute("UPDATE t SET v = 'within' WHERE id = 203")
    _same(capture, "t")
    assert capture.ledger.operations("p.public.t", [203]) == "cu"


def test_tables_that_are_emptied_together(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO c VALUES (1, 1)")
    capture.configure(skipped_operations="none").start().catch_up()
    capture.sql.execute("TRUNCATE t CASCADE")
    capture.sql.execute("INSERT INTO t VALUES (1, 'again'); INSERT INTO c VALUES (1, 1)")
    capture.catch_up()
    for table in ("t", "c"):
        assert capture.ledger.operations(f"p.public.{table}").endswith("tc")
        _same(capture, table)


def test_messages_in_the_log_do_not_disturb(capture: Capture) -> None:
    capture.start().catch_up()
    capture.sql.execute(
        "SELECT pg_logical_emit_message(true, 'audit', 'x'), pg_logical_emit_message(false, 'audit', 'y')"
    )
    capture.sql.execute("INSERT INTO t VALUES (301, 'after')")
    _same(capture, "t")

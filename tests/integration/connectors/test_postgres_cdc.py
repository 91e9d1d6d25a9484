"""PostgreSQL change data capture on real servers: what is told is what happened, once, whatever dies."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.connectors.ledger_capture import DEADLINE
from tests.integration.connectors.postgres_capture import Capture, captured, postgres_of
from tests.integration.connectors.schema_versions import SchemaVersions
from tests.integration.connectors.source_harness import MemorySourceContext, SourceHarness
from tests.support.eventually import eventually
from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.connectors.postgres_cdc.preview import PostgresPreviewTask
from tidegate.converters.avro import AvroConverter
from tidegate.devstack import Postgres
from tidegate.errors import FatalError, RetriableError, TidegateError

_QUIET_POLLS = 3


@pytest.fixture(scope="module", params=["18", "15"])
def server(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Postgres]:
    """PostgreSQL of the wheel and of Debian."""
    settings = {"max_wal_senders": "20", "max_replication_slots": "20", "wal_sender_timeout": "10s"}
    with postgres_of(request.param, state_dir, name="cdc", settings=settings) as component:
        yield component


@pytest.fixture
def capture(server: Postgres) -> Iterator[Capture]:
    """A database of its own with a table ``t`` of 100 rows and one for marks."""
    with captured(server) as made:
        yield made


def _churn(capture: Capture, stopping: threading.Event) -> threading.Thread:
    """Inserts, updates, deletes and moves rows until told to stop."""

    def run() -> None:
        with psycopg.connect(capture.server.url(capture.database), autocommit=True) as connection:
            number = 0
            while not stopping.is_set():
                number += 1
                with connection.transaction():
                    connection.execute("INSERT INTO t VALUES (%s, 'new')", [1000 + number])
                    connection.execute("UPDATE t SET v = v || '+' WHERE id = %s", [number % 100 + 1])
                    if number % 3 == 0:
                        connection.execute("DELETE FROM t WHERE id = %s", [1000 + number - 2])
                    if number % 5 == 0:
                        connection.execute("UPDATE t SET id = -id WHERE id = %s", [1000 + number])

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_snapshot_then_stream_without_gap_or_overlap(capture: Capture) -> None:
    stopping = threading.Event()
    writer = _churn(capture, stopping)
    try:
        capture.configure(snapshot_fetch_size="10").start()
        capture.until(lambda: len(capture.ledger.events) > 400)
    finally:
        stopping.set()
        writer.join()
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")
    assert capture.ledger.operations("p.public.t")[:100] == "r" * 100


def test_a_snapshot_goes_on_where_it_was_while_the_table_changes(capture: Capture) -> None:
    capture.configure(snapshot_fetch_size="10").start()
    for _ in range(4):
        capture.poll()
    capture.poll(commit=False)
    capture.crash()
    assert 0 < len(capture.ledger.rows("p.public.t")) < 100
    stopping = threading.Event()
    writer = _churn(capture, stopping)
    try:
        for _ in range(3):
            capture.start()
            for _ in range(2):
                capture.poll()
            capture.poll(commit=False)
            capture.crash()
        capture.start()
        capture.until(lambda: len(capture.ledger.events) > 300)
    finally:
        stopping.set()
        writer.join()
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")
    assert capture.ledger.operations("p.public.t").count("r") >= 60


def test_a_transaction_goes_on_where_it_was(capture: Capture) -> None:
    capture.configure(max_batch_size="200").start()
    capture.catch_up()
    with capture.sql.transaction():
        capture.sql.execute("INSERT INTO t SELECT i, 'big' FROM generate_series(1001, 6000) i")
        capture.sql.execute("UPDATE t SET v = 'bigger' WHERE id > 1000")
    capture.until(lambda: len(capture.ledger.rows("p.public.t")) > 1500)
    capture.poll(commit=False)
    capture.crash()
    capture.start()
    capture.until(lambda: len(capture.ledger.rows("p.public.t")) > 4000)
    capture.crash()
    capture.start()
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")
    assert capture.ledger.operations("p.public.t").count("u") == 5000


def test_a_session_that_is_ended_loses_nothing(capture: Capture) -> None:
    capture.start().catch_up()
    for number in range(3):
        capture.sql.execute("INSERT INTO t VALUES (%s, 'x')", [2000 + number])
        capture.sql.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [capture.database]
        )
        with pytest.raises(RetriableError):
            capture.until(lambda: False)
        capture.crash()
        capture.start()
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")


def test_a_slot_that_another_connector_uses_is_left_alone(capture: Capture) -> None:
    capture.configure(slot_max_retries="1", slot_retry_delay_ms="4000").start().catch_up()
    other = SourceHarness(PostgresCdcConnector(), capture.harness.config, name="another")
    with pytest.raises(RetriableError, match=r"used by another session\..*set slot\.name"):
        other.start()
    other.crash()
    capture.catch_up()


def test_deletes_moved_keys_and_truncates(capture: Capture) -> None:
    capture.configure(skipped_operations="none").start().catch_up()
    capture.sql.execute("DELETE FROM t WHERE id = 1")
    capture.sql.execute("UPDATE t SET id = 500 WHERE id = 2")
    capture.catch_up()
    assert capture.ledger.operations("p.public.t", [1]) == "rd-"
    assert capture.ledger.operations("p.public.t", [2]) == "rd-"
    assert capture.ledger.operations("p.public.t", [500]) == "c"
    capture.sql.execute("TRUNCATE t; INSERT INTO t VALUES (1, 'again')")
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")


def test_a_changed_table_has_its_new_schema_from_there_on(capture: Capture) -> None:
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO t VALUES (101, 'old')")
    capture.sql.execute("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7; INSERT INTO t VALUES (102, 'new', 8)")
    capture.sql.execute("ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (103, 9)")
    capture.catch_up()
    rows = capture.ledger.rows("p.public.t")
    assert [rows[(key,)] for key in (101, 102, 103)] == [
        {"id": 101, "v": "old"},
        {"id": 102, "v": "new", "n": 8},
        {"id": 103, "n": 9},
    ]


def test_a_changed_table_has_a_new_version_in_the_registry_from_there_on(capture: Capture) -> None:
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO t VALUES (101, 'old')")
    capture.sql.execute("ALTER TABLE t ADD COLUMN n int; INSERT INTO t VALUES (102, 'new', 8)")
    capture.sql.execute("INSERT INTO t VALUES (103, 'new', 9)")
    capture.catch_up()
    converter = AvroConverter()
    registry = MemoryRegistry()
    converter.configure({}, is_key=False, registry=registry.client)
    versions: dict[int, int] = {}
    for one in capture.harness.committed:
        if one.batch.topic == "p.public.t":
            values = converter.encode("p.public.t", one.batch.value, one.batch.value_field).data.to_pylist()
            for key, value in zip(one.batch.key.to_pylist(), values, strict=True):
                versions[key["id"]] = int.from_bytes(value[1:5], "big")
    first, second = versions[1], versions[103]
    assert first != second
    assert [versions[key] for key in (1, 100, 101, 102, 103)] == [first, first, first, second, second]


_ADDED = {
    "n": "int NOT NULL DEFAULT 7",
    "price": "numeric(10,2) NOT NULL DEFAULT 1.5",
    "state": "varchar(9) NOT NULL DEFAULT 'it''s new'",
    "code": "char(4) NOT NULL DEFAULT 'ab'",
    "on_day": "date NOT NULL DEFAULT '2020-01-02'",
    "flag": "boolean NOT NULL DEFAULT true",
    "doc": "jsonb NOT NULL DEFAULT '{\"a\":1}'",
    "tags": "text[] NOT NULL DEFAULT '{}'",
    "at": "timestamptz NOT NULL DEFAULT now()",
    "score": "int DEFAULT 3",
    "corners": "box DEFAULT box(point(1,1), point(0,0))",
    "names": "text[] DEFAULT string_to_array('a b', ' ')",
}


def test_a_required_column_with_a_default_is_a_version_that_backward_takes(capture: Capture) -> None:
    capture.start().catch_up()
    added = ", ".join(f"ADD COLUMN {name} {kind}" for name, kind in _ADDED.items())
    capture.sql.execute(f"ALTER TABLE t {added}")
    # Django drops a default in the next statement: it stays what the rows have that were there.
    capture.sql.execute("ALTER TABLE t ALTER COLUMN n DROP DEFAULT")
    capture.sql.execute("INSERT INTO t (id, v, n, score) VALUES (101, 'new', 8, NULL)")
    capture.catch_up()
    versions = SchemaVersions(capture.harness, "p.public.t")
    assert len(versions.texts) == 2
    assert versions.refused() == []
    rows = versions.rows()
    assert rows[(101,)]["score"] is None
    told = dict(rows[(1,)])
    (moment,) = capture.sql.execute("SELECT at FROM t WHERE id = 1").fetchone() or ()
    assert datetime.datetime.fromisoformat(told.pop("at")) == moment
    assert told == {
        "id": 1,
        "v": "v1",
        "n": 7,
        "price": Decimal("1.50"),
        "state": "it's new",
        "code": "ab  ",
        "on_day": datetime.date(2020, 1, 2),
        "flag": True,
        "doc": '{"a": 1}',
        "tags": [],
        "score": 3,
        "corners": None,
        "names": None,
    }


def test_an_update_that_changes_nothing_is_left_out(capture: Capture) -> None:
    capture.sql.execute("ALTER TABLE t REPLICA IDENTITY FULL")
    capture.configure(skip_messages_without_change="true", column_exclude_list="public.t.hidden")
    capture.sql.execute("ALTER TABLE t ADD COLUMN hidden int")
    capture.start().catch_up()
    before = len(capture.ledger.events)
    capture.sql.execute("UPDATE t SET v = v; UPDATE t SET hidden = 1; UPDATE t SET v = 'other' WHERE id = 7")
    capture.catch_up()
    told = [one for one in capture.harness.committed if one.batch.topic == "p.public.t"][-1].batch
    assert told.key.to_pylist() == [{"id": 7}]
    assert len(capture.ledger.events) - before == 2


def test_a_publication_without_tables_is_altered_by_hand(capture: Capture) -> None:
    capture.configure(publication_autocreate_mode="no_tables", publication_name="by_hand").start()
    capture.sql.execute("INSERT INTO t VALUES (101, 'before')")
    capture.sql.execute("ALTER PUBLICATION by_hand ADD TABLE t, mark")
    capture.sql.execute("INSERT INTO t VALUES (102, 'after')")
    capture.catch_up()
    assert capture.ledger.rows("p.public.t") == {(102,): {"id": 102, "v": "after"}}


def test_a_default_is_never_run(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE ran (id int PRIMARY KEY)")
    capture.sql.execute(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO ran VALUES (1) RETURNING id';"
        "CREATE TABLE g (id serial PRIMARY KEY, a int DEFAULT f(), b text DEFAULT lower('X'), "
        "c timestamp DEFAULT now(), d int GENERATED ALWAYS AS (a + 1) STORED, e int DEFAULT 1 + 1)"
    )
    capture.sql.execute("INSERT INTO g (a) VALUES (5)")
    capture.start().catch_up()
    (text,) = SchemaVersions(capture.harness, "p.public.g").texts
    assert "connect.default" not in text
    assert capture.table("ran") == {}


def test_columns_are_left_out_masked_and_hashed(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE person (id int PRIMARY KEY, card text, mail text, secret text, name text)")
    capture.sql.execute("INSERT INTO person VALUES (1, '1234', 'a@b', 's', 'ann')")
    capture.configure(column_exclude_list="public.person.secret", table_exclude_list="public.t")
    capture.harness.config |= {
        "column.mask.with.3.chars": "public.person.card",
        "column.mask.hash.v2.SHA-256.with.salt.pepper": "public.person.mail",
        "column.truncate.to.2.chars": "public.person.name",
    }
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO person VALUES (2, '9876', 'a@b', 's', 'bob')")
    capture.catch_up()
    rows = capture.ledger.rows("p.public.person")
    digest = rows[(1,)]["mail"]
    assert len(digest) == 64
    assert rows == {
        (1,): {"id": 1, "card": "***", "mail": digest, "name": "an"},
        (2,): {"id": 2, "card": "***", "mail": digest, "name": "bo"},
    }
    assert not capture.ledger.rows("p.public.t")


def test_before_has_what_the_replica_identity_has(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE coded (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text)")
    capture.sql.execute("ALTER TABLE coded REPLICA IDENTITY USING INDEX coded_code_key")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO coded VALUES (1, 'a', 'x')")
    capture.sql.execute("UPDATE coded SET v = 'y'; UPDATE coded SET code = 'b'; DELETE FROM coded")
    capture.catch_up()
    events = [
        (one["key"], one["value"] and (one["value"]["op"], one["value"]["before"]))
        for batch in capture.harness.committed
        if batch.batch.topic == "p.public.coded"
        for one in batch.batch.records.to_pylist()
    ]
    old, new = {"code": "a"}, {"code": "b"}
    assert events == [
        (old, ("c", None)),
        (old, ("u", None)),
        (old, ("d", {"id": 0, "code": "a", "v": None})),
        (old, None),
        (new, ("c", None)),
        (new, ("d", {"id": 0, "code": "b", "v": None})),
        (new, None),
    ]


def test_a_value_that_is_stored_apart_and_did_not_change(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE big (id int PRIMARY KEY, doc text, n int)")
    capture.sql.execute("ALTER TABLE big ALTER doc SET STORAGE EXTERNAL")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO big VALUES (1, repeat('x', 10000), 1)")
    capture.sql.execute("UPDATE big SET n = 2")
    capture.catch_up()
    assert capture.ledger.rows("p.public.big")[(1,)]["doc"] == "__debezium_unavailable_value"
    capture.sql.execute("ALTER TABLE big REPLICA IDENTITY FULL")
    capture.sql.execute("UPDATE big SET n = 3")
    capture.catch_up()
    assert capture.ledger.rows("p.public.big") == capture.table("big")


def test_before_is_the_whole_row_with_full_identity(capture: Capture) -> None:
    capture.sql.execute("ALTER TABLE t REPLICA IDENTITY FULL")
    capture.start().catch_up()
    capture.sql.execute("UPDATE t SET v = 'changed' WHERE id = 5")
    capture.sql.execute("DELETE FROM t WHERE id = 5")
    capture.catch_up()
    events = [row for row in capture.harness.rows() if row and row.get("before")]
    assert [(event["op"], event["before"]["v"]) for event in events] == [("u", "v5"), ("d", "changed")]


def test_a_lost_slot_is_told_at_once_with_the_remedy(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    eventually(lambda: _dropped(capture), timeout=DEADLINE)
    with pytest.raises(FatalError, match=r"is lost: it does not exist any more\..*snapshot\.mode=initial"):
        capture.start()


def test_an_invalidated_slot_is_told_at_once_with_the_remedy(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    capture.sql.execute("SELECT pg_reload_conf()")

    def lost() -> bool:
        capture.sql.execute("INSERT INTO t SELECT max(id) + 1, repeat('x', 1000000) FROM t")
        capture.sql.execute("SELECT pg_switch_wal()")
        capture.sql.execute("CHECKPOINT")
        row = capture.sql.execute(
            "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [capture.database]
        ).fetchone()
        return row == ("lost",)

    try:
        eventually(lost, timeout=DEADLINE)
        with pytest.raises(FatalError, match=r"is lost: it was invalidated.*max_slot_wal_keep_size"):
            capture.start()
    finally:
        capture.sql.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        capture.sql.execute("SELECT pg_reload_conf()")


def _made_anew(capture: Capture) -> None:
    capture.sql.execute("INSERT INTO t VALUES (777, 'before the other slot')")
    eventually(lambda: _dropped(capture), timeout=DEADLINE)
    capture.sql.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [capture.database])


def test_a_slot_that_was_dropped_and_made_anew_is_told_at_once_with_the_remedy(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    _made_anew(capture)
    with pytest.raises(FatalError, match=r"is lost: it begins at .*made anew.*snapshot\.mode=initial"):
        capture.start()


def test_a_slot_that_was_made_anew_begins_with_a_snapshot_when_needed(capture: Capture) -> None:
    capture.configure(snapshot_mode="when_needed").start().catch_up()
    capture.crash()
    _made_anew(capture)
    capture.ledger.tables.clear()
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")


def test_a_slot_that_somebody_else_moved_on_is_told_at_once(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql.execute("INSERT INTO t VALUES (777, 'skipped')")
    advance = "SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())"

    def advanced() -> bool:
        with contextlib.suppress(psycopg.errors.ObjectInUse):
            capture.sql.execute(advance, [capture.database])
            return True
        return False

    eventually(advanced, timeout=DEADLINE)
    with pytest.raises(FatalError, match=r"somebody else has read it or moved it on"):
        capture.start()


def test_a_server_whose_log_ends_before_the_offset_is_told_at_once(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    ((partition, offset),) = capture.harness.offsets.items()
    capture.harness.offsets[partition] = {**offset, "lsn_commit": int(offset["lsn_commit"]) + (1 << 40)}
    with pytest.raises(FatalError, match=r"the server's log ends at .*restored from a backup"):
        capture.start()


def test_an_idle_slot_is_not_taken_for_another_one(capture: Capture) -> None:
    capture.configure(status_update_interval_ms="100").start().catch_up()
    for _ in range(2):
        before = capture.confirmed()
        capture.sql.execute("CREATE TABLE unused (id int); DROP TABLE unused")
        capture.until(partial(_is_confirmed, capture, before + 1))
        capture.crash()
        capture.start()
    capture.catch_up()


def _is_confirmed(capture: Capture, wanted: int) -> bool:
    return capture.confirmed() >= wanted


def test_a_slot_that_idled_too_long_is_told_with_the_reason(capture: Capture) -> None:
    if capture.server.name != "cdc-18":
        pytest.skip("needs PostgreSQL 18")
    capture.start().catch_up()
    capture.crash()
    capture.sql.execute("ALTER SYSTEM SET idle_replication_slot_timeout = '1s'")
    capture.sql.execute("SELECT pg_reload_conf()")

    def lost() -> bool:
        capture.sql.execute("CHECKPOINT")
        row = capture.sql.execute(
            "SELECT invalidation_reason FROM pg_replication_slots WHERE slot_name = %s", [capture.database]
        ).fetchone()
        return row == ("idle_timeout",)

    try:
        eventually(lost, timeout=DEADLINE)
        with pytest.raises(FatalError, match=r"it was invalidated \(idle_timeout\)"):
            capture.start()
    finally:
        capture.sql.execute("ALTER SYSTEM RESET idle_replication_slot_timeout")
        capture.sql.execute("SELECT pg_reload_conf()")


def test_a_slot_becomes_one_that_standbys_keep(capture: Capture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.configure(slot_failover="true")
    if capture.server.name != "cdc-18":
        with pytest.raises(FatalError, match=r"needs PostgreSQL 17"):
            capture.start()
        return
    capture.start().catch_up()
    kept = capture.sql.execute("SELECT failover FROM pg_replication_slots WHERE slot_name = %s", [capture.database])
    assert kept.fetchone() == (True,)


def test_a_lost_slot_is_made_anew_when_needed(capture: Capture) -> None:
    capture.configure(snapshot_mode="when_needed").start().catch_up()
    capture.crash()
    eventually(lambda: _dropped(capture), timeout=DEADLINE)
    capture.sql.execute("INSERT INTO t VALUES (777, 'while there was no slot')")
    capture.ledger.tables.clear()
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")


def _dropped(capture: Capture) -> bool:
    with contextlib.suppress(psycopg.errors.ObjectInUse):
        capture.sql.execute("SELECT pg_drop_replication_slot(%s)", [capture.database])
        return True
    return False


def test_the_slot_moves_while_only_other_tables_change(capture: Capture) -> None:
    capture.configure(
        table_include_list="public.t,public.mark",
        publication_autocreate_mode="filtered",
        status_update_interval_ms="500",
    )
    capture.sql.execute("CREATE TABLE other (id int)")
    capture.start().catch_up()
    before = capture.confirmed()
    capture.sql.execute("INSERT INTO other SELECT generate_series(1, 1000)")
    row = capture.sql.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    wanted = int(row[0])
    assert before < wanted
    capture.until(lambda: capture.confirmed() >= wanted)


def test_nothing_is_confirmed_before_it_is_in_kafka(capture: Capture) -> None:
    capture.configure(status_update_interval_ms="100").start().catch_up()
    capture.sql.execute("INSERT INTO t VALUES (900, 'not committed')")
    row = capture.sql.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    end = time.monotonic() + DEADLINE
    while not capture.poll(commit=False):
        assert time.monotonic() < end
    for _ in range(20):
        capture.poll(commit=False)
    assert capture.confirmed() < int(row[0])


@pytest.mark.parametrize("mode", ["never", "no_data"])
def test_without_a_snapshot_only_changes_are_told(capture: Capture, mode: str) -> None:
    capture.configure(snapshot_mode=mode).start()
    capture.sql.execute("INSERT INTO t VALUES (101, 'new')")
    capture.catch_up()
    assert capture.ledger.operations("p.public.t") == "c"


def test_a_snapshot_at_every_start(capture: Capture) -> None:
    capture.configure(snapshot_mode="always").start().catch_up()
    capture.crash()
    capture.sql.execute("UPDATE t SET v = 'between' WHERE id = 1")
    capture.ledger.tables.clear()
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")
    assert capture.ledger.operations("p.public.t", [1]) == "rr"


def test_only_a_snapshot(capture: Capture) -> None:
    capture.configure(snapshot_mode="initial_only").start()
    capture.until(lambda: len(capture.ledger.rows("p.public.t")) == 100)
    capture.sql.execute("INSERT INTO t VALUES (101, 'new')")
    for _ in range(_QUIET_POLLS):
        assert capture.poll() == 0


def test_partitions_are_told_as_their_table(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    capture.sql.execute("CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10)")
    capture.sql.execute("CREATE TABLE m2 PARTITION OF m FOR VALUES FROM (10) TO (20)")
    capture.sql.execute("INSERT INTO m VALUES (1, 'a'), (11, 'b')")
    capture.configure(publish_via_partition_root="true", publication_autocreate_mode="filtered").start().catch_up()
    capture.sql.execute("INSERT INTO m VALUES (2, 'c'), (12, 'd'); UPDATE m SET v = 'e' WHERE id = 11")
    capture.catch_up()
    assert capture.ledger.rows("p.public.m") == capture.table("m")
    assert not capture.ledger.rows("p.public.m1")


def test_partitions_are_told_by_themselves_where_they_are_published_so(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    capture.sql.execute("CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10)")
    capture.sql.execute("CREATE TABLE m2 PARTITION OF m FOR VALUES FROM (10) TO (20)")
    capture.sql.execute("INSERT INTO m VALUES (1, 'a'), (11, 'b')")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO m VALUES (2, 'c'); UPDATE m SET id = 12 WHERE id = 1")
    capture.catch_up()
    assert capture.ledger.rows("p.public.m1") == capture.table("m1")
    assert capture.ledger.rows("p.public.m2") == capture.table("m2")
    assert not capture.ledger.rows("p.public.m")


def test_a_preview_changes_nothing(capture: Capture) -> None:
    connector = PostgresCdcConnector()
    task = PostgresPreviewTask()
    task.start(connector.config_def.parse(capture.harness.config), MemorySourceContext({}, tolerant=False))
    try:
        rows = [row for _ in range(3) for batch in task.poll() for row in batch.batch.value.to_pylist()]
    finally:
        task.stop()
    assert len(rows) == 100
    made = capture.sql.execute(
        "SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots "
        "WHERE slot_name = %s)",
        [capture.database],
    ).fetchone()
    assert made == (0, 0)


def test_how_far_it_is_behind(
    capture: Capture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tidegate.connectors.postgres_cdc.task._LAG_LOOK_SECONDS", 0.0)
    capture.configure(status_update_interval_ms="100", max_batch_size="100", lag_warning_bytes="1000000")
    capture.start().catch_up()
    capture.until(lambda: (capture.harness.lag[0] or 0) < 100_000 and capture.harness.lag[1] == 0)
    capture.sql.execute("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(101, 3100) i")
    capture.until(lambda: (capture.harness.lag[0] or 0) > 1_000_000)
    assert "postgres_cdc.lag " in capsys.readouterr().out
    capture.catch_up()
    capture.until(lambda: (capture.harness.lag[0] or 0) < 100_000 and capture.harness.lag[1] == 0)


def test_how_far_it_is_behind_is_told_while_a_snapshot_is_taken(capture: Capture) -> None:
    capture.configure(snapshot_fetch_size="10").start()
    capture.sql.execute("CREATE TABLE other AS SELECT i, repeat('x', 1000) FROM generate_series(1, 1000) i")
    capture.until(lambda: (capture.harness.lag[0] or 0) > 100_000)
    assert capture.ledger.operations("p.public.t").count("r") < 100


def test_only_the_rows_and_columns_that_are_published(capture: Capture) -> None:
    capture.sql.execute(
        "CREATE TABLE p (id int PRIMARY KEY, v text, secret text, twice int GENERATED ALWAYS AS (id * 2) STORED)"
    )
    capture.sql.execute("INSERT INTO p VALUES (1, 'a', 's'), (200, 'b', 's')")
    capture.sql.execute("CREATE PUBLICATION partial FOR TABLE mark, p (id, v) WHERE (id < 100)")
    capture.configure(publication_name="partial", publication_autocreate_mode="disabled").start().catch_up()
    capture.sql.execute("INSERT INTO p VALUES (2, 'c', 's'), (201, 'd', 's')")
    capture.catch_up()
    assert capture.ledger.rows("p.public.p") == {(1,): {"id": 1, "v": "a"}, (2,): {"id": 2, "v": "c"}}


def test_a_snapshot_of_several_tables_at_once_goes_on_where_it_was(capture: Capture) -> None:
    names = [f"t{number}" for number in range(6)]
    for name in names:
        capture.sql.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
        capture.sql.execute(f"INSERT INTO {name} SELECT i, 'v' FROM generate_series(1, 200) i")
    capture.configure(snapshot_max_threads="3", snapshot_fetch_size="20")
    for _ in range(3):
        capture.start()
        for _ in range(7):
            capture.poll()
        capture.poll(commit=False)
        capture.crash()
        for name in names:
            capture.sql.execute(f"UPDATE {name} SET v = v || '+' WHERE id % 7 = 0")
    capture.start().catch_up()
    for name in ("t", *names):
        assert capture.ledger.rows(f"p.public.{name}") == capture.table(name)
        assert capture.ledger.operations(f"p.public.{name}").count("r") == len(capture.table(name))


def _large(capture: Capture, id_type: str, *, key: bool = True) -> None:
    """A table of some megabytes, its keys in another order than its rows."""
    primary = "PRIMARY KEY" if key else ""
    capture.sql.execute(f"CREATE TABLE large (id {id_type} {primary}, v text, filler text)")
    capture.sql.execute(
        "INSERT INTO large SELECT (i * 7919::bigint) % 6007, 'v', repeat('x', 900) FROM generate_series(1, 6000) i"
    )


@pytest.mark.parametrize("id_type", ["int", 'text COLLATE "C"'], ids=["int", "text"])
def test_ranges_of_one_table_at_once_go_on_where_they_were(capture: Capture, id_type: str) -> None:
    _large(capture, id_type)
    capture.configure(snapshot_max_threads="3", snapshot_fetch_size="100", table_include_list="public.(large|mark)")
    ranges = 0
    for number in range(3):
        capture.start()
        for _ in range(12):
            capture.poll()
        capture.poll(commit=False)
        capture.crash()
        (offset,) = capture.harness.offsets.values()
        ranges = max(ranges, len(offset["ranges"]["public.large"]))
        capture.sql.execute("UPDATE large SET v = v || '+' WHERE id::int % 7 = 0")
        capture.sql.execute("DELETE FROM large WHERE id::int % 701 = 5")
        capture.sql.execute("INSERT INTO large SELECT i * 100 + %s, 'n' FROM generate_series(100, 110) i", [number])
    assert ranges > 6
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.large") == capture.table("large")


def test_parts_of_a_table_without_a_key_are_read_at_once(capture: Capture) -> None:
    _large(capture, "int", key=False)
    capture.configure(snapshot_max_threads="3", snapshot_fetch_size="100", message_key_columns="public.large:id")
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.large") == capture.table("large")
    assert capture.ledger.operations("p.public.large") == "r" * 6000
    places = [
        source["snapshot"]
        for source in (row["source"] for row in capture.harness.rows() if row and "source" in row)
        if source["table"] == "large"
    ]
    assert [sum(place.startswith(word) for place in places) for word in ("first", "last")] == [1, 1]


def _within(capture: Capture, table: str) -> bool:
    return capture.harness.telling == f"p.public.{table}"


@pytest.mark.parametrize("threads", ["1", "3"])
def test_tables_without_a_key_are_told_once_whatever_dies_in_them(capture: Capture, threads: str) -> None:
    names = ("bare", "large")
    capture.sql.execute("CREATE TABLE bare (id int, v text, filler text)")
    capture.sql.execute("INSERT INTO bare SELECT i, 'v', 'x' FROM generate_series(1, 500) i")
    _large(capture, "int", key=False)
    for name in names:
        capture.sql.execute(f"ALTER TABLE {name} REPLICA IDENTITY FULL")
    capture.configure(
        snapshot_fetch_size="100", snapshot_max_threads=threads, message_key_columns="public.(bare|large):id"
    )
    for number, name in enumerate(("bare", "bare", "large", "large")):
        capture.start()
        # Within the table, of which nothing is committed then.
        capture.until(partial(_within, capture, name))
        capture.crash()
        assert not capture.ledger.rows(f"p.public.{name}")
        for each in names:
            capture.sql.execute(f"UPDATE {each} SET v = v || '+' WHERE id % 7 = 0")
            capture.sql.execute(f"DELETE FROM {each} WHERE id %% 101 = %s", [number])
            capture.sql.execute(
                f"INSERT INTO {each} SELECT i, 'n', '' FROM generate_series(%s::int, %s::int) i",
                [9000 + number * 10, 9009 + number * 10],
            )
    capture.start().catch_up()
    for name in names:
        assert capture.ledger.rows(f"p.public.{name}") == capture.table(name)


def test_a_table_is_altered_while_ranges_of_it_are_read(capture: Capture) -> None:
    _large(capture, "int")
    capture.configure(snapshot_max_threads="2", snapshot_fetch_size="50").start()
    capture.poll()
    alter = threading.Thread(
        target=lambda: psycopg.connect(capture.server.url(capture.database), autocommit=True).execute(
            "ALTER TABLE large ADD COLUMN late int"
        )
    )
    alter.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'large'::regclass"
    eventually(lambda: capture.sql.execute(waits).fetchone() == (1,), timeout=DEADLINE)
    with contextlib.suppress(RetriableError):
        capture.until(lambda: len(capture.ledger.rows("p.public.large")) == 6000)
    capture.crash()
    alter.join()
    capture.start().catch_up()
    rows = capture.table("large")
    assert {key: row["v"] for key, row in capture.ledger.rows("p.public.large").items()} == {
        key: row["v"] for key, row in rows.items()
    }


def test_a_value_that_is_none_here_is_halted_alone_and_once(capture: Capture) -> None:
    capture.harness.tolerant = True
    capture.sql.execute("CREATE TABLE n (id int PRIMARY KEY, d numeric(5,2))")
    capture.sql.execute("INSERT INTO n VALUES (1, 1), (2, 'NaN')")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO n VALUES (3, 'NaN'), (4, 4)")
    capture.catch_up()
    capture.sql.execute("INSERT INTO n VALUES (5, 'NaN')")
    before = capture.confirmed()
    capture.until(lambda: len(capture.harness.halted) == 3)
    assert capture.confirmed() >= before
    capture.crash()
    capture.start().catch_up()
    assert [key for (key,) in capture.ledger.rows("p.public.n")] == [1, 4]
    assert [(topic, raw) for topic, raw, _ in capture.harness.halted] == [
        ("p.public.n", b"2\tNaN"),
        ("p.public.n", b"3\tNaN"),
        ("p.public.n", b"5\tNaN"),
    ]


def test_xml_is_its_text(capture: Capture) -> None:
    if capture.server.name != "cdc-15":
        pytest.skip("the wheel's server has no XML")
    capture.sql.execute("CREATE TABLE x (id int PRIMARY KEY, doc xml)")
    capture.sql.execute("INSERT INTO x VALUES (1, '<a>1</a>')")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO x VALUES (2, '<a b=\"c\">2</a>')")
    capture.catch_up()
    assert capture.ledger.rows("p.public.x") == capture.table("x")


def test_heartbeats(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE beat (n int)")
    capture.configure(heartbeat_interval_ms="100", heartbeat_action_query="INSERT INTO beat VALUES (1)").start()
    capture.until(lambda: len(capture.table("beat")) > 0)
    assert any(one.batch.topic == "__debezium-heartbeat.p" for one in capture.harness.committed)


def test_a_user_without_the_right_to_replicate_is_told_so(capture: Capture) -> None:
    capture.sql.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'poor') THEN "
        "CREATE ROLE poor LOGIN PASSWORD 'poor'; END IF; END $$"
    )
    config = PostgresCdcConnector.config_def.parse(
        {**capture.harness.config, "database.user": "poor", "database.password": "poor"}
    )
    (problem,) = PostgresCdcConnector().validate(config)
    assert (problem.key, "REPLICATION" in problem.message) == ("database.user", True)


def test_a_server_that_is_killed_loses_nothing(capture: Capture) -> None:
    if capture.server.name != "cdc-18":
        pytest.skip("once is enough")
    capture.start().catch_up()
    capture.sql.execute("INSERT INTO t SELECT i, 'k' FROM generate_series(101, 2000) i")
    capture.server.kill9()
    with pytest.raises(TidegateError):
        capture.until(lambda: False)
    capture.crash()
    capture.server.start()
    capture.sql = psycopg.connect(capture.server.url(capture.database), autocommit=True)
    capture.start().catch_up()
    assert capture.ledger.rows("p.public.t") == capture.table("t")


def _signal(capture: Capture, kind: str, data: str = "") -> None:
    capture.sql.execute("INSERT INTO signal VALUES (%s, %s, %s)", [uuid.uuid4().hex, kind, data])


def test_an_incremental_snapshot_while_the_table_changes_and_the_task_dies(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE signal (id text PRIMARY KEY, type text, data text)")
    capture.sql.execute("INSERT INTO t SELECT i, 'v' || i FROM generate_series(101, 900) i")
    capture.configure(
        snapshot_mode="never",
        signal_data_collection="public.signal",
        incremental_snapshot_chunk_size="50",
        table_exclude_list="public.signal",
        publication_autocreate_mode="filtered",
    )
    capture.start().catch_up()
    ledger = _Latest()
    stopping = threading.Event()
    writer = _churn(capture, stopping)
    try:
        _signal(capture, "execute-snapshot", '{"data-collections": ["public.t"], "type": "incremental"}')
        for _ in range(4):
            _poll_into(capture, ledger, partial(ledger.has_read, capture, ledger.reads + 60))
            capture.harness.poll(commit=False)
            capture.crash()
            capture.start()
        _poll_into(capture, ledger, lambda: ledger.done(capture))
    finally:
        stopping.set()
        writer.join()
    capture.sql.execute("INSERT INTO t VALUES (-1, 'the last')")
    _poll_into(capture, ledger, lambda: (-1,) in ledger.rows)
    assert ledger.rows == capture.table("t")
    assert all(one.batch.topic != "p.public.signal" for one in capture.harness.committed)


class _Latest:
    """Rows by their last event; a row of a snapshot is what the events before it have made of it, if there are any."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Any] = {}
        self.reads = 0
        self._known: dict[tuple[Any, ...], Any] = {}
        self._taken = 0

    def take(self, capture: Capture) -> None:
        """Applies what has been committed since."""
        for one in capture.harness.committed[self._taken :]:
            for record in one.batch.records.to_pylist() if one.batch.topic == "p.public.t" else ():
                key = tuple(record["key"].values())
                value = record["value"]
                if value is None:
                    continue
                if value["op"] == "r":
                    self.reads += 1
                    assert self._known.setdefault(key, value["after"]) == value["after"], f"{key} is told as it was"
                self._known[key] = value["after"]
        self.rows = {key: after for key, after in self._known.items() if after is not None}
        self._taken = len(capture.harness.committed)

    def has_read(self, capture: Capture, wanted: int) -> bool:
        """Whether so many rows have been read, or all."""
        return self.reads >= wanted or self.done(capture)

    def done(self, capture: Capture) -> bool:
        """Whether no snapshot is under way."""
        offsets = [one.offset for one in capture.harness.committed if one.offset]
        return bool(self.reads) and "incremental" not in offsets[-1]


def _poll_into(capture: Capture, ledger: _Latest, done: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end, f"{ledger.reads} rows have been read"
        capture.harness.poll()
        ledger.take(capture)


def test_an_incremental_snapshot_of_some_rows_is_stopped(capture: Capture) -> None:
    capture.sql.execute("CREATE TABLE signal (id text PRIMARY KEY, type text, data text)")
    capture.configure(
        snapshot_mode="never", signal_data_collection="public.signal", incremental_snapshot_chunk_size="10"
    )
    capture.start().catch_up()
    _signal(
        capture,
        "execute-snapshot",
        '{"data-collections": ["public.t"], '
        '"additional-conditions": [{"data-collection": "public.t", "filter": "id > 95"}]}',
    )
    capture.until(lambda: len(capture.ledger.rows("p.public.t")) == 5)
    assert capture.ledger.operations("p.public.t") == "rrrrr"
    _signal(capture, "pause-snapshot")
    _signal(capture, "execute-snapshot", '{"data-collections": ["public.mark"]}')
    _signal(capture, "stop-snapshot")
    _signal(capture, "resume-snapshot")
    capture.catch_up()
    assert "r" not in capture.ledger.operations("p.public.mark")

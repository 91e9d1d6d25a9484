"""MySQL change data capture on a real MySQL: what differs from MariaDB is GTIDs, events, JSON and passwords.

``TIDEGATE_MYSQL`` names the directory of another MySQL's programs to run on.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import orjson
import pymysql
import pytest

from tests.integration.connectors import xa_transactions
from tests.integration.connectors.mysql_capture import (
    MySqlCapture,
    loses_nothing_when_killed,
    takes_required_columns_with_defaults,
)
from tests.support.eventually import eventually
from tests.support.needs_apache_kafka import start_or_skip
from tidegate.connectors.mysql_cdc import MySqlCdcConnector
from tidegate.devstack import MySQL
from tidegate.errors import FatalError

_SETTINGS = {
    "log-bin": "mysql-bin",
    "server-id": "1",
    "sync-binlog": "0",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "binlog-row-event-max-size": "8192",
    "performance-schema": "OFF",
}


@pytest.fixture(scope="module")
def server(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[MySQL]:
    """MySQL that writes a log with GTIDs."""
    programs = os.environ.get("TIDEGATE_MYSQL")
    component = MySQL(
        state_dir, name="mysql-cdc-mysql", settings=_SETTINGS, programs=Path(programs) if programs else None
    )
    start_or_skip(component.start, pytestconfig, what="NOT TESTED ON MYSQL")
    try:
        yield component
    finally:
        component.stop()


@pytest.fixture
def capture(server: MySQL) -> Iterator[MySqlCapture]:
    """A database of its own."""
    made = MySqlCapture(server)
    try:
        yield made
    finally:
        made.close()


def test_snapshot_then_stream_through_crashes(capture: MySqlCapture) -> None:
    capture.configure(snapshot_fetch_size="10").start()
    for _ in range(4):
        capture.poll()
    capture.crash()
    stopping = threading.Event()
    writer = capture.churn(stopping)
    try:
        capture.start()
        capture.until(lambda: len(capture.ledger.events) > 300)
        capture.poll(commit=False)
        capture.crash()
        capture.start()
        capture.until(lambda: len(capture.ledger.events) > 600)
    finally:
        stopping.set()
        writer.join()
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_a_transaction_goes_on_where_it_was_by_gtid_and_by_place(capture: MySqlCapture) -> None:
    capture.configure(max_batch_bytes="65536").start().catch_up()
    capture.sql("BEGIN")
    rows = ", ".join(f"({number}, '{'big' * 40}')" for number in range(1001, 4001))
    capture.sql(f"INSERT INTO t VALUES {rows}")
    capture.sql("UPDATE t SET v = 'bigger' WHERE id > 1000")
    capture.sql("COMMIT")
    capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 1500)
    assert len(capture.ledger.rows(capture.topic())) < 3000
    server_uuid = capture.sql("SELECT @@server_uuid")[0][0]
    assert capture.position()["gtids"].startswith(server_uuid + ":1-")
    assert capture.position()["open_gtid"].startswith(server_uuid + ":")
    capture.poll(commit=False)
    capture.crash()
    (key,) = [key for key in capture.harness.offsets if b"schema" not in key]
    capture.start()
    capture.until(lambda: capture.ledger.operations(capture.topic()).count("u") > 10)
    capture.crash()
    capture.harness.offsets[key] = {**capture.harness.offsets[key], "gtids": None}
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic()).count("u") == 3000


def test_types_are_the_same_from_snapshot_and_log(capture: MySqlCapture) -> None:
    capture.sql(
        "CREATE TABLE types (id int PRIMARY KEY, u8 tinyint unsigned, u64 bigint unsigned, m mediumint, "
        "d decimal(20,4), f float, g double, b bit(10), y year, da date, ti time(3), dt datetime(6), ts timestamp(3) "
        "NULL, e enum('a','ü'), s set('x','y','z'), j json, bin varbinary(10), bl blob, te text, "
        "c char(5) CHARACTER SET latin1, bo bool, twice int AS (id * 2) STORED)"
    )
    document = {
        "a": [1, -2, 3.5, None, True, False, "ä", {"deep": [[]], "long": "x" * 300}],
        "big": 2**63 - 1, "huge": 2**64 - 1, "small": -40000, "e": {},
    }  # fmt: skip
    names = "id, u8, u64, m, d, f, g, b, y, da, ti, dt, ts, e, s, j, bin, bl, te, c, bo"
    values = (
        "255, 18446744073709551615, -8388608, -1234567890123456.7891, 1.5, 1e100, b'1000000001', 2024, '2024-02-29', "
        "'-100:59:58.123', '2024-02-29 23:59:59.123456', '2024-02-29 23:59:59.987', 'ü', 'x,z', %s, 0x00ff, 0x01, "
        "'text ä', 'né', true"
    )
    text = orjson.dumps({**document, "huge": 2**64 - 1}).decode()
    capture.sql(f"INSERT INTO types ({names}) VALUES (1, {values})", [text])
    capture.sql("INSERT INTO types (id) VALUES (2)")
    capture.sql("SET SESSION sql_mode=''")
    capture.sql("INSERT INTO types (id, da, dt, ts) VALUES (3, 0, '0000-00-00 00:00:00', '0000-00-00 00:00:00')")
    capture.configure(bigint_unsigned_handling_mode="precise").start().catch_up()
    capture.sql(f"INSERT INTO types ({names}) VALUES (11, {values})", [text])
    capture.sql("INSERT INTO types (id) VALUES (12)")
    capture.sql("INSERT INTO types (id, da, dt, ts) VALUES (13, 0, '0000-00-00 00:00:00', '0000-00-00 00:00:00')")
    capture.catch_up()
    rows = capture.ledger.rows(capture.topic("types"))
    for first in (1, 2, 3):
        read, told = dict(rows[(first,)]), dict(rows[(first + 10,)])
        for row in (read, told):
            row.pop("id"), row.pop("twice")
            row["j"] = None if row["j"] is None else orjson.loads(row["j"])
        assert read == told
    assert rows[(11,)]["twice"] == 22
    assert orjson.loads(rows[(11,)]["j"]) == document
    assert rows[(11,)]["u64"] == Decimal(2**64 - 1)
    assert rows[(11,)]["ti"] == -((100 * 3600 + 59 * 60 + 58) * 1_000_000 + 123_000)
    # Debezium has it so: what is no date is none.
    assert rows[(13,)]["dt"] is None and rows[(13,)]["da"] is None


def test_a_required_column_with_a_default_is_a_version_that_backward_takes(capture: MySqlCapture) -> None:
    takes_required_columns_with_defaults(capture)


def test_a_changed_table_has_its_new_schema_from_there_on(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (101, 'old')")
    capture.sql("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7 AFTER id")
    capture.sql("INSERT INTO t VALUES (102, 8, 'new')")
    capture.sql("ALTER TABLE t RENAME COLUMN n TO m, DROP COLUMN v")
    capture.sql("INSERT INTO t VALUES (103, 9)")
    capture.sql("ALTER TABLE t ADD COLUMN j json, ALGORITHM=INSTANT")
    capture.sql("INSERT INTO t VALUES (104, 10, '{\"a\": 1}')")
    capture.start().catch_up()
    rows = capture.ledger.rows(capture.topic())
    assert [rows[(key,)] for key in (101, 102, 103, 104)] == [
        {"id": 101, "v": "old"},
        {"id": 102, "n": 8, "v": "new"},
        {"id": 103, "m": 9},
        {"id": 104, "m": 10, "j": '{"a":1}'},
    ]


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_row_images_that_leave_out_columns(capture: MySqlCapture, image: str) -> None:
    capture.sql("CREATE TABLE b (id int PRIMARY KEY, doc text, n int)")
    capture.start().catch_up()
    capture.sql(f"SET SESSION binlog_row_image={image}")
    capture.sql("INSERT INTO b VALUES (1, 'doc', 1), (2, 'other', 2)")
    capture.sql("UPDATE b SET n = 3 WHERE id = 1")
    capture.sql("DELETE FROM b WHERE id = 2")
    capture.sql("SET SESSION binlog_row_image=FULL")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic("b")) == {(1,): {"id": 1, "doc": "__debezium_unavailable_value", "n": 3}}


def test_documents_told_in_part_are_refused(capture: MySqlCapture) -> None:
    capture.sql("CREATE TABLE j (id int PRIMARY KEY, doc json)")
    capture.sql('INSERT INTO j VALUES (1, \'{"a": 1, "b": "long enough to be left"}\')')
    capture.start().catch_up()
    capture.sql("SET SESSION binlog_row_image=MINIMAL, binlog_row_value_options=PARTIAL_JSON")
    capture.sql("UPDATE j SET doc = JSON_SET(doc, '$.a', 2)")
    with pytest.raises(FatalError, match=r"only parts of JSON documents.*binlog_row_value_options=''"):
        capture.until(lambda: False)
    capture.sql("SET GLOBAL binlog_row_value_options=PARTIAL_JSON")
    try:
        (problem,) = MySqlCdcConnector().validate(MySqlCdcConnector.config_def.parse(capture.harness.config))
        assert "binlog_row_value_options" in problem.message
    finally:
        capture.sql("SET GLOBAL binlog_row_value_options=''")


def test_the_log_and_its_names_when_the_statement_was_not_seen(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("SET GLOBAL binlog_row_metadata=FULL")
    try:
        capture.sql("SET SESSION sql_log_bin=0")
        capture.sql("ALTER TABLE t ADD COLUMN n smallint unsigned, ADD COLUMN e enum('x','y')")
        capture.sql("SET SESSION sql_log_bin=1")
        capture.sql("INSERT INTO t VALUES (101, 'x', 65535, 'y')")
        capture.catch_up()
    finally:
        capture.sql("SET GLOBAL binlog_row_metadata=MINIMAL")
    assert capture.ledger.rows(capture.topic())[(101,)] == {"id": 101, "v": "x", "n": 65535, "e": "y"}


@pytest.mark.parametrize("mode", ["disabled", "preferred", "required"])
def test_passwords_of_the_newer_kind_with_and_without_tls(capture: MySqlCapture, mode: str) -> None:
    user = f"u{uuid.uuid4().hex[:12]}"
    capture.sql(f"CREATE USER {user} IDENTIFIED WITH caching_sha2_password BY 'secret'")
    capture.sql(f"GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}")
    capture.configure(database_user=user, database_password="secret", database_ssl_mode=mode).start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_compressed_transactions(capture: MySqlCapture) -> None:
    if not capture.sql("SHOW VARIABLES LIKE 'binlog_transaction_compression'"):
        pytest.skip("this MySQL is older than 8.0.20, which compresses no transactions; see TIDEGATE_MYSQL")
    capture.start().catch_up()
    capture.sql("SET SESSION binlog_transaction_compression=ON")
    rows = ", ".join(f"({number}, '{'x' * 200}')" for number in range(1001, 1501))
    capture.sql(f"INSERT INTO t VALUES {rows}")
    capture.sql("UPDATE t SET v = concat('y', v) WHERE id > 1000")
    capture.sql("DELETE FROM t WHERE id > 1400")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_the_source_block_and_the_statement(capture: MySqlCapture) -> None:
    capture.configure(include_query="true", provide_transaction_metadata="true").start().catch_up()
    capture.sql("SET SESSION binlog_rows_query_log_events=ON")
    capture.sql("INSERT INTO t VALUES (301, 'a'), (302, 'b')")
    capture.catch_up()
    (row,) = [row for row in capture.harness.rows() if row and (row.get("after") or {}).get("id") == 302]
    source = row["source"]
    assert (source["connector"], source["db"], source["table"]) == ("mysql", capture.database, "t")
    assert source["query"] == "INSERT INTO t VALUES (301, 'a'), (302, 'b')"
    assert row["transaction"]["id"] == source["gtid"]
    (event,) = capture.sql(f"SHOW BINLOG EVENTS IN '{source['file']}' FROM {source['pos']} LIMIT 1")
    assert event[2].startswith("Write_rows")


def test_a_purged_log_is_told_at_once_with_the_remedy(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (777, 'purged')")
    capture.sql("FLUSH BINARY LOGS")
    capture.sql("INSERT INTO mark VALUES ('after')")
    capture.sql("FLUSH BINARY LOGS")

    def purged() -> bool:
        for (thread,) in capture.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'"):
            with contextlib.suppress(pymysql.err.MySQLError):
                capture.sql(f"KILL {thread}")
        (last,) = capture.sql("SHOW MASTER STATUS")
        capture.sql("PURGE BINARY LOGS TO %s", [last[0]])
        return len(capture.sql("SHOW BINARY LOGS")) == 1

    eventually(purged, timeout=60)
    with pytest.raises(FatalError, match=r"has not the log any more.*snapshot\.mode=when_needed"):
        capture.start()
        capture.until(lambda: False)


def test_a_server_that_is_killed_loses_nothing(capture: MySqlCapture) -> None:
    loses_nothing_when_killed(capture)


def test_transactions_of_xa(capture: MySqlCapture) -> None:
    xa_transactions.are_told_where_they_are_committed(capture)


def test_transactions_of_xa_and_crashes(capture: MySqlCapture) -> None:
    xa_transactions.outlive_every_crash(capture)


def test_transactions_of_xa_and_snapshots(capture: MySqlCapture) -> None:
    xa_transactions.are_not_in_snapshots_before_they_are_committed(capture)


def test_a_transaction_of_xa_whose_log_is_purged(capture: MySqlCapture) -> None:
    xa_transactions.are_missed_aloud_when_their_log_is_purged(capture)

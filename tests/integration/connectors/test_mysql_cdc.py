"""MySQL change data capture on a real MariaDB: what is told is what happened, once, whatever dies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.integration.connectors import xa_transactions
from tests.integration.connectors.mysql_capture import (
    MySqlCapture,
    loses_nothing_when_killed,
    takes_required_columns_with_defaults,
)
from tests.support.certificate import Certificate
from tests.support.eventually import eventually
from tests.support.needs_mariadb import install_or_skip
from tidegate.connectors.mysql_cdc import MySqlCdcConnector
from tidegate.devstack import MariaDB
from tidegate.errors import FatalError, RetriableError, TidegateError

_QUIET_POLLS = 3
SETTINGS = {
    "log-bin": "mariadb-bin",
    "binlog-format": "ROW",
    "server-id": "1",
    "sync-binlog": "0",
    "binlog-row-event-max-size": "8192",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The server's certificate, and those it is checked against."""
    return Certificate.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(state_dir: Path, pytestconfig: pytest.Config, certificate: Certificate) -> Iterator[MariaDB]:
    """MariaDB that writes a log."""
    install_or_skip(pytestconfig)
    tls = {"ssl-cert": str(certificate.server), "ssl-key": str(certificate.key)}
    with MariaDB(state_dir, name="mysql-cdc", settings=SETTINGS | tls) as component:
        yield component


@pytest.fixture
def capture(server: MariaDB) -> Iterator[MySqlCapture]:
    """A database of its own."""
    made = MySqlCapture(server)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("locking", ["minimal", "none"])
def test_snapshot_then_stream_without_gap_or_overlap(capture: MySqlCapture, locking: str) -> None:
    stopping = threading.Event()
    writer = capture.churn(stopping)
    try:
        capture.configure(snapshot_fetch_size="10", snapshot_locking_mode=locking).start()
        capture.until(lambda: len(capture.ledger.events) > 400)
    finally:
        stopping.set()
        writer.join()
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic())[:100] == "r" * 100


def test_a_snapshot_goes_on_where_it_was_while_the_table_changes(capture: MySqlCapture) -> None:
    capture.configure(snapshot_fetch_size="10").start()
    for _ in range(4):
        capture.poll()
    capture.poll(commit=False)
    capture.crash()
    assert 0 < len(capture.ledger.rows(capture.topic())) < 100
    stopping = threading.Event()
    writer = capture.churn(stopping)
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
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic()).count("r") >= 60


def test_a_transaction_goes_on_where_it_was(capture: MySqlCapture) -> None:
    capture.configure(max_batch_bytes="65536").start()
    capture.catch_up()
    capture.sql("BEGIN")
    capture.sql("INSERT INTO t SELECT seq, repeat('big', 20) FROM seq_1001_to_6000")
    capture.sql("UPDATE t SET v = 'bigger' WHERE id > 1000")
    capture.sql("COMMIT")
    capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 1500)
    assert len(capture.ledger.rows(capture.topic())) < 5000
    capture.poll(commit=False)
    capture.crash()
    capture.start()
    capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 4000)
    capture.crash()
    capture.start()
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic()).count("u") == 5000


def test_deletes_moved_keys_and_truncates(capture: MySqlCapture) -> None:
    capture.configure(skipped_operations="none").start().catch_up()
    capture.sql("DELETE FROM t WHERE id = 1")
    capture.sql("UPDATE t SET id = 500 WHERE id = 2")
    capture.catch_up()
    assert capture.ledger.operations(capture.topic(), [1]) == "rd-"
    assert capture.ledger.operations(capture.topic(), [2]) == "rd-"
    assert capture.ledger.operations(capture.topic(), [500]) == "c"
    capture.sql("TRUNCATE t")
    capture.sql("INSERT INTO t VALUES (1, 'again')")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_a_required_column_with_a_default_is_a_version_that_backward_takes(capture: MySqlCapture) -> None:
    takes_required_columns_with_defaults(capture)


def test_a_changed_table_has_its_new_schema_from_there_on(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (101, 'old')")
    capture.sql("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7 AFTER id")
    capture.sql("INSERT INTO t VALUES (102, 8, 'new')")
    capture.sql("ALTER TABLE t DROP COLUMN v, CHANGE n m bigint unsigned")
    capture.sql("INSERT INTO t VALUES (103, 9)")
    capture.sql("CREATE TABLE t_new LIKE t")
    capture.sql("ALTER TABLE t_new ADD e enum('a','ä') CHARACTER SET latin1")
    capture.sql("INSERT INTO t_new VALUES (104, 10, 'ä')")
    capture.sql("RENAME TABLE t TO t_old, t_new TO t")
    capture.sql("INSERT INTO t VALUES (105, 11, 'a')")
    capture.start().catch_up()
    rows = capture.ledger.rows(capture.topic())
    assert [rows[(key,)] for key in (101, 102, 103, 105)] == [
        {"id": 101, "v": "old"},
        {"id": 102, "n": 8, "v": "new"},
        {"id": 103, "m": 9},
        {"id": 105, "m": 11, "e": "a"},
    ]
    assert capture.ledger.rows(capture.topic("t_new"))[(104,)] == {"id": 104, "m": 10, "e": "ä"}
    statements = [
        one["ddl"]
        for batch in capture.harness.committed
        if batch.batch.topic == "p"
        for one in batch.batch.value.to_pylist()
    ]
    assert [one.split()[0] for one in statements] == ["ALTER", "ALTER", "CREATE", "ALTER", "RENAME"]


def test_a_schema_survives_a_restart_between_statement_and_rows(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("ALTER TABLE t ADD COLUMN n int")
    capture.catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (101, 'x', 1)")
    capture.sql("ALTER TABLE t DROP COLUMN v")
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic())[(101,)] == {"id": 101, "v": "x", "n": 1}


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
    assert capture.ledger.operations(capture.topic("b"), [2]) == "cd-"


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
        capture.sql("SET GLOBAL binlog_row_metadata=NO_LOG")
    assert capture.ledger.rows(capture.topic())[(101,)] == {"id": 101, "v": "x", "n": 65535, "e": "y"}


def test_compressed_events(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("SET GLOBAL log_bin_compress=ON")
    try:
        capture.sql("INSERT INTO t SELECT seq, repeat('x', 200) FROM seq_1001_to_1500")
        capture.sql("UPDATE t SET v = concat('y', v) WHERE id > 1000")
        capture.sql(
            "ALTER TABLE t ADD COLUMN a_column_with_a_name_that_is_long_enough_to_be_compressed int, COMMENT='"
            + "c" * 300
            + "'"
        )
        capture.sql("DELETE FROM t WHERE id > 1400")
        capture.catch_up()
    finally:
        capture.sql("SET GLOBAL log_bin_compress=OFF")
    told = {key: {name: value for name, value in row.items() if len(name) < 9} for key, row in capture.table().items()}
    rows = {
        key: {name: value for name, value in row.items() if len(name) < 9}
        for key, row in capture.ledger.rows(capture.topic()).items()
    }
    assert rows == told


def test_a_server_without_gtids_and_without_checksums_in_a_file(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("SET GLOBAL binlog_checksum=CRC32")
    try:
        capture.sql("INSERT INTO t VALUES (101, 'with')")
        capture.sql("FLUSH BINARY LOGS")
        capture.sql("INSERT INTO t VALUES (102, 'in the next file')")
        capture.catch_up()
    finally:
        capture.sql("SET GLOBAL binlog_checksum=NONE")
    capture.sql("INSERT INTO t VALUES (103, 'without')")
    capture.catch_up()
    (key,) = [key for key in capture.harness.offsets if b"schema" not in key]
    capture.crash()
    capture.harness.offsets[key] = {**capture.harness.offsets[key], "gtids": None}
    capture.sql("INSERT INTO t VALUES (104, 'by file and position')")
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_a_purged_log_is_told_at_once_with_the_remedy(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (777, 'purged')")
    _purge(capture)
    with pytest.raises(FatalError, match=r"has not the log any more.*snapshot\.mode=when_needed"):
        capture.start()
        capture.until(lambda: False)


def test_a_purged_log_is_made_good_when_needed(capture: MySqlCapture) -> None:
    capture.configure(snapshot_mode="when_needed").start().catch_up()
    capture.crash()
    capture.sql("INSERT INTO t VALUES (777, 'purged')")
    _purge(capture)
    capture.ledger.tables.clear()
    capture.start()
    capture.until(lambda: capture.ledger.rows(capture.topic()) == capture.table())
    capture.sql("INSERT INTO t VALUES (778, 'after it')")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def _purge(capture: MySqlCapture) -> None:
    capture.sql("FLUSH BINARY LOGS")
    capture.sql("INSERT INTO mark VALUES ('after')")
    capture.sql("FLUSH BINARY LOGS")

    def purged() -> bool:
        # The server keeps what it still sends to someone, and notices late that nobody is there.
        for (thread,) in capture.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'"):
            with contextlib.suppress(pymysql.err.MySQLError):
                capture.sql(f"KILL {thread}")
        (last,) = capture.sql("SHOW MASTER STATUS")
        capture.sql("PURGE BINARY LOGS TO %s", [last[0]])
        return len(capture.sql("SHOW BINARY LOGS")) == 1

    eventually(purged, timeout=60)


@pytest.mark.parametrize("mode", ["never", "no_data"])
def test_without_a_snapshot_only_changes_are_told(capture: MySqlCapture, mode: str) -> None:
    capture.configure(snapshot_mode=mode).start()
    capture.sql("INSERT INTO t VALUES (101, 'new')")
    capture.catch_up()
    assert capture.ledger.operations(capture.topic()) == "c"


def test_a_snapshot_at_every_start(capture: MySqlCapture) -> None:
    capture.configure(snapshot_mode="always").start().catch_up()
    capture.crash()
    capture.sql("UPDATE t SET v = 'between' WHERE id = 1")
    capture.ledger.tables.clear()
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic(), [1]) == "rr"


def test_only_a_snapshot(capture: MySqlCapture) -> None:
    capture.configure(snapshot_mode="initial_only").start()
    capture.until(lambda: len(capture.ledger.rows(capture.topic())) == 100)
    capture.sql("INSERT INTO t VALUES (101, 'new')")
    for _ in range(_QUIET_POLLS):
        assert capture.poll() == 0


def test_the_position_is_kept_while_only_other_tables_change(capture: MySqlCapture) -> None:
    capture.sql("CREATE TABLE other (id int)")
    capture.configure(
        table_include_list=f"{capture.database}.mark", position_commit_interval_ms="100"
    ).start().catch_up()
    capture.sql("INSERT INTO other VALUES (1)")
    (status,) = capture.sql("SHOW MASTER STATUS")
    capture.until(lambda: {"file": status[0], "pos": int(status[1])}.items() <= capture.position().items())


def test_transactions_are_told_where_that_is_wanted(capture: MySqlCapture) -> None:
    capture.configure(provide_transaction_metadata="true").start().catch_up()
    capture.sql("BEGIN")
    capture.sql("INSERT INTO t VALUES (201, 'a')")
    capture.sql("INSERT INTO mark VALUES ('b')")
    capture.sql("UPDATE t SET v = 'c' WHERE id = 201")
    capture.sql("COMMIT")
    capture.catch_up()
    events = [
        row
        for batch in capture.harness.committed
        if batch.batch.topic.startswith(f"p.{capture.database}.")
        for row in batch.batch.value.to_pylist()
        if row and row["transaction"] and (row["after"].get("id") in (201, "b"))
    ]
    events.sort(key=lambda row: row["transaction"]["total_order"])
    assert [(row["op"], row["transaction"]["data_collection_order"]) for row in events] == [
        ("c", 1),
        ("c", 1),
        ("u", 2),
    ]
    gtid = events[0]["source"]["gtid"]
    marks = [
        row
        for batch in capture.harness.committed
        if batch.batch.topic == "p.transaction"
        for row in batch.batch.value.to_pylist()
        if row["id"] == gtid
    ]
    assert [row["status"] for row in marks] == ["BEGIN", "END"]
    assert marks[1]["event_count"] == 3


def test_the_source_block_and_the_statement(capture: MySqlCapture) -> None:
    capture.configure(include_query="true").start().catch_up()
    capture.sql("SET SESSION binlog_annotate_row_events=ON")
    capture.sql("INSERT INTO t VALUES (301, 'a'), (302, 'b')")
    capture.catch_up()
    found = [row["source"] for row in capture.harness.rows() if row and (row.get("after") or {}).get("id") == 302]
    (source,) = found
    assert (source["connector"], source["name"], source["db"], source["table"]) == (
        "mariadb",
        "p",
        capture.database,
        "t",
    )
    assert (source["server_id"], source["row"], source["snapshot"]) == (1, 1, "false")
    assert source["query"] == "INSERT INTO t VALUES (301, 'a'), (302, 'b')"
    (event,) = capture.sql(f"SHOW BINLOG EVENTS IN '{source['file']}' FROM {source['pos']} LIMIT 1")
    assert event[2].startswith("Write_rows")


def test_how_far_it_is_behind(capture: MySqlCapture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.connectors.mysql_cdc.task._LAG_LOOK_SECONDS", 0)
    capture.configure(max_batch_bytes="65536").start().catch_up()
    capture.sql("INSERT INTO t SELECT seq, repeat('big', 100) FROM seq_1001_to_6000")
    capture.sql("FLUSH BINARY LOGS")
    capture.sql("INSERT INTO t SELECT seq, repeat('big', 100) FROM seq_10001_to_12000")
    capture.poll()
    behind, _ = capture.harness.lag
    assert behind is not None and behind > 2000 * 300
    capture.catch_up()
    capture.sql("FLUSH BINARY LOGS")
    capture.until(lambda: capture.harness.lag[0] == 0)
    _, seconds = capture.harness.lag
    assert seconds is not None and seconds < 60


def test_heartbeats(capture: MySqlCapture) -> None:
    capture.sql("CREATE TABLE beat (n int)")
    capture.configure(
        heartbeat_interval_ms="100", heartbeat_action_query=f"INSERT INTO {capture.database}.beat VALUES (1)"
    ).start()
    capture.until(lambda: capture.sql("SELECT count(*) FROM beat")[0][0] > 0)
    assert any(one.batch.topic == "__debezium-heartbeat.p" for one in capture.harness.committed)


def test_a_session_that_is_ended_loses_nothing(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    for number in range(2):
        capture.sql("INSERT INTO t VALUES (%s, 'x')", [2000 + number])
        for (thread,) in capture.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'"):
            capture.sql(f"KILL {thread}")
        with pytest.raises(RetriableError):
            capture.until(lambda: False)
        capture.crash()
        capture.start()
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_sequences_are_no_tables(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("CREATE SEQUENCE s")
    capture.sql("SELECT NEXTVAL(s)")
    capture.sql("INSERT INTO t VALUES (NEXTVAL(s) + 500, 'from a sequence')")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert not capture.ledger.rows(capture.topic("s"))


def test_a_statement_in_the_log_instead_of_rows_is_not_passed_over(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("SET SESSION binlog_format=STATEMENT")
    capture.sql("UPDATE t SET v = 'by statement' WHERE id = 1")
    with pytest.raises(FatalError, match=r"statement instead of the rows.*binlog_format=ROW"):
        capture.until(lambda: False)


def test_writers_wait_only_so_long_for_a_snapshot_that_waits(capture: MySqlCapture) -> None:
    other = capture.server.connect(capture.database)
    with other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")
        with pytest.raises(RetriableError, match="Lock wait timeout"):
            capture.configure(snapshot_lock_timeout_ms="1000").start()
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()


def test_over_tls(capture: MySqlCapture, certificate: Certificate) -> None:
    capture.configure(database_ssl_mode="verify_ca", database_ssl_ca=str(certificate.ca)).start()
    capture.sql("INSERT INTO t SELECT seq, repeat('big', 100) FROM seq_1001_to_3000")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    capture.crash()
    capture.configure(database_ssl_ca=str(certificate.another_ca))
    with pytest.raises(TidegateError, match="certificate verify failed"):
        capture.start()


def test_a_user_without_rights_is_told_so(capture: MySqlCapture) -> None:
    capture.sql("CREATE OR REPLACE USER poor IDENTIFIED BY 'poor'")
    config = MySqlCdcConnector.config_def.parse(
        {**capture.harness.config, "database.user": "poor", "database.password": "poor"}
    )
    (problem,) = MySqlCdcConnector().validate(config)
    assert (problem.key, "BINLOG MONITOR" in problem.message) == ("database.user", True)


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


@pytest.mark.parametrize("metadata", ["FULL", "NO_LOG"])
def test_tables_with_system_versioning_are_refused(capture: MySqlCapture, metadata: str) -> None:
    capture.sql("CREATE TABLE versioned (id int PRIMARY KEY, v varchar(9)) WITH SYSTEM VERSIONING")
    with pytest.raises(FatalError, match=r"versioned has system versioning.*Exclude the table"):
        capture.start()
    capture.configure(table_exclude_list=r".*[.]versioned").start().catch_up()
    capture.sql(f"SET GLOBAL binlog_row_metadata={metadata}")
    try:
        capture.sql("ALTER TABLE t ADD SYSTEM VERSIONING")
        capture.sql("UPDATE t SET v = 'versioned' WHERE id = 1")
        with pytest.raises(FatalError, match=r"[.]t has system versioning"):
            capture.until(lambda: False)
    finally:
        capture.sql("SET GLOBAL binlog_row_metadata=NO_LOG")


def test_a_server_that_is_restarted_in_good_order(capture: MySqlCapture) -> None:
    capture.start().catch_up()
    capture.sql("INSERT INTO t VALUES (101, 'before')")
    capture.server.restart()
    capture.reconnect()
    capture.sql("INSERT INTO t VALUES (102, 'after')")
    with pytest.raises(RetriableError):
        capture.until(lambda: (102,) in capture.ledger.rows(capture.topic()))
    capture.crash()
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()

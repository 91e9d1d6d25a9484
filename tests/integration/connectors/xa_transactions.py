"""What is told of transactions of XA, on any server: what is committed, where it is committed, and nothing else."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.support.eventually import eventually
from tidegate.errors import FatalError


class Branch:
    """A transaction of XA in a session of its own.

    Args:
        capture: of the database.
        name: the transaction's.
        statements: what it does.
    """

    def __init__(self, capture: MySqlCapture, name: str, *statements: str) -> None:
        self._connection = capture.server.connect(capture.database)
        self._name = name
        for statement in (f"XA START '{name}'", *statements, f"XA END '{name}'"):
            self._run(statement)

    def prepare(self) -> Branch:
        """Prepares it."""
        self._run(f"XA PREPARE '{self._name}'")
        return self

    def end(self, how: str) -> None:
        """Commits it or rolls it back."""
        verb, _, rest = how.partition(" ")
        self._run(f"XA {verb} '{self._name}' {rest}")
        self._connection.close()

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


def prepared(capture: MySqlCapture, name: str, *statements: str) -> Branch:
    """A transaction that is prepared."""
    return Branch(capture, name, *statements).prepare()


def are_told_where_they_are_committed(capture: MySqlCapture) -> None:
    """Two phases, one phase, a rollback, with other transactions in between."""
    capture.configure(provide_transaction_metadata="true").start().catch_up()
    committed = prepared(capture, "two", "UPDATE t SET v = 'two' WHERE id = 1", "INSERT INTO t VALUES (101, 'two')")
    undone = prepared(capture, "undone", "UPDATE t SET v = 'undone' WHERE id = 2")
    capture.sql("UPDATE t SET v = 'between' WHERE id = 3")
    Branch(capture, "one", "UPDATE t SET v = 'one' WHERE id = 4").end("COMMIT ONE PHASE")
    capture.catch_up()
    assert [capture.ledger.operations(capture.topic(), [key]) for key in (1, 2, 3, 4, 101)] == [
        "r",
        "r",
        "ru",
        "ru",
        "",
    ]
    undone.end("ROLLBACK")
    (before,) = capture.sql("SHOW MASTER STATUS")
    committed.end("COMMIT")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert [capture.ledger.operations(capture.topic(), [key]) for key in (1, 2, 101)] == ["ru", "r", "c"]
    (row,) = [one for one in _changes(capture) if one["after"]["id"] == 101]
    assert (row["source"]["file"], row["source"]["pos"] > int(before[1])) == (before[0], True)
    assert row["transaction"]["total_order"] == 2
    marks = [one for one in capture.harness.rows() if one and one.get("id") == row["transaction"]["id"]]
    assert [(one["status"], one["event_count"]) for one in marks] == [("BEGIN", None), ("END", 2)]


def outlive_every_crash(capture: MySqlCapture, rows: int = 2000) -> None:
    """Kills the task, and the server, between prepare and commit, and while what is committed is being told."""
    capture.configure(max_batch_bytes="65536").start().catch_up()
    values = ", ".join(f"({1000 + number}, '{'big' * 40}')" for number in range(rows))
    prepared(capture, "large", f"INSERT INTO t VALUES {values}", "UPDATE t SET v = 'bigger' WHERE id > 1000")
    prepared(capture, "small", "DELETE FROM t WHERE id = 1", "UPDATE t SET id = 900 WHERE id = 2")
    prepared(capture, "undone", "UPDATE t SET v = 'undone' WHERE id = 3")
    capture.catch_up()
    capture.crash()
    capture.sql("FLUSH BINARY LOGS")
    capture.sql("INSERT INTO t VALUES (101, 'after')")
    capture.server.kill9()
    capture.server.start()
    capture.reconnect()
    capture.start().catch_up()
    assert len(capture.ledger.rows(capture.topic())) == 101
    for end in ("COMMIT 'large'", "COMMIT 'small'", "ROLLBACK 'undone'"):
        capture.sql(f"XA {end}")
    capture.until(lambda: len(capture.ledger.rows(capture.topic())) > 500)
    assert len(capture.ledger.rows(capture.topic())) < rows
    capture.poll(commit=False)
    capture.crash()
    capture.start()
    capture.until(lambda: "u" in capture.ledger.operations(capture.topic(), [1001]))
    capture.poll(commit=False)
    capture.crash()
    capture.start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert {capture.ledger.operations(capture.topic(), [key]) for key in range(1001, 1000 + rows)} == {"cu"}
    assert [capture.ledger.operations(capture.topic(), [key]) for key in (1, 2, 900, 3)] == ["rd-", "rd-", "c", "r"]


def are_not_in_snapshots_before_they_are_committed(capture: MySqlCapture) -> None:
    """Begins a snapshot while one is prepared, and reads a table again while another one is."""
    first = prepared(capture, "first", "UPDATE t SET v = 'first' WHERE id = 1", "INSERT INTO t VALUES (101, 'first')")
    capture.sql("CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))")
    capture.configure(
        signal_data_collection=f"{capture.database}.signals", incremental_snapshot_chunk_size="40"
    ).start().catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    first.end("COMMIT")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic()) == capture.table()
    # Detached by the server's end, it holds no lock of the table's definition: the chunks can be read meanwhile.
    prepared(capture, "second", "UPDATE t SET v = 'second' WHERE id < 50")
    capture.server.kill9()
    capture.server.start()
    capture.reconnect()
    with contextlib.suppress(Exception):
        capture.until(lambda: False)
    capture.crash()
    capture.start()
    data = f'{{"data-collections": ["{capture.database}.t"]}}'
    capture.sql("INSERT INTO signals VALUES ('1', 'execute-snapshot', %s)", [data])
    capture.until(lambda: capture.ledger.operations(capture.topic()).count("r") >= 140)
    capture.sql("XA COMMIT 'second'")
    capture.catch_up()
    capture.until(lambda: "incremental" not in capture.position())
    assert capture.ledger.rows(capture.topic()) == capture.table()
    assert capture.ledger.operations(capture.topic(), [1]) == "ruru"


def are_missed_aloud_when_their_log_is_purged(capture: MySqlCapture) -> None:
    """Commits one whose changes the server has not any more."""
    branch = prepared(capture, "purged", "UPDATE t SET v = 'purged' WHERE id = 1")
    capture.sql("FLUSH BINARY LOGS")
    (last,) = capture.sql("SHOW MASTER STATUS")

    def purged() -> bool:
        capture.sql("PURGE BINARY LOGS TO %s", [last[0]])
        return len(capture.sql("SHOW BINARY LOGS")) == 1

    eventually(purged, timeout=60)
    capture.start().catch_up()
    branch.end("COMMIT")
    with pytest.raises(FatalError, match=r"has not the log any more of: X'707572676564'.*snapshot\.mode=when_needed"):
        capture.until(lambda: False)


def _changes(capture: MySqlCapture) -> list[dict[str, Any]]:
    return [row for row in capture.harness.rows() if row and row.get("op") in ("c", "u")]

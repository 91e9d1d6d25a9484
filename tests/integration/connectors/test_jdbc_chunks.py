"""Mode bulk in chunks of the primary key, on each database: a round goes on where it was, through crashes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.errors import FatalError


def harness(target: TargetDatabase, **keys: str) -> SourceHarness:
    config = {
        **target.config,
        "topic.prefix": "db.",
        "poll.interval.ms": "1",
        "mode": "bulk",
        "bulk.chunks": "true",
        "table.whitelist": "t",
        **{key.replace("_", "."): value for key, value in keys.items()},
    }
    return SourceHarness(JdbcSourceConnector(), config)


def round_through_crashes(run: SourceHarness, rows: int) -> list[dict[str, Any]]:
    for step in range(200):
        run.start()
        run.poll(commit=step % 2 == 0)
        run.crash()
        if len(run.rows()) >= rows:
            return run.rows()
    raise AssertionError(f"only {len(run.rows())} of {rows} rows")


def test_a_round_goes_on_after_the_last_committed_key(target: TargetDatabase) -> None:
    target.run('CREATE TABLE t (a INTEGER NOT NULL, b VARCHAR(20) NOT NULL, "Wide Column" INTEGER, PRIMARY KEY (a, b))')
    expected = [(a, f"b{b}") for a in range(5) for b in range(7)]
    for number, (a, b) in enumerate(expected):
        target.run(f"INSERT INTO t VALUES ({a}, '{b}', {number})")
    run = harness(target, batch_max_rows="4")
    rows = round_through_crashes(run, len(expected))
    assert [(row["a"], row["b"]) for row in rows] == expected
    assert [row["Wide Column"] for row in rows] == list(range(35))
    assert list(run.offsets.values()) == [{"complete": True}]
    run.start()
    run.drain(2 * len(expected))
    run.crash()
    assert [(row["a"], row["b"]) for row in run.rows()[35:70]] == expected, "then comes the next round"


@pytest.mark.parametrize(
    ("column", "literals"),
    [
        ("NUMERIC(20,2)", ["-1.50", "2", "12345678901234567.25"]),
        ("DATE", ["'2026-01-01'", "'2026-01-02'", "'9999-12-31'"]),
        ("TIMESTAMP(6)", ["'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.000001'", "'2026-01-02'"]),
    ],
)
def test_keys_of_other_types(target: TargetDatabase, column: str, literals: list[str]) -> None:
    target.run(f"CREATE TABLE t (k {column} NOT NULL PRIMARY KEY, n INTEGER)")
    for number, literal in enumerate(literals):
        target.run(f"INSERT INTO t VALUES ({literal}, {number})")
    run = harness(target, batch_max_rows="1")
    assert [row["n"] for row in round_through_crashes(run, 3)[:3]] == [0, 1, 2]


def test_a_table_without_a_primary_key_says_what_to_do(target: TargetDatabase) -> None:
    target.run("CREATE TABLE t (a INTEGER)")
    run = harness(target)
    with pytest.raises(FatalError, match="no primary key"):
        run.start()
    run.crash()

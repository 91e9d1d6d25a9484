"""JDBC source tasks killed with -9 while transactions overlap: what commits late is there, all exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.integration.connectors.target_database import TargetDatabase, postgres_target
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.integration.worker.overlapping_writers import OverlappingWriters
from tests.support.eventually import eventually
from tidegate.devstack import Postgres

_KILLS = 2
_ROWS_A_KILL = 50
_GROUPS, _GROUP = 300, 7


@pytest.fixture
def database(postgres: Postgres) -> Iterator[TargetDatabase]:
    found = postgres_target(postgres)
    yield found
    found.close()


async def test_overlapping_transactions_arrive_exactly_once_through_kills(lab: Lab, database: TargetDatabase) -> None:
    topic = lab.topic()
    prefix, table = topic[:4], topic[4:]
    config = {
        **database.config,
        "connector.class": "jdbc-source",
        "mode": "incrementing",
        "incrementing.column.name": "n",
        "transaction.horizon": "true",
        "table.whitelist": table,
        "topic.prefix": prefix,
        "poll.interval.ms": "20",
        "batch.max.rows": "5",
    }
    with lab.worker() as worker:
        with OverlappingWriters(database, table) as writers:
            await lab.deploy("ledger", config)
            for kills in range(1, _KILLS + 1):
                wanted = len(lab.counted(topic)) + _ROWS_A_KILL
                eventually(partial(_has, lab, topic, wanted), timeout=DEADLINE, message="rows arriving")
                for process in task_processes(worker):
                    process.kill()
                await lab.reaches("ledger", "RUNNING", restarts=kills)
        assert writers.late > 10, "transactions that commit out of order are what this is about"
        expected = sorted(writers.committed)
        eventually(partial(_has, lab, topic, len(expected)), timeout=DEADLINE, message="all rows")
        found = lab.counted(topic)
    assert sorted(database.one(f'SELECT n FROM "{table}"')) == expected
    assert Counter(found) == Counter(expected)


async def test_groups_of_equal_timestamps_arrive_whole_through_kills(lab: Lab, database: TargetDatabase) -> None:
    topic = lab.topic()
    prefix, table = topic[:4], topic[4:]
    database.run(f'CREATE TABLE "{table}" (n bigserial, at timestamptz NOT NULL)')
    database.run(
        f"INSERT INTO \"{table}\" (at) SELECT '2026-01-01'::timestamptz + i / {_GROUP} * interval '1 us'"
        f" FROM generate_series(0, {_GROUPS * _GROUP - 1}) i"
    )
    config = {
        **database.config,
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
        "mode": "timestamp",
        "timestamp.column.name": "at",
        "table.whitelist": table,
        "topic.prefix": prefix,
        # Less than a group, so that each is a page of its own, and the poll after it finds the next.
        "batch.max.rows": str(_GROUP - 2),
    }
    rows = _GROUPS * _GROUP
    with lab.worker() as worker:
        await lab.deploy("groups", config)
        for kills in range(1, _KILLS + 1):
            eventually(partial(_has, lab, topic, kills * rows // 4), timeout=DEADLINE, message="rows arriving")
            for process in task_processes(worker):
                process.kill()
            await lab.reaches("groups", "RUNNING", restarts=kills)
        eventually(partial(_has, lab, topic, rows), timeout=DEADLINE, message="all rows")
        found = lab.counted(topic)
    assert Counter(found) == Counter(range(1, rows + 1))


def _has(lab: Lab, topic: str, rows: int) -> bool:
    return len(lab.counted(topic)) >= rows

"""The demo itself at a smaller size: what it shows is what is asserted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidegate.demo.figures import Figures
from tidegate.demo.run import run_demo
from tidegate.devstack import ComponentMissingError
from tidegate.devstack.cluster import Broker

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = 20_000


def run_on(broker: Broker, state_dir: Path) -> Figures:
    try:
        return run_demo(state_dir, EXAMPLES, rows=ROWS, broker=broker)
    except ComponentMissingError as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(str(error))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("broker", ["tansu", pytest.param("apache-kafka", marks=pytest.mark.apache_kafka)])
def test_every_row_arrives_once_though_everything_is_killed(broker: Broker, tmp_path: Path) -> None:
    # PostgreSQL started by root runs as another user, who has to reach its data.
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    figures = run_on(broker, tmp_path / "demo")
    assert figures.differences == []
    assert figures.table_rows == figures.topic_records == figures.lake_rows == ROWS + figures.inserted_rows
    assert (figures.missing, figures.duplicates) == (0, 0)
    assert all(table == lake for table, lake in figures.column_sums.values())
    assert [each.role for each in figures.takeovers] == ["source", "sink", "leader"]
    assert all(each.victim != each.successor for each in figures.takeovers)
    source = figures.takeovers[0]
    assert 0 < source.done_rows < ROWS, "the source was not killed in mid-table"
    assert figures.halted == figures.halted_expected > 0
    assert figures.passed == figures.passed_expected > 0
    assert figures.replayed == figures.replayed_rows == figures.halted
    assert [(rule, count) for rule, count, _ in figures.waiting] == [("incompatible-schema", figures.halted)]
    assert figures.shown == ["userId missing, user_id unexpected: renamed?"]
    assert figures.reasons
    assert all("user_id" in reason and "compatib" in reason.lower() for reason in figures.reasons)

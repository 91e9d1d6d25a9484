"""Upkeep of Iceberg tables by command: compacted, expired, cleaned, while a sink goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from tests.integration.connectors.iceberg_harness import Lakehouse, keyed_batch, rest_catalog, sql_catalog
from tests.integration.connectors.sink_harness import consumed, records
from tidegate.cli.iceberg import app
from tidegate.connectors.iceberg import compaction
from tidegate.connectors.iceberg.compaction import compact
from tidegate.connectors.iceberg.leftovers import delete_leftovers, leftovers
from tidegate.connectors.iceberg.merge import copy_rows
from tidegate.devstack import SeaweedFS, Tansu
from tidegate.records.envelope import Batch, TopicPartition

T0 = TopicPartition("orders", 0)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())
ROW = pa.struct([ID, NAME])
KEY = pa.struct([pa.field("id", pa.int64(), nullable=False)])
UPSERT = {"iceberg.tables.upsert-mode-enabled": "true"}


@pytest.fixture(params=["rest", "sql"])
def lake(request: pytest.FixtureRequest, seaweedfs: SeaweedFS, tansu: Tansu, tmp_path: Path) -> Lakehouse:
    """On each of the two kinds of catalog."""
    catalog = rest_catalog(seaweedfs) if request.param == "rest" else sql_catalog(seaweedfs, tmp_path)
    return Lakehouse(catalog, seaweedfs, tansu)


def rows(first: int, count: int = 10) -> Batch:
    value = records([{"id": id_, "name": f"n{id_ % 2}"} for id_ in range(first, first + count)], ID, NAME)
    return consumed("orders", value, first_offset=first)


def write(lake: Lakehouse, commits: int, **keys: str) -> None:
    run = lake.start(T0, keys=keys)
    for number in range(commits):
        run.put(rows(run.start_of(T0) + 10 * number if number == 0 else run.positions[T0]))
        run.commit()
        lake.commit_all()
    run.close()


def call(lake: Lakehouse, tmp_path: Path, *arguments: str) -> str:
    path = tmp_path / "connector.yaml"
    path.write_text(yaml.safe_dump({"name": "lake", **lake.keys}))
    result = CliRunner().invoke(app, [arguments[0], lake.table_name, "--config", str(path), *arguments[1:]])
    assert result.exit_code == 0, result.output
    return result.output


def test_small_files_become_one_and_nothing_else_changes(lake: Lakehouse, tmp_path: Path) -> None:
    write(lake, 6, **{"iceberg.tables.default-partition-by": "name"})
    assert lake.table().inspect.files().num_rows == 12
    done = orjson.loads(call(lake, tmp_path, "compact", "-o", "json"))
    assert (done["files_before"], done["files_after"]) == (12, 2)
    assert lake.table().inspect.files().num_rows == 2
    assert lake.ids() == list(range(60))
    assert [row[0] for row in lake.duckdb_rows("id")] == list(range(60))
    write(lake, 1)
    assert lake.ids() == list(range(70))
    done = orjson.loads(call(lake, tmp_path, "compact", "-o", "json"))
    assert done["files_before"] == 0


def test_a_sink_goes_on_while_a_table_is_compacted(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, 5)

    def copy_and_append(*args: Any) -> Any:
        new = copy_rows(*args)
        write(lake, 1)
        return new

    monkeypatch.setattr(compaction, "copy_rows", copy_and_append)
    done = compact(lake.catalog, lake.table_name)
    assert (done.files_before, done.files_after) == (5, 1)
    assert lake.ids() == list(range(60))
    assert lake.table().inspect.files().num_rows == 2


def test_files_changed_while_they_are_compacted_are_left(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lake.start(T0, keys=UPSERT)
    for first in range(5):
        run.put(keyed_batch([{"id": first}], [{"id": first, "name": "old"}], KEY, ROW, first_offset=first))
        run.commit()
    lake.commit_all()

    def copy_and_change(*args: Any) -> Any:
        new = copy_rows(*args)
        run.put(keyed_batch([{"id": 2}], [{"id": 2, "name": "new"}], KEY, ROW, first_offset=5))
        run.commit()
        lake.commit_all()
        return new

    monkeypatch.setattr(compaction, "copy_rows", copy_and_change)
    assert compact(lake.catalog, lake.table_name).files_before == 0
    assert [row["name"] for row in lake.rows()] == ["old", "old", "new", "old", "old"]
    monkeypatch.undo()
    assert compact(lake.catalog, lake.table_name).files_before == 5
    assert [row["name"] for row in lake.rows()] == ["old", "old", "new", "old", "old"]
    run.close()


def test_what_dead_attempts_left_is_cleaned_and_what_waits_is_not(lake: Lakehouse, tmp_path: Path) -> None:
    write(lake, 2)
    named = lake.files_below()
    dead = lake.start(T0)
    dead.put(rows(20))
    dead.prepare()  # and it dies
    left = lake.files_below() - named
    assert len(left) == 2  # a data file and its manifest
    assert "0 files" in call(lake, tmp_path, "clean")
    assert lake.files_below() >= left
    assert "2 files would be" in call(lake, tmp_path, "clean", "--older-than", "0", "--dry-run")
    assert lake.files_below() >= left
    call(lake, tmp_path, "clean", "--older-than", "0")
    assert not lake.files_below() & left
    assert lake.ids() == list(range(20))
    write(lake, 1)
    assert lake.ids() == list(range(30))


def test_expired_snapshots_give_back_their_files(lake: Lakehouse, tmp_path: Path) -> None:
    write(lake, 5)
    call(lake, tmp_path, "compact")
    before = len(lake.files_below())
    assert "0 of 6" in call(lake, tmp_path, "expire")
    assert "5 of 6" in call(lake, tmp_path, "expire", "--older-than", "0")
    found = leftovers(lake.catalog, lake.table_name, datetime.now(UTC) + timedelta(minutes=1))
    delete_leftovers(lake.catalog, lake.table_name, found)
    assert len(lake.files_below()) < before - 5
    assert lake.ids() == list(range(50))
    assert len(lake.duckdb_rows("id")) == 50

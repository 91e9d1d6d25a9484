"""The Iceberg sink through a death at every step, zombies and rivals: every record is in its table once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.iceberg_harness import (
    Lakehouse,
    RunningTask,
    keyed_batch,
    rest_catalog,
    sql_catalog,
)
from tests.integration.connectors.sink_harness import consumed, records
from tests.support.eventually import eventually
from tidegate.connectors.iceberg.committer import Committer
from tidegate.connectors.iceberg.table_commit import TableCommitter
from tidegate.devstack import SeaweedFS, Tansu
from tidegate.errors import FatalError, FencedError
from tidegate.kafka.topics import TopicAdmin
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


def rows(ids: Sequence[int], *, partition: int = 0) -> Batch:
    value = records([{"id": id_, "name": f"n{id_}"} for id_ in ids], ID, NAME)
    return consumed("orders", value, partition=partition, offsets=list(ids))


class Crash(Exception):  # noqa: N818 - what it stands for
    """The process ends here."""


@contextmanager
def dying(owner: type, name: str, *, after: bool) -> Iterator[None]:
    """Has the process end before or after a step."""
    step = getattr(owner, name)

    def die(*args: Any, **kwargs: Any) -> Any:
        if after:
            step(*args, **kwargs)
        raise Crash(name)

    patch = pytest.MonkeyPatch()
    patch.setattr(owner, name, die)
    try:
        with pytest.raises(Crash):
            yield
    finally:
        patch.undo()


def _before_prepare(lake: Lakehouse, run: RunningTask) -> None:
    pass


def _after_prepare(lake: Lakehouse, run: RunningTask) -> None:
    run.prepare()


def _in_the_transaction(lake: Lakehouse, run: RunningTask) -> None:
    run.prepare()
    run.producer.begin()
    for topic, value, key in run.context.sent:
        run.producer.produce(topic, value, key)


def _after_the_transaction(lake: Lakehouse, run: RunningTask) -> None:
    run.commit()


def _after_reading(lake: Lakehouse, run: RunningTask) -> None:
    run.commit()
    with lake.committer() as committer:
        while committer.read(1.0):
            pass


def _before_the_catalog_commit(lake: Lakehouse, run: RunningTask) -> None:
    from tidegate.connectors.iceberg.one_attempt import OneAttempt

    run.commit()
    with dying(OneAttempt, "commit_transaction", after=False):
        lake.commit_all()


def _after_the_catalog_commit(lake: Lakehouse, run: RunningTask) -> None:
    from tidegate.connectors.iceberg.one_attempt import OneAttempt

    run.commit()
    with dying(OneAttempt, "commit_transaction", after=True):
        lake.commit_all()


def _before_the_hint(lake: Lakehouse, run: RunningTask) -> None:
    run.commit()
    with dying(TableCommitter, "commit", after=True):
        lake.commit_all()


STEPS = [
    _before_prepare,
    _after_prepare,
    _in_the_transaction,
    _after_the_transaction,
    _after_reading,
    _before_the_catalog_commit,
    _after_the_catalog_commit,
    _before_the_hint,
]


@pytest.mark.parametrize("die", STEPS)
def test_a_death_at_any_step_loses_and_doubles_nothing(lake: Lakehouse, die: Callable[..., None]) -> None:
    first = lake.start(T0)
    first.put(rows(range(10)))
    first.commit()
    first.put(rows(range(10, 30)))
    die(lake, first)
    second = lake.start(T0)
    start = second.start_of(T0)
    assert start in (10, 30)
    if start < 30:
        second.put(rows(range(start, 30)))
    second.put(rows(range(30, 40)))
    second.commit()
    lake.commit_all()
    lake.commit_all()
    assert lake.ids() == list(range(40))
    offsets = [summary["tidegate.source-offsets"] for summary in lake.snapshots()]
    assert offsets == sorted(offsets)
    assert offsets[-1] == '{"orders:0":40}'
    second.close()


def test_no_record_twice_over_many_deaths_also_by_key(lake: Lakehouse) -> None:
    total, step, done = 300, 0, 0
    while done < total:
        run = lake.start(T0, keys=UPSERT)
        done = run.start_of(T0)
        for first in range(done, min(done + 60, total), 17):
            offsets = range(first, min(first + 17, total))
            values = [{"id": offset % 50, "name": f"v{offset}"} for offset in offsets]
            run.put(keyed_batch([{"id": v["id"]} for v in values], values, KEY, ROW, first_offset=first))
        if run.positions:
            STEPS[step % len(STEPS)](lake, run)
        step += 1
        assert step < 60
    lake.commit_all()
    assert [(row["id"], row["name"]) for row in lake.rows()] == [(i, f"v{total - 50 + i}") for i in range(50)]
    assert len(lake.duckdb_rows("id")) == 50


def test_a_zombie_task_writes_files_that_no_snapshot_gets(lake: Lakehouse) -> None:
    zombie = lake.start(T0)
    zombie.put(rows(range(50)))
    successor = lake.start(T0)
    successor.put(rows(range(20)))
    successor.commit()
    with pytest.raises(FencedError):
        zombie.commit()
    successor.put(rows(range(20, 50)))
    successor.commit()
    lake.commit_all()
    assert lake.ids() == list(range(50))
    successor.close()


def test_a_zombie_committer_loses_whenever_it_wakes(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    with lake.committer() as zombie:
        while zombie.read(1.0):
            pass
        lake.commit_all()  # while it was paused
        zombie.commit()
        assert lake.ids() == list(range(10))
        run.put(rows(range(10, 20)))
        run.commit()
        while zombie.read(1.0):
            pass
        with _paused_before_its_catalog_commit(lake.commit_all):
            zombie.commit()
    assert lake.ids() == list(range(20))
    assert len(lake.snapshots()) == 2
    run.close()


@contextmanager
def _paused_before_its_catalog_commit(meanwhile: Callable[[], None]) -> Iterator[None]:
    """Has the first commit wait, everything prepared, until something else is done."""
    from tidegate.connectors.iceberg.one_attempt import OneAttempt

    step = OneAttempt.commit_transaction
    patch = pytest.MonkeyPatch()

    def wait(self: OneAttempt) -> Any:
        patch.undo()
        meanwhile()
        return step(self)

    patch.setattr(OneAttempt, "commit_transaction", wait)
    yield
    patch.undo()


def test_committers_side_by_side_commit_each_change_once(lake: Lakehouse) -> None:
    run = lake.start(T0)
    for number in range(12):
        run.put(rows(range(10 * number, 10 * number + 10)))
        run.commit()
    failures: list[BaseException] = []

    def commit(committer: Committer) -> None:
        try:
            committer.commit()
        except BaseException as error:
            failures.append(error)

    with lake.committer() as one, lake.committer() as two, lake.committer() as three:
        committers = [one, two, three]
        for most, committer in enumerate(committers):
            while committer.read(1.0):
                if most == 0:
                    break
        threads = [threading.Thread(target=commit, args=(committer,)) for committer in committers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lake.commit_all()
    assert failures == []
    assert Counter(lake.ids()) == Counter(range(120))
    run.close()


def test_snapshots_of_other_writers_neither_hide_the_position_nor_are_undone(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    with lake.committer() as stale:
        while stale.read(1.0):
            pass
        lake.commit_all()
        other = lake.table()
        other.append(pa.table({"id": [1000], "name": ["other"]}, schema=other.schema().as_arrow()))
        stale.commit()
    assert lake.ids() == [*range(10), 1000]
    run.put(rows(range(10, 20)))
    run.commit()

    def rival() -> None:
        table = lake.table()
        table.append(pa.table({"id": [1001], "name": ["rival"]}, schema=table.schema().as_arrow()))

    with _paused_before_its_catalog_commit(rival):
        lake.commit_all()
    assert lake.ids() == [*range(20), 1000, 1001]
    run.close()


def test_the_position_outlives_the_snapshots_that_held_it(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    with lake.committer() as stale:
        while stale.read(1.0):
            pass
        lake.commit_all()
        other = lake.table()
        other.append(pa.table({"id": [1000], "name": ["other"]}, schema=other.schema().as_arrow()))
        other.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()
        assert all("tidegate.connector" not in summary for summary in lake.snapshots())
        stale.commit()
    assert lake.ids() == [*range(10), 1000]
    run.close()


def test_a_rewound_connector_writes_again_what_it_is_told_to(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    lake.commit_all()
    run.put(rows(range(5, 10)))  # its offsets were altered
    run.positions[T0] = 11
    run.commit()
    lake.commit_all()
    assert Counter(lake.ids()) == Counter([*range(10), *range(5, 10)])
    run.close()


def test_the_partitioning_may_change_while_files_wait(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    with lake.table().update_spec() as update:
        update.add_identity("name")
    lake.commit_all()
    run.put(rows(range(10, 15)))
    run.commit()
    lake.commit_all()
    assert lake.ids() == list(range(15))
    files = lake.table().inspect.files()
    assert files.num_rows == 15
    assert set(files["spec_id"].to_pylist()) == {lake.table().spec().spec_id}
    assert [row[0] for row in lake.duckdb_rows("id")] == list(range(15))
    run.close()


def test_a_dropped_table_with_files_waiting_is_said_loudly(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    lake.catalog.drop_table(lake.table_name)
    with pytest.raises(FatalError, match="is gone"):
        lake.commit_all()
    again = lake.start(T0)
    again.put(rows(range(10, 12)))
    with pytest.raises(FatalError, match="created anew"):
        lake.commit_all()
    again.close()


def test_a_committing_task_tells_why_it_can_not_commit(lake: Lakehouse) -> None:
    run = lake.start(T0)
    run.put(rows(range(10)))
    run.commit()
    lake.catalog.drop_table(lake.table_name)
    committing = lake.start(task=0)
    failure = eventually(lambda: _failure(committing), timeout=20)
    assert "is gone" in str(failure)
    run.close()


def _failure(run: RunningTask) -> FatalError | None:
    try:
        run.task.commit_due()
    except FatalError as error:
        return error
    return None


def test_a_control_topic_made_anew_counts_from_its_beginning(lake: Lakehouse) -> None:
    run = lake.start(T0)
    for first in (0, 10, 20):
        run.put(rows(range(first, first + 10)))
        run.commit()
    lake.commit_all()
    topic = f"tidegate-iceberg-{lake.connector}"
    admin = TopicAdmin(lake.kafka)
    admin.client.delete_topics([topic])[topic].result(30)
    eventually(lambda: topic not in admin.partitions(), timeout=30)
    again = lake.start(T0)
    again.put(rows(range(30, 40)))
    again.commit()
    lake.commit_all()
    assert lake.ids() == list(range(40))
    again.close()

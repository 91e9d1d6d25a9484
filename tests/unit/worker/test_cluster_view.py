"""What a worker takes for its own from the cluster's keys."""

from __future__ import annotations

import pytest
from tidegate_worker.cluster_view import ClusterView

from tidegate.control import Assignment, ConnectorState, TaskSpec
from tidegate.etcd import Changes, Delete, Keyspace, KeyValue, Put, Snapshot

KEYS = Keyspace("lake")


def _kv(key: str, value: bytes, revision: int) -> KeyValue:
    return KeyValue(key, value, revision, revision, 1, 0)


def _stored(task: int) -> list[KeyValue]:
    return [
        _kv(KEYS.connector("orders"), ConnectorState({}, "STARTED", 1, [], "source").to_json(), 1),
        _kv(KEYS.task("orders", task), TaskSpec({"topic": "t"}, 1, "source").to_json(), 2),
    ]


def _assigned(task: int, worker: str, revision: int) -> KeyValue:
    return _kv(KEYS.assignment("orders", task), Assignment(worker, 1).to_json(), revision)


@pytest.fixture
def view() -> ClusterView:
    """Worker w1's: task 0 is its own, task 1 another's."""
    view = ClusterView(KEYS, "w1")
    view.apply(Snapshot((*_stored(0), *_stored(1), _assigned(0, "w1", 3), _assigned(1, "w2", 4)), 4))
    return view


def _wanted(view: ClusterView) -> dict[tuple[str, int], int]:
    return {task: desired.assigned_revision for task, desired in view.desired().items()}


def test_only_its_own_tasks_are_wanted(view: ClusterView) -> None:
    assert _wanted(view) == {("orders", 0): 3}


def test_a_task_that_moves_away_is_not_wanted_and_one_that_comes_is(view: ClusterView) -> None:
    view.apply(Changes((Put(_assigned(0, "w2", 5), None), Put(_assigned(1, "w1", 5), None)), 5))
    assert _wanted(view) == {("orders", 1): 5}


def test_an_assignment_that_is_taken_back_ends_the_wish(view: ClusterView) -> None:
    view.apply(Changes((Delete(KEYS.assignment("orders", 0), 5, None),), 5))
    assert _wanted(view) == {}


def test_a_task_without_its_configuration_waits_for_it(view: ClusterView) -> None:
    view.apply(Changes((Put(_assigned(2, "w1", 5), None),), 5))
    assert _wanted(view) == {("orders", 0): 3}
    view.apply(Changes((Put(_stored(2)[1], None),), 6))
    assert _wanted(view) == {("orders", 0): 3, ("orders", 2): 5}


def test_a_malformed_assignment_is_nobodys_and_harms_no_other(view: ClusterView) -> None:
    view.apply(Changes((Put(_kv(KEYS.assignment("orders", 0), b"{", 5), None), Put(_assigned(1, "w1", 5), None)), 5))
    assert _wanted(view) == {("orders", 1): 5}


def test_a_new_snapshot_replaces_all_that_was_known(view: ClusterView) -> None:
    view.apply(Snapshot((*_stored(1), _assigned(1, "w1", 9)), 9))
    assert _wanted(view) == {("orders", 1): 9}

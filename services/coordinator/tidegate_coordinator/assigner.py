"""From tasks and workers as etcd has them to assignments as they shall be. Pure; the choice is the planner's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.control import Assignment
from tidegate.etcd import Compare, Op
from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.etcd_write import EtcdWrite
from tidegate_coordinator.planner import Move, PlannedTask, PlannedWorker, TaskKey
from tidegate_coordinator.plugin_catalog import offers, plugin_of
from tidegate_coordinator.reconciler import has_all_tasks


class PlanInput(NamedTuple):
    """The arguments of :func:`tidegate_coordinator.planner.plan`."""

    tasks: list[PlannedTask]
    workers: list[PlannedWorker]
    assignments: dict[TaskKey, str]
    claims: dict[TaskKey, str]


def plan_input(state: ClusterState) -> PlanInput:
    """What is to be planned: every task of every running or paused connector wants a live worker that has its plugin.

    Connectors whose tasks are just being replaced, or could not be read, are left alone.
    """
    able = _WorkersByPlugin(state)
    tasks: list[PlannedTask] = []
    left_alone = {name for name in state.assignments if state.is_unreadable(name)}
    for name, connector in state.connectors.items():
        if connector.value.target_state == "STOPPED" or name in left_alone:
            continue
        if not has_all_tasks(state, name):
            left_alone.add(name)
            continue
        workers = able.of(plugin_of(connector.value.config))
        tasks.extend(PlannedTask(TaskKey(name, number), workers=workers) for number in state.tasks.get(name, {}))
    return PlanInput(
        tasks,
        [PlannedWorker(name, each.value.slots, each.value.draining) for name, each in state.workers.items()],
        {
            TaskKey(name, number): stored.value.worker_id
            for name, numbers in state.assignments.items()
            if name not in left_alone
            for number, stored in numbers.items()
        },
        {
            TaskKey(name, number): stored.value.worker_id
            for name, numbers in state.claims.items()
            for number, stored in numbers.items()
        },
    )


def assignment_writes(state: ClusterState, moves: Iterable[Move]) -> list[EtcdWrite]:
    """What carries the moves out: each takes effect only if the task is still the one that was planned."""
    writes = []
    for move in moves:
        key = state.keys.assignment(*move.task)
        task = state.tasks.get(move.task.connector, {}).get(move.task.task)
        if move.target is None or task is None:
            writes.append(EtcdWrite((Op.delete(key),)))
        else:
            same = Compare.create_revision(state.keys.task(*move.task), "==", task.create_revision)
            assignment = Assignment(move.target, task.value.generation)
            writes.append(EtcdWrite((Op.put(key, assignment.to_json()),), (same,)))
    return writes


class _WorkersByPlugin:
    """Which workers have a plugin; None for all of them, which lets the planner treat those tasks alike."""

    def __init__(self, state: ClusterState) -> None:
        self._workers = {name: stored.value for name, stored in state.workers.items()}
        self._known: dict[str, frozenset[str] | None] = {}

    def of(self, plugin: str) -> frozenset[str] | None:
        if plugin not in self._known:
            able = frozenset(name for name, info in self._workers.items() if offers(info, plugin))
            self._known[plugin] = None if len(able) == len(self._workers) else able
        return self._known[plugin]

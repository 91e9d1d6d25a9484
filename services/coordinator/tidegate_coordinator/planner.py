"""Which worker shall run which task: one pure function.

Relative load, the weight of a worker's tasks over its slots, is what is balanced. A plan is stable when moving no
single task would leave its new worker less loaded than it left its old one. For tasks of one weight these are the
allocations of the D'Hondt method, which gives the promises: a worker that leaves adds to the others and takes from
none of them; one that joins takes from the others and adds to none.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class TaskKey(NamedTuple):
    """A task's name.

    Args:
        connector: connector name.
        task: task number, from 0.
    """

    connector: str
    task: int


@dataclass(frozen=True)
class PlannedTask:
    """A task that wants a worker.

    Args:
        key: its name.
        weight: its share of a worker, at least 1.
        workers: ids of those that can run it; None for all.
    """

    key: TaskKey
    weight: int = 1
    workers: frozenset[str] | None = None


@dataclass(frozen=True)
class PlannedWorker:
    """A live worker.

    Args:
        id: its id.
        slots: its capacity relative to the others, at least 1.
        draining: it is to hold no tasks.
    """

    id: str
    slots: int
    draining: bool = False


@dataclass(frozen=True)
class Move:
    """One change of assignment.

    Args:
        task: which task.
        source: the worker it is assigned to now; None for none.
        target: the worker it shall be assigned to; None for none.
    """

    task: TaskKey
    source: str | None
    target: str | None


def plan(
    tasks: Collection[PlannedTask],
    workers: Collection[PlannedWorker],
    assignments: Mapping[TaskKey, str],
    claims: Mapping[TaskKey, str],
) -> list[Move]:
    """The least set of moves to a stable allocation; the same for the same input, in whatever order.

    A task stays where it is assigned, or without an assignment where it is claimed, unless that worker is gone, drains
    or cannot run it, or a move of it relieves an overloaded worker. Of an overloaded worker's tasks those move first
    that it has not claimed yet: they cost nothing.

    Args:
        tasks: every task that is to run.
        workers: every live worker.
        assignments: worker ids by task, as they are; also of tasks that are to run no more.
        claims: ids of the workers that hold the tasks now.

    Returns:
        moves by task; one at most for a task. Tasks that no worker can run are moved to None.
    """
    wanted = {task.key: task for task in sorted(tasks, key=lambda each: each.key)}
    allocation = _Allocation(worker for worker in workers if not worker.draining)
    homeless: list[PlannedTask] = []
    for key, task in wanted.items():
        for held in (assignments.get(key), claims.get(key)):
            if held is not None and allocation.can_run(held, task):
                allocation.give(task, held, pending=claims.get(key) != held)
                break
        else:
            homeless.append(task)
    for task in sorted(homeless, key=lambda each: (-each.weight, each.key)):
        target = allocation.lightest(_group(task))
        if target is not None:
            allocation.give(task, target, pending=True)
    allocation.relieve()
    changed = (
        Move(key, assignments.get(key), allocation.holder.get(key))
        for key in sorted(wanted.keys() | assignments.keys())
        if assignments.get(key) != allocation.holder.get(key)
    )
    return list(changed)


class _Group(NamedTuple):
    """Tasks that are alike in what matters for placing them."""

    weight: int
    workers: frozenset[str] | None


def _group(task: PlannedTask) -> _Group:
    return _Group(task.weight, task.workers)


class _Allocation:
    """Tasks on workers, with heaps that find the lightest and the heaviest worker.

    Heap entries carry the load they were made for; one whose worker's load has changed since is stale and skipped.
    """

    def __init__(self, workers: Iterable[PlannedWorker]) -> None:
        self._slots = {worker.id: max(1, worker.slots) for worker in sorted(workers, key=lambda each: each.id)}
        self._load = dict.fromkeys(self._slots, 0)
        self._queues: dict[str, dict[_Group, list[tuple[bool, TaskKey]]]] = {worker: {} for worker in self._slots}
        self._light: dict[_Group, list[tuple[float, str, int]]] = {}
        self.holder: dict[TaskKey, str] = {}

    def can_run(self, worker: str, task: PlannedTask) -> bool:
        return worker in self._slots and (task.workers is None or worker in task.workers)

    def give(self, task: PlannedTask, worker: str, *, pending: bool) -> None:
        self.holder[task.key] = worker
        heapq.heappush(self._queues[worker].setdefault(_group(task), []), (not pending, task.key))
        self._change_load(worker, task.weight)

    def lightest(self, group: _Group) -> str | None:
        """The worker that would be the least loaded with one more task of ``group``."""
        heap = self._light.get(group)
        if heap is None:
            able = [worker for worker in self._slots if group.workers is None or worker in group.workers]
            heap = self._light[group] = [self._light_entry(group.weight, worker) for worker in able]
            heapq.heapify(heap)
        while heap and heap[0][2] != self._load[heap[0][1]]:
            heapq.heappop(heap)
        return heap[0][1] if heap else None

    def relieve(self) -> None:
        """Move tasks, one at a time, until no single move is an improvement."""
        heap = [self._heavy_entry(worker) for worker in self._slots]
        heapq.heapify(heap)
        passed: list[str] = []
        while heap:
            _, worker, load = heapq.heappop(heap)
            if load != self._load[worker]:
                continue
            target = self._move_one_from(worker)
            if target is None:
                passed.append(worker)
                continue
            # What was of no use before may be now: the worker just relieved has become lighter.
            for touched in (worker, target, *passed):
                heapq.heappush(heap, self._heavy_entry(touched))
            passed.clear()

    def _move_one_from(self, worker: str) -> str | None:
        queues = self._queues[worker]
        for group in sorted(queues, key=lambda each: (queues[each][0][0], -each.weight, queues[each][0][1])):
            target = self.lightest(group)
            if target is not None and self._relieves(group.weight, worker, target):
                _, key = heapq.heappop(queues[group])
                if not queues[group]:
                    del queues[group]
                self.holder[key] = target
                heapq.heappush(self._queues[target].setdefault(group, []), (False, key))
                self._change_load(worker, -group.weight)
                self._change_load(target, group.weight)
                return target
        return None

    def _relieves(self, weight: int, source: str, target: str) -> bool:
        return self._load[source] * self._slots[target] > (self._load[target] + weight) * self._slots[source]

    def _change_load(self, worker: str, by: int) -> None:
        self._load[worker] += by
        for group, heap in self._light.items():
            if group.workers is None or worker in group.workers:
                heapq.heappush(heap, self._light_entry(group.weight, worker))

    def _light_entry(self, weight: int, worker: str) -> tuple[float, str, int]:
        load = self._load[worker]
        return ((load + weight) / self._slots[worker], worker, load)

    def _heavy_entry(self, worker: str) -> tuple[float, str, int]:
        load = self._load[worker]
        return (-load / self._slots[worker], worker, load)

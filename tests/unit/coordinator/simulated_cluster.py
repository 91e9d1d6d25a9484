"""A control plane in memory: users, leaders with a view that lags, and workers that claim, let go and die."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tidegate_coordinator.assigner import assignment_writes, plan_input
from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.planner import plan
from tidegate_coordinator.reconciler import FenceTasks, Progress, Split, SplitConnector, is_settled, next_step

from tests.unit.coordinator.simulated_etcd import SimulatedEtcd
from tidegate.control import (
    Assignment,
    Claim,
    ConnectorState,
    ConnectorStatusRecord,
    Layout,
    PluginInfo,
    TargetState,
    TaskSpec,
    TaskStatusRecord,
    WorkerInfo,
)
from tidegate.etcd import Compare, Keyspace, Op

PLUGIN = "tide-source"
Identity = tuple[int, int]
"""Which division of the work a task belongs to: generation and number of tasks. Tasks of two must never run at once."""


@dataclass(frozen=True)
class Running:
    """A task that may still commit."""

    task: int
    identity: Identity


class SimulatedCluster:
    """Every method is one thing that can happen; safety is asserted at each."""

    def __init__(self) -> None:
        self.etcd = SimulatedEtcd()
        self.keys = Keyspace("sim")
        self.task_counts: dict[str, int] = defaultdict(lambda: 1)
        self.refusing: set[str] = set()
        self.zombies: dict[str, set[Running]] = defaultdict(set)
        self.touched: set[str] = set()
        self.new_leader()

    # What users do.

    def create(self, name: str) -> None:
        key = self.keys.connector(name)
        if key in self.etcd.keys:
            return
        layout = self.etcd.keys.get(self.keys.layout(name))
        generation = Layout.from_json(layout.value).generation + 1 if layout else 1
        state = ConnectorState({"name": name, "connector.class": PLUGIN}, "STARTED", generation, [], "source")
        self.etcd.put(key, state.to_json())

    def configure(self, name: str, tasks: int) -> None:
        self.task_counts[name] = tasks
        self._change(name, lambda state: replace(state, generation=state.generation + 1))

    def restart(self, name: str) -> None:
        self._change(name, lambda state: replace(state, restart=state.restart + 1))

    def set_target(self, name: str, target_state: TargetState) -> None:
        self._change(name, lambda state: replace(state, target_state=target_state))

    def delete(self, name: str) -> None:
        self.etcd.delete(self.keys.connector(name))

    def _change(self, name: str, change: Callable[[ConnectorState], ConnectorState]) -> None:
        found = self.etcd.keys.get(self.keys.connector(name))
        if found is not None:
            self.etcd.put(found.key, change(ConnectorState.from_json(found.value)).to_json())

    # What workers do.

    def join(self, worker: str, slots: int = 2) -> None:
        info = WorkerInfo("127.0.0.1:1", slots, "1", [PluginInfo(PLUGIN, "source", "1")])
        self.etcd.put(self.keys.worker(worker), info.to_json())

    def drain(self, worker: str) -> None:
        found = self.etcd.keys.get(self.keys.worker(worker))
        if found is not None:
            self.etcd.put(found.key, replace(WorkerInfo.from_json(found.value), draining=True).to_json())

    def die(self, worker: str) -> None:
        """The lease runs out: the keys on it vanish, its processes may live on."""
        self.etcd.delete(self.keys.worker(worker))
        for key, kv in self.etcd.below(self.keys.claims).items():
            if Claim.from_json(kv.value).worker_id == worker:
                name, number = self.keys.parse_claim_key(key)
                self.zombies[name].add(self._running(name, number))
                self.etcd.delete(key)

    def work(self, worker: str) -> bool:
        """The worker takes up what it is assigned and lets go of what it is not; False when there was nothing to do."""
        if self.keys.worker(worker) not in self.etcd.keys:
            return False
        before = self.etcd.revision
        assigned = {}
        for key, kv in self.etcd.below(self.keys.assignments).items():
            if Assignment.from_json(kv.value).worker_id == worker:
                assigned[self.keys.parse_assignment_key(key)] = kv
        for key, kv in self.etcd.below(self.keys.claims).items():
            task = self.keys.parse_claim_key(key)
            if Claim.from_json(kv.value).worker_id == worker and task not in assigned:
                self.etcd.delete(key)
        for (name, number), kv in assigned.items():
            if self.keys.task(name, number) in self.etcd.keys and self.keys.connector(name) in self.etcd.keys:
                self._claim(worker, name, number, kv.mod_revision)
        return self.etcd.revision != before

    def _claim(self, worker: str, name: str, number: int, assigned: int) -> None:
        claim = self.keys.claim(name, number)
        running = self._running(name, number)
        taken = self.etcd.transact(
            [Compare.missing(claim), Compare.mod_revision(self.keys.assignment(name, number), "==", assigned)],
            [Op.put(claim, Claim(worker, running.identity[0]).to_json())],
        )
        if not taken:
            return
        # Its successor's start is what fences a zombie of the same task.
        self.zombies[name] = {zombie for zombie in self.zombies[name] if zombie.task != number}
        others = {self._claimed_identity[key] for key in self.etcd.below(self.keys.claims_of(name)) if key != claim} | {
            zombie.identity for zombie in self.zombies[name]
        }
        assert others <= {running.identity}, f"{name}-{number} of {running.identity} started beside {others}"
        self._claimed_identity[claim] = running.identity
        epoch = self.etcd.keys[claim].create_revision
        status = TaskStatusRecord("RUNNING", worker, epoch, running.identity[0])
        self.etcd.put(self.keys.status(name, number), status.to_json())

    def _running(self, name: str, number: int) -> Running:
        claim = self.keys.claim(name, number)
        if claim in self.etcd.keys:
            return Running(number, self._claimed_identity[claim])
        spec = TaskSpec.from_json(self.etcd.keys[self.keys.task(name, number)].value)
        return Running(number, (spec.generation, int(spec.config["count"])))

    # What leaders do.

    def new_leader(self) -> None:
        """Another replica leads: it knows what etcd held when it was elected, and nothing else."""
        self._claimed_identity = getattr(self, "_claimed_identity", {})
        self.etcd.put(self.keys.leader, b'{"replica_id": "c", "address": "a"}')
        self.term = self.etcd.keys[self.keys.leader].mod_revision
        self.view = ClusterState(self.keys)
        self.view.apply(self.etcd.snapshot())
        self.progress: dict[str, Progress] = {}
        self.asked: dict[str, SplitConnector | FenceTasks] = {}

    def look(self, changes: int | None = None) -> None:
        """The leader learns of what happened, or of the first so many changes of it."""
        unseen = [each for each in self.etcd.history if each.revision > self.view.revision]
        for each in unseen[:changes]:
            self.touched |= self.view.apply(each)

    def step(self, name: str, most_writes: int | None = None) -> bool:
        """One step for one connector; the leader may be gone after some of its writes. False for nothing to do."""
        step = next_step(self.view, name, self.progress.get(name))
        if not isinstance(step, list):
            known = self.progress.get(name)
            in_vain = known is not None and known.failure is not None and known.wish == step.wish
            if self.asked.get(name) == step or (in_vain and name in self.refusing):
                return False
            self.asked[name] = step
            return True
        if is_settled(self.view, name):
            self.progress.pop(name, None)
            self.asked.pop(name, None)
        before = self.etcd.revision
        for write in step[:most_writes]:
            assert all(self._belongs(op.key, name) for op in write.ops)
            self._write(write.ops, write.compares)
        return self.etcd.revision != before

    def assign(self) -> bool:
        """Plan, and write the assignments; False when nothing is to be moved."""
        moves = plan(*plan_input(self.view))
        before = self.etcd.revision
        for write in assignment_writes(self.view, moves):
            self._write(write.ops, write.compares)
        return self.etcd.revision != before

    def answer(self, name: str) -> bool:
        """A worker answers what the leader has asked; False when it has asked nothing."""
        step = self.asked.pop(name, None)
        if step is None:
            return False
        known = self.progress.get(name)
        if known is None or known.wish != step.wish:
            known = Progress(step.wish)
        if isinstance(step, FenceTasks):
            self.fence(name, step.task_count)
            known = replace(known, fenced=(step.layout_revision, step.task_count), failure=None)
        elif name in self.refusing:
            reason = f"{name} can not be split"
            failure = ConnectorStatusRecord("FAILED", step.wish.generation, step.wish.restart, reason)
            known = replace(known, failure=failure)
        else:
            known = Progress(step.wish, self._split(name, step.wish.generation))
        self.progress[name] = known
        return True

    def fence(self, name: str, task_count: int) -> None:
        held = self.etcd.below(self.keys.claims_of(name))
        assert not held, f"{list(held)} were fenced while they were held"
        self.zombies[name] = {zombie for zombie in self.zombies[name] if zombie.task >= task_count}

    def _split(self, name: str, generation: int) -> Split:
        count = self.task_counts[name]
        configs = [
            {"name": name, "connector.class": PLUGIN, "part": str(part), "count": str(count)} for part in range(count)
        ]
        return Split(tuple(configs), "source")

    def _write(self, ops: tuple[Op, ...], compares: tuple[Compare, ...]) -> None:
        leading = Compare.mod_revision(self.keys.leader, "==", self.term)
        if self.etcd.transact([leading, *compares], ops) and any(op.value for op in ops):
            self.look()

    def _belongs(self, key: str, name: str) -> bool:
        keys = self.keys
        own = (keys.layout(name), keys.connector_status(name))
        below = (keys.tasks_of(name), keys.assignments_of(name), keys.statuses_of(name))
        return key in own or key.startswith(below)

    # What comes of it when nothing happens any more.

    def settle(self, names: list[str], workers: list[str]) -> None:
        """Everyone does what there is to do, until there is nothing."""
        for _ in range(100):
            if not self.round(names, workers):
                return
        raise AssertionError("the cluster does not come to rest")

    def round(self, names: list[str], workers: list[str], leave_out: Collection[str] = ()) -> bool:
        """Everyone does what there is to do now; False when it was nothing."""
        busy = False
        self.look()
        for name in names:
            busy |= "step" not in leave_out and self.step(name)
            busy |= "answer" not in leave_out and self.answer(name)
        self.look()
        busy |= "assign" not in leave_out and self.assign()
        for worker in workers:
            busy |= "work" not in leave_out and self.work(worker)
        return busy

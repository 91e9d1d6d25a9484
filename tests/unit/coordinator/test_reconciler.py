"""Whatever users, workers and leaders do in whatever order, the wanted layout comes about, and never two at once."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.unit.coordinator.simulated_cluster import SimulatedCluster
from tidegate.control import Assignment, Claim, ConnectorState, ConnectorStatusRecord, Layout, TaskSpec, WorkerInfo

NAMES = ["a", "b"]
WORKERS = ["w1", "w2", "w3"]
names = st.sampled_from(NAMES)
workers = st.sampled_from(WORKERS)


class AnyOrder(RuleBasedStateMachine):
    """Every interleaving; :class:`SimulatedCluster` asserts at each step that no two layouts run at once."""

    @initialize(tasks=st.integers(1, 3))
    def begin(self, tasks: int) -> None:
        self.cluster = SimulatedCluster()
        for worker in WORKERS:
            self.cluster.join(worker)
        for name in NAMES:
            self.cluster.task_counts[name] = tasks
            self.cluster.create(name)
        self.cluster.settle(NAMES, WORKERS)

    @rule(name=names)
    def create(self, name: str) -> None:
        self.cluster.create(name)

    @rule(name=names, tasks=st.integers(0, 3))
    def configure(self, name: str, tasks: int) -> None:
        self.cluster.configure(name, tasks)

    @rule(name=names)
    def restart(self, name: str) -> None:
        self.cluster.restart(name)

    @rule(name=names, tasks=st.integers(0, 3))
    def work_of_a_connector_changes_by_itself(self, name: str, tasks: int) -> None:
        self.cluster.task_counts[name] = tasks

    @rule(name=names, target_state=st.sampled_from(["STARTED", "PAUSED", "STOPPED"]))
    def set_target(self, name: str, target_state: str) -> None:
        self.cluster.set_target(name, target_state)  # type: ignore[arg-type]

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.cluster.delete(name)

    @rule(name=names, refuses=st.booleans())
    def splitting_fails(self, name: str, refuses: bool) -> None:
        (self.cluster.refusing.add if refuses else self.cluster.refusing.discard)(name)

    @rule(worker=workers, slots=st.integers(1, 3))
    def join(self, worker: str, slots: int) -> None:
        self.cluster.join(worker, slots)

    @rule(worker=workers)
    def die(self, worker: str) -> None:
        self.cluster.die(worker)

    @rule(worker=workers)
    def drain(self, worker: str) -> None:
        self.cluster.drain(worker)

    @rule(worker=workers)
    def work(self, worker: str) -> None:
        self.cluster.work(worker)

    @rule(changes=st.one_of(st.none(), st.integers(1, 3)))
    def look(self, changes: int | None) -> None:
        self.cluster.look(changes)

    @rule(name=names, most_writes=st.one_of(st.none(), st.integers(0, 2)))
    def step(self, name: str, most_writes: int | None) -> None:
        self.cluster.step(name, most_writes)

    @rule()
    def assign(self) -> None:
        self.cluster.assign()

    @rule(name=names)
    def answer(self, name: str) -> None:
        self.cluster.answer(name)

    @rule()
    def another_leads(self) -> None:
        self.cluster.new_leader()

    @rule(leave_out=st.sets(st.sampled_from(["work", "assign", "answer", "step"]), max_size=1))
    def everyone_does_something(self, leave_out: set[str]) -> None:
        self.cluster.round(NAMES, WORKERS, leave_out)

    @rule()
    def settle(self) -> None:
        self.cluster.settle(NAMES, WORKERS)
        check_settled(self.cluster)

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.settle()
            untouched = dict(self.cluster.etcd.keys)
            self.cluster.new_leader()
            self.cluster.settle(NAMES, WORKERS)
            leader = self.cluster.keys.leader
            assert {k: v for k, v in self.cluster.etcd.keys.items() if k != leader} == {
                k: v for k, v in untouched.items() if k != leader
            }, "a new leader touched what was settled"


def check_settled(cluster: SimulatedCluster) -> None:
    """Each connector is as its user wants it, and each task is run by one worker that may."""
    etcd, keys = cluster.etcd, cluster.keys
    alive = {
        keys.parse_worker_key(key)
        for key, kv in etcd.below(keys.workers).items()
        if not WorkerInfo.from_json(kv.value).draining
    }
    for name in NAMES:
        tasks = {keys.parse_task_key(key)[1]: kv for key, kv in etcd.below(keys.tasks_of(name)).items()}
        assigned = {
            keys.parse_assignment_key(key)[1]: Assignment.from_json(kv.value).worker_id
            for key, kv in etcd.below(keys.assignments_of(name)).items()
        }
        claimed = {
            keys.parse_claim_key(key)[1]: Claim.from_json(kv.value).worker_id
            for key, kv in etcd.below(keys.claims_of(name)).items()
        }
        found = etcd.keys.get(keys.connector(name))
        wanted = None if found is None else ConnectorState.from_json(found.value)
        if wanted is None or wanted.target_state == "STOPPED":
            assert not tasks and not assigned and not claimed
            assert not etcd.below(keys.statuses_of(name)) and keys.connector_status(name) not in etcd.keys
            continue
        assert assigned == claimed
        assert set(assigned.values()) <= alive
        assert assigned.keys() == (tasks.keys() if alive else set())
        failure = etcd.keys.get(keys.connector_status(name))
        if failure is not None:
            assert name in cluster.refusing
            assert ConnectorStatusRecord.from_json(failure.value).generation == wanted.generation
            continue
        layout = Layout.from_json(etcd.keys[keys.layout(name)].value)
        assert (layout.generation, layout.restart) == (wanted.generation, wanted.restart)
        assert tasks.keys() == set(range(layout.task_count))
        assert {TaskSpec.from_json(kv.value).generation for kv in tasks.values()} <= {wanted.generation}


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyOrder = AnyOrder.TestCase

"""The control plane as one worker sees it: a pure view built from a watch of the cluster's keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.control import Assignment, ConnectorState, MalformedValueError, TaskSpec
from tidegate.etcd import Keyspace, KeyValue, MalformedKeyError, Put, Snapshot, WatchItem
from tidegate.telemetry.logging import get_logger
from tidegate_worker.task_holder import Desired

log = get_logger(__name__)

TaskKey = tuple[str, int]


@dataclass
class ClusterView:
    """Connectors, tasks, assignments and claims.

    Args:
        keys: the cluster's keys.
        worker_id: whose assignments count.
    """

    keys: Keyspace
    worker_id: str
    _values: dict[str, KeyValue] = field(default_factory=dict)
    claims: dict[TaskKey, int] = field(default_factory=dict)
    """create_revision of each claim."""

    def apply(self, item: WatchItem) -> set[TaskKey]:
        """Takes a watch's item; returns the tasks whose claims it touched."""
        touched: set[TaskKey] = set()
        if isinstance(item, Snapshot):
            touched |= set(self.claims)
            self._values.clear()
            self.claims.clear()
            for kv in item.kvs:
                self._put(kv, touched)
            return touched
        for event in item.events:
            if isinstance(event, Put):
                self._put(event.kv, touched)
            else:
                self._delete(event.key, touched)
        return touched

    def desired(self) -> dict[TaskKey, Desired]:
        """What this worker shall run."""
        wanted = {}
        for key, kv in self._values.items():
            if not key.startswith(self.keys.assignments):
                continue
            try:
                connector, number = self.keys.parse_assignment_key(key)
                assignment = Assignment.from_json(kv.value)
                if assignment.worker_id != self.worker_id:
                    continue
                task = self._values.get(self.keys.task(connector, number))
                state = self._values.get(self.keys.connector(connector))
                if task is None or state is None:
                    continue
                wanted[connector, number] = Desired(
                    TaskSpec.from_json(task.value), ConnectorState.from_json(state.value).target_state, kv.mod_revision
                )
            except (MalformedKeyError, MalformedValueError) as error:
                log.error("control_value_malformed", key=key, reason=error.message)
        return wanted

    def _put(self, kv: KeyValue, touched: set[TaskKey]) -> None:
        if kv.key.startswith(self.keys.claims):
            task = self._claimed(kv.key)
            if task is not None:
                self.claims[task] = kv.create_revision
                touched.add(task)
        elif kv.key.startswith((self.keys.assignments, self.keys.tasks, self.keys.connectors)):
            self._values[kv.key] = kv

    def _delete(self, key: str, touched: set[TaskKey]) -> None:
        if key.startswith(self.keys.claims):
            task = self._claimed(key)
            if task is not None:
                self.claims.pop(task, None)
                touched.add(task)
        else:
            self._values.pop(key, None)

    def _claimed(self, key: str) -> TaskKey | None:
        try:
            return self.keys.parse_claim_key(key)
        except MalformedKeyError:
            return None

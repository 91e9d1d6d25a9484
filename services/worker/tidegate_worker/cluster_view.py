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
    _assigned: dict[TaskKey, int] = field(default_factory=dict)
    claims: dict[TaskKey, int] = field(default_factory=dict)
    """create_revision of each claim."""

    def apply(self, item: WatchItem) -> set[TaskKey]:
        """Takes a watch's item; returns the tasks whose claims it touched."""
        touched: set[TaskKey] = set()
        if isinstance(item, Snapshot):
            touched |= set(self.claims)
            self._values.clear()
            self._assigned.clear()
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
        """What this worker shall run: of its own assignments alone, for a cluster has many more."""
        wanted = {}
        for (connector, number), revision in self._assigned.items():
            task = self._values.get(self.keys.task(connector, number))
            state = self._values.get(self.keys.connector(connector))
            if task is None or state is None:
                continue
            try:
                spec, target = TaskSpec.from_json(task.value), ConnectorState.from_json(state.value).target_state
            except MalformedValueError as error:
                log.error("control_value_malformed", key=self.keys.assignment(connector, number), reason=error.message)
                continue
            wanted[connector, number] = Desired(spec, target, revision)
        return wanted

    def _put(self, kv: KeyValue, touched: set[TaskKey]) -> None:
        if kv.key.startswith(self.keys.claims):
            task = self._claimed(kv.key)
            if task is not None:
                self.claims[task] = kv.create_revision
                touched.add(task)
        elif kv.key.startswith(self.keys.assignments):
            self._assign(kv)
        elif kv.key.startswith((self.keys.tasks, self.keys.connectors)):
            self._values[kv.key] = kv

    def _delete(self, key: str, touched: set[TaskKey]) -> None:
        if key.startswith(self.keys.claims):
            task = self._claimed(key)
            if task is not None:
                self.claims.pop(task, None)
                touched.add(task)
        elif key.startswith(self.keys.assignments):
            try:
                self._assigned.pop(self.keys.parse_assignment_key(key), None)
            except MalformedKeyError:
                return
        else:
            self._values.pop(key, None)

    def _assign(self, kv: KeyValue) -> None:
        try:
            task = self.keys.parse_assignment_key(kv.key)
            # Whatever stands there now, it is not the assignment that stood there before.
            self._assigned.pop(task, None)
            if Assignment.from_json(kv.value).worker_id == self.worker_id:
                self._assigned[task] = kv.mod_revision
        except (MalformedKeyError, MalformedValueError) as error:
            log.error("control_value_malformed", key=kv.key, reason=error.message)

    def _claimed(self, key: str) -> TaskKey | None:
        try:
            return self.keys.parse_claim_key(key)
        except MalformedKeyError:
            return None

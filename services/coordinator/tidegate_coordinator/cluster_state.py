"""Everything etcd holds of one cluster's control plane, decoded, as of one revision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tidegate.control import (
    Assignment,
    Claim,
    ConnectorState,
    ConnectorStatusRecord,
    Layout,
    LeaderInfo,
    MalformedValueError,
    StoredValue,
    TaskSpec,
    TaskStatusRecord,
    WorkerInfo,
)
from tidegate.etcd import Delete, Event, Keyspace, KeyValue, MalformedKeyError, Put, Snapshot, WatchItem
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

V = TypeVar("V", bound=StoredValue)


@dataclass(frozen=True)
class Stored(Generic[V]):
    """A value with the history numbers of its key.

    Args:
        value: the decoded value.
        create_revision: names this life of the key.
        mod_revision: revision of its last change.
    """

    value: V
    create_revision: int
    mod_revision: int


Named = dict[str, Stored[V]]
Numbered = dict[str, dict[int, Stored[V]]]


@dataclass
class ClusterState:
    """The control plane as of ``revision``; changed only by :meth:`apply`.

    Args:
        keys: the cluster's keys.
        revision: revision of etcd up to which everything is in here; 0 before the first snapshot.
        connectors, layouts, workers, connector_statuses: by name.
        tasks, assignments, claims, statuses: by connector name and task number; no connector with an empty dict.
        leader: the leading replica, None while there is none.
        planning_revision: revision of the last change of anything assignments are planned from.
        workers_revision: revision of the last change of a worker.
        unreadable: keys whose values could not be decoded. What hangs on them must be left alone.
    """

    keys: Keyspace
    revision: int = 0
    connectors: Named[ConnectorState] = field(default_factory=dict)
    layouts: Named[Layout] = field(default_factory=dict)
    workers: Named[WorkerInfo] = field(default_factory=dict)
    connector_statuses: Named[ConnectorStatusRecord] = field(default_factory=dict)
    tasks: Numbered[TaskSpec] = field(default_factory=dict)
    assignments: Numbered[Assignment] = field(default_factory=dict)
    claims: Numbered[Claim] = field(default_factory=dict)
    statuses: Numbered[TaskStatusRecord] = field(default_factory=dict)
    leader: Stored[LeaderInfo] | None = None
    planning_revision: int = 0
    workers_revision: int = 0
    unreadable: set[str] = field(default_factory=set)

    def apply(self, item: WatchItem) -> set[str]:
        """Take over what a watch on ``keys.root`` yielded.

        Returns:
            the names of the connectors of which anything may have changed.
        """
        if isinstance(item, Snapshot):
            before = self._connector_names()
            self._clear()
            for kv in item.kvs:
                self._change(kv.key, kv)
            self.planning_revision = self.workers_revision = item.revision
            touched = before | self._connector_names()
        else:
            touched = {name for event in item.events if (name := self._apply_event(event)) is not None}
        self.revision = item.revision
        return touched

    def is_unreadable(self, connector: str) -> bool:
        """Whether a value the leader depends on for this connector could not be decoded."""
        own = (self.keys.connector(connector), self.keys.layout(connector))
        below = (self.keys.tasks_of(connector), self.keys.assignments_of(connector), self.keys.claims_of(connector))
        return any(key in own or key.startswith(below) for key in self.unreadable)

    def _apply_event(self, event: Event) -> str | None:
        keys = self.keys
        if event.key.startswith(keys.workers):
            self.workers_revision = event.mod_revision
        if event.key.startswith((keys.connectors, keys.layouts, keys.tasks, keys.assignments, keys.workers)):
            self.planning_revision = event.mod_revision
        match event:
            case Put(kv=kv):
                return self._change(kv.key, kv)
            case Delete(key=key):
                return self._change(key, None)

    def _change(self, key: str, kv: KeyValue | None) -> str | None:
        keys = self.keys
        self.unreadable.discard(key)
        try:
            if key == keys.leader:
                self.leader = None if kv is None else _stored(kv, LeaderInfo.from_json)
            elif key.startswith(keys.connectors):
                return _set_named(self.connectors, keys.parse_connector_key(key), kv, ConnectorState.from_json)
            elif key.startswith(keys.layouts):
                return _set_named(self.layouts, keys.parse_layout_key(key), kv, Layout.from_json)
            elif key.startswith(keys.workers):
                _set_named(self.workers, keys.parse_worker_key(key), kv, WorkerInfo.from_json)
            elif key.startswith(keys.tasks):
                return _set_numbered(self.tasks, keys.parse_task_key(key), kv, TaskSpec.from_json)
            elif key.startswith(keys.assignments):
                return _set_numbered(self.assignments, keys.parse_assignment_key(key), kv, Assignment.from_json)
            elif key.startswith(keys.claims):
                return _set_numbered(self.claims, keys.parse_claim_key(key), kv, Claim.from_json)
            elif key.startswith(keys.statuses):
                return self._change_status(key, kv)
        except (MalformedValueError, MalformedKeyError) as error:
            self.unreadable.add(key)
            log.error("etcd_value_unreadable", key=key, reason=str(error))
        return None

    def _change_status(self, key: str, kv: KeyValue | None) -> str:
        if "/" in key.removeprefix(self.keys.statuses):
            return _set_numbered(self.statuses, self.keys.parse_status_key(key), kv, TaskStatusRecord.from_json)
        name = self.keys.parse_connector_status_key(key)
        return _set_named(self.connector_statuses, name, kv, ConnectorStatusRecord.from_json)

    def _connector_names(self) -> set[str]:
        return {*self.connectors, *self.layouts, *self.tasks, *self.assignments, *self.claims, *self.statuses}

    def _clear(self) -> None:
        named: tuple[dict[str, Any], ...] = (self.connectors, self.layouts, self.workers, self.connector_statuses)
        numbered: tuple[dict[str, Any], ...] = (self.tasks, self.assignments, self.claims, self.statuses)
        for part in (*named, *numbered):
            part.clear()
        self.unreadable.clear()
        self.leader = None


def _stored(kv: KeyValue, decode: Callable[[bytes], V]) -> Stored[V]:
    return Stored(decode(kv.value), kv.create_revision, kv.mod_revision)


def _set_named(part: Named[V], name: str, kv: KeyValue | None, decode: Callable[[bytes], V]) -> str:
    part.pop(name, None)
    if kv is not None:
        part[name] = _stored(kv, decode)
    return name


def _set_numbered(part: Numbered[V], key: tuple[str, int], kv: KeyValue | None, decode: Callable[[bytes], V]) -> str:
    name, number = key
    numbers = part.setdefault(name, {})
    numbers.pop(number, None)
    try:
        if kv is not None:
            numbers[number] = _stored(kv, decode)
    finally:
        if not numbers:
            del part[name]
    return name

"""As much of etcd as the leader's writes need, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.etcd import Changes, Compare, Delete, Event, KeyValue, Op, Put, Snapshot
from tidegate.etcd.transaction import CompareTarget, OpKind


class SimulatedEtcd:
    """Keys with their revisions, and the history since the beginning."""

    def __init__(self) -> None:
        self.revision = 1
        self.keys: dict[str, KeyValue] = {}
        self.history: list[Changes] = []

    def transact(self, compares: Sequence[Compare], ops: Sequence[Op]) -> bool:
        """Do all, if all conditions hold."""
        if not all(self._holds(compare) for compare in compares):
            return False
        revision = self.revision + 1
        events: list[Event] = []
        for op in ops:
            assert op.kind is not OpKind.GET
            if op.kind is OpKind.PUT:
                before = self.keys.get(op.key)
                created = before.create_revision if before else revision
                version = before.version + 1 if before else 1
                self.keys[op.key] = KeyValue(op.key, op.value, created, revision, version, op.lease)
                events.append(Put(self.keys[op.key], before))
            else:
                gone = [key for key in self.keys if key == op.key or (op.prefix and key.startswith(op.key))]
                events.extend(Delete(key, revision, self.keys.pop(key)) for key in gone)
        if events:
            self.revision = revision
            self.history.append(Changes(tuple(events), revision))
        return True

    def put(self, key: str, value: bytes) -> None:
        assert self.transact([], [Op.put(key, value)])

    def delete(self, key: str) -> None:
        assert self.transact([], [Op.delete(key)])

    def below(self, prefix: str) -> dict[str, KeyValue]:
        return {key: kv for key, kv in self.keys.items() if key.startswith(prefix)}

    def snapshot(self) -> Snapshot:
        return Snapshot(tuple(self.keys.values()), self.revision)

    def _holds(self, compare: Compare) -> bool:
        kv = self.keys.get(compare.key)
        match compare.target:
            case CompareTarget.MOD_REVISION:
                found = kv.mod_revision if kv else 0
            case CompareTarget.CREATE_REVISION:
                found = kv.create_revision if kv else 0
            case other:
                raise NotImplementedError(other)
        assert isinstance(compare.operand, int)
        return {"==": found == compare.operand, "!=": found != compare.operand, ">": found > compare.operand}[
            compare.operator
        ]

"""How far the connector has come, as it is kept in Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.snapshot_position import SnapshotPosition


@dataclass(frozen=True, slots=True)
class Position(SnapshotPosition):
    """Where to go on.

    Args:
        lsn_commit: all transactions that ended before this place in the log are in Kafka.
        open_commit: where the transaction is committed of which the first ``events`` events are in Kafka; 0 for none.
        events: see above; counted before anything is left out.
        lsn: where the last event is.
        tx_id: the last event's transaction.
        ts_usec: when it was committed, in microseconds since 1970.
        incremental: how far incremental snapshots have come.
        idle: from ``lsn_commit`` to this place in the log nothing is captured; 0 for not known.
    """

    lsn_commit: int
    open_commit: int = 0
    events: int = 0
    lsn: int = 0
    tx_id: int = 0
    ts_usec: int = 0
    incremental: Incremental = field(default_factory=Incremental)
    idle: int = 0

    @property
    def done(self) -> int:
        """Before this place in the log nothing is needed any more."""
        return max(self.lsn_commit, self.idle)

    def idled(self, end: int) -> Position:
        """The position where the log has nothing else before a place."""
        return replace(self, idle=end) if end > self.done else self

    @property
    def place(self) -> int:
        """Before it all transactions are in Kafka."""
        return self.lsn_commit

    def offset(self) -> dict[str, Any]:
        """As it is kept: Debezium's names where there are any."""
        found: dict[str, Any] = {
            "lsn": self.lsn,
            "lsn_proc": self.lsn,
            "lsn_commit": self.lsn_commit,
            "txId": self.tx_id,
            "ts_usec": self.ts_usec,
        }
        if self.open_commit:
            found |= {"open_commit": self.open_commit, "event": self.events}
        if self.idle > self.lsn_commit:
            found["lsn_idle"] = self.idle
        found |= self.snapshot_offset()
        if self.incremental != Incremental():
            found["incremental"] = self.incremental.offset()
        return found

    @classmethod
    def of(cls, offset: Mapping[str, Any]) -> Position:
        """The position of a kept offset."""
        place = cls(
            int(offset["lsn_commit"]),
            int(offset.get("open_commit", 0)),
            int(offset.get("event", 0)),
            int(offset.get("lsn", 0)),
            int(offset.get("txId") or 0),
            int(offset.get("ts_usec") or 0),
            Incremental.of(offset.get("incremental", {})),
            int(offset.get("lsn_idle", 0)),
        )
        return place.with_snapshots_of(offset)

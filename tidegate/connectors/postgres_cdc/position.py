"""How far the connector has come, as it is kept in Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.connectors.postgres_cdc.incremental import Incremental

KeyText = tuple[str, ...]
"""A key as PostgreSQL's text, one a column."""


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """A range of a table's keys that was read in one snapshot.

    Args:
        key: its last key; None for the end of the table.
        boundary: the snapshot shows what transactions committed before this place in the log.
    """

    key: KeyText | None
    boundary: int


@dataclass(frozen=True, slots=True)
class SnapshotProgress:
    """A snapshot that is under way.

    Args:
        done: tables that are read to their end.
        rows: how many rows have been read.
    """

    done: frozenset[str] = frozenset()
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on.

    Args:
        lsn_commit: all transactions that ended before this place in the log are in Kafka.
        open_commit: where the transaction is committed of which the first ``events`` events are in Kafka; 0 for none.
        events: see above; counted before anything is left out.
        lsn: where the last event is.
        tx_id: the last event's transaction.
        ts_usec: when it was committed, in microseconds since 1970.
        boundary: snapshots show what was committed before; 0 for none.
        ranges: tables of which ranges were read in earlier snapshots than that of ``boundary``.
        snapshot: what is done of a snapshot that is under way.
        incremental: how far incremental snapshots have come.
    """

    lsn_commit: int
    open_commit: int = 0
    events: int = 0
    lsn: int = 0
    tx_id: int = 0
    ts_usec: int = 0
    boundary: int = 0
    ranges: Mapping[str, Sequence[ReadUpTo]] = field(default_factory=dict)
    snapshot: SnapshotProgress | None = None
    incremental: Incremental = field(default_factory=Incremental)

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
        if self.boundary:
            found["boundary"] = self.boundary
        if self.ranges:
            found["ranges"] = {
                table: [[None if each.key is None else list(each.key), each.boundary] for each in ranges]
                for table, ranges in self.ranges.items()
            }
        if self.snapshot is not None:
            found |= {"snapshot": True, "done": sorted(self.snapshot.done), "rows": self.snapshot.rows}
        if self.incremental != Incremental():
            found["incremental"] = self.incremental.offset()
        return found

    @classmethod
    def of(cls, offset: Mapping[str, Any]) -> Position:
        """The position of a kept offset."""
        snapshot = None
        if offset.get("snapshot"):
            snapshot = SnapshotProgress(frozenset(offset.get("done", ())), int(offset.get("rows", 0)))
        return cls(
            int(offset["lsn_commit"]),
            int(offset.get("open_commit", 0)),
            int(offset.get("event", 0)),
            int(offset.get("lsn", 0)),
            int(offset.get("txId") or 0),
            int(offset.get("ts_usec") or 0),
            int(offset.get("boundary", 0)),
            {
                table: [ReadUpTo(None if key is None else tuple(key), int(boundary)) for key, boundary in ranges]
                for table, ranges in offset.get("ranges", {}).items()
            },
            snapshot,
            Incremental.of(offset.get("incremental", {})),
        )

    def after_snapshots(self) -> Position:
        """The position without what only matters before all boundaries have been passed, once they have been."""
        if not self.boundary and not self.ranges:
            return self
        if self.lsn_commit < max(self.boundary, *(one.boundary for each in self.ranges.values() for one in each), 0):
            return self
        return replace(self, boundary=0, ranges={})

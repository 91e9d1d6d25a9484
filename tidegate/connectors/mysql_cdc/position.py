"""How far the connector has come, as it is kept in Kafka."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

KeyText = tuple[str, ...]
"""A key as text, one value a column."""

_NUMBER = re.compile(r"\.(\d+)$")
_FILE_BITS = 40


def place_of(file: str, pos: int) -> int:
    """A place in the log as one number that grows along the log of one server.

    Args:
        file: the log file's name, which ends in its number.
        pos: where in the file.
    """
    found = _NUMBER.search(file)
    return ((int(found[1]) if found else 0) << _FILE_BITS) | pos


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """A range of a table's keys that was read in one snapshot.

    Args:
        key: its last key; None for the end of the table.
        boundary: the snapshot shows what transactions wrote to the log before this place.
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
        file: log file that holds the place before which all transactions are in Kafka.
        pos: the place in it.
        gtids: the same as a set of transactions; empty where the server has none.
        open_gtid: the transaction after that place whose first ``events`` row events are in Kafka; empty for none.
        events: see above; counted over all tables, before anything is left out.
        server_id: of the server that wrote the last event.
        ts_sec: when it was written, in seconds since 1970.
        server: the server that the log was read from.
        boundary: snapshots show what was written before this place; 0 for none.
        ranges: tables of which ranges were read in earlier snapshots than that of ``boundary``.
        snapshot: what is done of a snapshot that is under way.
    """

    file: str
    pos: int
    gtids: str = ""
    open_gtid: str = ""
    events: int = 0
    server_id: int = 0
    ts_sec: int = 0
    server: str = ""
    boundary: int = 0
    ranges: Mapping[str, Sequence[ReadUpTo]] = field(default_factory=dict)
    snapshot: SnapshotProgress | None = None

    @property
    def place(self) -> int:
        """The place as one number."""
        return place_of(self.file, self.pos)

    def offset(self) -> dict[str, Any]:
        """As it is kept: Debezium's names where there are any."""
        found: dict[str, Any] = {
            "file": self.file,
            "pos": self.pos,
            "gtids": self.gtids or None,
            "server_id": self.server_id,
            "ts_sec": self.ts_sec,
            "server": self.server,
            "event": self.events,
            "row": 0,
        }
        if self.open_gtid:
            found["open_gtid"] = self.open_gtid
        if self.boundary:
            found["boundary"] = self.boundary
        if self.ranges:
            found["ranges"] = {
                table: [[None if each.key is None else list(each.key), each.boundary] for each in ranges]
                for table, ranges in self.ranges.items()
            }
        if self.snapshot is not None:
            found |= {"snapshot": True, "done": sorted(self.snapshot.done), "rows": self.snapshot.rows}
        return found

    @classmethod
    def of(cls, offset: Mapping[str, Any]) -> Position:
        """The position of a kept offset."""
        snapshot = None
        if offset.get("snapshot"):
            snapshot = SnapshotProgress(frozenset(offset.get("done", ())), int(offset.get("rows", 0)))
        return cls(
            offset["file"],
            int(offset["pos"]),
            offset.get("gtids") or "",
            offset.get("open_gtid", ""),
            int(offset.get("event", 0)),
            int(offset.get("server_id") or 0),
            int(offset.get("ts_sec") or 0),
            offset.get("server", ""),
            int(offset.get("boundary", 0)),
            {
                table: [ReadUpTo(None if key is None else tuple(key), int(boundary)) for key, boundary in ranges]
                for table, ranges in offset.get("ranges", {}).items()
            },
            snapshot,
        )

    def after_snapshots(self) -> Position:
        """The position without what only matters before all boundaries have been passed, once they have been."""
        if not self.boundary and not self.ranges:
            return self
        if self.place < max(self.boundary, *(one.boundary for each in self.ranges.values() for one in each), 0):
            return self
        return replace(self, boundary=0, ranges={})

"""How far the connector has come, as it is kept in Kafka."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.snapshot_position import SnapshotPosition

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


def bytes_behind(files: Mapping[str, int], file: str, pos: int) -> int | None:
    """How much of the log comes after a place; None where its file is not there.

    Args:
        files: the log files, oldest first, and their sizes in bytes.
        file: the place's.
        pos: where in the file.
    """
    names = list(files)
    if file not in files:
        return None
    return max(0, sum(files[name] for name in names[names.index(file) :]) - pos)


@dataclass(frozen=True, slots=True)
class Position(SnapshotPosition):
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
        incremental: how far incremental snapshots have come.
    """

    file: str
    pos: int
    gtids: str = ""
    open_gtid: str = ""
    events: int = 0
    server_id: int = 0
    ts_sec: int = 0
    server: str = ""
    incremental: Incremental = field(default_factory=Incremental)

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
        found |= self.snapshot_offset()
        if self.incremental != Incremental():
            found["incremental"] = self.incremental.offset()
        return found

    @classmethod
    def of(cls, offset: Mapping[str, Any]) -> Position:
        """The position of a kept offset."""
        place = cls(
            offset["file"],
            int(offset["pos"]),
            offset.get("gtids") or "",
            offset.get("open_gtid", ""),
            int(offset.get("event", 0)),
            int(offset.get("server_id") or 0),
            int(offset.get("ts_sec") or 0),
            offset.get("server", ""),
            Incremental.of(offset.get("incremental", {})),
        )
        return place.with_snapshots_of(offset)

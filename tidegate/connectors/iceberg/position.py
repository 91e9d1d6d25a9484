"""The position of a table: up to where it holds what the control topic tells. Kept in the table, grows only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

SOURCE_OFFSETS = "tidegate.source-offsets"
"""Snapshot summary: ``topic:partition`` to the offset after the last record that the table holds, as JSON."""


@dataclass(frozen=True, slots=True)
class ControlLog:
    """The control topic of a connector.

    Args:
        connector: name of the connector.
        topic: name of the topic.
        topic_id: the broker's id of it, which another topic of that name does not have; empty where it tells none.
    """

    connector: str
    topic: str
    topic_id: str

    @property
    def table_property(self) -> str:
        """Table property that holds the position."""
        return f"tidegate.position.{self.connector}"

    @property
    def summary(self) -> str:
        """Key of the position in the snapshot summary, as Iceberg's own sink writes it."""
        return f"kafka.connect.offsets.{self.topic}.{self.connector}"


def position(table: Table, log: ControlLog) -> int:
    """The offset in the control topic before which the table holds everything; 0 for another topic of that name.

    It stands in the last snapshot of this connector, and in a property that outlives the snapshot's expiry.
    """
    topic_id, _, offset = table.metadata.properties.get(log.table_property, "").rpartition("@")
    found = int(offset) if offset and topic_id == log.topic_id else 0
    for snapshot in _lineage(table.metadata):
        if (text := _entry(snapshot, log.summary)) is None:
            continue
        if _entry(snapshot, "tidegate.control-topic-id") == log.topic_id:
            found = max(found, orjson.loads(text)["0"])
        break
    return found


def source_offsets(table: Table, log: ControlLog) -> dict[str, int]:
    """``topic:partition`` to the source offset in the last snapshot of this connector."""
    for snapshot in _lineage(table.metadata):
        text = _entry(snapshot, SOURCE_OFFSETS)
        if text is not None and _entry(snapshot, log.summary) is not None:
            return dict(orjson.loads(text))
    return {}


def as_property(log: ControlLog, offset: int) -> dict[str, str]:
    """The table property of a position."""
    return {log.table_property: f"{log.topic_id}@{offset}"}


def as_summary(log: ControlLog, offset: int, sources: Mapping[str, int]) -> dict[str, str]:
    """The snapshot summary of a position."""
    return {
        log.summary: orjson.dumps({"0": offset}).decode(),
        "tidegate.control-topic-id": log.topic_id,
        "tidegate.connector": log.connector,
        SOURCE_OFFSETS: orjson.dumps(sources, option=orjson.OPT_SORT_KEYS).decode(),
    }


def grown(known: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """Offsets of which each is the greater."""
    return {place: max(known.get(place, -1), new.get(place, -1)) for place in (*known, *new)}


def _lineage(metadata: TableMetadata) -> Iterator[Snapshot]:
    by_id = {snapshot.snapshot_id: snapshot for snapshot in metadata.snapshots}
    snapshot = metadata.current_snapshot()
    while snapshot is not None:
        yield snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = by_id.get(parent) if parent is not None else None


def _entry(snapshot: Snapshot, key: str) -> str | None:
    return snapshot.summary.additional_properties.get(key) if snapshot.summary is not None else None

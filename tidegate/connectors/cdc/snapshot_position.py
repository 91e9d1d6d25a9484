"""What a position keeps of snapshots: how far one has come, and where in the log each range of keys was read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

KeyText = tuple[str, ...]
"""A key as the database's text, one value a column."""
UNREAD = 0
"""The boundary of a range of keys that has not been read yet."""


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """A range of a table's keys that was read in one snapshot.

    Args:
        key: its last key; None for the end of the table.
        boundary: the snapshot shows what was committed before this place in the log; :data:`UNREAD` for none yet.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPosition(ABC):
    """A place in a log, with what is known of snapshots that were taken at other places.

    Args:
        boundary: snapshots show what was committed before this place; 0 for none.
        ranges: tables of which ranges were read in earlier snapshots than that of ``boundary``.
        snapshot: what is done of a snapshot that is under way.
    """

    boundary: int = 0
    ranges: Mapping[str, Sequence[ReadUpTo]] = field(default_factory=dict)
    snapshot: SnapshotProgress | None = None

    @property
    @abstractmethod
    def place(self) -> int:
        """The place in the log, as a number that grows along it."""

    def snapshot_offset(self) -> dict[str, Any]:
        """The part of an offset that :meth:`with_snapshots_of` reads."""
        found: dict[str, Any] = {}
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

    def with_snapshots_of(self, offset: Mapping[str, Any]) -> Self:
        """This place with what a kept offset tells of snapshots."""
        snapshot = None
        if offset.get("snapshot"):
            snapshot = SnapshotProgress(frozenset(offset.get("done", ())), int(offset.get("rows", 0)))
        ranges = {
            table: [ReadUpTo(None if key is None else tuple(key), int(boundary)) for key, boundary in each]
            for table, each in offset.get("ranges", {}).items()
        }
        return replace(self, boundary=int(offset.get("boundary", 0)), ranges=ranges, snapshot=snapshot)

    def ranges_of(self, table: str) -> Sequence[ReadUpTo]:
        """In which snapshots the ranges of a table's keys were read; the last range reaches to its end."""
        ranges = self.ranges.get(table, ())
        if ranges and ranges[-1].key is None:
            return ranges
        return [*ranges, ReadUpTo(None, self.boundary)]

    def resumed(self, boundary: int) -> Self:
        """At the beginning of a snapshot, given where an earlier one ended or was broken off.

        Args:
            boundary: the new snapshot's.
        """
        if self.snapshot is None:
            return replace(self, boundary=boundary, ranges={}, snapshot=SnapshotProgress())
        ranges = {table: list(each) for table, each in self.ranges.items()}
        for table in self.snapshot.done:
            ranges.setdefault(table, [ReadUpTo(None, self.boundary)])
        return replace(self, boundary=boundary, ranges=ranges)

    def advanced(self, table: str, rows: int, earlier: Sequence[ReadUpTo], key: KeyText | None, *, done: bool) -> Self:
        """After some more rows of a snapshot that is under way.

        Args:
            table: whose rows.
            rows: how many.
            earlier: ranges of the table that were read in earlier snapshots.
            key: the last row's; None where the table is read in no order.
            done: whether they are the table's last.
        """
        progress, ranges = self.snapshot, dict(self.ranges)
        assert progress is not None
        if done and earlier:
            ranges[table] = [*earlier, ReadUpTo(None, self.boundary)]
        elif done:
            ranges.pop(table, None)
        elif key is not None:
            ranges[table] = [*earlier, ReadUpTo(key, self.boundary)]
        finished = progress.done | {table} if done else progress.done
        return replace(self, ranges=ranges, snapshot=SnapshotProgress(finished, progress.rows + rows))

    def unread(self, table: str) -> list[tuple[KeyText | None, KeyText | None]]:
        """The ranges of a table's keys that are left: after which key, None for the beginning, and up to which."""
        parts = self._parts(table)
        starts = [None, *(one.key for one in parts)]
        return [(start, one.key) for start, one in zip(starts, parts, strict=False) if one.boundary == UNREAD]

    def divided(self, table: str, keys: Sequence[KeyText]) -> Self:
        """With the ranges of a table of which nothing has been read, that are read side by side.

        Args:
            table: it.
            keys: ascending, where one range ends and the next begins.
        """
        ranges = [*(ReadUpTo(key, UNREAD) for key in keys), ReadUpTo(None, UNREAD)]
        return replace(self, ranges={**self.ranges, table: ranges})

    def advanced_within(self, table: str, rows: int, end: KeyText | None, key: KeyText | None, *, done: bool) -> Self:
        """After some more rows of one of several ranges of a table that are read side by side.

        Args:
            table: whose rows.
            rows: how many.
            end: where the range ends, as :meth:`unread` told.
            key: the last row's.
            done: whether they are the range's last.
        """
        progress, ranges = self.snapshot, dict(self.ranges)
        assert progress is not None
        parts = self._parts(table)
        place = next(index for index, one in enumerate(parts) if one.boundary == UNREAD and one.key == end)
        if done:
            parts[place] = ReadUpTo(end, self.boundary)
        else:
            parts.insert(place, ReadUpTo(key, self.boundary))
        followers = [*parts[1:], ReadUpTo(None, UNREAD)]
        ranges[table] = parts = [
            one
            for one, follower in zip(parts, followers, strict=True)
            if one.boundary == UNREAD or one.boundary != follower.boundary
        ]
        finished = progress.done
        if all(one.boundary != UNREAD for one in parts):
            finished |= {table}
            if len(parts) == 1:
                del ranges[table]
        return replace(self, ranges=ranges, snapshot=SnapshotProgress(finished, progress.rows + rows))

    def _parts(self, table: str) -> list[ReadUpTo]:
        parts = list(self.ranges.get(table, ()))
        return parts if parts and parts[-1].key is None else [*parts, ReadUpTo(None, UNREAD)]

    def finished(self) -> Self:
        """After the last row of a snapshot."""
        done = replace(self, snapshot=None)
        if not done.ranges and done.boundary <= done.place:
            return replace(done, boundary=0)
        return done

    def after_snapshots(self) -> Self:
        """The position without what only matters before all boundaries have been passed, once they have been."""
        if not self.boundary and not self.ranges:
            return self
        if self.place < max(self.boundary, *(one.boundary for each in self.ranges.values() for one in each), 0):
            return self
        return replace(self, boundary=0, ranges={})

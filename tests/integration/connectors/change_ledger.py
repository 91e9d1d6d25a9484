"""Change events applied to a copy of the tables, each checked against what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from tidegate.records.envelope import Batch

Key = tuple[Any, ...]


class ChangeLedger:
    """Tables rebuilt from events. An event that is lost, doubled or out of order does not fit what is there.

    One that does not fit fails the test.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, Mapping[str, Any]]] = {}
        self.events: list[tuple[str, str, Key]] = []
        """Topic, operation and key of each event; ``tombstone`` is one."""
        self._awaited: dict[str, Key] = {}

    def take(self, batches: Iterable[Batch]) -> None:
        """Applies events in order."""
        for batch in batches:
            for record in batch.records.to_pylist():
                self.record(batch.topic, record["key"], record["value"])

    def record(self, topic: str, key: Mapping[str, Any] | None, value: Mapping[str, Any] | None) -> None:
        """Applies one event."""
        try:
            self._apply(topic, key, value)
        except AssertionError as misfit:
            # Events are read while something is waited for, where an assertion means not yet.
            pytest.fail(str(misfit))

    def rows(self, topic: str) -> dict[Key, Mapping[str, Any]]:
        """A table's rows by key."""
        return self.tables.get(topic, {})

    def operations(self, topic: str, key: Sequence[Any] | None = None) -> str:
        """The operations on a table, or on one row of it, in order; a tombstone is ``-``."""
        return "".join(
            "-" if operation == "tombstone" else operation
            for where, operation, what in self.events
            if where == topic and (key is None or what == tuple(key))
        )

    def _apply(self, topic: str, key: Mapping[str, Any] | None, value: Mapping[str, Any] | None) -> None:
        rows = self.tables.setdefault(topic, {})
        place = tuple(key.values()) if key is not None else ()
        if value is None:
            assert self._awaited.pop(topic, None) == place, f"a tombstone of {topic} {place} follows no delete"
            self.events.append((topic, "tombstone", place))
            return
        operation, after = value["op"], value["after"]
        self.events.append((topic, operation, place))
        match operation:
            case "r" if place in rows and value["source"]["snapshot"] == "incremental":
                was = {name: rows[place].get(name, now) for name, now in after.items()}
                assert was == after, f"{topic} {place} is read as it was once: {after}, not {rows[place]}"
                rows[place] = after
            case "r" | "c":
                assert place not in rows, f"{topic} {place} is told twice: {operation} {after}, there is {rows[place]}"
                rows[place] = after
            case "u":
                assert place in rows, f"{topic} {place} is updated and was never told"
                rows[place] = after
            case "d":
                assert place in rows, f"{topic} {place} is deleted and was never told"
                del rows[place]
                self._awaited[topic] = place
            case "t":
                rows.clear()

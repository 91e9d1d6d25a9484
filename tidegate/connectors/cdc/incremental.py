"""Incremental snapshots: which tables signals ask for, and how far they are read. What has no IO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from tidegate.connectors.cdc.name_patterns import NamePatterns


@dataclass(frozen=True, slots=True)
class WantedTable:
    """A table that is to be read.

    Args:
        name: ``schema.table``.
        condition: SQL that chooses its rows; empty for all.
    """

    name: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Incremental:
    """How far incremental snapshots have come.

    Args:
        wanted: tables in order; the first is being read.
        last_key: the last key of it that has been told; None before its first chunk.
        paused: nothing is read until resumed.
    """

    wanted: tuple[WantedTable, ...] = ()
    last_key: tuple[str, ...] | None = None
    paused: bool = False

    def offset(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "wanted": [[one.name, one.condition] for one in self.wanted],
            "last_key": None if self.last_key is None else list(self.last_key),
            "paused": self.paused,
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Incremental:
        """What was kept."""
        last = kept.get("last_key")
        return cls(
            tuple(WantedTable(name, condition) for name, condition in kept.get("wanted", ())),
            None if last is None else tuple(last),
            bool(kept.get("paused", False)),
        )

    def told(self, key: tuple[str, ...] | None) -> Incremental:
        """After a chunk that ends at a key, or with None is the table's last."""
        if key is None:
            return replace(self, wanted=self.wanted[1:], last_key=None)
        return replace(self, last_key=key)


@dataclass(frozen=True, slots=True)
class Signal:
    """A row of the signal table.

    Args:
        id: its own.
        type: what is wanted.
        data: a JSON object.
    """

    id: str
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Signal:
        """The signal of a row, whose first three columns are id, type and data, whatever their names.

        Raises:
            ValueError: its data is no JSON object.
        """
        values = [*row.values(), None, None, None]
        data = orjson.loads(values[2]) if values[2] else {}
        if not isinstance(data, dict):
            raise ValueError(f"the data of signal {values[0]} is not a JSON object")
        return cls(str(values[0]), str(values[1]), data)


def signalled(state: Incremental, signal: Signal, tables: Sequence[str]) -> Incremental:
    """The state after a signal.

    Args:
        state: before.
        signal: what is wanted.
        tables: names of the captured tables.

    Raises:
        ValueError: the signal is not understood, or its snapshot is of another kind.
    """
    match signal.type:
        case "execute-snapshot":
            if str(signal.data.get("type", "incremental")).lower() != "incremental":
                raise ValueError(f"signal {signal.id} wants a snapshot of another kind than incremental")
            conditions = {
                str(one.get("data-collection")): str(one.get("filter", ""))
                for one in signal.data.get("additional-conditions") or ()
            }
            found = [
                WantedTable(name, next((text for key, text in conditions.items() if _matches(key, name)), ""))
                for name in _chosen(signal, tables)
            ]
            known = {one.name for one in state.wanted}
            return replace(state, wanted=(*state.wanted, *(one for one in found if one.name not in known)))
        case "stop-snapshot":
            chosen = set(_chosen(signal, tables)) if signal.data.get("data-collections") else None
            left = () if chosen is None else tuple(one for one in state.wanted if one.name not in chosen)
            same = bool(left) and bool(state.wanted) and left[0] == state.wanted[0]
            return replace(state, wanted=left, last_key=state.last_key if same else None)
        case "pause-snapshot":
            return replace(state, paused=True)
        case "resume-snapshot":
            return replace(state, paused=False)
        case "log":
            return state
    raise ValueError(f"signal {signal.id} has type {signal.type!r}, which is not known")


def _chosen(signal: Signal, tables: Sequence[str]) -> list[str]:
    patterns = [NamePatterns(str(one)) for one in signal.data.get("data-collections") or ()]
    return [name for one in patterns for name in tables if one.match(name)]


def _matches(pattern: str, name: str) -> bool:
    return NamePatterns(pattern).match(name)

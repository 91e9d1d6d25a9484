"""Transactions of XA that are prepared and neither committed nor rolled back, as far as they are remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidegate.connectors.mysql_cdc import events as log
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.xa import Xid

_MOST = 10_000
IS_HELD = log.OPERATIONS != 0
"""By kind, which events of a prepared transaction tell its changes."""
IS_HELD[[log.TABLE_MAP, log.ANNOTATE_ROWS, log.ROWS_QUERY]] = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that is prepared.

    Args:
        file: log file it is in.
        pos: where in the file it begins.
        changes: its events; None where they have to be read again.
    """

    file: str
    pos: int
    changes: Events | None = None


class PreparedTransactions:
    """Remembers transactions, and the changes of small ones; what is forgotten is still in the log.

    Args:
        most_bytes: of changes.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._found: dict[Xid, Prepared] = {}
        self._bytes = 0

    def put(self, xid: Xid, prepared: Prepared) -> None:
        """Takes in a transaction; one of the same name is not open any more."""
        self.take(xid)
        self._found[xid] = prepared
        self._bytes += _size(prepared)
        for oldest, one in list(self._found.items()):
            if self._bytes <= self._most_bytes:
                break
            self._bytes -= _size(one)
            self._found[oldest] = replace(one, changes=None)
        if len(self._found) > _MOST:
            self.take(next(iter(self._found)))

    def take(self, xid: Xid) -> Prepared | None:
        """Gives a transaction away; None where it is not remembered."""
        found = self._found.pop(xid, None)
        if found is not None:
            self._bytes -= _size(found)
        return found

    def __contains__(self, xid: Xid) -> bool:
        return xid in self._found


class Changes:
    """The events of a transaction whose end has not been read yet.

    Args:
        file: log file it is in.
        pos: where in the file it begins.
        most_bytes: beyond which they are not kept.
    """

    def __init__(self, file: str, pos: int, most_bytes: int) -> None:
        self.file, self.pos = file, pos
        self._left = most_bytes
        self._parts: list[Events] | None = []

    def add(self, events: Events) -> None:
        """Takes in events."""
        self._left -= int((events.end - events.start).sum())
        if self._left < 0:
            self._parts = None
        elif self._parts is not None:
            self._parts.append(events.copied())

    def prepared(self) -> Prepared:
        """The transaction at its end."""
        return Prepared(self.file, self.pos, Events.joined(self._parts) if self._parts else None)


def changes_of(events: Events, first: int, last: int) -> Events:
    """The events between two places that tell the changes of a transaction."""
    return events.chosen(first + np.flatnonzero(IS_HELD[events.kinds[first:last]]))


def _size(prepared: Prepared) -> int:
    return 0 if prepared.changes is None else len(prepared.changes.data)

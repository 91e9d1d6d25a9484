"""The log in the order in which it is committed: changes of prepared transactions stand where those are committed.

A transaction of XA is in the log twice: its changes, which end with XA PREPARE, and later, perhaps much later, by
itself XA COMMIT or XA ROLLBACK. Here the changes are taken out of the first place, which leaves a transaction without
any, and put before the COMMIT, as if that transaction had made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tidegate.connectors.mysql_cdc import events as log
from tidegate.connectors.mysql_cdc import xa
from tidegate.connectors.mysql_cdc.binlog_stream import BinlogStream
from tidegate.connectors.mysql_cdc.earlier_log import EarlierLog
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.prepared import IS_HELD, Changes, Prepared, PreparedTransactions, changes_of
from tidegate.connectors.mysql_cdc.xa import Act, Xid
from tidegate.telemetry.logging import get_logger

logger = get_logger(__name__)


@dataclass(slots=True)
class _Cut:
    """Some events of the log, of which what is not told here is taken out.

    Args:
        events: them.
        parts: what is told of those before ``at``, and what was put in.
        at: the first event that is not looked at.
    """

    events: Events
    parts: list[Events]
    at: int = 0

    def keep(self, index: int, *, changes: bool = True) -> None:
        """Moves on to an event; those in between are told, or all but changes."""
        if index > self.at:
            part = self.events.chosen(slice(self.at, index))
            self.parts.append(part if changes else part.chosen(~IS_HELD[part.kinds]))
            self.at = index

    def told(self) -> Events:
        """What is told so far; begins anew."""
        parts, self.parts = self.parts, []
        return Events.joined(parts or [self.events.chosen(slice(0, 0))])


class CommittedLog:
    """Reads the log so, from where a stream begins.

    Nothing of it has to be kept over a restart: what was read before is in the log, and found there at the COMMIT.

    Args:
        stream: becomes its own.
        earlier: reads again what has been read before.
        file: the log file in which the stream begins.
        held_bytes: of prepared transactions' changes that are kept in memory; larger ones are read again.
    """

    def __init__(self, stream: BinlogStream, earlier: EarlierLog, *, file: str, held_bytes: int) -> None:
        self._stream = stream
        self._earlier = earlier
        self._file = file
        self._held_bytes = held_bytes
        self._prepared = PreparedTransactions(held_bytes)
        self._open: Changes | None = None
        self._begin = (file, 0)
        self._pieces: Iterator[Events] = iter(())
        self.completes_prepared = False
        """Whether what was last taken has changes of a transaction that had been prepared.

        Such a transaction is in the log before it can be seen in the tables.
        """

    def take(self, seconds: float, most_bytes: int) -> Events | None:
        """What has come, waiting for so long at most; None for nothing.

        Raises:
            TidegateError: the stream has ended, or the log has not what is committed any more.
        """
        piece = next(self._pieces, None)
        if piece is not None:
            return piece
        self.completes_prepared = False
        events = self._stream.take(seconds, most_bytes)
        if events is None:
            return None
        self._pieces = self._committed(events.opened())
        return next(self._pieces)

    def close(self) -> None:
        """Ends the stream."""
        self._earlier.close()
        self._stream.close()

    def _committed(self, events: Events) -> Iterator[Events]:
        acts = xa.acts(events)
        begun = xa.prepared_groups(events)
        if not len(acts) and not len(begun) and self._open is None:
            self._pass(events, 0, len(events))
            yield events
            return
        cut = _Cut(events, [])
        gtids = np.flatnonzero(log.IS_GTID[events.kinds])
        prepared_groups = set(begun.tolist())
        groups = set(gtids.tolist())
        seen = 0
        for index in np.union1d(acts, gtids).tolist():
            self._pass(events, seen, index + 1)
            seen = index + 1
            self._hold(cut, index)
            if index in groups:
                # What had begun before has no end in the log, as after a crash of the server.
                self._open = Changes(*self._begin, self._held_bytes) if index in prepared_groups else None
                continue
            yield from self._act(cut, index)
        self._pass(events, seen, len(events))
        self._hold(cut, len(events))
        yield cut.told()

    def _pass(self, events: Events, first: int, last: int) -> None:
        """Notes which file the events are in, and where their last transaction begins."""
        kinds = events.kinds[first:last]
        for index in (first + np.flatnonzero((kinds == log.ROTATE) | log.IS_GTID[kinds])).tolist():
            if events.kinds[index] == log.ROTATE:
                self._file = events.body(index)[8:].decode()
            else:
                self._begin = (self._file, int(events.end_pos[index] - events.length[index]))

    def _hold(self, cut: _Cut, index: int) -> None:
        """Moves on to an event, and takes the changes before it out where they are of a transaction that is held."""
        if self._open is not None:
            self._open.add(changes_of(cut.events, cut.at, index))
        cut.keep(index, changes=self._open is None)

    def _act(self, cut: _Cut, index: int) -> Iterator[Events]:
        found = xa.act(cut.events, index)
        if found is None:
            return
        act, xid = found
        if act is Act.START and self._open is None:
            self._open = Changes(*self._begin, self._held_bytes)
            # It tells which session makes the changes.
            self._open.add(cut.events.chosen(slice(index, index + 1)))
        if act in (Act.START, Act.END):
            return
        opened, self._open = self._open, None
        if act is Act.PREPARE:
            if opened is not None:
                self._prepared.put(xid, opened.prepared())
        elif act is Act.ROLLBACK:
            self._prepared.take(xid)
        else:
            prepared = opened.prepared() if opened is not None else self._find(xid)
            yield from self._put_in(cut, index, xid, prepared)

    def _put_in(self, cut: _Cut, index: int, xid: Xid, prepared: Prepared | None) -> Iterator[Events]:
        """Puts a transaction's changes before an event."""
        if prepared is None:
            return
        self.completes_prepared = True
        where = cut.events.chosen(slice(index, index + 1))
        if prepared.changes is not None:
            cut.parts.append(prepared.changes.placed(where))
            return
        yield cut.told()
        for changes in self._earlier.changes(prepared.file, prepared.pos, xid):
            yield changes.placed(where)

    def _find(self, xid: Xid) -> Prepared | None:
        known = self._prepared.take(xid)
        if known is not None:
            return known
        file, pos = self._begin
        logger.info("mysql_cdc.prepared_searched", xid=str(xid), file=file, pos=pos)
        open_, place = self._earlier.find(xid, file, pos)
        for other, where in open_.items():
            if other != xid and other not in self._prepared:
                self._prepared.put(other, Prepared(*where))
        if place is None:
            logger.warning("mysql_cdc.committed_twice", xid=str(xid), file=file, pos=pos)
            return None
        return Prepared(*place)

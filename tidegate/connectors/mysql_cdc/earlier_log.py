"""What the log holds before the place that the stream has come to, read again where a prepared transaction needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tidegate.connectors.mysql_cdc import events as log
from tidegate.connectors.mysql_cdc import xa
from tidegate.connectors.mysql_cdc.binlog_stream import BinlogStream
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.prepared import changes_of
from tidegate.connectors.mysql_cdc.xa import Act, Xid
from tidegate.errors import FatalError, RetriableError

_WAIT_SECONDS = 1.0
_FIRST_EVENT = 4

Place = tuple[str, int]
"""A log file, and where in it."""


class EarlierLog:
    """Reads parts of the log over connections of their own.

    Args:
        open_: opens the log of the server at a place.
        files: asks for the log files that are there, oldest first.
        stopping: ends the reading.
        most_bytes: about the most that is read at once.
    """

    def __init__(
        self,
        open_: Callable[[str, int], BinlogStream],
        files: Callable[[], Sequence[str]],
        stopping: threading.Event,
        most_bytes: int,
    ) -> None:
        self._open = open_
        self._files = files
        self._stopping = stopping
        self._most_bytes = most_bytes
        self._reading: BinlogStream | None = None

    def changes(self, file: str, pos: int, xid: Xid) -> Iterator[Events]:
        """The changes of a prepared transaction.

        Args:
            file: log file it is in.
            pos: where in the file it begins.
            xid: its name.

        Raises:
            TidegateError: the log is gone, or the server away.
        """
        for events in self._read(file, pos):
            for index in xa.acts(events).tolist():
                found = xa.act(events, index)
                if found is None:
                    continue
                act, other = found
                if act is Act.START:
                    yield events.chosen(slice(index, index + 1))
                elif act in (Act.PREPARE, Act.COMMIT_AT_ONCE, Act.COMMIT):
                    if other != xid:
                        raise FatalError(f"The log has not what it had in {file} at {pos}: the transaction {xid}.")
                    yield changes_of(events, 0, index)
                    return
            yield changes_of(events, 0, len(events))

    def find(self, xid: Xid, file: str, pos: int) -> tuple[Mapping[Xid, Place], Place | None]:
        """Looks for where a transaction that is committed at a place was prepared, backwards from there.

        Returns:
            The transactions that were prepared in the same file as the place and are open at it; and where the
            transaction begins, None if it was committed before.

        Raises:
            TidegateError: the log is gone, or the server away.
        """
        files = list(self._files())
        open_, committed = self._scan(file, pos, xid)
        others = open_
        for earlier in reversed(files[: files.index(file)] if file in files else []):
            if xid in open_ or committed:
                break
            open_, committed = self._scan(earlier, None, xid)
        if xid not in open_ and not committed:
            raise FatalError(
                f"A transaction of XA is committed in {file} at {pos} that the server has not the log any more of: "
                f"{xid} was prepared before {files[0] if files else file}.",
                remedy="Set snapshot.mode=when_needed to read the tables anew, or reset the connector's offsets; keep "
                "the log for longer than transactions stay prepared (binlog_expire_logs_seconds, expire_logs_days).",
            )
        return others, open_.get(xid)

    def _scan(self, file: str, until: int | None, xid: Xid) -> tuple[dict[Xid, Place], bool]:
        """The transactions that are prepared and not ended in a file up to a place, and whether one was committed."""
        found: dict[Xid, Place] = {}
        committed = False
        begin = _FIRST_EVENT
        for events in self._read(file, _FIRST_EVENT):
            last = len(events) if until is None else int(np.searchsorted(_reached(events), until, side="right"))
            acts = xa.acts(events)
            gtids = np.flatnonzero(log.IS_GTID[events.kinds])
            for index in np.union1d(acts, gtids).tolist():
                if index >= last:
                    break
                if log.IS_GTID[events.kinds[index]]:
                    begin = int(events.end_pos[index] - events.length[index])
                    continue
                told = xa.act(events, index)
                if told is None:
                    continue
                act, other = told
                if act is Act.PREPARE:
                    found[other] = (file, begin)
                    committed &= other != xid
                elif act is Act.COMMIT or (act is Act.ROLLBACK and other != xid):
                    # What is committed now was not rolled back, whatever the log says: the server died over it.
                    found.pop(other, None)
                    committed |= other == xid
            if last < len(events):
                break
        return found, committed

    def _read(self, file: str, pos: int) -> Iterator[Events]:
        """The events of a file from a place to its end."""
        self.close()
        self._reading = self._open(file, pos)
        while True:
            events = self._reading.take(_WAIT_SECONDS, self._most_bytes)
            if self._stopping.is_set():
                raise RetriableError("The log was being read again when the task was stopped.")
            if events is None:
                continue
            events = events.opened()
            rotated = [
                index
                for index in np.flatnonzero(events.kinds == log.ROTATE).tolist()
                if events.body(index)[8:].decode() != file
            ]
            yield events.chosen(slice(0, rotated[0])) if rotated else events
            if rotated:
                break
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None


def _reached(events: Events) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each event, the furthest end of it and those before it: what is in no file has none."""
    return np.maximum.accumulate(events.end_pos)

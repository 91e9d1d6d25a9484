"""Prepared transactions are told where they are committed, however the log is cut and wherever its reader dies."""

from __future__ import annotations

import struct
import threading
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.connectors.mysql_cdc.binlog_by_hand import INSERT, ROTATE, START, Log, decoder, events, rows
from tidegate.connectors.mysql_cdc.binlog_stream import BinlogStream
from tidegate.connectors.mysql_cdc.committed_log import CommittedLog
from tidegate.connectors.mysql_cdc.earlier_log import EarlierLog
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.position import Position
from tidegate.errors import FatalError, RetriableError

_PLENTY = 1 << 20


class Server:
    """Log files and the end of what is written."""

    def __init__(self) -> None:
        self.files = {START.file: Log()}
        self.number = 10
        self.opened = 0

    @property
    def log(self) -> Log:
        return list(self.files.values())[-1]

    def next(self) -> int:
        self.number += 1
        return self.number

    def rotate(self) -> None:
        name = f"bin.{len(self.files) + 1:06}"
        self.log.add(ROTATE, struct.pack("<Q", 4) + name.encode())
        self.files[name] = Log()

    def stream(self, file: str, pos: int, size: int = 3, *, ends: bool = False) -> BinlogStream:
        """The log from a place on, some events at a time."""
        self.opened += 1
        names = list(self.files)
        raw: list[bytes] = []
        for name in names[names.index(file) :]:
            # A stream begins with the name of the file, which is in no file.
            body = struct.pack("<Q", 4) + name.encode()
            raw.append(struct.pack("<IBIIIH", 0, ROTATE, 5, 19 + len(body), 0, 0) + body)
            at = 4
            for event in self.files[name].events:
                if name != file or at >= pos:
                    raw.append(event)
                at += len(event)
        return cast(BinlogStream, Stream(raw, size, ends=ends))

    def committed(self, position: Position = START, *, size: int = 3, held: int = _PLENTY) -> CommittedLog:
        """A reader of it."""
        earlier = EarlierLog(
            lambda *place: self.stream(*place, ends=True), lambda: [*self.files], threading.Event(), _PLENTY
        )
        return CommittedLog(
            self.stream(position.file, position.pos, size), earlier, file=position.file, held_bytes=held
        )


class Stream:
    """Events, some at a time; nothing more at the end, or an error."""

    def __init__(self, raw: list[bytes], size: int, *, ends: bool) -> None:
        self._raw, self._size, self._ends = raw, size, ends

    def take(self, *_: Any) -> Events | None:
        chunk, self._raw = self._raw[: self._size], self._raw[self._size :]
        if self._ends and not chunk:
            raise RetriableError("the end of the log")
        return events(chunk) if chunk else None

    def close(self) -> None:
        pass


def keys(
    server: Server, position: Position = START, *, lives: int = 0, size: int = 3, held: int = _PLENTY
) -> list[int]:
    """The keys that are told by a reader that dies so many times, each time somewhat later than before."""
    told: list[int] = []
    for life in range(lives + 1):
        log, decoding = server.committed(position, size=size, held=held), decoder(position)
        pieces = 0
        while (piece := log.take(0, 0)) is not None:
            decoded = decoding.decode(piece)
            told += [row["after"]["id"] for batch in decoded.batches for row in batch.value.to_pylist() if row]
            position = Position.of(decoded.position.offset())
            pieces += 1
            if life < lives and pieces > life:
                break
    return told


def insert(key: int) -> bytes:
    return rows(INSERT, (key, "v"))


@given(
    st.lists(
        st.tuples(st.sampled_from(["plain", "prepare", "COMMIT", "ROLLBACK", "once", "rotate"]), st.integers(0, 2)),
        max_size=20,
    ),
    st.integers(1, 12),
    st.sampled_from([0, 60, _PLENTY]),
    st.integers(0, 8),
)
@settings(max_examples=50)
def test_what_is_committed_is_told_once_in_the_order_of_commits(
    steps: list[tuple[str, int]], size: int, held: int, lives: int
) -> None:
    server, open_, wanted = Server(), dict[int, list[int]](), list[int]()
    for step, (what, branch) in enumerate(steps):
        number = server.next()
        made = [step * 10, step * 10 + 1]
        if what == "plain":
            server.log.transaction(number, *map(insert, made))
            wanted += made
        elif what == "once":
            server.log.prepared(number, "once", *map(insert, made), at_once=True)
            wanted += made
        elif what == "rotate":
            server.rotate()
        elif what == "prepare" and branch not in open_:
            server.log.prepared(number, f"b{branch}", *map(insert, made))
            open_[branch] = made
        elif what in ("COMMIT", "ROLLBACK") and branch in open_:
            server.log.ended(number, f"b{branch}", what)
            wanted += open_.pop(branch) if what == "COMMIT" else []
    assert keys(server, lives=lives, size=size, held=held) == wanted


def test_small_ones_are_told_from_memory_and_one_search_finds_all_that_are_open() -> None:
    server = Server()
    for name in ("a", "b", "c"):
        server.log.prepared(server.next(), name, insert(ord(name)))
    middle = Position(START.file, server.log.pos)
    for name in ("a", "b", "c"):
        server.log.ended(server.next(), name)
    assert (keys(server), server.opened) == ([97, 98, 99], 1)
    server.opened = 0
    # One that searches, and one for each that is read again.
    assert (keys(server, middle), server.opened) == ([97, 98, 99], 1 + 1 + 3)


def test_a_commit_that_is_in_the_log_again_after_a_crash_of_the_server_tells_nothing() -> None:
    server = Server()
    server.log.prepared(server.next(), "a", insert(1))
    server.log.ended(server.next(), "a")
    server.rotate()
    server.log.ended(server.next(), "a")
    assert keys(server) == [1]


def test_a_commit_after_a_rollback_that_the_server_died_over_is_told() -> None:
    server = Server()
    server.log.prepared(server.next(), "a", insert(1))
    server.log.ended(server.next(), "a", "ROLLBACK")
    server.log.ended(server.next(), "a")
    assert keys(server) == [1]


def test_one_without_an_end_is_not_told() -> None:
    server = Server()
    server.log.prepared(server.next(), "a", insert(1))
    # The server died while it wrote.
    del server.log.events[-2:]
    server.rotate()
    server.log.transaction(server.next(), insert(2))
    assert keys(server) == [2]


def test_one_that_was_prepared_in_a_log_that_is_gone_is_missed() -> None:
    server = Server()
    server.rotate()
    server.log.ended(server.next(), "a")
    with pytest.raises(FatalError, match=r"X'61',X'',1 was prepared before bin\.000001"):
        keys(server)


def test_a_statement_of_xa_that_is_not_understood_is_not_passed_over() -> None:
    server = Server()
    server.log.statement(server.next(), "XA COMMIT 'a'")
    with pytest.raises(FatalError, match=r"not understood: \"XA COMMIT 'a'\""):
        keys(server)

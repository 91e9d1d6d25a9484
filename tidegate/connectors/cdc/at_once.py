"""Tables that are read over several connections at once, whole or in parts."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_LOOK_SECONDS = 0.2
_END_SECONDS = 10.0

_C = TypeVar("_C")
_T = TypeVar("_T")
_U = TypeVar("_U")
_P = TypeVar("_P")


def pieces_at_once(
    connections: Sequence[_C],
    tables: Sequence[_T],
    parts: Callable[[_C, _T], Sequence[_U]],
    pieces: Callable[[_C, _U], Iterator[_P]],
    cancel: Callable[[_C], None],
) -> Iterator[_P]:
    """The pieces of all tables; those of one part in order. As many parts are read at once as there are connections.

    The threads have ended when the iterator has, also where it is closed early: connections may be closed then.

    Args:
        connections: each is used by one thread; a single one by the caller's.
        tables: begun in order.
        parts: cuts a table into parts when it is begun; called for one table at a time.
        pieces: reads a part.
        cancel: has a thread that waits for the server on this connection raise an error; called in another thread.

    Raises:
        Exception: what reading raised.
    """
    if len(connections) == 1:
        for table in tables:
            for part in parts(connections[0], table):
                yield from pieces(connections[0], part)
        return
    left, waiting = iter(tables), deque[_U]()
    next_part = threading.Lock()
    read: queue.Queue[tuple[_P] | Exception | None] = queue.Queue(len(connections))
    ending = threading.Event()

    def take(connection: _C) -> tuple[_U] | None:
        with next_part:
            while not waiting and not ending.is_set():
                table = next(((each,) for each in left), None)
                if table is None:
                    return None
                waiting.extend(parts(connection, table[0]))
            return (waiting.popleft(),) if waiting else None

    def put(one: tuple[_P] | Exception | None) -> None:
        while not ending.is_set():
            try:
                read.put(one, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def run(connection: _C) -> None:
        try:
            while (taken := take(connection)) is not None and not ending.is_set():
                for piece in pieces(connection, taken[0]):
                    put((piece,))
                    if ending.is_set():
                        return
        except Exception as error:  # whatever it is, it is raised where the pieces are taken
            put(error)
        put(None)

    threads = [threading.Thread(target=run, args=(each,), name="snapshot", daemon=True) for each in connections]
    for thread in threads:
        thread.start()
    running = len(connections)
    try:
        while running:
            one = read.get()
            if one is None:
                running -= 1
            elif isinstance(one, Exception):
                raise one
            else:
                yield one[0]
    finally:
        ending.set()
        give_up = time.monotonic() + _END_SECONDS
        for connection, thread in zip(connections, threads, strict=True):
            while thread.is_alive() and time.monotonic() < give_up:
                # Where all have told their last they end by themselves, and the connections are used again.
                if running:
                    cancel(connection)
                thread.join(_LOOK_SECONDS)

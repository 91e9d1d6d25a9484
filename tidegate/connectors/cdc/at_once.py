"""Pieces of several tables that are read at once, each over a connection of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_LOOK_SECONDS = 0.2

_C = TypeVar("_C")
_T = TypeVar("_T")
_P = TypeVar("_P")


def pieces_at_once(
    connections: Sequence[_C],
    tables: Sequence[_T],
    pieces: Callable[[_C, _T], Iterator[_P]],
    closed: threading.Event,
) -> Iterator[_P]:
    """The pieces of all tables; those of one table in order.

    Args:
        connections: as many tables are read at once.
        tables: begun in order.
        pieces: reads a table; called in threads where there are several connections.
        closed: set to end the threads. One that waits for the server ends when its connection is closed.

    Raises:
        Exception: what reading a table raised.
    """
    if len(connections) == 1:
        for table in tables:
            yield from pieces(connections[0], table)
        return
    left = iter(tables)
    next_table = threading.Lock()
    read: queue.Queue[tuple[_P] | Exception | None] = queue.Queue(len(connections))

    def take() -> tuple[_T] | None:
        with next_table:
            return next(((table,) for table in left), None)

    def put(one: tuple[_P] | Exception | None) -> None:
        while not closed.is_set():
            try:
                read.put(one, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def run(connection: _C) -> None:
        try:
            while (taken := take()) is not None and not closed.is_set():
                for piece in pieces(connection, taken[0]):
                    put((piece,))
        except Exception as error:  # whatever it is, it is raised where the pieces are taken
            put(error)
        put(None)

    for connection in connections:
        threading.Thread(target=run, args=(connection,), name="snapshot", daemon=True).start()
    running = len(connections)
    while running:
        one = read.get()
        if one is None:
            running -= 1
        elif isinstance(one, Exception):
            raise one
        else:
            yield one[0]

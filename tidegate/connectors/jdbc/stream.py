"""Streams: the rows of a running query, a bounded number at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from tidegate.connectors.jdbc.rows import DriverRows, Rows

CHUNK_ROWS = 1_000


class Stream(ABC):
    """The rows of one running query."""

    finished = False
    """Whether the last row has been read."""

    @abstractmethod
    def read(self, rows: int, nbytes: int) -> Rows:
        """The next rows: until so many have been read, or as many bytes, or there are no more."""

    @abstractmethod
    def close(self) -> None:
        """Ends the query, whether read to its end or not."""


class Cursor(Protocol):
    """What is needed of a driver's cursor."""

    def fetchmany(self, size: int) -> Sequence[Any]:
        """The next rows, none at the end."""
        ...

    def close(self) -> object:
        """Ends it."""
        ...


class CursorStream(Stream):
    """Rows from a driver's cursor.

    Args:
        cursor: which has executed its query.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def read(self, rows: int, nbytes: int) -> Rows:
        found: list[Sequence[Any]] = []
        size = 0
        while len(found) < rows and size < nbytes:
            wanted = min(CHUNK_ROWS, rows - len(found))
            chunk = self._cursor.fetchmany(wanted)
            found += chunk
            if len(chunk) < wanted:
                self.finished = True
                break
            size += DriverRows(chunk).nbytes
        return DriverRows(found)

    def close(self) -> None:
        self._cursor.close()

"""Messages of a replication stream in one buffer, and the transactions and changes among them.

A frame is what CopyData holds: ``w`` with a message of pgoutput after a header, or ``k``, a keepalive. Everything that
is of fixed width is read for all frames at once. Source: "Streaming Replication Protocol" and "Logical Replication
Message Formats" in PostgreSQL's manual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegate.connectors.postgres_values.cells import PADDING, Bytes, Mask, Positions, gather

HEADER_BYTES = 25
"""Before a message: ``w``, where it begins in the log, the log's end, the server's clock."""
_LSN_AT, _CLOCK_AT = 1, 17
_BODY = HEADER_BYTES + 1
INSERT, UPDATE, DELETE, TRUNCATE, BEGIN, COMMIT, RELATION, KEEPALIVE = (ord(kind) for kind in "IUDTBCRk")


@dataclass(frozen=True, slots=True)
class Frames:
    """n frames.

    Args:
        data: the frames, one after the other, and :data:`~tidegate.connectors.postgres_values.cells.PADDING` bytes.
        start: where each begins.
        end: where each ends.
    """

    data: Bytes
    start: Positions
    end: Positions

    @classmethod
    def of(cls, data: bytearray, sizes: list[int]) -> Frames:
        """Frames of so many bytes each; the buffer is padded in place."""
        data += bytes(PADDING)
        size_of = np.array(sizes, np.int64)
        end = np.cumsum(size_of)
        return cls(np.frombuffer(data, np.uint8), end - size_of, end)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """For each the type of its message, or :data:`KEEPALIVE`."""
        first = self.data[self.start]
        return np.where(first == KEEPALIVE, KEEPALIVE, self.data[self.start + HEADER_BYTES]).astype(np.uint8)

    def longs(self, rows: Positions, offset: int) -> npt.NDArray[np.int64]:
        """A 64-bit number in each of some frames, ``offset`` bytes after the message's type."""
        return gather(self.data, self.start[rows], ">i8", _BODY + offset).astype(np.int64)

    def ints(self, rows: Positions, offset: int) -> npt.NDArray[np.int64]:
        """An unsigned 32-bit number in each of some frames, ``offset`` bytes after the message's type."""
        return gather(self.data, self.start[rows], ">u4", _BODY + offset).astype(np.int64)

    def lsn(self, rows: Positions) -> npt.NDArray[np.int64]:
        """Where the messages of some frames begin in the log."""
        return gather(self.data, self.start[rows], ">i8", _LSN_AT).astype(np.int64)

    def keepalive_end(self, row: int) -> int:
        """The end of the log that a keepalive tells."""
        return int(gather(self.data, self.start[row : row + 1], ">i8", _LSN_AT)[0])

    def body(self, row: int) -> bytes:
        """A message without its type."""
        return self.data[int(self.start[row]) + _BODY : int(self.end[row])].tobytes()

    def position(self, rows: Positions, offset: int) -> Positions:
        """Where in the buffer the bytes ``offset`` after the message's type are."""
        return self.start[rows] + (_BODY + offset)


@dataclass(frozen=True, slots=True)
class TupleCells:
    """The values of one column in n tuples.

    Args:
        start: where each begins in the buffer.
        length: its length; -1 for null and for values that are not told.
        unchanged: which are not told because they have not changed and are stored apart; None for none.
    """

    start: Positions
    length: npt.NDArray[np.int32]
    unchanged: Mask | None

    def completed(self, before: TupleCells, place: Positions, told: Mask) -> TupleCells:
        """The cells, with values that have not changed taken from before.

        Args:
            before: cells of the same column in the tuples before.
            place: for each tuple, which of these it belongs to.
            told: for which tuples these have the value.
        """
        if self.unchanged is None or not (taken := self.unchanged & told).any():
            return self
        left = self.unchanged & ~taken
        start = np.where(taken, before.start[place], self.start)
        length = np.where(taken, before.length[place], self.length)
        return TupleCells(start, length, left if left.any() else None)


def tuple_cells(data: Bytes, at: Positions, columns: int) -> tuple[list[TupleCells], Positions]:
    """Takes n tuples apart.

    Args:
        data: the buffer.
        at: where each tuple begins.
        columns: how many each has.

    Returns:
        The cells of each column, and where each tuple ends.

    Raises:
        ValueError: they have another number of columns, or values that are not text.
    """
    found = []
    if (gather(data, at, ">i2") != columns).any():
        raise ValueError("a tuple has another number of columns than its relation")
    at = at + 2
    for _ in range(columns):
        kind = data[at]
        told = kind == ord("t")
        if told.all():
            length = gather(data, at, ">i4", 1).astype(np.int32)
            found.append(TupleCells(at + 5, length, None))
            at = at + 5 + length
            continue
        unchanged = kind == ord("u")
        if not (told | unchanged | (kind == ord("n"))).all():
            raise ValueError("a tuple has a value that is not text")
        length = np.where(told, gather(data, at, ">i4", 1), -1).astype(np.int32)
        found.append(TupleCells(at + 5, length, unchanged if unchanged.any() else None))
        at = at + np.where(told, 5 + length, 1)
    return found, at

"""Reading ``COPY ... TO STDOUT (FORMAT binary)``: the server's messages into one buffer, row after row.

psycopg's own reader gives an object a row through a generator, which costs several times what receiving the row does.
So this asks its libpq connection, without ever blocking in C: other threads run, and no wait is without a deadline.
"""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg import Connection
from psycopg.errors import Error, OperationalError, error_from_result
from psycopg.pq import ExecStatus

from tidegate.connectors.jdbc.postgres.copy_rows import CopyRows, WireColumn
from tidegate.connectors.jdbc.stream import Stream
from tidegate.connectors.postgres_values.cells import PADDING

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_EXTENSION = struct.Struct(">i")
_TRAILER = b"\xff\xff"


class CopyStream(Stream):
    """Rows of one COPY.

    Args:
        connection: on which it runs; nothing else may until it is finished.
        statement: the COPY.
        wire: the columns of its rows.
        deadline: seconds the server may be silent.

    Raises:
        psycopg.Error: the server refuses the statement.
    """

    def __init__(
        self, connection: Connection[Any], statement: bytes, wire: Sequence[WireColumn], deadline: float
    ) -> None:
        self._libpq = connection.pgconn
        self._encoding = connection.info.encoding
        self._wire = wire
        self._deadline = deadline
        self._poll = select.poll()
        self._poll.register(self._libpq.socket, select.POLLIN)
        self._libpq.send_query(statement)
        result = self._result()
        if result is None or result.status != ExecStatus.COPY_OUT:
            raise self._failure(result)
        self._held = self._after_header()

    def read(self, rows: int, nbytes: int) -> CopyRows:
        data = bytearray()
        sizes: list[int] = []
        receive, took = self._libpq.get_copy_data, sizes.append
        if self._held is not None:
            data += self._held
            took(len(self._held))
            self._held = None
        left = nbytes - len(data)
        for _ in range(rows - len(sizes) if left > 0 and not self.finished else 0):
            size, message = receive(1)
            if size <= len(_TRAILER):
                found = self._next(size, message)
                if found is None:
                    break
                size, message = len(found), found
            data += message
            took(size)
            left -= size
            if left <= 0:
                break
        data += bytes(PADDING)
        size_of = np.array(sizes, np.int64)
        end = np.cumsum(size_of)
        return CopyRows(np.frombuffer(data, np.uint8), end - size_of, end, self._wire)

    def close(self) -> None:
        """Nothing to give back; a COPY that is not finished ends with its connection."""

    def _after_header(self) -> memoryview | None:
        """The row in the first message, which begins with the format's header."""
        message = self._next(*self._libpq.get_copy_data(1))
        if message is None or message[: len(_SIGNATURE)] != _SIGNATURE:
            raise OperationalError("the server's COPY does not begin with the signature of its binary format")
        # Flags, of which none that matters is defined, and an extension that may be skipped.
        at = len(_SIGNATURE) + _EXTENSION.size
        (extension,) = _EXTENSION.unpack_from(message, at)
        rest = message[at + _EXTENSION.size + extension :]
        return rest if len(rest) > len(_TRAILER) else None

    def _next(self, size: int, message: memoryview) -> memoryview | None:
        """Waits for a row, given what is none; None at the end."""
        while size <= len(_TRAILER):
            if size < 0:
                self._end()
                return None
            if size == 0:
                self._wait()
            size, message = self._libpq.get_copy_data(1)
        return message

    def _end(self) -> None:
        result = self._result()
        if result is None or result.status != ExecStatus.COMMAND_OK:
            raise self._failure(result)
        while self._result() is not None:
            pass
        self.finished = True

    def _result(self) -> PGresult | None:
        while self._libpq.is_busy():
            self._wait()
        return self._libpq.get_result()

    def _failure(self, result: PGresult | None) -> Error:
        if result is None:
            return OperationalError("the server ended the COPY without a word")
        while self._result() is not None:
            pass
        return error_from_result(result, self._encoding)

    def _wait(self) -> None:
        until = time.monotonic() + self._deadline
        # A signal handler may end a wait early.
        while not self._poll.poll(max(0.0, until - time.monotonic()) * 1000):
            if time.monotonic() >= until:
                raise OperationalError(f"the server was silent for {self._deadline:.0f} s")
        self._libpq.consume_input()

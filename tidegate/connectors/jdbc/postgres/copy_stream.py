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

from tidegate.connectors.jdbc.postgres.cells import PADDING
from tidegate.connectors.jdbc.postgres.copy_rows import CopyRows, WireColumn
from tidegate.connectors.jdbc.stream import Stream

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
        self._before_first = True
        self._libpq.send_query(statement)
        result = self._result()
        if result is None or result.status != ExecStatus.COPY_OUT:
            raise self._failure(result)

    def read(self, rows: int, nbytes: int) -> CopyRows:
        data = bytearray()
        ends: list[int] = []
        ended = ends.append
        receive = self._libpq.get_copy_data
        size = 0
        while size < nbytes and len(ends) < rows and not self.finished:
            count, message = receive(1)
            if count > 0:
                if self._before_first:
                    message = self._after_header(message)
                if message == _TRAILER:
                    continue
                if len(message):
                    data += message
                    size = len(data)
                    ended(size)
            elif count == 0:
                self._wait()
            else:
                self._end()
        data += bytes(PADDING)
        end = np.array(ends, np.int64)
        start = np.concatenate((np.zeros(min(1, len(end)), np.int64), end[:-1]))
        return CopyRows(np.frombuffer(data, np.uint8), start, end, self._wire)

    def close(self) -> None:
        """Nothing to give back; a COPY that is not finished ends with its connection."""

    def _after_header(self, message: memoryview) -> memoryview:
        self._before_first = False
        if message[: len(_SIGNATURE)] != _SIGNATURE:
            raise OperationalError("the server's COPY does not begin with the signature of its binary format")
        # Flags, of which none that matters is defined, and an extension that may be skipped.
        at = len(_SIGNATURE) + _EXTENSION.size
        (extension,) = _EXTENSION.unpack_from(message, at)
        return message[at + _EXTENSION.size + extension :]

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

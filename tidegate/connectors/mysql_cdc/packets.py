"""Packets of the client/server protocol, received in bulk: many in one buffer rather than one a call."""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass

from tidegate.connectors.postgres_values.cells import PADDING
from tidegate.errors import RetriableError

_HEADER = 4
_LARGEST = 0xFFFFFF
_RECEIVE = 1024 * 1024
_STEP_SECONDS = 0.5
_FLOWING = 32 * 1024
_LINGER_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Packets:
    """What some packets hold.

    Args:
        data: the bytes, with room behind the last packet.
        start: where each packet's payload begins.
        size: its length.
    """

    data: bytearray
    start: list[int]
    size: list[int]


class PacketReader:
    """Reads packets off a connection whose answers nothing else reads.

    Args:
        sock: the connection.
        name: of the server, for errors.
    """

    def __init__(self, sock: socket.socket, name: str) -> None:
        self._socket = sock
        self._name = name
        self._rest = bytearray()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self.heard = time.monotonic()
        """When something was last received, by the monotonic clock."""

    def take(self, seconds: float, most_bytes: int) -> Packets | None:
        """The packets that are there, waiting so long for the first one; None when none came.

        Args:
            seconds: see above.
            most_bytes: stops to receive at about so many.

        Raises:
            RetriableError: the connection is lost.
        """
        until = time.monotonic() + seconds
        while True:
            whole = self._fill(until, most_bytes)
            if whole is None:
                return None
            found = self._cut()
            if found is not None:
                return found
            # A packet that is larger than what was asked for.
            most_bytes += _RECEIVE

    def _fill(self, until: float, most_bytes: int) -> bool | None:
        """Receives; None when nothing new came in time."""
        before = len(self._rest)
        while len(self._rest) < most_bytes or len(self._rest) == before:
            # Many rows at once cost hardly more than few, so that much that comes is waited for, and little is not.
            flowing = len(self._rest) - before >= _FLOWING
            if not self._ready(_LINGER_SECONDS if flowing else 0.0):
                if len(self._rest) > before or (before and self._holds_packet()):
                    break
                left = until - time.monotonic()
                if left <= 0:
                    return None
                if not self._ready(min(left, _STEP_SECONDS)):
                    continue
            try:
                received = self._socket.recv(_RECEIVE)
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError as error:
                raise RetriableError(f"The {self._name} is lost: {error}.") from error
            if not received:
                if self._holds_packet():
                    break
                raise RetriableError(f"The {self._name} has closed the connection.")
            self._rest += received
            self.heard = time.monotonic()
        return True

    def _ready(self, seconds: float) -> bool:
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(self._poll.poll(seconds * 1000))

    def _holds_packet(self) -> bool:
        rest = self._rest
        return len(rest) >= _HEADER and len(rest) >= _HEADER + (rest[0] | rest[1] << 8 | rest[2] << 16)

    def _cut(self) -> Packets | None:
        """The whole packets of what has been received; the rest waits."""
        data = self._rest
        start: list[int] = []
        size: list[int] = []
        at, end, whole = 0, len(data) - _HEADER, 0
        unpack = int.from_bytes
        continued: list[tuple[int, int]] = []
        joined = bytearray()
        moved: list[tuple[int, int]] = []
        while at <= end:
            length = unpack(data[at : at + 3], "little")
            begin = at + _HEADER
            if begin + length > len(data):
                break
            at = begin + length
            if length == _LARGEST:
                continued.append((begin, length))
                continue
            if continued:
                # Payloads of more than 16 MiB come in pieces.
                continued.append((begin, length))
                moved.append((len(start), len(joined)))
                for each_start, each_length in continued:
                    joined += data[each_start : each_start + each_length]
                start.append(0)
                size.append(sum(each_length for _, each_length in continued))
                continued = []
            else:
                start.append(begin)
                size.append(length)
            whole = at
        if not start:
            return None
        taken = data[:whole]
        self._rest = data[whole:]
        for index, offset in moved:
            start[index] = len(taken) + offset
        taken += joined
        taken += bytes(PADDING)
        return Packets(taken, start, size)

"""A proxy before a server that knows each request, and holds a chosen one: the moment to kill or pause who sent it."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal, Protocol, Self

import psutil

_LOOPBACK = "127.0.0.1"
_CHUNK = 256 * 1024
_CONNECT_TIMEOUT = 10.0
_KAFKA_APIS = {
    0: "Produce",
    8: "OffsetCommit",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
}

When = Literal["before", "after"]
"""Whether a request is held before the server has it, or its answer before the client has it."""


class Frames(Protocol):
    """Finds the requests in what a client sends on one connection."""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Yields each request's label (empty for bytes that begin none) and its bytes, in order, nothing left out."""
        ...

    def answers(self, data: bytes) -> bool:
        """Whether what the server sent is the answer to the last request, and not a word in between."""
        ...

    def outgoing(self, data: bytes) -> bytes:
        """What the client is to see of what the server sent."""
        ...


MakeFrames = Callable[[int, int], Frames]
"""Given the server's port and the proxy's."""


class Trip:
    """One request to be caught.

    Args:
        step: finds the request's label.
        marker: bytes of the request, or of earlier ones on its connection, that tell whose it is.
        when: what is held.
    """

    def __init__(self, step: str, marker: bytes, when: When) -> None:
        self.step = re.compile(step)
        self.marker = marker
        self.when: When = when
        self.pid = 0
        self._caught = threading.Event()
        self._released = threading.Event()
        self._dropped = False

    def caught(self, timeout: float) -> int:
        """Waits until it holds the request, and returns the process that sent it."""
        assert self._caught.wait(timeout), f"no request {self.step.pattern!r} with {self.marker!r} came by"
        assert self.pid, f"nobody holds the connection of {self.step.pattern!r}"
        return self.pid

    def release(self) -> None:
        """Lets what is held go on."""
        self._released.set()

    def drop(self) -> None:
        """Loses what is held, as a network does when an end of it dies."""
        self._dropped = True
        self._released.set()

    def hold(self, pid: int) -> bool:
        """Called by the proxy: holds, then tells whether to go on."""
        self.pid = pid
        self._caught.set()
        self._released.wait()
        return not self._dropped


class Tripwire:
    """The proxy, on a free port of the loopback interface.

    Args:
        port: the server's.
        frames: makes what finds requests, one a connection, given the server's port and the proxy's.
    """

    def __init__(self, port: int, frames: MakeFrames) -> None:
        self._upstream = port
        self._frames = frames
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[str] = []
        """Labels so far, for whoever writes steps."""
        self._armed: list[Trip] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True, name=f"tripwire {self.port}").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            armed, self._armed = self._armed, []
            connections = list(self._open)
        for trip in armed:
            trip.drop()
        for each in (self._listener, *connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def arm(self, step: str, marker: str, when: When) -> Trip:
        """Catches the next request that fits, once."""
        trip = Trip(step, marker.encode(), when)
        with self._lock:
            self._armed.append(trip)
        return trip

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((_LOOPBACK, self._upstream), _CONNECT_TIMEOUT)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                with self._lock:
                    self._open |= {client, server}
                connection = _Connection(self, client, server, self._frames(self._upstream, self.port))
                for way in (connection.requests, connection.responses):
                    threading.Thread(target=way, daemon=True, name=f"tripwire {self.port}").start()

    def matching(self, label: str, seen: bytes) -> Trip | None:
        """Takes the trip that a request is to be caught by."""
        with self._lock:
            self.seen.append(label)
            for trip in self._armed:
                if trip.step.search(label) and trip.marker in seen:
                    self._armed.remove(trip)
                    return trip
        return None

    def closed(self, *connections: socket.socket) -> None:
        """Forgets connections."""
        with self._lock:
            self._open -= set(connections)
        for each in connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class _Connection:
    def __init__(self, wire: Tripwire, client: socket.socket, server: socket.socket, frames: Frames) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._frames = frames
        self._peer = client.getpeername()[1]
        self._waiting: Trip | None = None
        self._markers = b""

    def requests(self) -> None:
        """Client to server."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(_CHUNK):
                for label, raw in self._frames.feed(data):
                    if label:
                        self._markers = self._markers[-4096:] + raw[:4096]
                        trip = self._wire.matching(label, self._markers)
                        if trip is not None and trip.when == "after":
                            self._waiting = trip
                        elif trip is not None and not trip.hold(self._owner()):
                            raise OSError
                    self._server.sendall(raw)
        self._wire.closed(self._client, self._server)

    def responses(self) -> None:
        """Server to client."""
        with contextlib.suppress(OSError):
            while data := self._server.recv(_CHUNK):
                trip = self._waiting
                if trip is not None and self._frames.answers(data):
                    self._waiting = None
                    if not trip.hold(self._owner()):
                        raise OSError
                self._client.sendall(self._frames.outgoing(data))
        self._wire.closed(self._client, self._server)

    def _owner(self) -> int:
        for each in psutil.net_connections("tcp"):
            if each.laddr and each.raddr and (each.laddr.port, each.raddr.port) == (self._peer, self._wire.port):
                return each.pid or 0
        return 0


class HttpFrames:
    """HTTP/1.1: a label is the request line and the length of the body, if it is told."""

    def __init__(self, port: int, proxy_port: int) -> None:
        self._rest = b""
        self._body = 0
        self._chunked = False

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """See :class:`Frames`."""
        self._rest += data
        while self._rest:
            if self._body:
                some, self._rest = self._rest[: self._body], self._rest[self._body :]
                self._body -= len(some)
                yield "", some
                continue
            # The size of a chunk, or a head; the end of the chunks is taken together with its trailer.
            last = self._chunked and self._rest.startswith(b"0\r\n")
            ends_with = b"\r\n" if self._chunked and not last else b"\r\n\r\n"
            end = self._rest.find(ends_with)
            if end < 0:
                return
            head, self._rest = self._rest[: end + len(ends_with)], self._rest[end + len(ends_with) :]
            if self._chunked:
                self._chunked = not last
                self._body = 0 if last else int(head.split(b";")[0], 16) + 2
                yield "", head
                continue
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            self._body = int(length[1]) if length else 0
            self._chunked = re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head) is not None
            line = head.split(b"\r\n", 1)[0].decode("latin-1").removesuffix(" HTTP/1.1")
            yield f"{line} [{self._body}]", head

    def answers(self, data: bytes) -> bool:
        """See :class:`Frames`."""
        return not data.startswith(b"HTTP/1.1 100")

    def outgoing(self, data: bytes) -> bytes:
        """See :class:`Frames`."""
        return data


class KafkaFrames:
    """Kafka: a label is the name of the request's API. What the broker says of its own address becomes the proxy's."""

    def __init__(self, port: int, proxy_port: int) -> None:
        self._requests = b""
        self._responses = b""
        self._last = b""
        host = _LOOPBACK.encode()
        self._theirs, self._ours = (host + struct.pack(">i", each) for each in (port, proxy_port))

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """See :class:`Frames`."""
        self._requests += data
        while len(self._requests) >= 4 and len(self._requests) >= (size := 4 + _size(self._requests)):
            frame, self._requests = self._requests[:size], self._requests[size:]
            (api,) = struct.unpack(">h", frame[4:6])
            self._last = frame[8:12]
            yield _KAFKA_APIS.get(api, str(api)), frame

    def answers(self, data: bytes) -> bool:
        """See :class:`Frames`."""
        return data[4:8] == self._last

    def outgoing(self, data: bytes) -> bytes:
        """See :class:`Frames`."""
        self._responses += data
        whole = b""
        while len(self._responses) >= 4 and len(self._responses) >= (size := 4 + _size(self._responses)):
            whole += self._responses[:size].replace(self._theirs, self._ours)
            self._responses = self._responses[size:]
        return whole


class PostgresFrames:
    """PostgreSQL's protocol 3: a label is the text of the statement that is run."""

    _SSL, _GSS = 80877103, 80877104

    def __init__(self, port: int, proxy_port: int) -> None:
        self._rest = b""
        self._started = False
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """See :class:`Frames`."""
        self._rest += data
        while True:
            start = 1 if self._started else 0
            if len(self._rest) < start + 8 - start * 4:
                return
            size = start + _size(self._rest[start:])
            if len(self._rest) < size:
                return
            message, self._rest = self._rest[:size], self._rest[size:]
            if self._started:
                yield self._label(message), message
            else:
                self._started = struct.unpack(">i", message[4:8])[0] not in (self._SSL, self._GSS)
                yield "", message

    def _label(self, message: bytes) -> str:
        kind, content = message[:1], message[5:]
        if kind == b"Q":
            return content.rstrip(b"\0").decode()
        if kind == b"P":
            name, statement, _ = content.split(b"\0", 2)
            self._prepared[name] = statement.decode()
        elif kind == b"B":
            return self._prepared.get(content.split(b"\0", 2)[1], "")
        return ""

    def answers(self, data: bytes) -> bool:
        """See :class:`Frames`."""
        return True

    def outgoing(self, data: bytes) -> bytes:
        """See :class:`Frames`."""
        return data


class MysqlFrames:
    """MySQL's protocol: a label is the text of the statement that is run."""

    _QUERY = 3

    def __init__(self, port: int, proxy_port: int) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """See :class:`Frames`."""
        self._rest += data
        while len(self._rest) >= 4 and len(self._rest) >= (size := 4 + int.from_bytes(self._rest[:3], "little")):
            packet, self._rest = self._rest[:size], self._rest[size:]
            is_query = packet[3] == 0 and packet[4:5] == bytes([self._QUERY])
            yield packet[5:].decode(errors="replace") if is_query else "", packet

    def answers(self, data: bytes) -> bool:
        """See :class:`Frames`."""
        return True

    def outgoing(self, data: bytes) -> bytes:
        """See :class:`Frames`."""
        return data


def _size(data: bytes) -> int:
    (size,) = struct.unpack(">i", data[:4])
    return int(size)

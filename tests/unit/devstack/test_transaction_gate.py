"""What reaches the broker behind the transaction gate, and in which order."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tidegate.devstack import kafka_frames as frames
from tidegate.devstack.ports import LOOPBACK
from tidegate.devstack.transaction_gate import TransactionGate

DEADLINE = 20.0


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def _frame(api: int, version: int, body: bytes) -> bytes:
    return struct.pack(">hhi", api, version, 1) + _text("me") + body


def transaction(name: str) -> Iterator[bytes]:
    """The requests of a producer that writes to one partition and commits."""
    who = _text(name) + struct.pack(">qh", 77, 5)
    partition = struct.pack(">i", 1) + _text("t") + struct.pack(">ii", 1, 0)
    yield _frame(frames.ADD_PARTITIONS_TO_TXN, 0, who + partition)
    batch = b"\x00" * 43 + struct.pack(">qh", 77, 5) + b"records"
    written = _text(name) + struct.pack(">hi", -1, 1000) + partition + struct.pack(">i", len(batch)) + batch
    yield _frame(frames.PRODUCE, 8, written)
    yield _frame(frames.END_TXN, 1, who + b"\x01")


class Broker:
    """Answers what the gate hands over, and notes whose it was; goes on with a request only while ``open`` is set."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, int]] = []
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()
        self.open = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await _read(reader)
                api = frames.request_header(frame).api_key
                self.seen.append((frames.transactional_id(frame), api))
                self.arrivals.put_nowait(None)
                await self.open.wait()
                match api:
                    case frames.ADD_PARTITIONS_TO_TXN:
                        answer = frames.partitions_accepted(frame)
                    case frames.PRODUCE:
                        answer = frames.produce_accepted(frame)
                    case _:
                        answer = frames.end_txn_refused(frame, 0)
                await _write(writer, answer)
        except asyncio.IncompleteReadError:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0])


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()


@asynccontextmanager
async def _listening(serve: object) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, LOOPBACK, 0)  # type: ignore[arg-type]
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def broker() -> Broker:
    return Broker()


@pytest.fixture
async def gate(broker: Broker) -> AsyncIterator[int]:
    """The gate's port."""
    async with _listening(broker.serve) as behind, _listening(TransactionGate(behind).serve_client) as port:
        yield port


HANDED_OVER = [frames.ADD_PARTITIONS_TO_TXN, frames.PRODUCE, frames.END_TXN]


async def test_transactions_that_end_together_are_handed_over_one_after_the_other(gate: int, broker: Broker) -> None:
    async def commit(name: str) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, gate)
        for frame in transaction(name):
            await _write(writer, frame)
            answer = await _read(reader)
        writer.close()
        return answer

    async with asyncio.timeout(DEADLINE):
        commits = [asyncio.create_task(commit(name)) for name in ("a", "b", "c")]
        await broker.arrivals.get()
        broker.open.set()
        answers = await asyncio.gather(*commits)
    assert [frames.end_txn_error(frames.request_header(list(transaction("a"))[-1]), each) for each in answers] == [
        0
    ] * 3
    order = list(dict.fromkeys(name for name, _ in broker.seen))
    assert sorted(name or "" for name in order) == ["a", "b", "c"]
    assert broker.seen == [(name, api) for name in order for api in HANDED_OVER]


async def test_a_transaction_whose_producer_dies_at_its_commit_is_brought_to_its_end(gate: int, broker: Broker) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, gate)
    *begun, commit = transaction("a")
    async with asyncio.timeout(DEADLINE):
        for frame in begun:
            await _write(writer, frame)
            await _read(reader)
        assert broker.seen == []
        await _write(writer, commit)
        await broker.arrivals.get()
        writer.transport.abort()
        broker.open.set()
        for _ in HANDED_OVER[1:]:
            await broker.arrivals.get()
    assert broker.seen == [("a", api) for api in HANDED_OVER]

"""A watch through everything that can happen to etcd."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable

import httpx
import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.etcd import Changes, Delete, EtcdClient, EtcdConfig, Put, Snapshot, Watch


async def compact(member: Etcd, revision: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{member.url}/v3/kv/compaction", json={"revision": revision, "physical": True})
        answer.raise_for_status()


async def values_until(watch: Watch, last: bytes) -> list[bytes]:
    """The values put, in order of arrival, up to ``last``; fails on a second snapshot."""
    seen: list[bytes] = []
    async with asyncio.timeout(60):
        async for item in watch:
            assert isinstance(item, Changes)
            seen += [event.kv.value for event in item.events if isinstance(event, Put)]
            if seen[-1:] == [last]:
                break
    return seen


async def snapshot_where(watch: Watch, holds: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(60):
        async for item in watch:
            if isinstance(item, Snapshot) and holds(item):
                return item
    raise AssertionError("the watch ended")


async def test_it_lists_then_follows(client: EtcdClient) -> None:
    await client.put("/w/a", b"1")
    await client.put("/x", b"elsewhere")
    async with client.watch("/w/") as watch:
        first = await anext(watch)
        assert isinstance(first, Snapshot)
        assert [(kv.key, kv.value) for kv in first.kvs] == [("/w/a", b"1")]
        await client.put("/w/a", b"2")
        changed = await anext(watch)
        assert isinstance(changed, Changes)
        (put,) = changed.events
        assert isinstance(put, Put) and put.kv.value == b"2"
        assert put.prev_kv is not None and put.prev_kv.value == b"1"
        await client.delete("/w/a")
        changed = await anext(watch)
        assert isinstance(changed, Changes)
        (gone,) = changed.events
        assert isinstance(gone, Delete) and gone.key == "/w/a" and gone.mod_revision == changed.revision
        assert gone.prev_kv is not None and gone.prev_kv.value == b"2"


async def test_giving_up_waiting_loses_nothing(client: EtcdClient) -> None:
    async with client.watch("/w/") as watch:
        await anext(watch)
        for number in range(50):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.001)
            await client.put("/w/k", b"%d" % number)
            seen = await values_until(watch, b"%d" % number)
            assert seen == [b"%d" % number]


async def test_no_event_is_lost_or_reordered_when_etcd_is_killed_again_and_again(
    member: Etcd, client: EtcdClient
) -> None:
    total = 400
    async with (
        EtcdClient(EtcdConfig((member.endpoint,), request_timeout=30.0)) as writer,
        client.watch("/w/") as watch,
    ):
        assert isinstance(await anext(watch), Snapshot)

        async def write() -> None:
            for number in range(total):
                await writer.put(f"/w/{number % 7}", b"%d" % number)
                if number % 100 == 50:
                    await asyncio.to_thread(member.kill9)
                    await asyncio.to_thread(member.start)

        writing = asyncio.create_task(write())
        numbers = [int(value) for value in await values_until(watch, b"%d" % (total - 1))]
        await writing
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(total))


async def test_changes_made_while_a_hung_connection_is_noticed_arrive(member: Etcd, client: EtcdClient) -> None:
    async with client.watch("/w/") as watch:
        await anext(watch)
        await asyncio.to_thread(member.pause)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 12)
        await asyncio.to_thread(member.resume)
        await client.put("/w/k", b"after")
        assert await values_until(watch, b"after") == [b"after"]


async def test_compaction_while_disconnected_brings_a_new_snapshot(member: Etcd) -> None:
    proxy = await Relay.start(member)
    async with (
        EtcdClient(EtcdConfig((member.endpoint,))) as direct,
        EtcdClient(EtcdConfig((proxy.endpoint,))) as relayed,
        relayed.watch("/w/") as watch,
    ):
        await anext(watch)
        await direct.put("/w/k", b"seen")
        assert await values_until(watch, b"seen") == [b"seen"]
        await proxy.cut()
        for number in range(10):
            last = await direct.put("/w/k", b"%d" % number)
        await compact(member, last)
        await proxy.mend()
        again = await snapshot_where(watch, lambda item: True)
        assert [kv.value for kv in again.kvs] == [b"9"]
        await direct.put("/w/k", b"on")
        assert await values_until(watch, b"on") == [b"on"]
        await proxy.cut()


async def test_a_store_that_went_back_brings_a_new_snapshot(member: Etcd, client: EtcdClient) -> None:
    for number in range(20):
        await client.put("/w/old", b"%d" % number)
    async with client.watch("/w/") as watch:
        await anext(watch)
        await asyncio.to_thread(member.stop)
        shutil.rmtree(member.directory / "data")
        await asyncio.to_thread(member.start)
        again = await snapshot_where(watch, lambda item: True)
        assert again.kvs == ()
        await client.put("/w/new", b"1")
        assert await values_until(watch, b"1") == [b"1"]


async def test_a_slow_consumer_gets_everything(client: EtcdClient) -> None:
    async with client.watch("/w/") as watch:
        await anext(watch)
        for number in range(2_000):
            await client.put("/w/k", b"%d" % number)
        assert await values_until(watch, b"1999") == [b"%d" % number for number in range(2_000)]


async def test_closing_ends_a_waiting_consumer(client: EtcdClient) -> None:
    watch = client.watch("/w/")
    await anext(watch)
    waiting = asyncio.create_task(anext(watch))
    await asyncio.sleep(0)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


class Relay:
    """A TCP relay to etcd on a port of its own that can be cut and mended."""

    def __init__(self, member: Etcd) -> None:
        self._member = member
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._port = 0

    @classmethod
    async def start(cls, member: Etcd) -> Relay:
        relay = cls(member)
        await relay.mend()
        return relay

    @property
    def endpoint(self) -> str:
        return f"localhost:{self._port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in tuple(self._pipes):
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._member.port("client"))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        except* OSError:
            pass
        finally:
            self._pipes.discard(task)
            writer.close()
            far_writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.close()


async def test_a_watch_ends_whenever_it_is_closed(client: EtcdClient) -> None:
    # A cancellation that comes together with an answer of etcd must not be lost: each round closes at another moment.
    for steps in range(600):
        watch = client.watch_key("/closed-at-any-moment")
        first = asyncio.ensure_future(anext(watch))
        for _ in range(steps % 120):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await watch.aclose()
        first.cancel()
        await asyncio.wait({first})

"""A lease's deadline against a real etcd that stops answering."""

from __future__ import annotations

import asyncio
import time

import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.etcd import EtcdClient, EtcdConfig, EtcdLeaseNotFoundError, EtcdUnavailableError, LeaseKeeper


async def renewals(keeper: LeaseKeeper, count: int) -> list[float]:
    """The next ``count`` deadlines the keeper publishes."""
    deadlines: asyncio.Queue[float] = asyncio.Queue()
    keeper.on_renewed = deadlines.put_nowait
    async with asyncio.timeout(60):
        return [await deadlines.get() for _ in range(count)]


async def test_a_kept_lease_outlives_its_ttl_and_ends_with_its_holder(client: EtcdClient) -> None:
    published: list[float] = []
    async with LeaseKeeper(client, 2.0, on_renewed=published.append) as keeper:
        assert published == [keeper.deadline()]
        await client.put("/held", b"", lease=keeper.lease_id)
        deadlines = await renewals(keeper, 5)
        assert deadlines == sorted(deadlines)
        assert deadlines[-1] - published[0] > 2.0
        assert time.monotonic() < keeper.deadline() <= time.monotonic() + 2.0
        assert await client.get("/held") is not None
    assert await client.get("/held") is None
    assert keeper.deadline() < time.monotonic()


async def test_the_deadline_passes_while_etcd_hangs(member: Etcd, client: EtcdClient) -> None:
    async with LeaseKeeper(client, 2.0) as keeper:
        await renewals(keeper, 1)
        await asyncio.to_thread(member.pause)
        try:
            async with asyncio.timeout(30):
                await keeper.lost()
            assert time.monotonic() >= keeper.deadline()
            lost_at = keeper.deadline()
        finally:
            await asyncio.to_thread(member.resume)
        await client.put("/etcd-answers-again", b"")
        assert keeper.deadline() == lost_at


async def test_a_revoked_lease_is_known_to_be_gone_at_the_next_keepalive(client: EtcdClient) -> None:
    async with LeaseKeeper(client, 60.0 * 60) as long_lived, LeaseKeeper(client, 3.0) as keeper:
        await client.revoke_lease(keeper.lease_id)
        async with asyncio.timeout(30):
            await keeper.lost()
        assert keeper.deadline() < time.monotonic() < long_lived.deadline()
        with pytest.raises(EtcdLeaseNotFoundError):
            await client.put("/k", b"", lease=keeper.lease_id)


async def test_a_restart_of_etcd_within_the_ttl_is_survived(member: Etcd, client: EtcdClient) -> None:
    async with LeaseKeeper(client, 15.0) as keeper:
        await client.put("/held", b"", lease=keeper.lease_id)
        before = keeper.deadline()
        await asyncio.to_thread(member.kill9)
        await asyncio.to_thread(member.start)
        assert (await renewals(keeper, 1))[0] > before
        assert await client.get("/held") is not None


async def test_a_hung_endpoint_does_not_eat_the_deadline(member: Etcd) -> None:
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(0), LOOPBACK, 0)
    async with silent:
        hung = f"{LOOPBACK}:{silent.sockets[0].getsockname()[1]}"
        dead = f"{LOOPBACK}:{free_port()}"
        async with EtcdClient(EtcdConfig((hung, member.endpoint, dead))) as client:
            await client.put("/k", b"")
            async with LeaseKeeper(client, 3.0) as keeper:
                for _ in range(4):
                    endpoints = client.caller.endpoints
                    while endpoints.preferred.address != hung:
                        endpoints.demote(endpoints.preferred)
                    await renewals(keeper, 1)


async def test_without_etcd_no_lease_is_granted() -> None:
    config = EtcdConfig((f"{LOOPBACK}:{free_port()}",), request_timeout=0.5)
    async with EtcdClient(config) as client:
        with pytest.raises(EtcdUnavailableError, match="take a lease"):
            async with LeaseKeeper(client, 5.0):
                pass

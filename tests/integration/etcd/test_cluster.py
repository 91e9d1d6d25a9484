"""A cluster of three that loses its leader, or its quorum."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.integration.etcd.conftest import Cluster, ClusterMember
from tidegate.etcd import Changes, EtcdClient, EtcdConfig, EtcdError, LeaseKeeper, Put, Snapshot


async def leader_of(cluster: Cluster) -> ClusterMember:
    async with httpx.AsyncClient(trust_env=False) as http:
        for member in cluster.members:
            status = (await http.post(f"{member.url}/v3/maintenance/status", json={})).json()
            if status["leader"] == status["header"]["member_id"]:
                return member
    raise AssertionError("the cluster has no leader")


def prefer(client: EtcdClient, member: ClusterMember) -> None:
    endpoints = client.caller.endpoints
    while endpoints.preferred.address != member.endpoint:
        endpoints.demote(endpoints.preferred)


@pytest.mark.parametrize("harm", ["kill9", "pause"])
async def test_work_goes_on_when_the_leader_is_lost(cluster: Cluster, harm: str) -> None:
    total = 100
    leader = await leader_of(cluster)
    async with (
        EtcdClient(EtcdConfig(cluster.endpoints, request_timeout=15.0)) as client,
        LeaseKeeper(client, 20.0) as keeper,
        client.watch("/w/") as watch,
    ):
        prefer(client, leader)
        await client.put("/held", b"", lease=keeper.lease_id)
        assert isinstance(await anext(watch), Snapshot)

        async def write() -> None:
            for number in range(total):
                await client.put("/w/k", b"%d" % number)
                if number == total // 2:
                    await asyncio.to_thread(getattr(leader, harm))

        writing = asyncio.create_task(write())
        seen: list[int] = []
        async with asyncio.timeout(45):
            while seen[-1:] != [total - 1]:
                item = await anext(watch)
                assert isinstance(item, Changes)
                seen += [int(event.kv.value) for event in item.events if isinstance(event, Put)]
        await writing
        assert seen == sorted(seen) and set(seen) == set(range(total))
        assert await client.get("/held") is not None


async def test_a_member_without_quorum_is_not_believed(cluster: Cluster) -> None:
    survivor, *others = cluster.members
    async with EtcdClient(EtcdConfig((survivor.endpoint,), request_timeout=2.0)) as client:
        await client.put("/k", b"v")
        watch = client.watch("/k")
        await anext(watch)
        async with LeaseKeeper(client, 3.0) as keeper:
            for other in others:
                await asyncio.to_thread(other.kill9)
            async with asyncio.timeout(60):
                await keeper.lost()
            with pytest.raises(EtcdError):
                await client.get("/k")
            kv = await client.get("/k", serializable=True)
            assert kv is not None and kv.value == b"v"
            await asyncio.to_thread(cluster.start)
        await client.put("/k", b"again")
        async with asyncio.timeout(60):
            item = await anext(watch)
        assert isinstance(item, Changes) and item.events[-1].key == "/k"

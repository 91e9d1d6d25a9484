"""Leaders that resign, die, hang and are deposed."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.etcd import Election, EtcdClient, EtcdConfig, Leadership, Op

KEY = "/tidegate/test/coordinator/leader"

CANDIDATE = """
import asyncio, sys
from tidegate.etcd import Election, EtcdClient, EtcdConfig

async def main() -> None:
    async with EtcdClient(EtcdConfig((sys.argv[1],))) as client:
        await Election(client, sys.argv[2], b"the first", 2.0).campaign()
        print("leading", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def within(campaign: asyncio.Task[Leadership]) -> Leadership:
    async with asyncio.timeout(60):
        return await campaign


async def test_the_next_candidate_leads_when_the_leader_resigns(client: EtcdClient) -> None:
    first = await Election(client, KEY, b"the first", 60.0).campaign()
    following = asyncio.create_task(Election(client, KEY, b"the second", 60.0).campaign())
    held = await client.get(KEY)
    assert held is not None and held.value == b"the first" and held.create_revision == first.create_revision
    await first.resign()
    assert not first.is_valid()
    async with await within(following) as second:
        held = await client.get(KEY)
        assert held is not None and held.value == b"the second"
        assert second.is_valid() and second.create_revision > first.create_revision
        assert not (await client.txn([first.compare()], [Op.put("/by-first", b"")])).succeeded
        assert (await client.txn([second.compare()], [Op.put("/by-second", b"")])).succeeded
    assert await client.get(KEY) is None


async def test_another_leads_after_the_leader_is_killed(member: Etcd, client: EtcdClient) -> None:
    leader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CANDIDATE, member.endpoint, KEY, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert leader.stdout is not None
        async with asyncio.timeout(60):
            while b"leading" not in await leader.stdout.readline():
                assert not leader.stdout.at_eof()
        following = asyncio.create_task(Election(client, KEY, b"the second", 2.0).campaign())
        held = await client.get(KEY)
        assert held is not None and held.value == b"the first"
    finally:
        leader.kill()
        await leader.wait()
    async with await within(following) as second:
        assert second.is_valid() and second.create_revision > held.create_revision


async def test_only_one_of_many_leads(member: Etcd) -> None:
    clients = [EtcdClient(EtcdConfig((member.endpoint,))) for _ in range(5)]
    terms: list[int] = []
    leading = 0

    async def candidate(client: EtcdClient, name: bytes) -> None:
        nonlocal leading
        async with client, await Election(client, KEY, name, 30.0).campaign() as leadership:
            leading += 1
            assert leading == 1
            await client.txn([leadership.compare()], [Op.put("/led", name)])
            terms.append(leadership.create_revision)
            leading -= 1

    async with asyncio.timeout(60):
        await asyncio.gather(*(candidate(client, b"%d" % n) for n, client in enumerate(clients)))
    assert terms == sorted(set(terms)) and len(terms) == 5


async def test_a_leader_learns_that_its_key_was_deleted(client: EtcdClient) -> None:
    async with await Election(client, KEY, b"me", 60.0).campaign() as leadership:
        await client.delete(KEY)
        async with asyncio.timeout(30):
            await leadership.lost()
        assert not leadership.is_valid()
        assert not (await client.txn([leadership.compare()], [Op.put("/k", b"")])).succeeded


async def test_a_leader_cut_off_from_etcd_stops_leading_by_its_own_clock(member: Etcd, client: EtcdClient) -> None:
    async with await Election(client, KEY, b"me", 2.0).campaign() as leadership:
        await asyncio.to_thread(member.pause)
        try:
            async with asyncio.timeout(30):
                await leadership.lost()
            assert not leadership.is_valid()
        finally:
            await asyncio.to_thread(member.resume)


async def test_a_campaign_waits_for_etcd_to_come_back_and_can_be_given_up(member: Etcd, client: EtcdClient) -> None:
    await asyncio.to_thread(member.stop)
    given_up = asyncio.create_task(Election(client, KEY, b"other", 5.0).campaign())
    campaign = asyncio.create_task(Election(client, KEY, b"me", 5.0).campaign())
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await asyncio.to_thread(member.start)
    async with await within(campaign) as leadership:
        assert leadership.is_valid()

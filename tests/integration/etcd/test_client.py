"""Reads and writes against a real etcd, answering or not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.etcd import (
    Compare,
    EtcdClient,
    EtcdClosedError,
    EtcdConfig,
    EtcdLeaseNotFoundError,
    EtcdOutcomeUnknownError,
    EtcdRequestError,
    EtcdUnavailableError,
    Op,
)


async def test_a_key_is_written_read_and_deleted(client: EtcdClient) -> None:
    revision = await client.put("/a", b"one")
    kv = await client.get("/a")
    assert kv is not None
    assert (kv.value, kv.create_revision, kv.mod_revision, kv.version) == (b"one", revision, revision, 1)
    assert await client.delete("/a") == 1
    assert await client.delete("/a") == 0
    assert await client.get("/a") is None


async def test_a_listing_over_several_pages_is_of_one_revision(client: EtcdClient) -> None:
    keys = [f"/many/{number:05}" for number in range(2_500)]
    for start in range(0, len(keys), 100):
        await client.txn([], [Op.put(key, b"v") for key in keys[start : start + 100]])
    await client.put("/manyfold", b"not under the prefix")

    async def disturb() -> None:
        while True:
            await client.put("/many/zzzzz", b"x")
            await client.delete("/many/zzzzz")

    disturber = asyncio.create_task(disturb())
    try:
        for _ in range(5):
            listed = await client.range("/many/")
            assert [kv.key for kv in listed.kvs if kv.key != "/many/zzzzz"] == keys
            assert all(kv.mod_revision <= listed.revision for kv in listed.kvs)
    finally:
        disturber.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await disturber
    assert [kv.key for kv in (await client.range("/many/", limit=1_500, keys_only=True)).kvs] == keys[:1_500]
    assert await client.delete_prefix("/many/") >= 2_500
    assert (await client.range("")).kvs[0].key == "/manyfold"


async def test_a_transaction_runs_the_branch_its_conditions_choose(client: EtcdClient) -> None:
    created = await client.txn([Compare.missing("/k")], [Op.put("/k", b"1"), Op.get("/k"), Op.get_prefix("/none/")])
    assert created.succeeded
    assert [[kv.value for kv in kvs] for kvs in created.gets] == [[b"1"], []]
    again = await client.txn([Compare.missing("/k")], [Op.put("/k", b"2")], [Op.get("/k")])
    assert not again.succeeded
    assert again.gets[0][0].mod_revision == created.revision
    for compare in (
        Compare.exists("/k"),
        Compare.mod_revision("/k", "==", created.revision),
        Compare.create_revision("/k", "<", created.revision + 1),
        Compare.version("/k", "!=", 2),
        Compare.value("/k", "==", b"1"),
    ):
        assert (await client.txn([compare], [])).succeeded, compare
    assert not (await client.txn([Compare.value("/other", "!=", b"1")], [])).succeeded


async def test_what_etcd_refuses_is_not_retried(client: EtcdClient) -> None:
    with pytest.raises(EtcdLeaseNotFoundError):
        await client.put("/k", b"v", lease=12345)
    with pytest.raises(EtcdRequestError, match="duplicate key"):
        await client.txn([], [Op.put("/k", b"1"), Op.put("/k", b"2")])
    await client.revoke_lease(12345)


async def test_a_revoked_lease_takes_its_keys_along(client: EtcdClient) -> None:
    lease = await client.grant_lease(60)
    await client.put("/on-lease", b"", lease=lease)
    await client.revoke_lease(lease)
    assert await client.get("/on-lease") is None


async def test_dead_endpoints_are_passed_over(member: Etcd) -> None:
    dead = f"{LOOPBACK}:{free_port()}"
    for _ in range(4):
        endpoints = (dead, f"localhost:{member.port('client')}", "no-such-host.invalid:2379")
        async with EtcdClient(EtcdConfig(endpoints)) as client:
            await client.put("/k", b"v")
            assert (await client.txn([Compare.exists("/k")], [Op.delete("/k")])).succeeded


async def test_a_client_survives_a_restart_of_etcd(member: Etcd, client: EtcdClient) -> None:
    await client.put("/k", b"v")
    await asyncio.to_thread(member.kill9)
    await asyncio.to_thread(member.start)
    kv = await client.get("/k")
    assert kv is not None and kv.value == b"v"


async def test_requests_to_a_hung_etcd_end_and_say_what_is_known(member: Etcd) -> None:
    async with EtcdClient(EtcdConfig((member.endpoint,), request_timeout=1.0)) as client:
        await client.put("/k", b"v")
        await asyncio.to_thread(member.pause)
        try:
            with pytest.raises(EtcdUnavailableError, match="read /k"):
                await client.get("/k")
            with pytest.raises(EtcdOutcomeUnknownError):
                await client.txn([Compare.missing("/new")], [Op.put("/new", b"")])
        finally:
            await asyncio.to_thread(member.resume)
        assert await client.get("/k") is not None


async def test_a_transaction_that_could_not_be_sent_is_known_not_to_have_run(member: Etcd) -> None:
    async with EtcdClient(EtcdConfig((member.endpoint,), request_timeout=1.0)) as client:
        await client.put("/k", b"v")
        await asyncio.to_thread(member.stop)
        with pytest.raises(EtcdUnavailableError):
            await client.txn([Compare.missing("/new")], [Op.put("/new", b"")])


async def test_closing_ends_what_is_under_way(member: Etcd) -> None:
    client = EtcdClient(EtcdConfig((member.endpoint,)))
    await client.put("/k", b"v")
    await asyncio.to_thread(member.pause)
    try:
        reading = asyncio.create_task(client.get("/k"))
        following = asyncio.create_task(anext(client.watch("/")))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(EtcdClosedError):
            await reading
        with pytest.raises(StopAsyncIteration):
            await following
        with pytest.raises(EtcdClosedError):
            await client.get("/k")
    finally:
        await asyncio.to_thread(member.resume)

"""The agent at moments that no test from outside can hit: it runs in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tidegate_worker.agent import WorkerAgent
from tidegate_worker.fork_server import ForkServer
from tidegate_worker.task_claim import ClaimKeys

from tests.integration.worker.lab import COUNTING, DEADLINE, Lab
from tests.support.eventually import aeventually
from tidegate.config.settings import WorkerSettings
from tidegate.control import WorkerInfo
from tidegate.etcd import EtcdLeaseNotFoundError


@asynccontextmanager
async def running_agent(lab: Lab) -> AsyncIterator[WorkerAgent]:
    settings = WorkerSettings(
        cluster=lab.cluster,
        worker_id="w1",
        lease_ttl=3,
        kafka={"bootstrap.servers": lab.broker.bootstrap_servers},
        offsets_topic=f"offsets-{lab.cluster}",
        offsets_partitions=1,
    )
    agent = WorkerAgent(settings, lab.client, ForkServer(), WorkerInfo("127.0.0.1:1", 16, "0", []), None)
    stop = asyncio.Event()
    running = asyncio.create_task(agent.run(stop))
    try:
        yield agent
    finally:
        stop.set()
        await asyncio.wait_for(running, DEADLINE)


async def test_a_task_assigned_again_while_it_is_let_go_runs_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"connector.class": COUNTING, "topic": lab.topic(), "count": "100"}
    async with running_agent(lab) as agent:
        await lab.deploy("count", config)
        first = await lab.reaches("count", "RUNNING")
        holder = agent.holders["count", 0]
        release = ClaimKeys.release

        async def release_late(keys: ClaimKeys, epoch: int) -> None:
            await release(keys, epoch)
            await lab.assign("count", "w1")
            await aeventually(_wanted_again, timeout=DEADLINE)

        async def _wanted_again() -> bool:
            return holder._desired is not None

        monkeypatch.setattr(ClaimKeys, "release", release_late)
        await lab.assign("count", "w2")
        await aeventually(lambda: _held_anew(lab, first.epoch), timeout=DEADLINE)
        monkeypatch.undo()


async def test_a_worker_whose_lease_is_gone_joins_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([EtcdLeaseNotFoundError("the lease is gone.")])
    txn = lab.client.txn

    async def refuse_once(*args: object) -> object:
        for refusal in refusals:
            raise refusal
        return await txn(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(lab.client, "txn", refuse_once)
    async with running_agent(lab) as agent:

        async def joined() -> bool:
            return agent.joined

        await aeventually(joined, timeout=DEADLINE)


async def _held_anew(lab: Lab, epoch: int) -> bool:
    status = await lab.status("count")
    return status is not None and status.state == "RUNNING" and status.epoch > epoch

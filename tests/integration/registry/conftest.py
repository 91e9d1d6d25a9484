"""Registry replicas on a real etcd."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tidegate_registry.service import serve

from tests.support.eventually import aeventually
from tidegate.config.ready_file import read_ready_file
from tidegate.config.settings import EtcdSettings, RegistrySettings
from tidegate.devstack import Etcd


@dataclass(frozen=True)
class Replica:
    """A serving replica.

    Args:
        rest: base URL of its REST API.
        grpc: ``host:port`` of its gRPC API.
        http: a client of its REST API.
    """

    rest: str
    grpc: str
    http: httpx.AsyncClient


@asynccontextmanager
async def run_replica(etcd_endpoint: str, cluster: str, directory: Path) -> AsyncIterator[Replica]:
    """Run the service on free ports."""
    ready_file = directory / f"{uuid.uuid4().hex}.json"
    settings = RegistrySettings(
        cluster=cluster,
        etcd=EtcdSettings(endpoints=[etcd_endpoint]),
        rest_listen="127.0.0.1:0",
        grpc_listen="127.0.0.1:0",
        ready_file=ready_file,
    )
    stop = asyncio.Event()
    service = asyncio.create_task(serve(settings, stop))

    async def ready() -> dict[str, str] | None:
        if service.done():
            service.result()
        return read_ready_file(ready_file)

    try:
        addresses = await aeventually(ready, message="the registry serves")
        assert addresses is not None
        rest = f"http://{addresses['rest']}"
        async with httpx.AsyncClient(base_url=rest, timeout=20.0, trust_env=False) as http:
            yield Replica(rest, addresses["grpc"], http)
    finally:
        stop.set()
        await service


@pytest.fixture
async def replicas(etcd: Etcd, tmp_path: Path) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas of an empty registry."""
    cluster = uuid.uuid4().hex
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(run_replica(etcd.endpoint, cluster, tmp_path))
        second = await stack.enter_async_context(run_replica(etcd.endpoint, cluster, tmp_path))
        yield first, second


@pytest.fixture
async def replica(etcd: Etcd, tmp_path: Path) -> AsyncIterator[Replica]:
    """One replica of an empty registry."""
    async with run_replica(etcd.endpoint, uuid.uuid4().hex, tmp_path) as running:
        yield running

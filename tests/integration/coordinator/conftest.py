"""A cluster of its own for each test, in the shared etcd."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.coordinator.plugin_worker import PluginWorker
from tests.integration.coordinator.replica import Replica, running_replica
from tidegate.devstack import Etcd
from tidegate.etcd import EtcdClient, EtcdConfig


@pytest.fixture
def cluster() -> str:
    """A name no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
async def client(etcd: Etcd) -> AsyncIterator[EtcdClient]:
    """A client of etcd beside the services'."""
    async with EtcdClient(EtcdConfig((etcd.endpoint,))) as etcd_client:
        yield etcd_client


@pytest.fixture
async def worker(etcd: Etcd, cluster: str) -> AsyncIterator[PluginWorker]:
    """A worker."""
    async with PluginWorker(etcd.endpoint, cluster, "w1") as each:
        yield each


@pytest.fixture
async def replica(etcd: Etcd, cluster: str, tmp_path: Path) -> AsyncIterator[Replica]:
    """A replica, leading soon."""
    async with running_replica(etcd.endpoint, cluster, "c1", tmp_path) as each:
        yield each

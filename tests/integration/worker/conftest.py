"""One lab a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.worker.lab import Lab, lab_config
from tests.support.native_path import require_native_path
from tidegate.devstack import ApacheKafka, Etcd, Tansu
from tidegate.etcd import EtcdClient


@pytest.fixture(scope="session", autouse=True)
def _native_path() -> None:
    require_native_path()


@pytest.fixture
async def lab(etcd: Etcd, tansu: Tansu, state_dir: Path) -> AsyncIterator[Lab]:
    """On the embedded broker."""
    async with EtcdClient(lab_config(etcd)) as client:
        yield Lab(etcd, tansu, state_dir, client)


@pytest.fixture
async def broker_lab(etcd: Etcd, broker: Tansu | ApacheKafka, state_dir: Path) -> AsyncIterator[Lab]:
    """On both brokers."""
    async with EtcdClient(lab_config(etcd)) as client:
        yield Lab(etcd, broker, state_dir, client)

"""A registry of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.registry.conftest import Replica, run_replica
from tidegate.devstack import Etcd


@pytest.fixture
async def replica(etcd: Etcd, tmp_path: Path) -> AsyncIterator[Replica]:
    """One replica of an empty registry."""
    async with run_replica(etcd.endpoint, uuid.uuid4().hex, tmp_path) as running:
        yield running

"""The clusters that faults are injected into: one a broker for the whole session, made whole again after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.native_path import require_native_path, require_native_workers
from tests.support.needs_apache_kafka import start_or_skip
from tidegate.devstack.cluster import Broker, LocalCluster


def _cluster(state_dir: Path, broker: Broker, config: pytest.Config) -> Iterator[LocalCluster]:
    cluster = LocalCluster(
        state_dir / f"chaos-{broker}",
        broker=broker,
        registries=2,
        coordinators=2,
        workers=3,
        env={"TIDEGATE_LEASE_TTL": "3"},
    )
    require_native_path()
    start_or_skip(cluster.start, config)
    try:
        require_native_workers(cluster)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def _cluster_on_apache_kafka(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[LocalCluster]:
    yield from _cluster(state_dir, "apache-kafka", pytestconfig)


@pytest.fixture(scope="session")
def _cluster_on_tansu(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[LocalCluster]:
    yield from _cluster(state_dir, "tansu", pytestconfig)


@pytest.fixture
def cluster(_cluster_on_apache_kafka: LocalCluster) -> Iterator[LocalCluster]:
    """A whole cluster on Apache Kafka: kill in it what you like, and leave no connector behind."""
    try:
        yield _cluster_on_apache_kafka
    finally:
        _cluster_on_apache_kafka.revive()


@pytest.fixture(params=["tansu", pytest.param("apache_kafka", marks=pytest.mark.apache_kafka)])
def either_cluster(request: pytest.FixtureRequest) -> Iterator[LocalCluster]:
    """A whole cluster on each of the two brokers in turn."""
    cluster: LocalCluster = request.getfixturevalue(f"_cluster_on_{request.param}")
    try:
        yield cluster
    finally:
        cluster.revive()

"""Fixtures that run the real components: one of each for the whole session, started when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.needs_apache_kafka import start_or_skip
from tests.support.not_tested import NOT_TESTED
from tests.support.session_state import make_session_state, remove_session_state
from tidegate.devstack import (
    ApacheKafka,
    Etcd,
    Postgres,
    SeaweedFS,
    Tansu,
)

TEST_BUCKET = "tests"

# Generating slowly says that the machine is busy, not that a test is wrong.
settings.register_profile("tidegate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tidegate")


@pytest.fixture(scope="session")
def state_dir() -> Iterator[Path]:
    """Where this run's processes keep their pid files, logs and data; gone when the run ends."""
    directory = make_session_state()
    yield directory
    remove_session_state(directory)


@pytest.fixture(scope="session")
def etcd(state_dir: Path) -> Iterator[Etcd]:
    """A shared etcd: use a prefix of your own in it, and do not kill it."""
    with Etcd(state_dir) as component:
        yield component


@pytest.fixture
def own_etcd(tmp_path_factory: pytest.TempPathFactory, state_dir: Path) -> Iterator[Etcd]:
    """An etcd for this test alone, to be killed, paused and restarted."""
    name = tmp_path_factory.mktemp("own-etcd").name
    with Etcd(state_dir, name=name) as component:
        yield component


@pytest.fixture(scope="session")
def tansu(state_dir: Path) -> Iterator[Tansu]:
    """A shared Tansu: use topics, groups and transactional ids of your own in it."""
    with Tansu(state_dir) as component:
        yield component


@pytest.fixture(scope="session")
def seaweedfs(state_dir: Path) -> Iterator[SeaweedFS]:
    """A shared object store with the bucket ``tests``: use a key prefix of your own in it."""
    with SeaweedFS(state_dir, buckets=[TEST_BUCKET]) as component:
        yield component


@pytest.fixture(scope="session")
def postgres(state_dir: Path) -> Iterator[Postgres]:
    """A shared PostgreSQL: make a database of your own in it (``create_database``)."""
    with Postgres(state_dir) as component:
        yield component


@pytest.fixture(scope="session")
def apache_kafka(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[ApacheKafka]:
    """A shared Apache Kafka; without Java or Maven the test is skipped, loudly, or fails where CI=true."""
    component = ApacheKafka(state_dir)
    start_or_skip(component.start, pytestconfig)
    try:
        yield component
    finally:
        component.stop()


@pytest.fixture(
    scope="session",
    params=["tansu", pytest.param("apache-kafka", marks=pytest.mark.apache_kafka)],
)
def broker(request: pytest.FixtureRequest) -> Tansu | ApacheKafka:
    """Each of the two brokers in turn; the test uses its ``bootstrap_servers``."""
    component = request.getfixturevalue(request.param.replace("-", "_"))
    assert isinstance(component, Tansu | ApacheKafka)
    return component


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in the summary which promises were not tested."""
    for what, reason in config.stash.get(NOT_TESTED, {}).items():
        terminalreporter.section(what, sep="!", red=True, bold=True)
        terminalreporter.line(reason, red=True)

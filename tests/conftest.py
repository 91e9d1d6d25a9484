"""Fixtures that run the real components: one of each for the whole session, started when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.needs_apache_kafka import start_or_skip
from tests.support.needs_mariadb import install_or_skip
from tests.support.not_tested import NOT_TESTED
from tests.support.scheduling import SharedComponentScheduling
from tests.support.session_state import make_session_state, remove_session_state
from tidegate.devstack import (
    ApacheKafka,
    Etcd,
    MariaDB,
    OpenSearch,
    Postgres,
    SeaweedFS,
    Tansu,
)

TEST_BUCKET = "tests"
TEST_LAKE = "lake"

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
    """A shared object store with the bucket ``tests`` and an Iceberg catalog: use a prefix, a namespace of your own."""
    with SeaweedFS(state_dir, buckets=[TEST_BUCKET], table_bucket=TEST_LAKE) as component:
        yield component


@pytest.fixture(scope="session")
def postgres(state_dir: Path) -> Iterator[Postgres]:
    """A shared PostgreSQL: make a database of your own in it (``create_database``)."""
    with Postgres(state_dir) as component:
        yield component


@pytest.fixture(scope="session")
def mariadb(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[MariaDB]:
    """A shared MariaDB: make a database of your own in it; where it can not be had the test is skipped, loudly."""
    install_or_skip(pytestconfig)
    with MariaDB(state_dir) as component:
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


@pytest.fixture(scope="session")
def opensearch(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[OpenSearch]:
    """A shared OpenSearch: use indices of your own in it; without Java or Maven the test is skipped, loudly."""
    component = OpenSearch(state_dir)
    start_or_skip(component.start, pytestconfig, what="NOT TESTED ON OPENSEARCH")
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedComponentScheduling:
    """Each process that runs tests has components of its own: what shares dear ones stays together."""
    return SharedComponentScheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in the summary which promises were not tested."""
    for what, reason in config.stash.get(NOT_TESTED, {}).items():
        terminalreporter.section(what, sep="!", red=True, bold=True)
        terminalreporter.line(reason, red=True)

"""One whole cluster for all tests here: each uses names of its own in it and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.control.user import DEADLINE, User
from tests.support.eventually import eventually
from tests.support.session_state import make_session_state, remove_session_state
from tidegate.devstack.cluster import LocalCluster

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A registry, two coordinators, two workers that know the test plugins and give up on a task soon."""
    directory = make_session_state()
    env = {
        "PYTHONPATH": str(REPOSITORY),
        "TIDEGATE_LEASE_TTL": "3",
        "TIDEGATE_TASK_MEMORY_LIMIT_MB": "400",
        "TIDEGATE_TASK_HEARTBEAT_TIMEOUT": "10",
    }
    try:
        with LocalCluster(directory, workers=2, env=env) as running:
            yield running
    finally:
        remove_session_state(directory)


@pytest.fixture(scope="session")
def everyone(cluster: LocalCluster) -> Iterator[User]:
    """The user, once the workers are known."""
    user = User(cluster)
    try:
        eventually(lambda: len(user.workers()) == 2 and cluster.leader(), timeout=DEADLINE, message="workers join")
        yield user
    finally:
        user.close()


@pytest.fixture
def user(everyone: User) -> Iterator[User]:
    """The user; connectors of the test are deleted after it."""
    before = set(everyone.rest.get("/connectors").json())
    yield everyone
    for name in set(everyone.rest.get("/connectors").json()) - before:
        everyone.rest.delete(f"/connectors/{name}")

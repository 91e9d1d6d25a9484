"""Keys are built and read back whatever a connector is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import ConfigError
from tidegate.etcd import Keyspace, MalformedKeyError

KEYS = Keyspace("prod")
NAMES = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40)


def test_the_keys_are_the_designs() -> None:
    assert KEYS.leader == "/tidegate/prod/coordinator/leader"
    assert KEYS.connector("orders") == "/tidegate/prod/connectors/orders"
    assert KEYS.task("orders", 3) == "/tidegate/prod/tasks/orders/3"
    assert KEYS.worker("w-1") == "/tidegate/prod/workers/w-1"
    assert KEYS.assignment("orders", 0) == "/tidegate/prod/assignments/orders/0"
    assert KEYS.claim("orders", 10) == "/tidegate/prod/claims/orders/10"
    assert KEYS.status("a/b c", 1) == "/tidegate/prod/status/a%2Fb%20c/1"


@given(NAMES, st.integers(0, 10_000))
def test_keys_read_back_as_what_they_were_made_of(name: str, number: int) -> None:
    assert KEYS.parse_connector_key(KEYS.connector(name)) == name
    assert KEYS.parse_worker_key(KEYS.worker(name)) == name
    assert KEYS.parse_task_key(KEYS.task(name, number)) == (name, number)
    assert KEYS.parse_assignment_key(KEYS.assignment(name, number)) == (name, number)
    assert KEYS.parse_claim_key(KEYS.claim(name, number)) == (name, number)
    assert KEYS.parse_status_key(KEYS.status(name, number)) == (name, number)


@given(NAMES, NAMES, st.integers(0, 99))
def test_a_connectors_prefix_holds_its_own_keys_only(one: str, other: str, number: int) -> None:
    for prefix_of, key_of in (
        (KEYS.tasks_of, KEYS.task),
        (KEYS.assignments_of, KEYS.assignment),
        (KEYS.claims_of, KEYS.claim),
        (KEYS.statuses_of, KEYS.status),
    ):
        assert key_of(other, number).startswith(prefix_of(one)) == (one == other)


@pytest.mark.parametrize("name", ["", "a\nb", "\x00", "a\x7f", "\ud800"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        KEYS.connector(name)
    with pytest.raises(ConfigError):
        Keyspace(name)


@pytest.mark.parametrize(
    "key",
    [
        "/tidegate/prod/tasks/",
        "/tidegate/prod/tasks/orders",
        "/tidegate/prod/tasks/orders/",
        "/tidegate/prod/tasks/orders/x",
        "/tidegate/prod/tasks/orders/01",
        "/tidegate/prod/tasks/orders/-1",
        "/tidegate/prod/tasks//1",
        "/tidegate/prod/tasks/a/b/1",
        "/tidegate/prod/tasks/a%2fb/1",
        "/tidegate/prod/claims/orders/1",
        "/tidegate/other/tasks/orders/1",
    ],
)
def test_foreign_keys_are_not_taken_for_tasks(key: str) -> None:
    with pytest.raises(MalformedKeyError):
        KEYS.parse_task_key(key)

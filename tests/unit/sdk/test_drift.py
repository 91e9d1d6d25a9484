"""``drift.policy`` stands for each sink's own keys, and is refused where it contradicts them or means nothing."""

from __future__ import annotations

import pytest

from tidegate.sdk.connector_config import check
from tidegate.sdk.plugins import Plugins

PLUGINS = Plugins.installed()
BASE = {"name": "c", "topics": "orders"}
JDBC = {**BASE, "connector.class": "jdbc-sink", "connection.url": "jdbc:postgresql://h/d"}
S3 = {**BASE, "connector.class": "s3-sink", "s3.bucket.name": "b"}
FILE = {**BASE, "connector.class": "file-sink", "file": "/tmp/x"}


def problems(config: dict[str, str]) -> dict[str, str]:
    checked = check(PLUGINS.find(config["connector.class"]), config)
    return {value.key.name: value.errors[0] for value in checked.values if value.errors}


@pytest.mark.parametrize(
    ("config", "key", "policy", "value"),
    [
        (JDBC, "auto.evolve", "evolve", True),
        (JDBC, "auto.evolve", "project", False),
        (S3, "schema.compatibility", "evolve", "NONE"),
        (S3, "schema.compatibility", "project", "BACKWARD"),
    ],
)
def test_a_policy_sets_the_sinks_own_keys(config: dict[str, str], key: str, policy: str, value: object) -> None:
    given = {**config, "drift.policy": policy}
    checked = check(PLUGINS.find(config["connector.class"]), given)
    assert checked.config is not None, problems(given)
    assert checked.config[key] == value


def test_keys_that_contradict_the_policy_are_named() -> None:
    found = problems({**JDBC, "drift.policy": "evolve", "auto.evolve": "false"})
    assert "contradicts drift.policy=evolve" in found["auto.evolve"]


@pytest.mark.parametrize("policy", ["evolve", "project"])
def test_a_policy_the_sink_has_no_notion_of_is_refused(policy: str) -> None:
    assert "use halt or fail" in problems({**FILE, "drift.policy": policy})["drift.policy"]
    assert problems({**FILE, "drift.policy": "fail"}) == {}


def test_an_unknown_policy_is_refused() -> None:
    assert "halt, fail, evolve, project" in problems({**JDBC, "drift.policy": "shrug"})["drift.policy"]

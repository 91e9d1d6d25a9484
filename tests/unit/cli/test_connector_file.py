"""Connector files as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.connector_file import ConnectorFile, read_connector_file
from tidegate.errors import ConfigError


def read(tmp_path: Path, text: str) -> ConnectorFile:
    file = tmp_path / "connector.yaml"
    file.write_text(text)
    return read_connector_file(file)


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nconfig: {connector.class: x, tasks.max: 2}",
        "name: a\nconnector.class: x\ntasks.max: 2",
        "config: {name: a, connector.class: x, tasks.max: '2'}",
        '{"name": "a", "config": {"connector.class": "x", "tasks.max": "2"}}',
    ],
)
def test_the_forms_of_kafka_connect_mean_the_same(tmp_path: Path, text: str) -> None:
    expected = {"name": "a", "connector.class": "x", "tasks.max": "2"}
    assert read(tmp_path, text) == ConnectorFile("a", expected)


def test_values_become_text_as_a_configuration_wants_it(tmp_path: Path) -> None:
    found = read(tmp_path, "name: a\nfirst: true\nsecond: off\nlist: [a, 1]\nnothing:\nnumber: 1.5")
    assert found.config == {"name": "a", "first": "true", "second": "false", "list": "a,1", "number": "1.5"}


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("connector.class: x", "name", "is missing"),
        ("name: a\nconnection: {url: x}", "connection", "with dots"),
        ("name: a\nconfig: {x: y}\ntasks.max: 1", "tasks.max", "Move it into config"),
    ],
)
def test_what_can_not_be_deployed_is_named(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert said in str(caught.value)

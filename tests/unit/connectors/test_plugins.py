"""Plugin discovery: every way to name a connector, and what a broken one does to the others."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from tidegate.errors import ConfigError
from tidegate.sdk.plugins import CONNECTORS, Plugins


def test_every_connector_here_loads() -> None:
    plugins = Plugins.installed()
    assert not plugins.broken
    assert {"jdbc-source", "jdbc-sink", "s3-sink", "file-source", "file-sink", "datagen-source"} <= {
        p.name for p in plugins.all()
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("s3-sink", "s3-sink"),
        ("io.confluent.connect.jdbc.JdbcSourceConnector", "jdbc-source"),
        ("io.confluent.connect.s3.S3SinkConnector", "s3-sink"),
        ("io.confluent.connect.jdbc.JdbcSinkConnector", "jdbc-sink"),
        ("io.debezium.connector.jdbc.JdbcSinkConnector", "jdbc-sink"),
        ("org.apache.kafka.connect.file.FileStreamSourceConnector", "file-source"),
        ("FileStreamSource", "file-source"),
        ("org.apache.kafka.connect.file.FileStreamSinkConnector", "file-sink"),
        ("io.confluent.kafka.connect.datagen.DatagenConnector", "datagen-source"),
        ("tidegate.connectors.s3.connector:S3SinkConnector", "s3-sink"),
        ("tidegate.connectors.s3:S3SinkConnector", "s3-sink"),
        ("tidegate.connectors.s3.connector.S3SinkConnector", "s3-sink"),
        ("examples.connectors.csv_sink:CsvSink", "examples.connectors.csv_sink:CsvSink"),
    ],
)
def test_a_connector_is_found_by_name_alias_or_path(text: str, name: str) -> None:
    assert Plugins.installed().find(text).name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jdbc-sourc", "Did you mean 'jdbc-source'"),
        ("io.confluent.connect.s3.S3SinkConector", "Did you mean 'io.confluent.connect.s3.S3SinkConnector'"),
        ("com.example.Nothing", "datagen-source, file-sink, file-source"),
        ("", "missing"),
        ("no.such.module:Class", "does not load"),
        ("json:dumps", "is not a connector"),
        ("json:nothing", "has no 'nothing'"),
    ],
)
def test_an_unknown_connector_is_an_error_of_its_key(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Plugins.installed().find(text)
    assert [problem.key for problem in caught.value.problems] == ["connector.class"]


def test_a_broken_plugin_is_reported_and_the_others_work() -> None:
    plugins = Plugins(
        [
            EntryPoint("gone", "no_such_module:Class", CONNECTORS),
            EntryPoint("odd", "json:dumps", CONNECTORS),
            EntryPoint("datagen-source", "tidegate.connectors.datagen:DatagenSourceConnector", CONNECTORS),
        ]
    )
    assert [plugin.name for plugin in plugins.all()] == ["datagen-source"]
    assert set(plugins.broken) == {"gone", "odd"}
    with pytest.raises(ConfigError, match=r"installed but unusable: .*no_such_module"):
        plugins.find("gone")


@pytest.mark.parametrize("text", ["datagen-source", "tidegate.connectors.datagen:DatagenSourceConnector"])
def test_a_name_or_path_imports_no_other_connector(text: str) -> None:
    plugins = Plugins(
        [
            EntryPoint("crashing", "tests.unit.connectors.no_module_at_all:Class", CONNECTORS),
            EntryPoint("datagen-source", "tidegate.connectors.datagen:DatagenSourceConnector", CONNECTORS),
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EntryPoint, "load", _only_datagen(EntryPoint.load))
        assert plugins.find(text).name == "datagen-source"


def _only_datagen(load: Callable[[EntryPoint], Any]) -> Callable[[EntryPoint], Any]:
    def loaded(point: EntryPoint) -> Any:
        assert point.name == "datagen-source", "another connector is imported"
        return load(point)

    return loaded

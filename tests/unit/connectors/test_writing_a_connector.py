"""The examples of docs/writing-a-connector.md: shown as they are, short, and working; and the reference docs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from examples.connectors.csv_sink import CsvSink
from examples.connectors.weather_source import WeatherSource
from tests.integration.connectors.sink_harness import SinkHarness, consumed, records
from tests.integration.connectors.source_harness import SourceHarness
from tidegate.errors import RecordHaltedError
from tidegate.records.envelope import TopicPartition
from tidegate.sdk.plugins import Plugins
from tidegate.sdk.reference_docs import pages

ROOT = Path(__file__).parents[3]
T0 = TopicPartition("t", 0)


@pytest.mark.parametrize("name", ["weather_source.py", "csv_sink.py"])
def test_the_guide_shows_the_examples_whole_and_they_are_short(name: str) -> None:
    code = (ROOT / "examples/connectors" / name).read_text()
    assert code.rstrip() in (ROOT / "docs/writing-a-connector.md").read_text()
    assert len(code.splitlines()) < 40


def test_the_example_source_resumes() -> None:
    run = SourceHarness(WeatherSource(), {"city": "Oslo"})
    for commit in (True, False, True):
        run.start()
        run.poll(commit=commit)
        run.crash()
    hours = [row["hour"] for row in run.rows()]
    assert len(hours) == len(set(hours)) == 48
    assert (max(hours) - min(hours)).total_seconds() == 47 * 3600
    type_ = run.committed[0].batch.value_field.type
    assert type_.field("hour").type == pa.timestamp("us", "UTC")
    assert run.committed[0].batch.topic == "weather"


def test_the_example_sink_writes_rows_and_halts_others(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    harness = SinkHarness(CsvSink(), {"file": str(path)}, tolerant=True)
    run = harness.start(T0)
    value: Any = records([{"id": 1, "name": "a,b"}], pa.field("id", pa.int64()), pa.field("name", pa.string()))
    run.put(consumed("t", value))
    run.put(consumed("t", pa.array(["text"]), first_offset=1))
    assert run.commit()[T0].offset == 2
    assert path.read_text() == '1,"a,b"\r\n' or path.read_text() == '1,"a,b"\n'
    assert [offset for _, offset, _ in run.context.halted] == [1]
    run.task.stop()
    strict = SinkHarness(CsvSink(), {"file": str(path)}).start(T0)
    with pytest.raises(RecordHaltedError):
        strict.put(consumed("t", pa.array(["text"])))
    strict.task.stop()


def test_the_reference_docs_are_up_to_date() -> None:
    for name, text in pages(Plugins.installed()).items():
        path = ROOT / "docs/connectors" / name
        assert path.exists(), f"run: python -m tidegate.sdk.reference_docs docs/connectors ({name} is missing)"
        assert path.read_text() == text, f"run: python -m tidegate.sdk.reference_docs docs/connectors ({name} differs)"


def test_every_connector_states_its_guarantees_and_documents_every_key() -> None:
    for plugin in Plugins.installed().all():
        assert getattr(plugin.connector, "guarantees", "")
        for key in plugin.connector.config_def.keys.values():
            assert len(key.doc) > 10, key.name
            assert key.required or key.default is None or not key.validator or key.validator(key.default) is None

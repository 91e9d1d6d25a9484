"""Kafka JSON to a local file, line by line, as text."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from benchmarks.comparing import compared
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.errors import BenchmarkError
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "file-sink"
ROWS = 1_200_000
DATA = ("orders",)

_TOPIC = "rows-json"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set."""
    return [_run(settings, data) for data in settings.data or DATA]


def _run(settings: Settings, data: str) -> Comparison:
    rows = settings.rows or ROWS
    with ExitStack() as exits:
        stage = exits.enter_context(Stage([]))
        topics = Topics(stage.bootstrap_servers)
        topics.make(_TOPIC)
        size = topics.fill_json(_TOPIC, table(data, rows))
        sides = []
        if settings.wants("tidegate"):
            note = "file-sink, strings as they are, exactly once"
            sides.append(lines_side(exits.enter_context(Tidegate(stage)), note, stage, _TOPIC, rows, size, 1))
        if settings.wants("connect"):
            sides.append(connect_side(exits.enter_context(KafkaConnect(stage)), stage, _TOPIC, rows, size, 1))
        title = f"{rows:,} JSON lines of {data} from Kafka to a file, {PARTITIONS} partitions, 1 task"
        return compared(NAME, title, sides, settings, stage)


def connect_side(system: KafkaConnect, stage: Stage, topic: str, rows: int, size: int, tasks: int) -> Side:
    """Kafka's own FileStreamSink.

    Args:
        system: runs it.
        stage: whose directory the file is in.
        topic: of JSON texts.
        rows: how many there are.
        size: their bytes.
        tasks: how many write.
    """
    note = "FileStreamSink, StringConverter: JSON text as it is, appended to a local file"
    return lines_side(system, note, stage, topic, rows, size, tasks)


def lines_side(system: System, note: str, stage: Stage, topic: str, rows: int, size: int, tasks: int) -> Side:
    """A sink of text lines, by the name that both systems know it by."""

    def prepare(number: int) -> Transfer:
        # A name is a consumer group: the systems may not go on where the other has been.
        name = f"{system.name}-lines-{number}"
        path = stage.state_dir / f"{name}.txt"
        config: Config = {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "tasks.max": tasks,
            "topics": topic,
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "file": str(path),
        }
        # Its progress is told in rows, as that of the others, though only bytes can be seen.
        return Transfer(
            {name: config},
            rows,
            lambda: path.stat().st_size * rows // (size + rows),
            lambda: _count_lines(path, size + rows, rows),
            lambda: path.unlink(missing_ok=True),
        )

    return Side(system, note, prepare)


def _count_lines(path: Path, size: int, rows: int) -> int:
    if path.stat().st_size != size:
        raise BenchmarkError(f"{path} has {path.stat().st_size:,} bytes instead of {size:,}.")
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    if lines != rows:
        raise BenchmarkError(f"{path} has {lines:,} lines instead of {rows:,}.")
    return lines

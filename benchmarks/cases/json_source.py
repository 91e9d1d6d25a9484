"""JSON lines of a file to Kafka, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.comparing import compared
from benchmarks.data.json_lines import json_file
from benchmarks.data.topics import Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "json-source"
ROWS = 1_000_000
DATA = ("orders",)

# What Tidegate's producer has by itself.
CONNECT_PRODUCER: Config = {
    "producer.override.compression.type": "lz4",
    "producer.override.linger.ms": 20,
    "producer.override.batch.size": 1_000_000,
    "producer.override.buffer.memory": 134_217_728,
}
_TRANSACTIONS: Config = {
    "exactly.once.support": "required",
    "transaction.boundary": "interval",
    "transaction.boundary.interval.ms": 500,
}


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    return [_run(settings, data, tasks) for data in settings.data or DATA for tasks in settings.tasks or (1,)]


def _run(settings: Settings, data: str, tasks: int) -> Comparison:
    rows = (settings.rows or ROWS) // tasks * tasks
    files = [json_file(data, rows, part, tasks) for part in range(tasks)]
    line = sum(file.stat().st_size for file in files) // rows
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        topics = Topics(stage.bootstrap_servers)
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            note = "file-source, Avro with registry, one transaction a batch of 10,000"
            sides.append(_side(tidegate, note, topics, rows, [_tidegate(str(file)) for file in files]))
        if settings.wants("connect"):
            connect = exits.enter_context(KafkaConnect(stage))
            note = "FileStreamSource, StringConverter, exactly once, transactions of 500 ms"
            configs = [{**_connect(str(file)), **_TRANSACTIONS} for file in files]
            sides.append(_side(connect, note, topics, rows, configs))
        if settings.wants("connect-at-least-once", unasked=False):
            loose = exits.enter_context(KafkaConnect(stage, name="connect-at-least-once", exactly_once=False))
            note = "FileStreamSource, StringConverter, no transactions"
            sides.append(_side(loose, note, topics, rows, [_connect(str(file)) for file in files]))
        title = f"{rows:,} JSON lines of {line} B ({data}) to Kafka, {tasks} task(s)"
        return compared(NAME, title, sides, settings, stage)


def _side(system: System, note: str, topics: Topics, rows: int, configs: Sequence[Config]) -> Side:
    def prepare(number: int) -> Transfer:
        topic = f"lines-{system.name}-{number}"
        topics.make(topic)
        return Transfer(
            connectors={f"{topic}-{part}": {**config, "topic": topic} for part, config in enumerate(configs)},
            rows=rows,
            progress=lambda: topics.visible(topic),
            count=lambda: topics.count(topic),
            clean=lambda: topics.remove(topic),
        )

    return Side(system, note, prepare)


def _tidegate(file: str) -> Config:
    return {"connector.class": "file-source", "tasks.max": 1, "file": file, "value.converter": "avro"}


def _connect(file: str) -> Config:
    return {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": 1,
        "file": file,
        "batch.size": 10_000,
        **CONNECT_PRODUCER,
    }

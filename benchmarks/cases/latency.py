"""From a line appended to a file until a consumer has its record, at steady rates."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.arrival_times import Flow, FlowSide, compare_arrivals
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate

NAME = "latency"
RATES = (1_000, 20_000)
SECONDS = 15.0


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each rate."""
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        sides = _sides(settings, stage, exits)
        title = "{rate:,} lines/s for {seconds:g} s"
        return [compare_arrivals(NAME, title, stage, sides, settings, rate=rate, seconds=SECONDS) for rate in RATES]


def _sides(settings: Settings, stage: Stage, exits: ExitStack) -> list[FlowSide]:
    sides = []
    if settings.wants("tidegate"):
        tidegate = exits.enter_context(Tidegate(stage))
        config: Config = {"connector.class": "file-source", "value.converter": "avro"}
        registries = [tidegate.registry.addresses["grpc"]]
        note = "file-source, Avro with registry, exactly once"
        sides.append(FlowSide(tidegate, note, _lines(stage, config), registries))
    connect: Config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}
    if settings.wants("connect"):
        exact = exits.enter_context(KafkaConnect(stage))
        once: Config = {**connect, "exactly.once.support": "required", "transaction.boundary": "poll"}
        sides.append(FlowSide(exact, "FileStreamSource, StringConverter, a transaction a poll", _lines(stage, once)))
    if settings.wants("connect-at-least-once"):
        loose = exits.enter_context(KafkaConnect(stage, name="connect-at-least-once", exactly_once=False))
        sides.append(FlowSide(loose, "FileStreamSource, StringConverter, no transactions", _lines(stage, connect)))
    return sides


def _lines(stage: Stage, config: Config) -> Callable[[str, int, float], Flow]:
    def prepare(name: str, rate: int, seconds: float) -> Flow:
        file = stage.state_dir / f"{name}.jsonl"
        file.write_text(f'{{"sent":{time.time_ns()},"n":0,"pad":""}}\n')
        own: Config = {**config, "tasks.max": 1, "file": str(file), "topic": name}
        return Flow(own, name, ["benchmarks.latency_writer", str(file), str(rate), str(seconds)])

    return prepare

"""How long a new connector takes from the request to its first record."""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.data.topics import Topics
from benchmarks.measure.quiet import wait_quiet
from benchmarks.measure.timeline import SYSTEM
from benchmarks.result import Comparison, Series
from benchmarks.settings import Settings
from benchmarks.show import say
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.waiting import wait_until

NAME = "start-time"
_LOOK_SECONDS = 0.01


def run(settings: Settings) -> list[Comparison]:
    """One comparison."""
    found = Comparison(NAME, "POST /connectors of a file source to its answer, and to its first record")
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        sides: list[tuple[System, Config]] = []
        if settings.wants("tidegate"):
            sides.append((exits.enter_context(Tidegate(stage)), {"connector.class": "file-source"}))
            found.series.append(Series("tidegate", "a process of its own, exactly once"))
        if settings.wants("connect"):
            file_stream: Config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}
            sides.append((exits.enter_context(KafkaConnect(stage)), file_stream))
            found.series.append(Series("connect", "a thread of the worker, exactly once"))
        for number in range(settings.repeats + 1):
            for (system, config), series in zip(sides, found.series, strict=True):
                figures = _measure(stage, system, config, number)
                say(f"  {system.name} {number or 'warm-up'}: {figures}")
                if number:
                    series.add(figures)
    return [found]


def _measure(stage: Stage, system: System, config: Config, number: int) -> dict[str, float]:
    name = f"start-{system.name}-{number}"
    topics, connectors = Topics(stage.bootstrap_servers), system.connectors
    file = stage.state_dir / f"{name}.jsonl"
    file.write_text('{"n": 1}\n')
    topics.make(name, 1)
    wait_quiet({SYSTEM: system.roots, **stage.groups()})
    asked = time.monotonic()
    connectors.create(name, {**config, "tasks.max": 1, "file": str(file), "topic": name})
    answered = time.monotonic()
    try:
        wait_until(lambda: topics.visible(name, 1), f"a record of {name}", interval=_LOOK_SECONDS)
        seen = time.monotonic()
    finally:
        connectors.delete(name)
    return {"answer s": answered - asked, "first record s": seen - asked}

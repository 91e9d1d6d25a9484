"""Memory and CPU of a worker whose tasks have nothing to do."""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.data.topics import Topics
from benchmarks.measure.cpu import CpuMeter
from benchmarks.measure.memory import pss_bytes
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

NAME = "idle-memory"
TASKS = (1, 10)

_WORKER = "worker"
_WATCH_SECONDS = 10.0


def run(settings: Settings) -> list[Comparison]:
    """One comparison; each repeat has fresh processes, for memory only ever grows."""
    numbers = settings.tasks or TASKS
    found = Comparison(NAME, f"PSS with {' and '.join(map(str, numbers))} file sources that have read their file")
    series = {
        "tidegate": Series("tidegate", "worker: agent, fork server, tasks; all: coordinator and registry too"),
        "connect": Series("connect", "one JVM with -Xmx512m"),
    }
    found.series = [each for name, each in series.items() if settings.wants(name)]
    for number in range(1, settings.repeats + 1):
        for each in found.series:
            with ExitStack() as exits:
                stage = exits.enter_context(Stage())
                system: System
                if each.side == "tidegate":
                    tidegate = exits.enter_context(Tidegate(stage))
                    system, workers = tidegate, [worker.process.pid for worker in tidegate.workers]
                    config: Config = {"connector.class": "file-source"}
                else:
                    system = exits.enter_context(KafkaConnect(stage, heap="512m"))
                    workers = system.roots()
                    config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}
                figures = _measure(stage, system, workers, config, numbers)
            say(f"  {each.side} {number}: " + ", ".join(f"{value:,.2f} {name}" for name, value in figures.items()))
            each.add(figures)
    return [found]


def _measure(
    stage: Stage, system: System, workers: list[int], config: Config, numbers: tuple[int, ...]
) -> dict[str, float]:
    topics = Topics(stage.bootstrap_servers)
    meter = CpuMeter({SYSTEM: system.roots, _WORKER: lambda: workers})
    figures: dict[str, float] = {}
    made = 0
    for number in numbers:
        for each in range(made, number):
            _idle_source(stage, system, topics, config, f"idle-{each}")
        made = max(made, number)
        wait_quiet({SYSTEM: system.roots})
        before, began = meter.read(), time.monotonic()
        # An idle system is only watched: nothing happens that could be waited for.
        time.sleep(_WATCH_SECONDS)
        after, seconds = meter.read(), time.monotonic() - began
        figures[f"worker MiB, {number} task(s)"] = pss_bytes(meter.members(_WORKER)) / 2**20
        figures[f"all MiB, {number} task(s)"] = pss_bytes(meter.members(SYSTEM)) / 2**20
        figures[f"% of a core, {number} task(s)"] = 100 * (after[SYSTEM] - before[SYSTEM]) / seconds
    return figures


def _idle_source(stage: Stage, system: System, topics: Topics, config: Config, name: str) -> None:
    file = stage.state_dir / f"{name}.jsonl"
    file.write_text('{"n": 1}\n')
    topics.make(name, 1)
    system.connectors.create(name, {**config, "tasks.max": 1, "file": str(file), "topic": name})
    wait_until(lambda: topics.visible(name, 1), f"a record of {name}")

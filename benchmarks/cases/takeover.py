"""Two workers, four tasks, kill -9 of one worker: seconds until its tasks run, and move records, elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.data.topics import Topics
from benchmarks.result import Comparison, Series
from benchmarks.settings import Settings
from benchmarks.show import say
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.system import System
from benchmarks.systems.tidegate import Tidegate
from benchmarks.waiting import wait_until

NAME = "takeover"
_CONNECTORS = 4
_TIMEOUT = 500.0
_LOOK_SECONDS = 0.05
_FILE_STREAM: Config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}


@dataclass(frozen=True)
class _Contender:
    """A cluster of two workers.

    Args:
        system: runs.
        config: of a source.
        kill: SIGKILL of a worker by its id in statuses.
    """

    system: System
    config: Config
    kill: dict[str, Callable[[], None]]


def run(settings: Settings) -> list[Comparison]:
    """One comparison. Connect with its defaults is killed once: it takes five minutes by configuration."""
    found = Comparison(NAME, "two workers, four file sources, kill -9 of one worker")
    notes = {
        "tidegate": "default settings",
        "connect-no-delay": "scheduled.rebalance.max.delay.ms=0",
        "connect": "default settings",
    }
    found.series = [Series(name, note) for name, note in notes.items() if settings.wants(name)]
    for number in range(1, settings.repeats + 1):
        for series in found.series:
            if number > 1 and series.side == "connect":
                continue
            with ExitStack() as exits:
                stage = exits.enter_context(Stage())
                figures = _measure(stage, _contender(series.side, stage, exits))
            say(f"  {series.side} {number}: " + ", ".join(f"{value:,.1f} {name}" for name, value in figures.items()))
            series.add(figures)
    return [found]


def _contender(side: str, stage: Stage, exits: ExitStack) -> _Contender:
    if side == "tidegate":
        tidegate = exits.enter_context(Tidegate(stage, workers=2))
        return _Contender(
            tidegate, {"connector.class": "file-source"}, {worker.name: worker.kill9 for worker in tidegate.workers}
        )
    delay = {"scheduled.rebalance.max.delay.ms": "0"} if side == "connect-no-delay" else {}
    connect = exits.enter_context(KafkaConnect(stage, workers=2, settings=delay, heap="512m"))
    return _Contender(connect, _FILE_STREAM, {worker.worker_id: worker.kill9 for worker in connect.workers})


def _measure(stage: Stage, contender: _Contender) -> dict[str, float]:
    topics, connectors = Topics(stage.bootstrap_servers), contender.system.connectors
    names = [f"source-{number}" for number in range(_CONNECTORS)]
    for name in names:
        (stage.state_dir / f"{name}.jsonl").write_text('{"n": 1}\n')
        topics.make(name, 1)
        config = {**contender.config, "tasks.max": 1, "file": str(stage.state_dir / f"{name}.jsonl"), "topic": name}
        connectors.create(name, config)

    def where(name: str) -> str:
        running = [task["worker_id"] for task in connectors.tasks(name) if task["state"] == "RUNNING"]
        return str(running[0]) if running else ""

    def spread() -> bool:
        """All run and have moved their line, and each worker has its half."""
        moved = all(topics.visible(name, 1) for name in names)
        return moved and all([where(name) for name in names].count(worker) == 2 for worker in contender.kill)

    wait_until(spread, "two tasks on each worker", timeout=_TIMEOUT)
    victim = where(names[0])
    taken = [name for name in names if where(name) == victim]
    before = {name: topics.visible(name, 1) for name in taken}
    contender.kill[victim]()
    killed = time.monotonic()
    for name in taken:
        with (stage.state_dir / f"{name}.jsonl").open("a") as file:
            file.write('{"n": 2}\n')
    running = flowing = 0.0

    def over() -> bool:
        nonlocal running, flowing
        if not flowing and all(topics.visible(name, 1) > before[name] for name in taken):
            flowing = time.monotonic() - killed
        if not running and all(where(name) not in ("", victim) for name in taken):
            running = time.monotonic() - killed
        return bool(running and flowing)

    wait_until(over, f"the tasks of {victim} elsewhere", timeout=_TIMEOUT, interval=_LOOK_SECONDS)
    return {"running elsewhere s": running, "records flow s": flowing}

"""From a line appended to a file until a consumer has its record, at steady rates."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data.arrivals import Arrivals, milliseconds
from benchmarks.data.topics import Topics
from benchmarks.errors import BenchmarkError
from benchmarks.measure.cpu import CpuMeter
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
from tidegate.errors import NotFoundError, RetriableError

NAME = "latency"
RATES = (1_000, 20_000)
SECONDS = 15.0

_FIRST_SECONDS = 120.0
_LATE_SECONDS = 120.0
_WARM_SHARE = 0.1


@dataclass(frozen=True)
class _Side:
    system: System
    note: str
    config: Config
    registries: list[str] | None = None


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each rate."""
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        sides = _sides(settings, stage, exits)
        return [_compare(settings, stage, sides, rate) for rate in RATES]


def _sides(settings: Settings, stage: Stage, exits: ExitStack) -> list[_Side]:
    sides = []
    if settings.wants("tidegate"):
        tidegate = exits.enter_context(Tidegate(stage))
        config: Config = {"connector.class": "file-source", "value.converter": "avro"}
        registries = [tidegate.registry.addresses["grpc"]]
        sides.append(_Side(tidegate, "file-source, Avro with registry, exactly once", config, registries))
    connect: Config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector"}
    if settings.wants("connect"):
        exact = exits.enter_context(KafkaConnect(stage))
        once: Config = {**connect, "exactly.once.support": "required", "transaction.boundary": "poll"}
        sides.append(_Side(exact, "FileStreamSource, StringConverter, a transaction a poll", once))
    if settings.wants("connect-at-least-once"):
        loose = exits.enter_context(KafkaConnect(stage, name="connect-at-least-once", exactly_once=False))
        sides.append(_Side(loose, "FileStreamSource, StringConverter, no transactions", connect))
    return sides


def _compare(settings: Settings, stage: Stage, sides: list[_Side], rate: int) -> Comparison:
    seconds = min(SECONDS, settings.rows / rate) if settings.rows else SECONDS
    found = Comparison(
        NAME, f"{rate:,} lines/s for {seconds:g} s", [Series(each.system.name, each.note) for each in sides]
    )
    for number in range(settings.repeats + 1):
        for side, series in zip(sides, found.series, strict=True):
            figures = _measure(stage, side, rate, seconds, f"{rate}-{number}")
            kind = f"run {number}" if number else "warm-up"
            say(f"  {side.system.name} {kind}: " + ", ".join(f"{value:,.1f} {name}" for name, value in figures.items()))
            if number:
                series.add(figures)
    return found


def _measure(stage: Stage, side: _Side, rate: int, seconds: float, run: str) -> dict[str, float]:
    name = f"latency-{side.system.name}-{run}"
    topics, connectors = Topics(stage.bootstrap_servers), side.system.connectors
    file = stage.state_dir / f"{name}.jsonl"
    file.write_text(f'{{"sent":{time.time_ns()},"n":0,"pad":""}}\n')
    topics.make(name, 1)
    total = int(rate * seconds)
    wait_quiet({SYSTEM: side.system.roots, **stage.groups()})
    connectors.create(name, {**side.config, "tasks.max": 1, "file": str(file), "topic": name})
    try:
        with Arrivals(stage.bootstrap_servers, name) as arrivals:
            if not arrivals.read(1, _FIRST_SECONDS, lambda: _fail_early(side, name)):
                raise BenchmarkError(f"{side.system.name} did not move the first line.")
            cpu = CpuMeter({SYSTEM: side.system.roots})
            before, began = cpu.read()[SYSTEM], time.monotonic()
            with _writer(file, rate, seconds):
                arrived = arrivals.read(total + 1, seconds + _LATE_SECONDS)
            used = (cpu.read()[SYSTEM] - before) / (time.monotonic() - began)
            if not arrived:
                raise BenchmarkError(f"{side.system.name} moved {len(arrivals.seen):,} of {total:,} lines.")
            seen = arrivals.seen[1 + int(total * _WARM_SHARE) :]
    finally:
        connectors.delete(name)
        topics.remove(name)
    waited = sorted(milliseconds(seen, side.registries))
    return {
        "p50 ms": statistics.median(waited),
        "p99 ms": waited[int(len(waited) * 0.99)],
        "max ms": waited[-1],
        "cores used": used,
    }


def _fail_early(side: _Side, name: str) -> None:
    # A connector that was just created has no status yet.
    with suppress(NotFoundError, RetriableError):
        side.system.connectors.tasks(name)


@contextmanager
def _writer(file: Path, rate: int, seconds: float) -> Iterator[None]:
    """Lines are being appended by another process, which is gone afterwards."""
    command = [sys.executable, "-m", "benchmarks.latency_writer", str(file), str(rate), str(seconds)]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait()

"""How long rows take at a steady rate, from being written until a consumer has their records."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

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
from benchmarks.systems.system import System
from tidegate.errors import NotFoundError, RetriableError

_FIRST_SECONDS = 120.0
_LATE_SECONDS = 120.0
_WARM_SHARE = 0.1


@dataclass(frozen=True)
class Flow:
    """What is written during one measurement.

    Args:
        config: the connector's.
        topic: where the records come, in one partition.
        writer: arguments of the Python program that writes, a module's name first; one row is there before it begins.
        clean: takes away what was made.
    """

    config: Config
    topic: str
    writer: Sequence[str]
    clean: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class FlowSide:
    """A system with its way of doing it.

    Args:
        system: runs.
        note: what it does, in a line.
        prepare: makes a flow ready, given its name, its rate in rows a second and its seconds.
        registries: where the values are Avro: registries that know their schemas.
        field: where in a value the moment is at which it was written.
    """

    system: System
    note: str
    prepare: Callable[[str, int, float], Flow]
    registries: list[str] | None = None
    field: Sequence[str] = ("sent",)


def compare_arrivals(
    case: str, title: str, stage: Stage, sides: Sequence[FlowSide], settings: Settings, *, rate: int, seconds: float
) -> Comparison:
    """Each side warms up with a whole measurement, then they take turns.

    Args:
        case: name of the case.
        title: what is written, with places for the rate and the seconds.
        stage: what they stand on.
        sides: who does it.
        settings: options; ``rows`` bounds how long it takes.
        rate: rows a second.
        seconds: how long, unless fewer rows were asked for.
    """
    seconds = min(seconds, settings.rows / rate) if settings.rows else seconds
    series = [Series(each.system.name, each.note) for each in sides]
    found = Comparison(case, title.format(rate=rate, seconds=seconds), series)
    for number in range(settings.repeats + 1):
        for side, own in zip(sides, found.series, strict=True):
            figures = _measure(stage, side, rate, seconds, f"latency-{side.system.name}-{rate}-{number}")
            kind = f"run {number}" if number else "warm-up"
            say(f"  {side.system.name} {kind}: " + ", ".join(f"{value:,.1f} {name}" for name, value in figures.items()))
            if number:
                own.add(figures)
    return found


def _measure(stage: Stage, side: FlowSide, rate: int, seconds: float, name: str) -> dict[str, float]:
    topics, connectors = Topics(stage.bootstrap_servers), side.system.connectors
    flow = side.prepare(name, rate, seconds)
    topics.make(flow.topic, 1)
    total = int(rate * seconds)
    wait_quiet({SYSTEM: side.system.roots, **stage.groups()})
    connectors.create(name, flow.config)
    try:
        with Arrivals(stage.bootstrap_servers, flow.topic) as arrivals:
            if not arrivals.read(1, _FIRST_SECONDS, lambda: _fail_early(side, name)):
                raise BenchmarkError(f"{side.system.name} did not move the first row.")
            cpu = CpuMeter({SYSTEM: side.system.roots})
            before, began = cpu.read()[SYSTEM], time.monotonic()
            with _writing(flow.writer):
                arrived = arrivals.read(total + 1, seconds + _LATE_SECONDS)
            used = (cpu.read()[SYSTEM] - before) / (time.monotonic() - began)
            if not arrived:
                raise BenchmarkError(f"{side.system.name} moved {len(arrivals.seen):,} of {total:,} rows.")
            seen = arrivals.seen[1 + int(total * _WARM_SHARE) :]
    finally:
        connectors.delete(name)
        topics.remove(flow.topic)
        flow.clean()
    waited = sorted(milliseconds(seen, side.registries, side.field))
    return {
        "p50 ms": statistics.median(waited),
        "p99 ms": waited[int(len(waited) * 0.99)],
        "max ms": waited[-1],
        "cores used": used,
    }


def _fail_early(side: FlowSide, name: str) -> None:
    # A connector that was just created has no status yet.
    with suppress(NotFoundError, RetriableError):
        side.system.connectors.tasks(name)


@contextmanager
def _writing(program: Sequence[str]) -> Iterator[None]:
    """Rows are being written by another process, which is gone afterwards."""
    process = subprocess.Popen([sys.executable, "-m", *program])
    try:
        yield
    finally:
        process.kill()
        process.wait()

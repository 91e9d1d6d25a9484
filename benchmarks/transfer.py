"""One side moves all rows once, watched; and several sides take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.measure.cpu import Roots
from benchmarks.measure.quiet import wait_quiet
from benchmarks.measure.timeline import SYSTEM, Sample, Timeline
from benchmarks.result import Comparison, Run, Series
from benchmarks.show import say
from benchmarks.systems.connectors import Config
from benchmarks.systems.system import System
from benchmarks.waiting import wait_until

_STILL_SECONDS = 1.0
_TIMEOUT = 480.0
_LEAST_ROWS_A_SECOND = 4_000
_LEAST_STEADY_SHARE = 0.25
_LEAST_STEADY_SECONDS = 0.5


@dataclass(frozen=True)
class Transfer:
    """What one side has to do, and how to see how far it is.

    Args:
        connectors: configurations by name.
        rows: all that are to arrive.
        progress: grows with what is visible, from 0; at the end at least ``rows``.
        count: how many rows are visible, exactly; asked when progress stands still.
        clean: takes away what was made.
    """

    connectors: Mapping[str, Config]
    rows: int
    progress: Callable[[], int]
    count: Callable[[], int]
    clean: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Side:
    """A system with its way of doing a case's job.

    Args:
        system: runs.
        note: what it does, in a line.
        prepare: makes the numbered transfer ready; 0 warms up.
    """

    system: System
    note: str
    prepare: Callable[[int], Transfer]


def compare(case: str, title: str, sides: Sequence[Side], repeats: int, beside: Mapping[str, Roots]) -> Comparison:
    """Each side warms up with a whole transfer, then they take turns.

    Args:
        case: name of the case.
        title: what is done.
        sides: who does it.
        repeats: measured transfers of each.
        beside: processes that are counted apart.
    """
    found = Comparison(case, title, [Series(side.system.name, side.note) for side in sides])
    for number in range(repeats + 1):
        for side, series in zip(sides, found.series, strict=True):
            run = move(side, number, beside)
            kind = f"run {number}" if number else "warm-up"
            shown = ", ".join(f"{value:,.1f} {name}" for name, value in run.figures().items())
            say(f"  {side.system.name} {kind}: {shown}")
            if number:
                series.add_run(run)
    return found


def move(side: Side, number: int, beside: Mapping[str, Roots]) -> Run:
    """One transfer from the request for its connectors to its last row.

    Raises:
        BenchmarkError: a task failed, rows are missing or came twice, or it took too long.
    """
    transfer = side.prepare(number)
    groups = {SYSTEM: side.system.roots, **beside}
    connectors = side.system.connectors
    wait_quiet(groups)
    try:
        with Timeline(groups, transfer.progress) as timeline:
            for name, config in transfer.connectors.items():
                connectors.create(name, config)
            _wait_done(side.system, transfer, timeline)
        counted = transfer.count()
        if counted != transfer.rows:
            raise BenchmarkError(f"{side.system.name} moved {counted:,} rows of {transfer.rows:,}.")
    finally:
        for name in transfer.connectors:
            connectors.delete(name)
        transfer.clean()
    return _evaluate(transfer.rows, timeline)


def _wait_done(system: System, transfer: Transfer, timeline: Timeline) -> None:
    def done() -> bool:
        for name in transfer.connectors:
            system.connectors.tasks(name)
        if timeline.progress < transfer.rows or timeline.still_for < _STILL_SECONDS:
            return False
        # Transaction markers count as progress too: only counting tells.
        return transfer.count() >= transfer.rows

    timeout = max(_TIMEOUT, transfer.rows / _LEAST_ROWS_A_SECOND)
    wait_until(done, f"{transfer.rows:,} rows of {system.name}", timeout=timeout, interval=0.5)


def _evaluate(rows: int, timeline: Timeline) -> Run:
    asked, begun, arrived = timeline.samples[0], timeline.begun(), timeline.arrived()
    share = (arrived.progress - begun.progress) / arrived.progress
    seconds = arrived.at - begun.at
    # A transfer that appears all at once, or nearly, has no steady state to look at.
    steady = share >= _LEAST_STEADY_SHARE and seconds >= _LEAST_STEADY_SECONDS
    return Run(
        rows=rows,
        start_seconds=begun.at - asked.at,
        whole_seconds=arrived.at - asked.at,
        whole_cpu=_cpu(asked, arrived, SYSTEM),
        steady_rows=round(rows * share) if steady else 0,
        steady_seconds=seconds if steady else 0.0,
        steady_cpu=_cpu(begun, arrived, SYSTEM) if steady else 0.0,
        peak_pss=timeline.peak_pss,
        beside_cpu={name: _cpu(asked, arrived, name) for name in arrived.cpu if name != SYSTEM},
    )


def _cpu(since: Sample, until: Sample, group: str) -> float:
    return until.cpu[group] - since.cpu[group]

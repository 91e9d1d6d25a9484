"""What is promised, and whether the figures keep it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.result import Comparison

CPU_RATE = "rows/CPU-s"
_WITH_START = " with start"


@dataclass(frozen=True)
class Goal:
    """A ratio of two medians that has to be reached.

    Args:
        words: the goal.
        case: where it is looked for; in every comparison of that case.
        peer: the other side.
        figure: of both sides, unless ``theirs`` names another.
        least: Tidegate's median divided by the peer's, at least.
        most: or at most.
        theirs: the peer's figure.
    """

    words: str
    case: str
    peer: str
    figure: str
    least: float | None = None
    most: float | None = None
    theirs: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of a goal in one comparison.

    Args:
        goal: the goal.
        title: the comparison's.
        ratio: reached; None where it was not measured.
        met: whether that is enough.
    """

    goal: Goal
    title: str
    ratio: float | None
    met: bool

    @property
    def word(self) -> str:
        """For the table."""
        if self.ratio is None:
            return "not measured"
        return "met" if self.met else "**missed**"


GOALS = (
    Goal("source ≥ 5× Connect per CPU-second", "json-source", "connect", CPU_RATE, least=5),
    Goal("source ≥ 5× Connect per CPU-second", "pg-source", "debezium", CPU_RATE, least=5),
    Goal("change data capture ≥ 4× Debezium per CPU-second", "pg-cdc", "debezium", CPU_RATE, least=4),
    Goal("change data capture ≥ 4× Debezium in throughput", "pg-cdc", "debezium", "rows/s", least=4),
    Goal("change data capture in ≤ ⅓ of Debezium's memory", "pg-cdc", "debezium", "peak MiB", most=1 / 3),
    Goal("change data capture ≥ 4× Debezium per CPU-second", "mysql-cdc", "debezium", CPU_RATE, least=4),
    Goal("change data capture ≥ 4× Debezium in throughput", "mysql-cdc", "debezium", "rows/s", least=4),
    Goal("change data capture in ≤ ⅓ of Debezium's memory", "mysql-cdc", "debezium", "peak MiB", most=1 / 3),
    Goal("change data capture's p99 latency below Debezium's", "pg-cdc-latency", "debezium", "p99 ms", most=1),
    Goal("Parquet sink ≥ 3× FileStreamSink per CPU-second", "parquet-sink", "connect", CPU_RATE, least=3),
    Goal("Parquet sink ≥ 6× the Iceberg sink per CPU-second", "parquet-sink", "iceberg", CPU_RATE, least=6),
    Goal(
        "ten idle tasks in less memory than Connect's worker",
        "idle-memory",
        "connect",
        "worker MiB, 10 task(s)",
        most=1,
        theirs="worker MiB, 1 task(s)",
    ),
    Goal("p99 latency below Connect's", "latency", "connect", "p99 ms", most=1),
    Goal("p99 latency below Connect's", "latency", "connect-at-least-once", "p99 ms", most=1),
)


def verdicts(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """Each goal in each comparison of its case; once without a ratio where there is none."""
    found = []
    for goal in GOALS:
        where = [each for each in comparisons if each.case == goal.case]
        found += [_judge(goal, each) for each in where] or [Verdict(goal, "", None, False)]
    return found


def _judge(goal: Goal, comparison: Comparison) -> Verdict:
    ratio = _ratio(goal, comparison, "") or _ratio(goal, comparison, _WITH_START)
    if ratio is None:
        return Verdict(goal, comparison.title, None, False)
    met = (goal.least is None or ratio >= goal.least) and (goal.most is None or ratio < goal.most)
    return Verdict(goal, comparison.title, ratio, met)


def _ratio(goal: Goal, comparison: Comparison, suffix: str) -> float | None:
    """Of the same figure on both sides: where one was too fast to have a steady state there is only the whole."""
    ours = _median(comparison, "tidegate", goal.figure + suffix)
    theirs = _median(comparison, goal.peer, (goal.theirs or goal.figure) + suffix)
    return ours / theirs if ours and theirs else None


def _median(comparison: Comparison, side: str, name: str) -> float | None:
    for series in comparison.series:
        if series.side == side and series.figures.get(name):
            return statistics.median(series.figures[name])
    return None

"""Sides that take turns, and where Tidegate's time goes if that is asked."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.profile import profile_task
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, compare, move


def compared(case: str, title: str, sides: Sequence[Side], settings: Settings, stage: Stage) -> Comparison:
    """The sides' comparison; with ``--profile`` Tidegate runs once more, sampled.

    Args:
        case: name of the case.
        title: what is done.
        sides: who does it.
        settings: options.
        stage: what they stand on.
    """
    comparison = compare(case, title, sides, settings.repeats, stage.groups())
    for side in sides:
        if settings.profile and isinstance(side.system, Tidegate):
            with profile_task(side.system, comparison.facts):
                move(side, settings.repeats + 1, stage.groups())
    return comparison

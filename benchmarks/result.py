"""What was measured, as data that outlives the run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Run:
    """One transfer by one side.

    Args:
        rows: all that were moved.
        start_seconds: from the request for the connector to the first visible record.
        whole_seconds: from the request to the last visible record.
        whole_cpu: CPU seconds of the system in that time.
        steady_rows: those that became visible after the first look at any.
        steady_seconds: from the first visible record to the last.
        steady_cpu: CPU seconds of the system in that time.
        peak_pss: bytes of memory, all processes of the system.
        beside_cpu: CPU seconds, whole time, of what the systems stand on, by name.
    """

    rows: int
    start_seconds: float
    whole_seconds: float
    whole_cpu: float
    steady_rows: int
    steady_seconds: float
    steady_cpu: float
    peak_pss: int
    beside_cpu: dict[str, float]

    def figures(self) -> dict[str, float]:
        """What is compared."""
        found = {
            "start s": self.start_seconds,
            "rows/s": _per(self.steady_rows, self.steady_seconds),
            "rows/CPU-s": _per(self.steady_rows, self.steady_cpu),
            "rows/s with start": _per(self.rows, self.whole_seconds),
            "rows/CPU-s with start": _per(self.rows, self.whole_cpu),
            "peak MiB": self.peak_pss / 2**20,
        }
        return {name: value for name, value in found.items() if value > 0}


@dataclass
class Series:
    """The runs of one side.

    Args:
        side: its name.
        note: what it does exactly, in a line.
        figures: of each run, by name: one list entry a run.
        runs: whole records of the runs, where they are transfers.
    """

    side: str
    note: str = ""
    figures: dict[str, list[float]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, figures: dict[str, float]) -> None:
        """One more run."""
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(value)

    def add_run(self, run: Run) -> None:
        """One more transfer."""
        self.add(run.figures())
        self.runs.append(dataclasses.asdict(run))


@dataclass
class Comparison:
    """Sides that did the same.

    Args:
        case: name of the case.
        title: what was done.
        series: a side each; the first is Tidegate where it takes part.
        facts: what else is worth knowing, such as where the time went.
    """

    case: str
    title: str
    series: list[Series] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Comparison:
        """The other way round."""
        return cls(data["case"], data["title"], [Series(**each) for each in data["series"]], data["facts"])


def _per(amount: float, cost: float) -> float:
    return amount / cost if cost > 0 else 0.0

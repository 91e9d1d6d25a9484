"""How far a transfer was at which moment, and what it had cost by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.measure.cpu import CpuMeter, Roots
from benchmarks.measure.memory import pss_bytes

SYSTEM = "system"
"""The group of the system under test; the others are what it stands on."""

_PSS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Args:
        at: seconds on the monotonic clock.
        progress: how far it is.
        cpu: CPU seconds by group.
    """

    at: float
    progress: int
    cpu: Mapping[str, float]


class Timeline:
    """Looks on from a thread while the body runs.

    Args:
        groups: processes to count; one is :data:`SYSTEM`.
        progress: how far the transfer is; an exception means that nobody can say now.
        interval: seconds between two looks.
    """

    def __init__(self, groups: Mapping[str, Roots], progress: Callable[[], int], *, interval: float = 0.05) -> None:
        self._cpu = CpuMeter(groups)
        self._progress = progress
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)
        self.samples: list[Sample] = []
        self.peak_pss = 0

    def __enter__(self) -> Self:
        self.samples.append(Sample(time.monotonic(), 0, self._cpu.read()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    @property
    def progress(self) -> int:
        """The last known."""
        return self.samples[-1].progress

    @property
    def still_for(self) -> float:
        """Seconds since it last moved."""
        return self.samples[-1].at - self.arrived().at

    def arrived(self) -> Sample:
        """The first look at which it was as far as it is now."""
        last = self.samples[-1].progress
        return next(each for each in self.samples if each.progress == last)

    def begun(self) -> Sample:
        """The first look at which anything had moved."""
        return next((each for each in self.samples if each.progress > 0), self.samples[-1])

    def _run(self) -> None:
        weighed = 0.0
        while not self._stop.wait(self._interval):
            try:
                progress = self._progress()
            except Exception:
                # A topic or bucket that is not there yet.
                continue
            # The clock is read after the answer: what is visible was so at the latest now.
            now = time.monotonic()
            self.samples.append(Sample(now, progress, self._cpu.read()))
            if now - weighed >= _PSS_SECONDS:
                self.peak_pss = max(self.peak_pss, pss_bytes(self._cpu.members(SYSTEM)))
                weighed = now

"""Incremental snapshots: tables read in chunks while the stream goes on. What a chunk shows.

A chunk shows the transactions that its server snapshot can see. Its rows may be told at a place in the stream that all
of these have passed, without those rows that a transaction it can not see has changed before that place. That needs no
marks in the log, as in DBLog (Andreakis and Papapanagiotou, 2020), which may be misled by a transaction that is
committed and not yet visible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_XIDS = 1 << 32


@dataclass(frozen=True, slots=True)
class Visible:
    """Which transactions a server snapshot can see.

    Args:
        first: all before are ended.
        end: none from here on is.
        running: those between that are not ended.
    """

    first: int
    end: int
    running: frozenset[int] = frozenset()

    @classmethod
    def of(cls, text: str) -> Visible:
        """What ``pg_current_snapshot()`` gives: ``xmin:xmax:xip,xip``."""
        first, end, running = text.split(":")
        return cls(int(first), int(end), frozenset(int(one) for one in running.split(",") if one))

    def sees(self, tx_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of some transactions it sees, given their numbers' lower 32 bits."""
        # A number is within 2^31 of the snapshot's end.
        distance = (tx_ids - self.end + _XIDS // 2) % _XIDS - _XIDS // 2
        full = self.end + distance
        seen: npt.NDArray[np.bool_] = full < self.first
        if self.first < self.end:
            running = np.array(sorted(self.running), np.int64)
            seen |= (full < self.end) & ~np.isin(full, running)
        return seen

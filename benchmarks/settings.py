"""What a run of the benchmarks was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Options of the command.

    Args:
        rows: how many; the case's own default when None.
        repeats: measured runs of each side, after one that warms up.
        tasks: numbers of tasks to try; the case's own when empty.
        peers: sides to run; the case's own when empty.
        data: data sets; the case's own when empty.
        profile: whether to say where Tidegate's time goes.
    """

    rows: int | None = None
    repeats: int = 3
    tasks: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    profile: bool = False

    def wants(self, peer: str, *, unasked: bool = True) -> bool:
        """Whether a side takes part.

        Args:
            peer: its name.
            unasked: whether it does when no peers were named.
        """
        return peer in self.peers if self.peers else unasked

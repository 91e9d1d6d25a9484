"""How many rows to ask for at once, so that a page stays within a number of bytes."""

from __future__ import annotations

_FIRST_ROWS = 1_000
_GROWTH = 4
_FILL = 0.5


class PageSize:
    """Learns from each page how wide rows are, and asks for as many as would fill half of the bytes.

    Args:
        max_rows: never more rows than this.
        max_bytes: what a page may take.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.rows = min(max_rows, _FIRST_ROWS)

    def learn(self, rows: int, nbytes: int) -> None:
        """Takes note of a page that was read."""
        if rows:
            fitting = int(self.max_bytes * _FILL * rows / max(1, nbytes))
            self.rows = max(1, min(fitting, self.rows * _GROWTH, self.max_rows))

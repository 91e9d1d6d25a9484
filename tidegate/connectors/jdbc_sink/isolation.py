"""Finding the records a statement fails for, by halves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.records.reason import Reason


class RefusedError(Exception):
    """The database refuses a row for what is in it.

    Args:
        reason: names the field, the rule and the remedy.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def isolate(rows: Rows, size: int, attempt: Callable[[Rows], None]) -> dict[int, Reason]:
    """Writes rows, all but those that are refused.

    Args:
        rows: indexes of records.
        size: the most of them in one attempt.
        attempt: writes some, all or none; raises :class:`RefusedError` when one of them is refused.

    Returns:
        The refused ones with the reason.
    """
    refused: dict[int, Reason] = {}
    for part in _parts(rows, size):
        pending = [part]
        while pending:
            current = pending.pop()
            try:
                attempt(current)
            except RefusedError as error:
                if len(current) == 1:
                    refused[int(current[0])] = error.reason
                else:
                    first, second = np.array_split(current, 2)
                    pending += [second, first]
    return refused


def _parts(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]

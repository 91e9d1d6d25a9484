"""How long what is received is gathered before it is handed over.

The server sends each message by itself, and to wait for one is to be woken for one, at a cost to both. So what flows is
gathered into pieces that are worth their cost, with waits until much has come. What comes after a while of nothing is
handed over as soon as nothing more is there.
"""

from __future__ import annotations

from tidegate.connectors.cdc.trickle import TRICKLE_BYTES

MOST_BYTES = 2 * 1024 * 1024
MOST_MESSAGES = 16384
_SECONDS = 0.02
_QUIET_SECONDS = 0.0
_FLOW_BYTES = 64 * 1024
_FLOW_SECONDS = 0.1
_FLOW_QUIET_SECONDS = 0.008
_FILLED_BYTES = 4 * 1024


class Gathering:
    """The gathering of one piece.

    Args:
        now: the monotonic clock's seconds.
        flows: whether the piece before it was of a flow.
    """

    def __init__(self, now: float, *, flows: bool) -> None:
        self._flows = flows
        self._until = now + (_FLOW_SECONDS if flows else _SECONDS)
        self._quiet_seconds = _FLOW_QUIET_SECONDS if flows else _QUIET_SECONDS
        self._quiet_until = now + self._quiet_seconds
        self._bytes = 0
        self._new = 0

    def pause(self, now: float, nbytes: int) -> None:
        """Takes note that nothing more is there for now.

        Args:
            now: the monotonic clock's seconds.
            nbytes: gathered so far.
        """
        self._new = nbytes - self._bytes
        self._bytes = nbytes
        if self._new:
            self._quiet_until = now + self._quiet_seconds

    @property
    def waits_for_many(self) -> bool:
        """Whether to wait until much has come: for what flows, of which little has come since the last time."""
        return (self._flows or self._bytes >= TRICKLE_BYTES) and self._new < _FILLED_BYTES

    def late(self, now: float) -> bool:
        """Whether what was gathered has waited for long enough."""
        return now >= self._until

    def quiet(self, now: float) -> bool:
        """Whether nothing has come for so long that nothing is waited for."""
        return now >= self._quiet_until


def flows(nbytes: int) -> bool:
    """Whether a piece of so many bytes is of a flow."""
    return nbytes >= _FLOW_BYTES

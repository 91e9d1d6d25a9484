"""Who leads the coordinators: the value of ``coordinator/leader``, on the leader's lease."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class LeaderInfo(StoredValue):
    """The leading coordinator replica.

    Args:
        replica_id: its id.
        address: ``host:port`` of its gRPC API.
    """

    replica_id: str
    address: str

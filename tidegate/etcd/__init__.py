"""The asyncio client of etcd on which the services agree."""

from __future__ import annotations

from tidegate.etcd.client import EtcdClient
from tidegate.etcd.config import EtcdConfig
from tidegate.etcd.election import Election, Leadership
from tidegate.etcd.errors import (
    EtcdClosedError,
    EtcdCompactedError,
    EtcdError,
    EtcdLeaseNotFoundError,
    EtcdOutcomeUnknownError,
    EtcdRequestError,
    EtcdUnauthenticatedError,
    EtcdUnavailableError,
    MalformedKeyError,
)
from tidegate.etcd.events import Changes, Delete, Event, Put, Snapshot, WatchItem
from tidegate.etcd.keyspace import Keyspace
from tidegate.etcd.keyvalue import KeyValue, RangeResult
from tidegate.etcd.lease import LeaseKeeper
from tidegate.etcd.transaction import Compare, Op, TxnResult
from tidegate.etcd.watch import Watch

__all__ = [
    "Changes",
    "Compare",
    "Delete",
    "Election",
    "EtcdClient",
    "EtcdClosedError",
    "EtcdCompactedError",
    "EtcdConfig",
    "EtcdError",
    "EtcdLeaseNotFoundError",
    "EtcdOutcomeUnknownError",
    "EtcdRequestError",
    "EtcdUnauthenticatedError",
    "EtcdUnavailableError",
    "Event",
    "KeyValue",
    "Keyspace",
    "Leadership",
    "LeaseKeeper",
    "MalformedKeyError",
    "Op",
    "Put",
    "RangeResult",
    "Snapshot",
    "TxnResult",
    "Watch",
    "WatchItem",
]

"""What a failed call to etcd means for what was asked."""

from __future__ import annotations

import enum
from typing import Final

import grpc

from tidegate.etcd.errors import (
    EtcdCompactedError,
    EtcdError,
    EtcdLeaseNotFoundError,
    EtcdRequestError,
    EtcdUnauthenticatedError,
)

# etcd's api/v3rpc/rpctypes/error.go: refused before anything was proposed to the cluster.
_NOT_EXECUTED: Final = (
    "etcdserver: no leader",
    "etcdserver: too many requests",
    "etcdserver: rpc not supported for learner",
    "etcdserver: not capable",
)
_STALE_TOKEN: Final = (
    "etcdserver: invalid auth token",
    "etcdserver: revision of auth store is old",
    "auth: revision in header is old",
)
_BAD_LOGIN: Final = ("etcdserver: authentication failed", "etcdserver: user name is empty")
_TRANSIENT: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.ABORTED,
    }
)


class Failure(enum.Enum):
    """What is known after a call failed."""

    NOT_EXECUTED = enum.auto()
    """Nothing happened; ask another member."""
    STALE_TOKEN = enum.auto()
    """Nothing happened; log in again."""
    UNKNOWN = enum.auto()
    """It may have been executed, or may still be."""
    REFUSED = enum.auto()
    """Nothing happened, and the same request will be refused again."""


def judge(code: grpc.StatusCode, details: str) -> Failure:
    """Classify a failed call by its status and etcd's message."""
    if details.startswith(_STALE_TOKEN):
        return Failure.STALE_TOKEN
    if details.startswith(_NOT_EXECUTED):
        return Failure.NOT_EXECUTED
    if code in _TRANSIENT:
        return Failure.UNKNOWN
    return Failure.REFUSED


def refusal(code: grpc.StatusCode, details: str, what: str) -> EtcdError | EtcdRequestError:
    """The error to raise for a call judged :attr:`Failure.REFUSED`.

    Args:
        code: the call's status.
        details: etcd's message.
        what: the request in words, for the message.
    """
    message = f"etcd refused to {what}: {details}."
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED) or details.startswith(_BAD_LOGIN):
        return EtcdUnauthenticatedError(message, remedy="Check etcd's user, password and the user's roles.")
    if code is grpc.StatusCode.NOT_FOUND and "lease" in details:
        return EtcdLeaseNotFoundError(message, remedy="Take a new lease.")
    if code is grpc.StatusCode.OUT_OF_RANGE and "compacted" in details:
        return EtcdCompactedError(message, remedy="List the keys again.")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "space exceeded" in details:
        return EtcdError(message, remedy="Compact and defragment etcd, then run `etcdctl alarm disarm`.")
    return EtcdRequestError(message)

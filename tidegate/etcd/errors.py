"""What can go wrong between Tidegate and etcd."""

from __future__ import annotations

from tidegate.errors import FatalError, RetriableError


class EtcdError(RetriableError):
    """etcd did not do what was asked, but may do so later."""


class EtcdUnavailableError(EtcdError):
    """No endpoint answered within the request's budget; the request was not executed, or repeating it is harmless."""


class EtcdOutcomeUnknownError(EtcdError):
    """A transaction was sent and its answer was lost: it may have been executed, be executed soon, or never.

    Repeating a guarded transaction blindly is wrong (a create-if-missing that had succeeded would report failure), so
    read the keys again and decide by what they say.
    """


class EtcdClosedError(EtcdError):
    """The client was closed before or during the request."""


class EtcdRequestError(FatalError):
    """etcd understood the request and refused it: the same request will be refused again."""


class EtcdUnauthenticatedError(EtcdRequestError):
    """User, password, certificate or permission do not allow the request."""


class EtcdLeaseNotFoundError(EtcdRequestError):
    """The lease has run out or was revoked; everything that hung on it is gone."""


class EtcdCompactedError(EtcdRequestError):
    """The asked-for revision has been compacted away: list again."""


class MalformedKeyError(FatalError):
    """A key in Tidegate's part of etcd does not have the shape its place demands."""

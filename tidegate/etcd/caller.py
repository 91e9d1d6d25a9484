"""Carries a request to whichever member answers, within a budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio

from tidegate.api.etcd.v1 import etcd_pb2 as pb
from tidegate.backoff import Backoff
from tidegate.etcd.config import EtcdConfig
from tidegate.etcd.endpoints import Endpoint, EndpointDownError, Endpoints
from tidegate.etcd.errors import (
    EtcdClosedError,
    EtcdError,
    EtcdOutcomeUnknownError,
    EtcdUnauthenticatedError,
    EtcdUnavailableError,
)
from tidegate.etcd.failure import Failure, judge, refusal
from tidegate.etcd.methods import Methods, Q, R

if TYPE_CHECKING:
    from grpc.aio import UnaryUnaryMultiCallable

Metadata = tuple[tuple[str, str], ...]

STREAM_ERRORS: Final = (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError, TimeoutError)
"""What reading from or writing to a stream raises when the stream is over."""

# A member that has lost the quorum refuses at once instead of hanging (etcd client design, "require leader").
_REQUIRE_LEADER: Final = ("hasleader", "true")


class Caller:
    """The path every request takes: connection, login, retry over the endpoints, classification of failures.

    Args:
        config: endpoints, credentials, budget.

    Raises:
        ConfigError: a TLS file cannot be read.
    """

    def __init__(self, config: EtcdConfig) -> None:
        self.endpoints = Endpoints(config)
        self.budget = config.request_timeout
        self._config = config
        self._token: str | None = None
        self._login_lock = asyncio.Lock()
        self._closed = False

    @property
    def attempt_timeout(self) -> float:
        """Seconds one member gets before the next is asked, when asking again is harmless."""
        return self.budget / max(2, len(self.endpoints))

    async def call(
        self,
        what: str,
        method: Callable[[Methods], UnaryUnaryMultiCallable[Q, R]],
        request: Q,
        *,
        repeatable: bool,
        require_leader: bool = True,
    ) -> R:
        """Send ``request`` and return the answer.

        Args:
            what: the request in words, for error messages ("read key x").
            method: picks the remote procedure.
            request: its message.
            repeatable: whether executing it twice does no harm. If not, it is sent again only when it is certain that
                it was not executed.
            require_leader: whether a member without a leader must refuse.

        Raises:
            EtcdUnavailableError: no member answered within the budget.
            EtcdOutcomeUnknownError: not repeatable, and the answer was lost.
            EtcdRequestError: etcd refuses the request; subclasses say why.
            EtcdClosedError: the client is closed.
        """
        deadline = time.monotonic() + self.budget
        backoff = Backoff(longest=0.5)
        tries = 0
        logins = 0
        reason = "no attempt was made"
        while (remaining := deadline - time.monotonic()) > 0:
            if self._closed:
                raise EtcdClosedError(f"cannot {what}: the etcd client is closed.")
            endpoint = self.endpoints.preferred
            timeout = min(remaining, self.attempt_timeout)
            try:
                await endpoint.ready(timeout)
                metadata = await self.metadata(require_leader=require_leader)
                timeout = timeout if repeatable else max(deadline - time.monotonic(), 0.001)
                return await method(endpoint.methods)(request, timeout=timeout, metadata=metadata)
            except EndpointDownError as error:
                reason = error.message
            except grpc.aio.AioRpcError as error:
                reason = f"{endpoint.address}: {describe(error)}"
                failure = judge(error.code(), error.details() or "")
                if failure is Failure.STALE_TOKEN and logins < 2:
                    logins += 1
                    self.forget_login()
                    continue
                if failure is Failure.STALE_TOKEN:
                    raise EtcdUnauthenticatedError(f"etcd refused to {what}: {reason}.") from None
                if failure is Failure.REFUSED:
                    raise refusal(error.code(), error.details() or "", what) from None
                if failure is Failure.UNKNOWN and not repeatable:
                    self.endpoints.demote(endpoint)
                    raise EtcdOutcomeUnknownError(
                        f"etcd may or may not have done this: {what} ({reason}).", remedy="Read the keys again."
                    ) from None
            except grpc.aio.UsageError:
                raise EtcdClosedError(f"cannot {what}: the etcd client is closed.") from None
            except asyncio.CancelledError:
                if not self.closed_under_us():
                    raise
                if not repeatable:
                    raise EtcdOutcomeUnknownError(f"the etcd client was closed while it tried to {what}.") from None
                raise EtcdClosedError(f"cannot {what}: the etcd client was closed.") from None
            self.endpoints.demote(endpoint)
            tries += 1
            if tries % len(self.endpoints) == 0:
                await asyncio.sleep(min(backoff.next(), max(deadline - time.monotonic(), 0)))
        tls = " and that ca_file holds the authority of its certificate" if self._config.tls else ""
        raise EtcdUnavailableError(
            f"no etcd endpoint of {', '.join(self._config.addresses)} answered within {self.budget:g} s to {what}"
            f" ({reason}).",
            remedy=f"Check that etcd runs, is reachable and has a quorum{tls}.",
        )

    async def metadata(self, *, require_leader: bool = True) -> Metadata:
        """The headers of a call: the login's token, and whether a member without a leader must refuse.

        Raises:
            EtcdError, EtcdRequestError: logging in failed.
        """
        headers: Metadata = (_REQUIRE_LEADER,) if require_leader else ()
        token = await self._login()
        return (*headers, ("token", token)) if token else headers

    def forget_login(self) -> None:
        """Log in again before the next call: the token is no longer accepted."""
        self._token = None

    async def _login(self) -> str:
        if self._config.username is None or self._config.password is None:
            return ""
        async with self._login_lock:
            if self._token is None:
                self._token = await self._authenticate(self._config.username, self._config.password)
            return self._token

    async def _authenticate(self, username: str, password: str) -> str:
        request = pb.AuthenticateRequest(name=username, password=password)
        endpoint = self.endpoints.preferred
        try:
            await endpoint.ready(self.attempt_timeout)
            answer = await endpoint.methods.authenticate(request, timeout=self.attempt_timeout)
        except grpc.aio.AioRpcError as error:
            details = error.details() or ""
            if "authentication is not enabled" in details:
                return ""
            if judge(error.code(), details) is Failure.REFUSED:
                raise refusal(error.code(), details, f"log in user {username!r}") from None
            raise EndpointDownError(f"{endpoint.address} did not answer the login: {describe(error)}") from None
        return answer.token

    def interrupted(self, error: Exception, endpoint: Endpoint) -> EtcdError:
        """Take note that a stream to ``endpoint`` ended with ``error``, and return what to raise for it."""
        self.endpoints.demote(endpoint)
        if isinstance(error, EtcdError):
            return error
        text = str(error) or type(error).__name__
        if isinstance(error, grpc.aio.AioRpcError):
            text = describe(error)
            if judge(error.code(), error.details() or "") is Failure.STALE_TOKEN:
                self.forget_login()
        return EtcdUnavailableError(f"{endpoint.address}: {text}")

    def closed_under_us(self) -> bool:
        """Whether a CancelledError just caught comes from closing the channel, not from cancelling this task."""
        task = asyncio.current_task()
        return self._closed and (task is None or task.cancelling() == 0)

    async def close(self) -> None:
        """Close every channel; requests under way end with :class:`EtcdClosedError` or as unknown."""
        self._closed = True
        await self.endpoints.close()


def describe(error: grpc.aio.AioRpcError) -> str:
    """Status and message of a failed call, for people."""
    return f"{error.code().name} {error.details() or ''}".rstrip()

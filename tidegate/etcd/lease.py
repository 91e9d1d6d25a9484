"""A lease kept alive, with a deadline by the holder's own clock."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tidegate.api.etcd.v1 import etcd_pb2 as pb
from tidegate.errors import TidegateError
from tidegate.etcd.caller import STREAM_ERRORS
from tidegate.etcd.endpoints import Endpoint
from tidegate.etcd.errors import EtcdUnavailableError
from tidegate.telemetry.logging import get_logger

if TYPE_CHECKING:
    from tidegate.etcd.client import EtcdClient

log = get_logger(__name__)


class LeaseKeeper:
    """Takes a lease on entry, renews it every third of its TTL, revokes it on exit; an async context manager.

    The deadline is the moment the last answered keepalive was *sent*, plus the TTL: etcd cannot have let the lease run
    out before, however late the answer came. Whoever must not act without the lease checks :meth:`deadline` against
    the same clock right before acting; :meth:`lost` tells those who wait. A lease once lost stays lost, even if etcd
    is reached again: take a new keeper.

    An endpoint that hangs does not eat the deadline: while it keeps silent for a sixth of the TTL the next one is asked
    as well, and the first answer counts. Each attempt ends after a third of the TTL.

    Args:
        client: the client to speak through.
        ttl: seconds; etcd counts whole ones, so the lease itself may live up to a second longer, never shorter.
        clock: monotonic seconds; processes that share the deadline must use the same clock.
        on_renewed: called in the event loop with the new deadline after the grant and each renewal, for instance to
            publish it in shared memory.

    Raises:
        EtcdUnavailableError: on entry, no endpoint granted the lease.
    """

    def __init__(
        self,
        client: EtcdClient,
        ttl: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_renewed: Callable[[float], None] | None = None,
    ) -> None:
        if not ttl > 0:
            raise ValueError(f"a lease of {ttl} s cannot be kept: give a positive number of seconds")
        self._client = client
        self._ttl = ttl
        self._clock = clock
        self.on_renewed = on_renewed
        self._lease = 0
        self._sent = -math.inf
        self._gone = False
        self._lost = asyncio.Event()
        self._renewer: asyncio.Task[None] | None = None

    @property
    def lease_id(self) -> int:
        """The lease's id, 0 before entry."""
        return self._lease

    @property
    def ttl(self) -> float:
        """Seconds the lease lives after an answered keepalive."""
        return self._ttl

    def deadline(self) -> float:
        """The moment, by ``clock``, from which the lease may have run out; minus infinity once it is known gone."""
        return -math.inf if self._gone else self._sent + self._ttl

    async def lost(self) -> None:
        """Return once the lease is gone, or must be presumed so because its deadline has passed."""
        await self._lost.wait()

    async def __aenter__(self) -> Self:
        sent = self._clock()
        self._lease = await self._client.grant_lease(math.ceil(self._ttl))
        self._renewed(sent)
        self._renewer = asyncio.create_task(self._keep(), name=f"etcd lease {self._lease:x}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewer is not None:
            self._renewer.cancel()
            await asyncio.wait({self._renewer})
        if self._gone:
            return
        self._gone = True
        try:
            await self._client.revoke_lease(self._lease)
        except TidegateError as failure:
            log.warning("etcd_lease_not_revoked", lease=f"{self._lease:x}", reason=failure.message)

    async def _keep(self) -> None:
        try:
            renewed = True
            while renewed:
                await asyncio.sleep(self._sent + self._ttl / 3 - self._clock())
                renewed = await self._renew()
            log.warning("etcd_lease_lost", lease=f"{self._lease:x}", gone=self._gone)
        finally:
            self._lost.set()

    async def _renew(self) -> bool:
        """Ask for a renewal until there is an answer; False when the lease is gone or its deadline has passed."""
        endpoints = self._client.caller.endpoints
        endpoint = endpoints.preferred
        attempts: set[asyncio.Task[bool]] = set()
        try:
            while (left := self._sent + self._ttl - self._clock()) > 0:
                attempts.add(asyncio.create_task(self._attempt(endpoint, min(left, self._ttl / 3))))
                patience = min(left, self._ttl / 6)
                answered, attempts = await asyncio.wait(attempts, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for attempt in answered:
                    if (failure := attempt.exception()) is None:
                        return attempt.result()
                    log.info("etcd_keepalive_failed", lease=f"{self._lease:x}", reason=str(failure))
                endpoint = endpoints.after(endpoint)
                if answered:
                    await asyncio.sleep(random.uniform(0.2, 1) * patience / 4)  # noqa: S311
            return False
        finally:
            for attempt in attempts:
                attempt.cancel()
            if attempts:
                await asyncio.wait(attempts)

    async def _attempt(self, endpoint: Endpoint, timeout: float) -> bool:
        """Send one keepalive to one endpoint; True when it was renewed in time, False when the lease is gone.

        Raises:
            EtcdError: no answer, nothing is known.
        """
        sent = self._clock()
        try:
            async with asyncio.timeout(timeout):
                await endpoint.ready(timeout)
                ttl = await self._ask(endpoint, timeout)
        except (*STREAM_ERRORS, EtcdUnavailableError) as error:
            raise self._client.caller.interrupted(error, endpoint) from None
        if ttl <= 0:
            self._gone = True
            return False
        if self._clock() >= self.deadline():
            return False
        self._renewed(sent)
        return True

    async def _ask(self, endpoint: Endpoint, timeout: float) -> int:
        metadata = await self._client.caller.metadata()
        call = endpoint.methods.lease_keep_alive(timeout=timeout, metadata=metadata)
        try:
            await call.write(pb.LeaseKeepAliveRequest(ID=self._lease))
            await call.done_writing()
            answer = await call.read()
        finally:
            call.cancel()
        if isinstance(answer, pb.LeaseKeepAliveResponse):
            return answer.TTL
        raise EtcdUnavailableError(f"{endpoint.address} ended the stream without an answer.")

    def _renewed(self, sent: float) -> None:
        self._sent = max(self._sent, sent)
        if self.on_renewed is not None:
            self.on_renewed(self.deadline())

"""One leader among many: whoever creates the leader key leads while its lease lives."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final, Self

from tidegate.backoff import Backoff
from tidegate.etcd.client import EtcdClient
from tidegate.etcd.errors import EtcdError, EtcdLeaseNotFoundError, EtcdOutcomeUnknownError
from tidegate.etcd.events import Delete, Snapshot
from tidegate.etcd.lease import LeaseKeeper
from tidegate.etcd.transaction import Compare, Op
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_NOT_HELD: Final = float("-inf")


class Leadership:
    """One term of leading, from winning the key to losing it; an async context manager that resigns on exit.

    Made by :meth:`Election.campaign`. Resign a lost term too: that ends its tasks and its lease.

    Args:
        client: the client to speak through.
        key: the leader key.
        create_revision: the key's create revision, which names this term.
        keeper: the lease the key hangs on.
        exits: closes the keeper; owned from here on.
    """

    def __init__(
        self,
        client: EtcdClient,
        key: str,
        create_revision: int,
        keeper: LeaseKeeper,
        exits: contextlib.AsyncExitStack,
    ) -> None:
        self._client = client
        self._key = key
        self._keeper = keeper
        self._exits = exits
        self._over = asyncio.Event()
        self.create_revision = create_revision
        self._guard = asyncio.create_task(self._watch_over(), name=f"leadership {key}")

    @property
    def lease_id(self) -> int:
        """The lease the leader key hangs on."""
        return self._keeper.lease_id

    def deadline(self) -> float:
        """The moment, by the monotonic clock, from which another may lead; minus infinity once the term is over."""
        return _NOT_HELD if self._over.is_set() else self._keeper.deadline()

    def is_valid(self, now: float | None = None) -> bool:
        """Whether nobody else can lead at ``now`` (``time.monotonic()`` if not given)."""
        return (time.monotonic() if now is None else now) < self.deadline()

    def compare(self) -> Compare:
        """The condition for each of the leader's transactions: that this term still lasts.

        A deadline alone cannot stop a write that is already under way when the term ends; this does.
        """
        return Compare.create_revision(self._key, "==", self.create_revision)

    async def lost(self) -> None:
        """Return once the term is over or must be presumed so."""
        await self._over.wait()

    async def resign(self) -> None:
        """End the term at once, so that another can win it without waiting for the lease to run out. Idempotent."""
        self._over.set()
        self._guard.cancel()
        await asyncio.wait({self._guard})
        await self._exits.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resign()

    async def _watch_over(self) -> None:
        holding = asyncio.create_task(self._keeper.lost())
        present = asyncio.create_task(self._deposed())
        try:
            done, _ = await asyncio.wait({holding, present}, return_when=asyncio.FIRST_COMPLETED)
            if present in done and present.exception() is not None:
                log.error("etcd_leader_key_unwatchable", key=self._key, reason=str(present.exception()))
            log.warning("etcd_leadership_lost", key=self._key, term=self.create_revision)
        finally:
            self._over.set()
            holding.cancel()
            present.cancel()
            await asyncio.wait({holding, present})

    async def _deposed(self) -> None:
        """Return once the key of this term is gone, for instance deleted by an operator."""
        async with self._client.watch_key(self._key) as watch:
            async for item in watch:
                if isinstance(item, Snapshot):
                    kvs = item.kvs
                    if not kvs or kvs[0].create_revision != self.create_revision:
                        return
                elif any(
                    isinstance(event, Delete) and event.mod_revision > self.create_revision for event in item.events
                ):
                    return


class Election:
    """A candidate for the leadership of one key.

    Args:
        client: the client to speak through.
        key: the leader key, the same for all candidates.
        value: what others read there: who leads, and where.
        ttl: seconds after which a dead leader's key is gone.
    """

    def __init__(self, client: EtcdClient, key: str, value: bytes, ttl: float) -> None:
        self._client = client
        self._key = key
        self._value = value
        self._ttl = ttl

    async def campaign(self) -> Leadership:
        """Wait until the key is free, take it, and return the term won. Waiting costs one watch and no lease.

        Cancel it to stand down.

        Raises:
            EtcdRequestError: etcd refuses for good (permission); while etcd is merely away, it waits.
        """
        backoff = Backoff()
        while True:
            try:
                await self._vacancy()
                leadership = await self._take()
            except EtcdLeaseNotFoundError as error:
                log.info("etcd_campaign_lease_ran_out", key=self._key, reason=error.message)
            except EtcdError as error:
                log.info("etcd_campaign_interrupted", key=self._key, reason=error.message)
            else:
                if leadership is not None:
                    log.info("etcd_leadership_won", key=self._key, term=leadership.create_revision)
                    return leadership
            await asyncio.sleep(backoff.next())

    async def _vacancy(self) -> None:
        async with self._client.watch_key(self._key) as watch:
            async for item in watch:
                vacant = not item.kvs if isinstance(item, Snapshot) else isinstance(item.events[-1], Delete)
                if vacant:
                    return

    async def _take(self) -> Leadership | None:
        async with contextlib.AsyncExitStack() as stack:
            keeper = await stack.enter_async_context(LeaseKeeper(self._client, self._ttl))
            term = await self._create(keeper.lease_id)
            if term is None:
                return None
            return Leadership(self._client, self._key, term, keeper, stack.pop_all())

    async def _create(self, lease: int) -> int | None:
        """Create the key on ``lease``; its create revision, or None when another was faster.

        Should a transaction whose answer was lost be executed only later, the lease, revoked by then, refuses it.
        """
        try:
            result = await self._client.txn([Compare.missing(self._key)], [Op.put(self._key, self._value, lease=lease)])
            return result.revision if result.succeeded else None
        except EtcdOutcomeUnknownError:
            held = await self._client.get(self._key)
            return held.create_revision if held is not None and held.lease == lease else None

"""The registry's state, followed from etcd."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Final

from tidegate.etcd import Changes, EtcdClient, EtcdUnavailableError, Put, Snapshot
from tidegate.telemetry.logging import get_logger
from tidegate_registry.keys import RegistryKeys
from tidegate_registry.state import RegistryState

log = get_logger(__name__)

_KEYS_AT_A_TIME: Final = 500


class StateCache:
    """Holds the state as of the last revision seen, for reads without a round trip.

    Args:
        etcd: where the state is.
        keys: the cluster's keys.
        catch_up_timeout: seconds a caller waits at most for a revision it knows to exist.
    """

    def __init__(self, etcd: EtcdClient, keys: RegistryKeys, *, catch_up_timeout: float = 5.0) -> None:
        self._etcd = etcd
        self._keys = keys
        self._timeout = catch_up_timeout
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._loaded = asyncio.Event()
        self.state = RegistryState(keys)

    async def follow(self) -> None:
        """Load the state and keep it current; runs until cancelled.

        Raises:
            EtcdRequestError: etcd refuses for good, for want of a permission.
        """
        async with self._etcd.watch(self._keys.root) as watch:
            async for item in watch:
                if isinstance(item, Snapshot):
                    await self._load(item)
                else:
                    self._apply(item)
                self._wake()

    async def loaded(self) -> None:
        """Wait until the state has been read once."""
        await self._loaded.wait()

    async def reach(self, revision: int) -> None:
        """Wait until the state holds everything up to a revision.

        Raises:
            EtcdUnavailableError: it does not arrive in time, because etcd or the way to it is down.
        """
        if self.state.revision >= revision:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (revision, next(self._numbers), future))
        try:
            async with asyncio.timeout(self._timeout):
                await future
        except TimeoutError:
            raise EtcdUnavailableError(
                f"revision {revision} of etcd did not arrive within {self._timeout} s."
            ) from None

    async def catch_up(self) -> RegistryState:
        """The state with every write in it that was answered, by any replica, before this call: a linearizable read.

        Raises:
            EtcdUnavailableError: etcd can not be asked.
        """
        head = await self._etcd.get(self._keys.head)
        if head is not None:
            await self.reach(head.mod_revision)
        return self.state

    async def _load(self, snapshot: Snapshot) -> None:
        state = RegistryState(self._keys)
        for number, kv in enumerate(snapshot.kvs):
            state.put(kv.key, kv.value, kv.mod_revision)
            if number % _KEYS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        state.revision = snapshot.revision
        self.state = state
        self._loaded.set()
        log.info(
            "registry_state_loaded",
            revision=snapshot.revision,
            schemas=len(state.schemas),
            subjects=len(state.subjects),
        )

    def _apply(self, changes: Changes) -> None:
        for event in changes.events:
            if isinstance(event, Put):
                self.state.put(event.key, event.kv.value, event.mod_revision)
            else:
                self.state.delete(event.key)
        self.state.revision = changes.revision

    def _wake(self) -> None:
        while self._waiters and self._waiters[0][0] <= self.state.revision:
            future = heapq.heappop(self._waiters)[2]
            if not future.done():
                future.set_result(None)

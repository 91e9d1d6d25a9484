"""Keeps a replica's view of the control plane up to date, and tells who wants to know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from tidegate.errors import RetriableError
from tidegate.etcd import EtcdClient, Keyspace
from tidegate_coordinator.cluster_state import ClusterState

WAIT_TIMEOUT: Final = 5.0
"""Seconds to wait for the cache to reach a revision."""


class Changes:
    """Names of the connectors that have changed since last taken; made by :meth:`ClusterCache.subscribe`."""

    def __init__(self) -> None:
        self._touched: set[str] = set()
        self._event = asyncio.Event()

    def wake(self, *names: str) -> None:
        """Let :meth:`wait` return, as if these connectors had changed."""
        self._touched.update(names)
        self._event.set()

    async def wait(self) -> None:
        """Return when something has changed since the last :meth:`take`, perhaps no connector."""
        await self._event.wait()

    def take(self) -> set[str]:
        """The connectors that have changed; forgets them."""
        self._event.clear()
        touched, self._touched = self._touched, set()
        return touched


class ClusterCache:
    """The control plane as this replica knows it: never behind what this replica has written and waited for.

    Args:
        client: reads it; lent.
        keys: the cluster's keys.
    """

    def __init__(self, client: EtcdClient, keys: Keyspace) -> None:
        self.keys = keys
        self.state = ClusterState(keys)
        self._client = client
        self._changed = asyncio.Event()
        self._subscribers: set[Changes] = set()

    async def run(self) -> None:
        """Follow etcd until cancelled.

        Raises:
            EtcdRequestError: etcd refuses for good, for instance for want of a permission.
        """
        async with self._client.watch(self.keys.root) as watch:
            async for item in watch:
                touched = self.state.apply(item)
                changed, self._changed = self._changed, asyncio.Event()
                changed.set()
                for subscriber in self._subscribers:
                    subscriber.wake(*touched)

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Changes]:
        """Learn of changes while in the context."""
        subscriber = Changes()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def wait_until(self, predicate: Callable[[ClusterState], bool]) -> None:
        """Return once ``predicate`` holds; it is asked again at each change."""
        while not predicate(self.state):
            await self._changed.wait()

    async def wait_for(self, revision: int) -> None:
        """Return once everything up to ``revision`` is in here.

        Raises:
            RetriableError: not within a few seconds: etcd does not tell its changes.
        """
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                await self.wait_until(lambda state: state.revision >= revision)
        except TimeoutError:
            raise RetriableError(
                f"this replica's view of etcd ends at revision {self.state.revision}, before {revision}.",
                remedy="Ask again, or ask another coordinator.",
            ) from None

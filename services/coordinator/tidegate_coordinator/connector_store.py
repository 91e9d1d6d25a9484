"""Changes of what users want: guarded transactions on ``connectors/`` and the restart counters of ``tasks/``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from tidegate.backoff import backoff
from tidegate.control import ConnectorState, Layout, StoredValue, TaskSpec
from tidegate.errors import AlreadyExistsError, ConflictError, NotFoundError, RetriableError
from tidegate.etcd import Compare, EtcdClient, EtcdOutcomeUnknownError, KeyValue, Op
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.cluster_state import Stored

log = get_logger(__name__)

V = TypeVar("V", bound=StoredValue)

_TRIES: Final = 8


def unknown_connector(name: str) -> NotFoundError:
    """There is no connector of that name."""
    return NotFoundError(f"connector {name} not found.", remedy="List the connectors there are with GET /connectors.")


class ConnectorStore:
    """Writes connectors; returns once this replica's cache shows what was written.

    Every method raises :class:`~tidegate.etcd.EtcdUnavailableError` when etcd does not answer, and
    :class:`~tidegate.errors.ConflictError` when others change the same connector all the time.

    Args:
        client: reads and writes; lent.
        cache: waited for; lent.
    """

    def __init__(self, client: EtcdClient, cache: ClusterCache) -> None:
        self._client = client
        self._cache = cache
        self._keys = cache.keys

    async def create(self, name: str, state: ConnectorState) -> Stored[ConnectorState]:
        """Store a new connector.

        Args:
            name: its name.
            state: what is wanted; its generation is replaced by one above that of any former connector of that name.

        Raises:
            AlreadyExistsError: the name is taken.
        """
        key, layout_key = self._keys.connector(name), self._keys.layout(name)
        for _ in range(_TRIES):
            found, layouts = (await self._client.txn([], [Op.get(key), Op.get(layout_key)])).gets
            if found:
                raise AlreadyExistsError(
                    f"connector {name} already exists.",
                    remedy=f"Change it with PUT /connectors/{name}/config, or delete it first.",
                )
            generation = Layout.from_json(layouts[0].value).generation + 1 if layouts else 1
            value = replace(state, generation=generation).to_json()
            same_layout = Compare.mod_revision(layout_key, "==", layouts[0].mod_revision if layouts else 0)
            written = await self._put([Compare.missing(key), same_layout], key, value)
            if written is not None:
                return Stored(ConnectorState.from_json(value), written.create_revision, written.mod_revision)
        raise _contended(name)

    async def update(self, name: str, change: Callable[[ConnectorState], ConnectorState]) -> Stored[ConnectorState]:
        """Change a connector.

        Args:
            name: its name.
            change: makes the new state of the present one; called again when another was faster.

        Raises:
            NotFoundError: there is no such connector.
        """
        return await self._update(name, self._keys.connector(name), ConnectorState.from_json, change)

    async def restart_task(self, name: str, task: int) -> None:
        """Ask the task's worker to start it anew.

        Raises:
            NotFoundError: there is no such task.
        """

        def restarted(spec: TaskSpec) -> TaskSpec:
            return replace(spec, restart=spec.restart + 1)

        await self._update(f"{name}-{task}", self._keys.task(name, task), TaskSpec.from_json, restarted)

    async def delete(self, name: str) -> None:
        """Remove a connector; the leader removes its tasks. Offsets stay.

        Raises:
            NotFoundError: there is no such connector.
        """
        key = self._keys.connector(name)
        found = await self._client.get(key)
        if found is None:
            raise unknown_connector(name)
        await self._client.delete(key)
        try:
            async with asyncio.timeout(self._client.config.request_timeout):
                await self._cache.wait_until(
                    lambda state: (
                        name not in state.connectors or state.connectors[name].create_revision > found.create_revision
                    )
                )
        except TimeoutError:
            log.warning("cache_lags", revision=self._cache.state.revision)

    async def _update(self, what: str, key: str, decode: Callable[[bytes], V], change: Callable[[V], V]) -> Stored[V]:
        for attempt in range(_TRIES):
            found = await self._client.get(key)
            if found is None:
                raise unknown_connector(what) if key.startswith(self._keys.connectors) else _unknown_task(what)
            before = decode(found.value)
            after = change(before)
            if after == before:
                await self._settle(found.mod_revision)
                return Stored(before, found.create_revision, found.mod_revision)
            same = Compare.mod_revision(key, "==", found.mod_revision)
            written = await self._put([same], key, after.to_json())
            if written is not None:
                return Stored(after, found.create_revision, written.mod_revision)
            await asyncio.sleep(backoff(attempt + 1, 0.01, 1.0))
        raise _contended(what)

    async def _put(self, compares: list[Compare], key: str, value: bytes) -> KeyValue | None:
        """Write the key if the conditions hold; the key then, or None where they did not."""
        try:
            result = await self._client.txn(compares, [Op.put(key, value), Op.get(key)])
            if not result.succeeded:
                return None
            written = result.gets[0][0]
        except EtcdOutcomeUnknownError:
            found = await self._client.get(key)
            if found is None or found.value != value:
                return None
            written = found
        await self._settle(written.mod_revision)
        return written

    async def _settle(self, revision: int) -> None:
        try:
            await self._cache.wait_for(revision)
        except RetriableError as error:
            # It is written: an error would say otherwise.
            log.warning("cache_lags", reason=error.message)


def _unknown_task(name: str) -> NotFoundError:
    return NotFoundError(
        f"task {name} not found.", remedy="List the connector's tasks with GET /connectors/<name>/tasks."
    )


def _contended(name: str) -> ConflictError:
    return ConflictError(f"{name} is being changed by others at the same time.", remedy="Look at it and try again.")

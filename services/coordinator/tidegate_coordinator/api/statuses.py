"""Calls that tell how connectors are doing."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate_coordinator import messages
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.connector_store import unknown_connector


class Statuses:
    """Handlers of the status calls; see coordinator.proto for each.

    Args:
        cache: answers them.
    """

    def __init__(self, cache: ClusterCache) -> None:
        self._cache = cache

    async def get(self, request: pb.GetConnectorStatusRequest) -> pb.GetConnectorStatusResponse:
        """Raises NotFoundError."""
        if request.name not in self._cache.state.connectors:
            raise unknown_connector(request.name)
        return pb.GetConnectorStatusResponse(status=messages.connector_status(self._cache.state, request.name))

    async def watch(self, request: pb.WatchStatusRequest) -> AsyncIterator[pb.WatchStatusResponse]:
        """Every matching connector's status, then each change; what a slow reader misses is summed up in the next."""
        wanted = set(request.names)
        sent: dict[str, pb.ConnectorStatus] = {}
        with self._cache.subscribe() as changes:
            changes.wake(*self._cache.state.connectors)
            while True:
                await changes.wait()
                for name in sorted(changes.take()):
                    if wanted and name not in wanted:
                        continue
                    if name not in self._cache.state.connectors:
                        if sent.pop(name, None) is not None:
                            yield pb.WatchStatusResponse(status=pb.ConnectorStatus(name=name), deleted=True)
                        continue
                    status = messages.connector_status(self._cache.state, name)
                    if sent.get(name) != status:
                        sent[name] = status
                        yield pb.WatchStatusResponse(status=status)

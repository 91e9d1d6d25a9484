"""Calls that read, alter and reset a connector's offsets (KIP-875)."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.errors import ConfigError, ConfigProblem, ConflictError
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.connector_store import unknown_connector
from tidegate_coordinator.worker_calls import WorkerCalls

log = get_logger(__name__)


class Offsets:
    """Handlers of the offset calls; see coordinator.proto for each. Workers do the work.

    Args:
        cache: tells whether a connector is stopped.
        workers: read and write offsets.
    """

    def __init__(self, cache: ClusterCache, workers: WorkerCalls) -> None:
        self._cache = cache
        self._workers = workers

    async def get(self, request: pb.GetOffsetsRequest) -> pb.GetOffsetsResponse:
        """Raises NotFoundError, NoWorkerError."""
        answer = await self._workers.get_offsets(self._config(request.name))
        return pb.GetOffsetsResponse(offsets=answer.offsets)

    async def alter(self, request: pb.AlterOffsetsRequest) -> pb.AlterOffsetsResponse:
        """Raises NotFoundError, ConflictError unless stopped, ConfigError for none, NoWorkerError."""
        if not request.offsets:
            raise ConfigError([ConfigProblem("offsets", "is empty. Give at least one partition with its offset.")])
        message = await self._alter(request.name, request.offsets, reset=False)
        return pb.AlterOffsetsResponse(message=message)

    async def reset(self, request: pb.ResetOffsetsRequest) -> pb.ResetOffsetsResponse:
        """Raises NotFoundError, ConflictError unless stopped, NoWorkerError."""
        return pb.ResetOffsetsResponse(message=await self._alter(request.name, [], reset=True))

    async def _alter(self, name: str, offsets: Sequence[common_pb2.Offset], *, reset: bool) -> str:
        config = self._config(name)
        state = self._cache.state
        if state.connectors[name].value.target_state != "STOPPED":
            raise ConflictError(
                f"connector {name} is not stopped, and the offsets of others can not be altered.",
                remedy=f"Stop it with PUT /connectors/{name}/stop.",
            )
        held = len(state.claims.get(name, {}))
        if held or name in state.tasks:
            raise ConflictError(
                f"connector {name} is stopping: {held} of its tasks are still held by workers.",
                remedy="Try again in a few seconds.",
            )
        layout = state.layouts.get(name)
        task_count = 0 if layout is None else layout.value.task_count
        message = await self._workers.alter_offsets(config, task_count, list(offsets), reset=reset)
        log.info("offsets_reset" if reset else "offsets_altered", connector=name, entries=len(offsets))
        return message

    def _config(self, name: str) -> dict[str, str]:
        stored = self._cache.state.connectors.get(name)
        if stored is None:
            raise unknown_connector(name)
        return stored.value.config

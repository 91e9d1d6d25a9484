"""What coordinators ask of workers: whatever needs the code of a plugin."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from tidegate.api.common.v1 import common_pb2
from tidegate.api.worker.v1 import worker_pb2, worker_pb2_grpc
from tidegate.errors import RetriableError
from tidegate.grpc.channel import channel
from tidegate.grpc.errors import from_rpc_error
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.plugin_catalog import plugin_of, workers_for

log = get_logger(__name__)

A = TypeVar("A")

_DEADLINE: Final = 30.0
_FENCING_DEADLINE: Final = 60.0
_MOST_WORKERS: Final = 3
_CONNECT_TIMEOUT: Final = 2.0


class WorkerCalls:
    """Asks one live worker that has the plugin; when that one can not be reached or dies, the next.

    Every method raises :class:`~tidegate_coordinator.plugin_catalog.NoWorkerError` without a live worker,
    :class:`~tidegate_coordinator.plugin_catalog.UnknownPluginError` when none has the plugin, and else what the worker
    answered: a ConfigError about the configuration, a RetriableError when a system it names does not answer.

    Args:
        cache: tells which workers are alive.
    """

    def __init__(self, cache: ClusterCache) -> None:
        self._cache = cache
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def close(self) -> None:
        """Close every connection."""
        channels, self._channels = self._channels, {}
        for each in channels.values():
            await each.close()

    async def validate(
        self, config: Mapping[str, str], plugin: str = "", *, definitions_only: bool = False
    ) -> worker_pb2.ValidateResponse:
        """Check a configuration; its errors are in the answer.

        Args:
            config: keys and values.
            plugin: the plugin's name, where ``config`` does not say.
            definitions_only: only list the keys.
        """
        request = worker_pb2.ValidateRequest(plugin=plugin, config=config, definitions_only=definitions_only)
        return await self._ask(plugin or plugin_of(config), lambda stub: stub.Validate(request, timeout=_DEADLINE))

    async def split_tasks(self, config: Mapping[str, str]) -> worker_pb2.SplitTasksResponse:
        """Split a connector into task configurations."""
        request = worker_pb2.SplitTasksRequest(config=config)
        return await self._ask(plugin_of(config), lambda stub: stub.SplitTasks(request, timeout=_DEADLINE))

    async def fence_tasks(self, config: Mapping[str, str], task_count: int) -> None:
        """Make sure that nothing of the first ``task_count`` tasks can commit any more."""
        request = worker_pb2.FenceTasksRequest(config=config, task_count=task_count)
        await self._ask(plugin_of(config), lambda stub: stub.FenceTasks(request, timeout=_FENCING_DEADLINE))

    async def preview(self, config: Mapping[str, str], limit: int) -> worker_pb2.PreviewResponse:
        """Read the first records."""
        request = worker_pb2.PreviewRequest(config=config, limit=limit)
        return await self._ask(plugin_of(config), lambda stub: stub.Preview(request, timeout=_DEADLINE))

    async def get_offsets(self, config: Mapping[str, str]) -> worker_pb2.GetOffsetsResponse:
        """Read committed offsets."""
        request = worker_pb2.GetOffsetsRequest(config=config)
        return await self._ask(plugin_of(config), lambda stub: stub.GetOffsets(request, timeout=_DEADLINE))

    async def alter_offsets(
        self, config: Mapping[str, str], task_count: int, offsets: list[common_pb2.Offset], *, reset: bool = False
    ) -> str:
        """Write offsets, or delete all of them; returns what was done, in words."""
        request = worker_pb2.AlterOffsetsRequest(config=config, task_count=task_count, offsets=offsets, reset=reset)
        answer = await self._ask(plugin_of(config), lambda stub: stub.AlterOffsets(request, timeout=_FENCING_DEADLINE))
        return answer.message

    async def _ask(self, plugin: str, call: Callable[[worker_pb2_grpc.WorkerServiceAsyncStub], Awaitable[A]]) -> A:
        able = workers_for(self._cache.state, plugin)
        fit = [name for name in able if not self._cache.state.workers[name].value.draining]
        random.shuffle(fit)
        order = [*fit, *(name for name in able if name not in fit)][:_MOST_WORKERS]
        for worker in order[:-1]:
            try:
                return await self._ask_one(worker, call)
            except RetriableError as error:
                log.info("worker_call_failed", worker_id=worker, plugin=plugin, reason=error.message)
                if not isinstance(error, _UnreachableError):
                    raise
        return await self._ask_one(order[-1], call)

    async def _ask_one(self, worker: str, call: Callable[[worker_pb2_grpc.WorkerServiceAsyncStub], Awaitable[A]]) -> A:
        stored = self._cache.state.workers.get(worker)
        if stored is None:
            raise _UnreachableError(f"worker {worker} is gone.")
        address = stored.value.address
        answer = asyncio.ensure_future(self._answer(worker, address, call))
        gone = asyncio.ensure_future(
            self._cache.wait_until(lambda state: _incarnation(state.workers.get(worker)) != stored.create_revision)
        )
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise _UnreachableError(f"worker {worker} at {address} died while it was asked.", remedy="Ask again.")
        finally:
            for each in (answer, gone):
                each.cancel()
            await asyncio.wait({answer, gone})
            await self._close_unused()

    async def _answer(
        self, worker: str, address: str, call: Callable[[worker_pb2_grpc.WorkerServiceAsyncStub], Awaitable[A]]
    ) -> A:
        if address not in self._channels:
            self._channels[address] = channel(address)
        connection = self._channels[address]
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await connection.channel_ready()
        except TimeoutError:
            raise _UnreachableError(
                f"worker {worker} can not be reached at {address}.",
                remedy="Check its advertised_address and the network between coordinators and workers.",
            ) from None
        try:
            return await call(worker_pb2_grpc.WorkerServiceStub(connection))
        except grpc.aio.AioRpcError as error:
            raise _translated(error, worker, address) from None

    async def _close_unused(self) -> None:
        alive = {stored.value.address for stored in self._cache.state.workers.values()}
        for address in self._channels.keys() - alive:
            await self._channels.pop(address).close()


class _UnreachableError(RetriableError):
    """The worker did not answer; another one may."""


def _incarnation(stored: Any) -> int:
    return 0 if stored is None else int(stored.create_revision)


def _translated(error: grpc.aio.AioRpcError, worker: str, address: str) -> Exception:
    answered = from_rpc_error(error)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return RetriableError(
            f"worker {worker} did not answer in time: the plugin, or a system it asks, hangs.",
            remedy="Check that the addresses in the configuration can be reached from the workers.",
        )
    # A worker that answers sends ErrorInfo along; a connection that breaks does not.
    if error.code() is grpc.StatusCode.UNAVAILABLE and not _has_details(error):
        return _UnreachableError(
            f"worker {worker} at {address} did not answer: {answered.message}", remedy="Ask again."
        )
    return answered


def _has_details(error: grpc.aio.AioRpcError) -> bool:
    return any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ())

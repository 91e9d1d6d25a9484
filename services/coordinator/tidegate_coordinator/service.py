"""One coordinator replica: its parts, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from prometheus_client import REGISTRY

from tidegate.api.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from tidegate.config.listen_address import advertised_address
from tidegate.config.ready_file import write_ready_file
from tidegate.config.settings import CoordinatorSettings
from tidegate.control import LeaderInfo
from tidegate.errors import TidegateError
from tidegate.etcd import Election, EtcdClient, Keyspace
from tidegate.grpc.server import start_server
from tidegate.telemetry import tracing
from tidegate.telemetry.asgi_server import AsgiServer
from tidegate.telemetry.logging import get_logger
from tidegate.telemetry.metrics import start_metrics_server
from tidegate_coordinator.api.grpc_servicer import CoordinatorServicer
from tidegate_coordinator.api.handlers import Handlers
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.connector_store import ConnectorStore
from tidegate_coordinator.leader import Leader
from tidegate_coordinator.metrics import ClusterCollector
from tidegate_coordinator.rest.application import make_application
from tidegate_coordinator.worker_calls import WorkerCalls

log = get_logger(__name__)

_SERVICE = coordinator_pb2.DESCRIPTOR.services_by_name["CoordinatorService"].full_name


async def serve(settings: CoordinatorSettings, stop: asyncio.Event) -> None:
    """Run a replica until ``stop`` is set.

    It waits for etcd as long as that takes, then serves; while etcd is away afterwards it answers reads from what it
    knows.

    Args:
        settings: where etcd is, what to listen on.
        stop: ends the service: the leadership is given up and requests under way are finished first.

    Raises:
        ConfigError: an address can not be bound, or etcd's settings are unusable.
        EtcdRequestError: etcd refuses for good, for instance for want of a permission.
    """
    tracing.configure(settings.otlp_endpoint, "coordinator", settings.replica_id)
    keys = Keyspace(settings.cluster)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(EtcdClient(settings.etcd.client_config()))
        cache = ClusterCache(client, keys)
        workers = WorkerCalls(cache)
        stack.push_async_callback(workers.close)
        following = _background(stack, cache.run(), "cluster cache")
        stopping = _background(stack, stop.wait(), "stop")
        listed = _background(stack, cache.wait_until(lambda state: state.revision > 0), "first listing")
        await _first_of(listed, following, stopping)
        if stop.is_set():
            return
        handlers = Handlers.make(cache, ConnectorStore(client, cache), workers, settings.secret_box())

        async def trouble() -> str:
            try:
                await client.revision()
            except TidegateError as error:
                return f"etcd does not answer: {error.message}"
            return ""

        grpc_server = await stack.enter_async_context(
            await start_server(
                settings.grpc_listen,
                lambda server: coordinator_pb2_grpc.add_CoordinatorServiceServicer_to_server(
                    CoordinatorServicer(handlers), server
                ),
                [_SERVICE],
            )
        )
        rest_server = await stack.enter_async_context(
            AsgiServer(make_application(handlers, trouble), settings.rest_listen, setting="rest_listen")
        )
        metrics_server = await start_metrics_server(settings.metrics_listen)
        if metrics_server is not None:
            stack.push_async_callback(metrics_server.stop)

        address = advertised_address(grpc_server.address, settings.advertised_address)
        info = LeaderInfo(settings.replica_id, address)
        leader = Leader(client, cache, workers, Election(client, keys.leader, info.to_json(), settings.leader_ttl))
        collector = ClusterCollector(lambda: cache.state, lambda: leader.leading)
        REGISTRY.register(collector)
        stack.callback(REGISTRY.unregister, collector)
        leading = _background(stack, leader.run(), "leader")
        addresses = {
            "grpc": grpc_server.address,
            "rest": rest_server.address,
            "metrics": "" if metrics_server is None else metrics_server.address,
        }
        write_ready_file(settings.ready_file, **addresses)
        log.info("service_started", service="coordinator", replica_id=settings.replica_id, **addresses)
        await _first_of(stopping, following, leading)
    log.info("service_stopped", service="coordinator", replica_id=settings.replica_id)


def _background(stack: contextlib.AsyncExitStack, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[object]:
    task: asyncio.Task[object] = asyncio.create_task(work, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    stack.push_async_callback(end)
    return task


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Return when one of them has ended; raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()

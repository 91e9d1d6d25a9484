"""The registry service: its parts, put together, from start to stop."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from tidegate.api.registry.v1 import registry_pb2_grpc
from tidegate.config.ready_file import write_ready_file
from tidegate.config.settings import RegistrySettings
from tidegate.etcd import EtcdClient
from tidegate.grpc.server import start_server
from tidegate.telemetry.asgi_server import AsgiServer
from tidegate.telemetry.logging import get_logger
from tidegate.telemetry.metrics import metrics_routes, start_metrics_server
from tidegate_registry.cache import StateCache
from tidegate_registry.keys import RegistryKeys
from tidegate_registry.reader import SchemaReader
from tidegate_registry.registry import Registry
from tidegate_registry.rest import build_app
from tidegate_registry.rpc import SERVICE_NAME, RegistryServicer, refusals_interceptor
from tidegate_registry.writer import StateWriter

log = get_logger(__name__)


async def serve(settings: RegistrySettings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set. Nothing is served before the state has been read from etcd once.

    Args:
        settings: of this replica.
        stop: ends it.

    Raises:
        ConfigError: an address can not be bound, or a TLS file can not be read.
        EtcdRequestError: etcd refuses this user for good.
    """
    keys = RegistryKeys(settings.cluster)
    async with AsyncExitStack() as stack:
        etcd = await stack.enter_async_context(EtcdClient(settings.etcd.client_config()))
        cache = StateCache(etcd, keys)
        registry = Registry(keys, cache, StateWriter(etcd, keys, cache), SchemaReader())
        follower = asyncio.create_task(cache.follow(), name="registry state")
        stack.push_async_callback(_end, follower)
        if not await _first(stop, follower, asyncio.create_task(cache.loaded())):
            return
        rpc = await start_server(
            settings.grpc_listen,
            lambda server: registry_pb2_grpc.add_RegistryServiceServicer_to_server(RegistryServicer(registry), server),
            [SERVICE_NAME],
            interceptors=[refusals_interceptor()],
        )
        stack.push_async_callback(rpc.stop)
        app = build_app(registry, metrics_routes())
        rest = await stack.enter_async_context(AsgiServer(app, settings.rest_listen, setting="rest_listen"))
        metrics = await start_metrics_server(settings.metrics_listen)
        if metrics is not None:
            stack.push_async_callback(metrics.stop)
        metrics_address = metrics.address if metrics else rest.address
        log.info("service_started", grpc=rpc.address, rest=rest.address, metrics=metrics_address)
        write_ready_file(settings.ready_file, grpc=rpc.address, rest=rest.address, metrics=metrics_address)
        await _first(stop, follower)
        log.info("service_stopping")


async def _first(stop: asyncio.Event, follower: asyncio.Task[None], goal: asyncio.Task[None] | None = None) -> bool:
    """Wait for the stop or the goal; whether it was the goal. What the follower raises is raised."""
    stopped = asyncio.create_task(stop.wait())
    helpers = [stopped] if goal is None else [stopped, goal]
    try:
        await asyncio.wait([follower, *helpers], return_when=asyncio.FIRST_COMPLETED)
        if follower.done():
            follower.result()
        return goal is not None and goal.done()
    finally:
        for helper in helpers:
            helper.cancel()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])

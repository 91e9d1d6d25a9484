"""The worker service: its agent, its gRPC API, its metrics."""

from __future__ import annotations

import asyncio
import dataclasses
from importlib.metadata import version

from tidegate import native
from tidegate.api.worker.v1 import worker_pb2, worker_pb2_grpc
from tidegate.config.listen_address import advertised_address
from tidegate.config.ready_file import write_ready_file
from tidegate.config.settings import WorkerSettings
from tidegate.control import WorkerInfo
from tidegate.etcd import EtcdClient
from tidegate.grpc.server import start_server
from tidegate.telemetry.logging import get_logger
from tidegate.telemetry.metrics import start_metrics_server
from tidegate_worker.agent import WorkerAgent
from tidegate_worker.fork_server import ForkServer
from tidegate_worker.metrics import WorkerMetrics
from tidegate_worker.plugin_answers import WorkerFacts
from tidegate_worker.plugin_process import PluginProcess
from tidegate_worker.rpc import WorkerServicer

log = get_logger(__name__)


async def serve(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Runs a worker until ``stop`` is set; then drains its tasks.

    Args:
        settings: the worker's settings.
        stop: ends it.

    Raises:
        ConfigError: an address can not be bound or a setting is unusable.
    """
    native.announce(log)
    forks = ForkServer()
    # Before it joins: a task that is moved here by plan pauses only while it changes hands.
    await forks.warm_up()
    facts = _facts(settings)
    processes = PluginProcess(forks, facts)
    plugins = await processes.list_plugins()
    forks.know(plugins.plugins)
    for name, reason in plugins.broken.items():
        log.error("plugin_broken", plugin=name, reason=reason)
    async with EtcdClient(settings.etcd.client_config()) as etcd:
        info = WorkerInfo("", settings.slots, version("tidegate"), plugins.plugins)
        agent = WorkerAgent(settings, etcd, forks, info, facts.secret_keys)
        servicer = WorkerServicer(agent, processes)
        server = await start_server(
            settings.grpc_listen,
            lambda grpc: worker_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, grpc),
            [worker_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name],
        )
        metrics = WorkerMetrics(agent)
        try:
            async with server:
                http = await start_metrics_server(settings.metrics_listen, agent.health)
                try:
                    address = advertised_address(server.address, settings.advertised_address)
                    agent.info = dataclasses.replace(info, address=address)
                    addresses = {"grpc": server.address, "metrics": http.address if http else ""}
                    write_ready_file(settings.ready_file, **addresses)
                    log.info("service_started", service="worker", worker=settings.worker_id, **addresses)
                    await agent.run(stop)
                finally:
                    if http is not None:
                        await http.stop()
        finally:
            metrics.close()
    log.info("service_stopped", service="worker", worker=settings.worker_id)


def _facts(settings: WorkerSettings) -> WorkerFacts:
    return WorkerFacts(
        cluster=settings.cluster,
        kafka=settings.kafka,
        secret_keys=_secret_keys(settings),
        config_providers=settings.config_providers,
        offsets_topic=settings.offsets_topic,
        offsets_partitions=settings.offsets_partitions,
        offsets_replication=settings.offsets_replication,
    )


def _secret_keys(settings: WorkerSettings) -> str | None:
    if settings.secret_key_file is not None:
        return settings.secret_key_file.read_text().strip()
    return settings.secret_key.get_secret_value() if settings.secret_key else None

"""Starting a service's gRPC server with what every one of them has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Self

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from tidegate.config.listen_address import Address
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.grpc.server_interceptors import server_interceptors

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

_HEALTH_NAME: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Two services on one port would each get some of the calls; an error is better.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)


class GrpcServer:
    """A running gRPC server.

    Args:
        server: gRPC's own, started.
        address: ``host:port`` it is bound to, the port known.
        names: full names of its services.
        servicer: tells clients of its health.
    """

    def __init__(
        self, server: grpc.aio.Server, address: str, names: Sequence[str], servicer: health.HealthServicer
    ) -> None:
        self.server = server
        self.address = address
        self._names = ("", *names)
        self._health = servicer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks whether calls should come here."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._health.set(name, status)

    async def stop(self, grace: float = 5.0) -> None:
        """Turn new calls away, let those under way finish for ``grace`` seconds, and close."""
        await self._health.enter_graceful_shutdown()
        await self.server.stop(grace)


async def start_server(
    listen: str,
    add_services: Callable[[grpc.aio.Server], None],
    names: Sequence[str],
    *,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    setting: str = "grpc_listen",
) -> GrpcServer:
    """Start a gRPC server with health, reflection, error mapping, metrics and traces.

    Args:
        listen: ``host:port``; port 0 takes any free one.
        add_services: registers the servicers: ``lambda server: add_XServicer_to_server(servicer, server)``.
        names: full names of these services (``DESCRIPTOR.services_by_name["X"].full_name``), for health and
            reflection.
        interceptors: the service's own; they run inside the common ones, so what they raise is mapped too.
        setting: name of the setting ``listen`` comes from.

    Returns:
        the server, serving; its owner stops it.

    Raises:
        ConfigError: the address is malformed or can not be bound.
    """
    try:
        wanted = Address.parse(listen)
    except ValueError as error:
        raise ConfigError([ConfigProblem(setting, str(error))]) from None
    server = grpc.aio.server(interceptors=[*server_interceptors(), *interceptors], options=_OPTIONS)
    add_services(server)
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection([*names, _HEALTH_NAME, reflection.SERVICE_NAME], server)
    try:
        port = server.add_insecure_port(str(wanted))
    except RuntimeError:
        port = 0
    if not port:
        await server.stop(None)
        problem = f"{wanted} can not be bound. Choose a free port of this machine, or 0 for any."
        raise ConfigError([ConfigProblem(setting, problem)])
    await server.start()
    running = GrpcServer(server, str(Address(wanted.host, port)), names, servicer)
    await running.set_serving(True)
    return running

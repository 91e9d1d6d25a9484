"""Prometheus metrics and health of a service, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate.telemetry.asgi_server import AsgiServer

Health = Callable[[], Mapping[str, object] | None]
"""What is wrong with the service in words, by part; None or empty when it is well. Must not block."""


def healthy() -> None:
    """The health of a service that is well whenever it answers."""


def metrics_routes(health: Health = healthy, registry: CollectorRegistry = REGISTRY) -> list[Route]:
    """``GET /metrics`` and ``GET /health`` for a service's own ASGI application.

    ``/health`` answers 200 ``{"status": "ok"}``, or 503 with what is wrong.

    Args:
        health: asked at each request.
        registry: holds the metrics; the process's own by default.
    """

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        # A collector may read files (process metrics), so not on the event loop.
        return Response(await asyncio.to_thread(encode, registry), headers={"content-type": content_type})

    async def answer_health(request: Request) -> Response:
        wrong = health()
        if wrong:
            return JSONResponse({"status": "failing", **wrong}, status_code=503)
        return JSONResponse({"status": "ok"})

    return [Route("/metrics", metrics), Route("/health", answer_health)]


async def start_metrics_server(listen: str, health: Health = healthy) -> AsgiServer | None:
    """Serve ``/metrics`` and ``/health`` on the setting ``metrics_listen``.

    Args:
        listen: ``host:port``; empty serves nothing.
        health: see :func:`metrics_routes`.

    Returns:
        the running server, to be stopped by the caller; None when ``listen`` is empty.

    Raises:
        ConfigError: the address can not be bound.
    """
    if not listen:
        return None
    server = AsgiServer(Starlette(routes=metrics_routes(health)), listen, setting="metrics_listen")
    await server.start()
    return server

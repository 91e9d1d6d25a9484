"""What tells of the server itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate_coordinator.api.handlers import Handlers
from tidegate_coordinator.rest import shapes
from tidegate_coordinator.version import VERSION


class ServerRoutes:
    """``/``, ``/health`` and ``/cluster``.

    Args:
        handlers: do the work.
        trouble: what is wrong with this replica, in words; empty when it is well.
    """

    def __init__(self, handlers: Handlers, trouble: Callable[[], Awaitable[str]]) -> None:
        self._cluster = handlers.cluster
        self._trouble = trouble

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/", self.version, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/cluster", self.cluster, methods=["GET"]),
        ]

    async def version(self, request: Request) -> Response:
        """``ServerInfo``; the cluster's id is Tidegate's cluster name, for coordinators do not speak to Kafka."""
        view = await self._cluster.get(pb.GetClusterRequest())
        return JSONResponse({"version": VERSION, "commit": "unknown", "kafka_cluster_id": view.cluster})

    async def health(self, request: Request) -> Response:
        """200 when this replica serves, 503 when not (KIP-1017)."""
        trouble = await self._trouble()
        if trouble:
            return JSONResponse({"status": "unhealthy", "message": trouble}, 503)
        message = "Worker has completed startup and is ready to handle requests."
        return JSONResponse({"status": "healthy", "message": message})

    async def cluster(self, request: Request) -> Response:
        """Tidegate's own: workers and the leader."""
        return JSONResponse(shapes.cluster(await self._cluster.get(pb.GetClusterRequest())))

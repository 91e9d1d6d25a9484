"""The REST gateway as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from tidegate.errors import TidegateError
from tidegate.telemetry.metrics import metrics_routes
from tidegate_coordinator.api.handlers import Handlers
from tidegate_coordinator.rest.connector_routes import ConnectorRoutes
from tidegate_coordinator.rest.errors import LastResort, answer_error, answer_http_exception
from tidegate_coordinator.rest.paths import EncodedPath
from tidegate_coordinator.rest.plugin_routes import PluginRoutes
from tidegate_coordinator.rest.server_routes import ServerRoutes


def make_application(handlers: Handlers, trouble: Callable[[], Awaitable[str]]) -> Starlette:
    """Kafka Connect's REST API, ``/metrics`` beside it.

    Args:
        handlers: do the work.
        trouble: what is wrong with this replica, in words; empty when it is well.
    """
    return Starlette(
        routes=[
            *ServerRoutes(handlers, trouble).routes(),
            *ConnectorRoutes(handlers).routes(),
            *PluginRoutes(handlers).routes(),
            *(route for route in metrics_routes() if route.path == "/metrics"),
        ],
        middleware=[Middleware(LastResort), Middleware(EncodedPath)],
        exception_handlers={TidegateError: answer_error, HTTPException: answer_http_exception},
    )

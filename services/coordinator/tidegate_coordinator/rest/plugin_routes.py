"""``/connector-plugins`` and what is below it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate_coordinator.api.handlers import Handlers
from tidegate_coordinator.rest import shapes
from tidegate_coordinator.rest.config_document import as_config
from tidegate_coordinator.rest.paths import name_in
from tidegate_coordinator.rest.request_body import read_document


class PluginRoutes:
    """Kafka Connect's resources of plugins.

    Args:
        handlers: do the work.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._plugins = handlers.plugins

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/connector-plugins", self.list, methods=["GET"]),
            Route("/connector-plugins/{plugin}/config", self.get_config, methods=["GET"]),
            Route("/connector-plugins/{plugin}/config/validate", self.validate, methods=["PUT"]),
        ]

    async def list(self, request: Request) -> Response:
        """The connector plugins of all live workers."""
        found = await self._plugins.list(pb.ListPluginsRequest())
        return JSONResponse([shapes.plugin_info(plugin) for plugin in found.plugins])

    async def get_config(self, request: Request) -> Response:
        """A plugin's configuration keys (KIP-769)."""
        found = await self._plugins.get_config(pb.GetPluginConfigRequest(plugin=name_in(request, "plugin")))
        return JSONResponse(shapes.config_key_infos(list(found.entries)))

    async def validate(self, request: Request) -> Response:
        """200 with every key and what is wrong with its value."""
        config = as_config(await read_document(request, numbers_as_text=True))
        checked = await self._plugins.validate(
            pb.ValidateConfigRequest(plugin=name_in(request, "plugin"), config=config)
        )
        return JSONResponse(shapes.config_infos(checked.validation))

"""Calls that need plugins: what there are, what they are configured by, what a configuration would give."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.api.worker.v1 import worker_pb2
from tidegate.config.secrets import hide_secrets
from tidegate.errors import ConfigError, ConfigProblem, NotFoundError
from tidegate_coordinator import messages
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.connector_config import with_stored_secrets
from tidegate_coordinator.plugin_catalog import (
    CONNECTOR_CLASS,
    NoWorkerError,
    find_plugin,
    is_class_path,
    plugin_of,
    plugins,
)
from tidegate_coordinator.worker_calls import WorkerCalls

_DEFAULT_PREVIEW = 10
_LARGEST_PREVIEW = 1_000


class Plugins:
    """Handlers of the plugin calls; see coordinator.proto for each.

    Args:
        cache: tells which plugins live workers have.
        workers: run the plugins' code.
    """

    def __init__(self, cache: ClusterCache, workers: WorkerCalls) -> None:
        self._cache = cache
        self._workers = workers

    async def list(self, request: pb.ListPluginsRequest) -> pb.ListPluginsResponse:
        """The plugins of all live workers by name."""
        return pb.ListPluginsResponse(plugins=[messages.plugin(each) for each in plugins(self._cache.state)])

    async def get_config(self, request: pb.GetPluginConfigRequest) -> pb.GetPluginConfigResponse:
        """Raises NotFoundError for an unknown plugin, NoWorkerError."""
        state = self._cache.state
        if not state.workers:
            raise NoWorkerError
        found = find_plugin(state, request.plugin)
        if found is None and not is_class_path(request.plugin):
            known = ", ".join(each.class_name for each in plugins(state)) or "none"
            raise NotFoundError(f"unknown plugin {request.plugin}.", remedy=f"Known plugins: {known}.")
        name = request.plugin if found is None else found.class_name
        answer = await self._workers.validate({CONNECTOR_CLASS: name}, name, definitions_only=True)
        return pb.GetPluginConfigResponse(entries=answer.validation.entries)

    async def validate(self, request: pb.ValidateConfigRequest) -> pb.ValidateConfigResponse:
        """Raises ConfigError for an unknown plugin, or two different ones; NoWorkerError."""
        state, config = self._cache.state, self._with_secrets(request.config)
        named = plugin_of(config)
        if request.plugin and named and not _same_plugin(state, request.plugin, named):
            problem = f"{named!r} is not the plugin {request.plugin!r} that is asked for. Make them agree."
            raise ConfigError([ConfigProblem(CONNECTOR_CLASS, problem)])
        answer = await self._workers.validate(config, request.plugin)
        return pb.ValidateConfigResponse(validation=_without_secrets(answer))

    async def preview(self, request: pb.PreviewConnectorRequest) -> pb.PreviewConnectorResponse:
        """Raises ConfigError, NoWorkerError."""
        if not 0 <= request.limit <= _LARGEST_PREVIEW:
            raise ConfigError([ConfigProblem("limit", f"{request.limit} is not between 1 and {_LARGEST_PREVIEW}.")])
        answer = await self._workers.preview(self._with_secrets(request.config), request.limit or _DEFAULT_PREVIEW)
        return pb.PreviewConnectorResponse(records_json=answer.records_json)

    def _with_secrets(self, config: Mapping[str, str]) -> dict[str, str]:
        stored = self._cache.state.connectors.get(config.get("name", ""))
        return with_stored_secrets(config, None if stored is None else stored.value)


def _same_plugin(state: ClusterState, one: str, other: str) -> bool:
    found = find_plugin(state, one)
    return one == other or (found is not None and found == find_plugin(state, other))


def _without_secrets(answer: worker_pb2.ValidateResponse) -> common_pb2.Validation:
    validation = answer.validation
    for entry in validation.entries:
        if entry.HasField("value"):
            entry.value = hide_secrets({entry.name: entry.value}, answer.password_keys)[entry.name]
    return validation

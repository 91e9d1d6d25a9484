"""Calls that create, read, change, restart and delete connectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.config.secrets import SecretBox
from tidegate.control import ConnectorState
from tidegate.errors import AlreadyExistsError, NotFoundError
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator import messages
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.connector_config import CheckedConfig, check_config, named, with_stored_secrets
from tidegate_coordinator.connector_store import ConnectorStore, unknown_connector
from tidegate_coordinator.task_state import current_failure, shown_state
from tidegate_coordinator.worker_calls import WorkerCalls

log = get_logger(__name__)


class Connectors:
    """Handlers of the connector calls; see coordinator.proto for each.

    Args:
        cache: answers reads.
        store: does the writes.
        workers: check configurations.
        box: seals secrets.
    """

    def __init__(self, cache: ClusterCache, store: ConnectorStore, workers: WorkerCalls, box: SecretBox) -> None:
        self._cache = cache
        self._store = store
        self._workers = workers
        self._box = box

    async def create(self, request: pb.CreateConnectorRequest) -> pb.CreateConnectorResponse:
        """Raises AlreadyExistsError, ConfigError, NoWorkerError."""
        name, config = request.name, named(request.name, request.config)
        if name in self._cache.state.connectors:
            # A taken name is answered as such even if the configuration could not be checked now.
            raise AlreadyExistsError(
                f"connector {name} already exists.",
                remedy=f"Change it with PUT /connectors/{name}/config, or delete it first.",
            )
        checked = await check_config(self._workers, self._box, config)
        target_state = messages.target_state(request.initial_state)
        wanted = ConnectorState(checked.config, target_state, 1, checked.password_keys, checked.type)
        stored = await self._store.create(name, wanted)
        log.info("connector_created", connector=name, target_state=target_state)
        return pb.CreateConnectorResponse(connector=self._message(name, stored.value))

    async def put_config(self, request: pb.PutConnectorConfigRequest) -> pb.PutConnectorConfigResponse:
        """Raises ConfigError, NoWorkerError."""
        name = request.name
        try:
            before = self._wanted(name)
        except NotFoundError:
            created = await self.create(pb.CreateConnectorRequest(name=name, config=request.config))
            return pb.PutConnectorConfigResponse(connector=created.connector, created=True)
        config = named(name, with_stored_secrets(request.config, before))
        changed = await self._configure(name, await check_config(self._workers, self._box, config))
        return pb.PutConnectorConfigResponse(connector=changed)

    async def patch_config(self, request: pb.PatchConnectorConfigRequest) -> pb.PatchConnectorConfigResponse:
        """Raises NotFoundError, ConfigError, NoWorkerError."""
        before = self._wanted(request.name)
        config = dict(before.config)
        for key, patch in request.patch.items():
            if patch.HasField("value"):
                config[key] = patch.value
            else:
                config.pop(key, None)
        config = named(request.name, with_stored_secrets(config, before))
        changed = await self._configure(request.name, await check_config(self._workers, self._box, config))
        return pb.PatchConnectorConfigResponse(connector=changed)

    async def get(self, request: pb.GetConnectorRequest) -> pb.GetConnectorResponse:
        """Raises NotFoundError."""
        return pb.GetConnectorResponse(connector=self._message(request.name, self._wanted(request.name)))

    async def list(self, request: pb.ListConnectorsRequest) -> pb.ListConnectorsResponse:
        """All connectors by name."""
        found = sorted(self._cache.state.connectors.items())
        return pb.ListConnectorsResponse(connectors=[self._message(name, stored.value) for name, stored in found])

    async def delete(self, request: pb.DeleteConnectorRequest) -> pb.DeleteConnectorResponse:
        """Raises NotFoundError."""
        await self._store.delete(request.name)
        log.info("connector_deleted", connector=request.name)
        return pb.DeleteConnectorResponse()

    async def list_tasks(self, request: pb.ListTasksRequest) -> pb.ListTasksResponse:
        """Raises NotFoundError."""
        self._wanted(request.name)
        state = self._cache.state
        numbers = sorted(state.tasks.get(request.name, {}))
        return pb.ListTasksResponse(tasks=[messages.task(state, request.name, number) for number in numbers])

    async def set_target_state(self, request: pb.SetTargetStateRequest) -> pb.SetTargetStateResponse:
        """Raises NotFoundError."""
        target_state = messages.target_state(request.target_state)
        await self._store.update(request.name, lambda before: replace(before, target_state=target_state))
        log.info("connector_target_state_set", connector=request.name, target_state=target_state)
        return pb.SetTargetStateResponse()

    async def restart(self, request: pb.RestartConnectorRequest) -> pb.RestartConnectorResponse:
        """Raises NotFoundError."""
        name = request.name
        self._wanted(name)
        state = self._cache.state
        failed = current_failure(state, name) is not None
        numbers = [
            number
            for number in sorted(state.tasks.get(name, {}))
            if request.include_tasks and (not request.only_failed or shown_state(state, name, number) == "FAILED")
        ]
        status = messages.connector_status(state, name)
        if failed or not request.only_failed:
            await self._store.update(name, lambda before: replace(before, restart=before.restart + 1))
            status.state = common_pb2.STATE_RESTARTING
        for number in numbers:
            try:
                await self._store.restart_task(name, number)
            except NotFoundError:
                # The leader was faster: it has divided the connector anew, which starts every task.
                continue
        for each in status.tasks:
            if each.task.task in numbers:
                each.state = common_pb2.STATE_RESTARTING
        log.info("connector_restarted", connector=name, tasks=numbers)
        return pb.RestartConnectorResponse(status=status)

    async def restart_task(self, request: pb.RestartTaskRequest) -> pb.RestartTaskResponse:
        """Raises NotFoundError."""
        self._wanted(request.task.connector)
        await self._store.restart_task(request.task.connector, request.task.task)
        log.info("task_restarted", connector=request.task.connector, task=request.task.task)
        return pb.RestartTaskResponse()

    async def _configure(self, name: str, checked: CheckedConfig) -> pb.Connector:
        stored = await self._store.update(name, _configured(checked))
        log.info("connector_configured", connector=name, generation=stored.value.generation)
        return self._message(name, stored.value)

    def _wanted(self, name: str) -> ConnectorState:
        stored = self._cache.state.connectors.get(name)
        if stored is None:
            raise unknown_connector(name)
        return stored.value

    def _message(self, name: str, wanted: ConnectorState) -> pb.Connector:
        return messages.connector(self._cache.state, name, wanted)


def _configured(checked: CheckedConfig) -> Callable[[ConnectorState], ConnectorState]:
    def change(before: ConnectorState) -> ConnectorState:
        if before.config == checked.config:
            return replace(before, password_keys=checked.password_keys, type=checked.type)
        return replace(
            before,
            config=checked.config,
            password_keys=checked.password_keys,
            type=checked.type,
            generation=before.generation + 1,
        )

    return change

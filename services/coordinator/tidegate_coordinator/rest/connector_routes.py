"""``/connectors`` and what is below it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.errors import ConfigError, ConfigProblem, NotFoundError
from tidegate_coordinator.api.handlers import Handlers
from tidegate_coordinator.rest import shapes
from tidegate_coordinator.rest.config_document import as_config, as_object, as_patch
from tidegate_coordinator.rest.paths import flag_in, name_in, task_in
from tidegate_coordinator.rest.request_body import read_document

_INITIAL_STATES = {
    "RUNNING": common_pb2.TARGET_STATE_STARTED,
    "STARTED": common_pb2.TARGET_STATE_STARTED,
    "PAUSED": common_pb2.TARGET_STATE_PAUSED,
    "STOPPED": common_pb2.TARGET_STATE_STOPPED,
}
_EXPANSIONS = ("status", "info")


class ConnectorRoutes:
    """Kafka Connect's resources of connectors.

    Args:
        handlers: do the work.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._connectors = handlers.connectors
        self._statuses = handlers.statuses
        self._offsets = handlers.offsets
        self._plugins = handlers.plugins

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/connectors", self.list, methods=["GET"]),
            Route("/connectors", self.create, methods=["POST"]),
            Route("/connectors/preview", self.preview, methods=["POST"]),
            Route("/connectors/{name}", self.get, methods=["GET"]),
            Route("/connectors/{name}", self.delete, methods=["DELETE"]),
            Route("/connectors/{name}/config", self.get_config, methods=["GET"]),
            Route("/connectors/{name}/config", self.put_config, methods=["PUT"]),
            Route("/connectors/{name}/config", self.patch_config, methods=["PATCH"]),
            Route("/connectors/{name}/status", self.get_status, methods=["GET"]),
            Route("/connectors/{name}/tasks", self.list_tasks, methods=["GET"]),
            Route("/connectors/{name}/tasks/{task}/status", self.get_task_status, methods=["GET"]),
            Route("/connectors/{name}/tasks/{task}/restart", self.restart_task, methods=["POST"]),
            Route("/connectors/{name}/pause", self.pause, methods=["PUT"]),
            Route("/connectors/{name}/resume", self.resume, methods=["PUT"]),
            Route("/connectors/{name}/stop", self.stop, methods=["PUT"]),
            Route("/connectors/{name}/restart", self.restart, methods=["POST"]),
            Route("/connectors/{name}/offsets", self.get_offsets, methods=["GET"]),
            Route("/connectors/{name}/offsets", self.alter_offsets, methods=["PATCH"]),
            Route("/connectors/{name}/offsets", self.reset_offsets, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Names; with ``?expand=status&expand=info`` also these (KIP-465)."""
        connectors = (await self._connectors.list(pb.ListConnectorsRequest())).connectors
        expansions = [each for each in request.query_params.getlist("expand") if each in _EXPANSIONS]
        if not expansions:
            return JSONResponse([each.name for each in connectors])
        answer: dict[str, dict[str, Any]] = {}
        for each in connectors:
            expanded = answer[each.name] = {}
            if "info" in expansions:
                expanded["info"] = shapes.connector_info(each)
            if "status" in expansions:
                expanded["status"] = await self._status(each.name)
        return JSONResponse(answer)

    async def create(self, request: Request) -> Response:
        """201 with the connector."""
        document = await read_document(request, numbers_as_text=True)
        body = as_object(document, "body", ("name", "config", "initial_state"))
        config = as_config(body.get("config"))
        name = body.get("name") or config.get("name", "")
        initial_state = str(body.get("initial_state") or "RUNNING").upper()
        if initial_state not in _INITIAL_STATES:
            problem = f"{body['initial_state']!r} is not a state. Use RUNNING, PAUSED or STOPPED."
            raise ConfigError([ConfigProblem("initial_state", problem)])
        created = await self._connectors.create(
            pb.CreateConnectorRequest(name=str(name), config=config, initial_state=_INITIAL_STATES[initial_state])
        )
        return _created(created.connector)

    async def get(self, request: Request) -> Response:
        """The connector."""
        found = await self._connectors.get(pb.GetConnectorRequest(name=name_in(request)))
        return JSONResponse(shapes.connector_info(found.connector))

    async def delete(self, request: Request) -> Response:
        """204."""
        await self._connectors.delete(pb.DeleteConnectorRequest(name=name_in(request)))
        return Response(status_code=204)

    async def get_config(self, request: Request) -> Response:
        """The configuration alone."""
        found = await self._connectors.get(pb.GetConnectorRequest(name=name_in(request)))
        return JSONResponse(shapes.connector_info(found.connector)["config"])

    async def put_config(self, request: Request) -> Response:
        """200, or 201 when it is new."""
        config = as_config(await read_document(request, numbers_as_text=True))
        stored = await self._connectors.put_config(pb.PutConnectorConfigRequest(name=name_in(request), config=config))
        return _created(stored.connector) if stored.created else JSONResponse(shapes.connector_info(stored.connector))

    async def patch_config(self, request: Request) -> Response:
        """The connector; null removes a key (KIP-477)."""
        patch = as_patch(await read_document(request, numbers_as_text=True))
        stored = await self._connectors.patch_config(
            pb.PatchConnectorConfigRequest(
                name=name_in(request), patch={key: pb.ConfigPatch(value=value) for key, value in patch.items()}
            )
        )
        return JSONResponse(shapes.connector_info(stored.connector))

    async def get_status(self, request: Request) -> Response:
        """The connector's state and its tasks'."""
        return JSONResponse(await self._status(name_in(request)))

    async def list_tasks(self, request: Request) -> Response:
        """Tasks with their configurations."""
        found = await self._connectors.list_tasks(pb.ListTasksRequest(name=name_in(request)))
        return JSONResponse([shapes.task_info(task) for task in found.tasks])

    async def get_task_status(self, request: Request) -> Response:
        """One task's state."""
        name, number = name_in(request), task_in(request)
        found = await self._statuses.get(pb.GetConnectorStatusRequest(name=name))
        for task in found.status.tasks:
            if task.task.task == number:
                return JSONResponse(shapes.task_state(task))
        raise NotFoundError(f"task {name}-{number} not found.", remedy=f"See GET /connectors/{name}/tasks.")

    async def restart_task(self, request: Request) -> Response:
        """204."""
        task = common_pb2.TaskId(connector=name_in(request), task=task_in(request))
        await self._connectors.restart_task(pb.RestartTaskRequest(task=task))
        return Response(status_code=204)

    async def pause(self, request: Request) -> Response:
        """202."""
        return await self._set(request, common_pb2.TARGET_STATE_PAUSED, 202)

    async def resume(self, request: Request) -> Response:
        """202."""
        return await self._set(request, common_pb2.TARGET_STATE_STARTED, 202)

    async def stop(self, request: Request) -> Response:
        """204 (KIP-875)."""
        return await self._set(request, common_pb2.TARGET_STATE_STOPPED, 204)

    async def restart(self, request: Request) -> Response:
        """204, or 202 with the status when tasks are included or only what failed is restarted (KIP-745)."""
        include_tasks, only_failed = flag_in(request, "includeTasks"), flag_in(request, "onlyFailed")
        restarted = await self._connectors.restart(
            pb.RestartConnectorRequest(name=name_in(request), include_tasks=include_tasks, only_failed=only_failed)
        )
        if include_tasks or only_failed:
            return JSONResponse(shapes.connector_state(restarted.status), 202)
        return Response(status_code=204)

    async def get_offsets(self, request: Request) -> Response:
        """Committed offsets (KIP-875)."""
        found = await self._offsets.get(pb.GetOffsetsRequest(name=name_in(request)))
        return JSONResponse(shapes.connector_offsets(list(found.offsets)))

    async def alter_offsets(self, request: Request) -> Response:
        """What was done."""
        offsets = shapes.parse_connector_offsets(await read_document(request, numbers_as_text=False))
        done = await self._offsets.alter(pb.AlterOffsetsRequest(name=name_in(request), offsets=offsets))
        return JSONResponse({"message": done.message})

    async def reset_offsets(self, request: Request) -> Response:
        """What was done."""
        done = await self._offsets.reset(pb.ResetOffsetsRequest(name=name_in(request)))
        return JSONResponse({"message": done.message})

    async def preview(self, request: Request) -> Response:
        """Tidegate's own: the first records a configuration would give."""
        document = await read_document(request, numbers_as_text=True)
        body = as_object(document, "body", ("config", "limit"))
        limit = str(body.get("limit") or 0)
        if not (limit.isascii() and limit.isdigit() and len(limit) < 7):
            raise ConfigError([ConfigProblem("limit", f"{limit!r} is not a number of records. Use one such as 10.")])
        previewed = await self._plugins.preview(
            pb.PreviewConnectorRequest(config=as_config(body.get("config")), limit=int(limit))
        )
        # They are JSON already.
        return Response(f'{{"records": [{", ".join(previewed.records_json)}]}}', media_type="application/json")

    async def _status(self, name: str) -> dict[str, Any]:
        found = await self._statuses.get(pb.GetConnectorStatusRequest(name=name))
        return shapes.connector_state(found.status)

    async def _set(self, request: Request, state: common_pb2.TargetState.ValueType, status: int) -> Response:
        await self._connectors.set_target_state(pb.SetTargetStateRequest(name=name_in(request), target_state=state))
        return Response(status_code=status)


def _created(connector: pb.Connector) -> Response:
    location = f"/connectors/{quote(connector.name, safe='')}"
    return JSONResponse(shapes.connector_info(connector), 201, {"location": location})

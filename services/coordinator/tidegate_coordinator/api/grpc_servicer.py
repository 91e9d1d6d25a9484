"""The gRPC face of the handlers."""

# gRPC calls methods by the names of the contract.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.api.coordinator.v1 import coordinator_pb2_grpc
from tidegate_coordinator.api.handlers import Handlers

_Context = grpc.aio.ServicerContext[Any, Any]


class CoordinatorServicer(coordinator_pb2_grpc.CoordinatorServiceServicer):
    """Each call goes to its handler; errors become statuses in the server's interceptors.

    Args:
        handlers: do the work.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    async def CreateConnector(
        self, request: pb.CreateConnectorRequest, context: _Context
    ) -> pb.CreateConnectorResponse:
        return await self._handlers.connectors.create(request)

    async def PutConnectorConfig(
        self, request: pb.PutConnectorConfigRequest, context: _Context
    ) -> pb.PutConnectorConfigResponse:
        return await self._handlers.connectors.put_config(request)

    async def PatchConnectorConfig(
        self, request: pb.PatchConnectorConfigRequest, context: _Context
    ) -> pb.PatchConnectorConfigResponse:
        return await self._handlers.connectors.patch_config(request)

    async def GetConnector(self, request: pb.GetConnectorRequest, context: _Context) -> pb.GetConnectorResponse:
        return await self._handlers.connectors.get(request)

    async def ListConnectors(self, request: pb.ListConnectorsRequest, context: _Context) -> pb.ListConnectorsResponse:
        return await self._handlers.connectors.list(request)

    async def DeleteConnector(
        self, request: pb.DeleteConnectorRequest, context: _Context
    ) -> pb.DeleteConnectorResponse:
        return await self._handlers.connectors.delete(request)

    async def ValidateConfig(self, request: pb.ValidateConfigRequest, context: _Context) -> pb.ValidateConfigResponse:
        return await self._handlers.plugins.validate(request)

    async def SetTargetState(self, request: pb.SetTargetStateRequest, context: _Context) -> pb.SetTargetStateResponse:
        return await self._handlers.connectors.set_target_state(request)

    async def RestartConnector(
        self, request: pb.RestartConnectorRequest, context: _Context
    ) -> pb.RestartConnectorResponse:
        return await self._handlers.connectors.restart(request)

    async def RestartTask(self, request: pb.RestartTaskRequest, context: _Context) -> pb.RestartTaskResponse:
        return await self._handlers.connectors.restart_task(request)

    async def GetConnectorStatus(
        self, request: pb.GetConnectorStatusRequest, context: _Context
    ) -> pb.GetConnectorStatusResponse:
        return await self._handlers.statuses.get(request)

    async def ListTasks(self, request: pb.ListTasksRequest, context: _Context) -> pb.ListTasksResponse:
        return await self._handlers.connectors.list_tasks(request)

    async def GetOffsets(self, request: pb.GetOffsetsRequest, context: _Context) -> pb.GetOffsetsResponse:
        return await self._handlers.offsets.get(request)

    async def AlterOffsets(self, request: pb.AlterOffsetsRequest, context: _Context) -> pb.AlterOffsetsResponse:
        return await self._handlers.offsets.alter(request)

    async def ResetOffsets(self, request: pb.ResetOffsetsRequest, context: _Context) -> pb.ResetOffsetsResponse:
        return await self._handlers.offsets.reset(request)

    async def ListPlugins(self, request: pb.ListPluginsRequest, context: _Context) -> pb.ListPluginsResponse:
        return await self._handlers.plugins.list(request)

    async def GetPluginConfig(
        self, request: pb.GetPluginConfigRequest, context: _Context
    ) -> pb.GetPluginConfigResponse:
        return await self._handlers.plugins.get_config(request)

    async def PreviewConnector(
        self, request: pb.PreviewConnectorRequest, context: _Context
    ) -> pb.PreviewConnectorResponse:
        return await self._handlers.plugins.preview(request)

    async def GetCluster(self, request: pb.GetClusterRequest, context: _Context) -> pb.GetClusterResponse:
        return await self._handlers.cluster.get(request)

    async def WatchStatus(
        self, request: pb.WatchStatusRequest, context: _Context
    ) -> AsyncIterator[pb.WatchStatusResponse]:
        async for status in self._handlers.statuses.watch(request):
            yield status

"""The worker's gRPC API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from tidegate.api.common.v1 import common_pb2
from tidegate.api.worker.v1 import worker_pb2, worker_pb2_grpc
from tidegate.control import ConnectorType
from tidegate_worker.agent import WorkerAgent
from tidegate_worker.plugin_answers import OffsetEntry, ShownValue
from tidegate_worker.plugin_process import PluginProcess
from tidegate_worker.task_holder import TaskHolder

_TYPES: dict[ConnectorType, common_pb2.ConnectorType.ValueType] = {
    "source": common_pb2.CONNECTOR_TYPE_SOURCE,
    "sink": common_pb2.CONNECTOR_TYPE_SINK,
}


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    """Answers coordinators and operators.

    Args:
        agent: the worker's agent.
        plugins: runs what plugins answer themselves.
    """

    def __init__(self, agent: WorkerAgent, plugins: PluginProcess) -> None:
        self._agent = agent
        self._plugins = plugins

    async def Validate(  # noqa: N802
        self,
        request: worker_pb2.ValidateRequest,
        context: grpc.aio.ServicerContext[worker_pb2.ValidateRequest, worker_pb2.ValidateResponse],
    ) -> worker_pb2.ValidateResponse:
        """See worker.proto."""
        found = await self._plugins.validate(request.plugin, request.config, definitions_only=request.definitions_only)
        entries = [_entry(value) for value in found.values]
        return worker_pb2.ValidateResponse(
            validation=common_pb2.Validation(
                name=request.plugin or found.plugin,
                error_count=sum(1 for entry in entries if entry.errors),
                groups=list(dict.fromkeys(entry.group for entry in entries if entry.group)),
                entries=entries,
            ),
            type=_TYPES[found.type],
            password_keys=found.password_keys,
        )

    async def SplitTasks(  # noqa: N802
        self,
        request: worker_pb2.SplitTasksRequest,
        context: grpc.aio.ServicerContext[worker_pb2.SplitTasksRequest, worker_pb2.SplitTasksResponse],
    ) -> worker_pb2.SplitTasksResponse:
        """See worker.proto."""
        type_, tasks = await self._plugins.split(request.config)
        return worker_pb2.SplitTasksResponse(
            tasks=[worker_pb2.TaskConfig(config=task) for task in tasks], type=_TYPES[type_]
        )

    async def ListPlugins(  # noqa: N802
        self,
        request: worker_pb2.ListPluginsRequest,
        context: grpc.aio.ServicerContext[worker_pb2.ListPluginsRequest, worker_pb2.ListPluginsResponse],
    ) -> worker_pb2.ListPluginsResponse:
        """See worker.proto."""
        return worker_pb2.ListPluginsResponse(
            plugins=[
                common_pb2.Plugin(
                    class_name=plugin.class_name,
                    type=_TYPES[plugin.type],
                    version=plugin.version,
                    aliases=plugin.aliases,
                    doc=plugin.doc,
                )
                for plugin in self._agent.info.plugins
            ]
        )

    async def Preview(  # noqa: N802
        self,
        request: worker_pb2.PreviewRequest,
        context: grpc.aio.ServicerContext[worker_pb2.PreviewRequest, worker_pb2.PreviewResponse],
    ) -> worker_pb2.PreviewResponse:
        """See worker.proto."""
        records = await self._plugins.preview(request.config, request.limit or 10)
        return worker_pb2.PreviewResponse(records_json=records)

    async def GetOffsets(  # noqa: N802
        self,
        request: worker_pb2.GetOffsetsRequest,
        context: grpc.aio.ServicerContext[worker_pb2.GetOffsetsRequest, worker_pb2.GetOffsetsResponse],
    ) -> worker_pb2.GetOffsetsResponse:
        """See worker.proto."""
        found = await self._plugins.get_offsets(request.config)
        return worker_pb2.GetOffsetsResponse(
            offsets=[
                common_pb2.Offset(partition_json=entry.partition_json, offset_json=entry.offset_json) for entry in found
            ]
        )

    async def AlterOffsets(  # noqa: N802
        self,
        request: worker_pb2.AlterOffsetsRequest,
        context: grpc.aio.ServicerContext[worker_pb2.AlterOffsetsRequest, worker_pb2.AlterOffsetsResponse],
    ) -> worker_pb2.AlterOffsetsResponse:
        """See worker.proto."""
        entries = [
            OffsetEntry(offset.partition_json, offset.offset_json if offset.HasField("offset_json") else None)
            for offset in request.offsets
        ]
        message = await self._plugins.set_offsets(
            request.config, request.task_count, None if request.reset else entries
        )
        return worker_pb2.AlterOffsetsResponse(message=message)

    async def FenceTasks(  # noqa: N802
        self,
        request: worker_pb2.FenceTasksRequest,
        context: grpc.aio.ServicerContext[worker_pb2.FenceTasksRequest, worker_pb2.FenceTasksResponse],
    ) -> worker_pb2.FenceTasksResponse:
        """See worker.proto."""
        await self._plugins.fence_tasks(request.config["name"], request.task_count)
        return worker_pb2.FenceTasksResponse()

    async def Drain(  # noqa: N802
        self,
        request: worker_pb2.DrainRequest,
        context: grpc.aio.ServicerContext[worker_pb2.DrainRequest, worker_pb2.DrainResponse],
    ) -> worker_pb2.DrainResponse:
        """See worker.proto."""
        return worker_pb2.DrainResponse(tasks=self._agent.drain())

    async def StreamTaskStats(  # noqa: N802
        self,
        request: worker_pb2.StreamTaskStatsRequest,
        context: grpc.aio.ServicerContext[worker_pb2.StreamTaskStatsRequest, worker_pb2.StreamTaskStatsResponse],
    ) -> AsyncIterator[worker_pb2.StreamTaskStatsResponse]:
        """See worker.proto."""
        while True:
            yield worker_pb2.StreamTaskStatsResponse(tasks=[_stats(holder) for holder in self._agent.holders.values()])
            await asyncio.sleep(max(request.interval_ms or 1000, 50) / 1000)


def _entry(value: ShownValue) -> common_pb2.ConfigEntry:
    return common_pb2.ConfigEntry(
        name=value.name,
        type=value.type,
        required=value.required,
        default_value=value.default,
        importance=value.importance,
        documentation=value.doc,
        group=value.group,
        value=value.value,
        recommended_values=value.recommended,
        errors=value.errors,
    )


def _stats(holder: TaskHolder) -> common_pb2.TaskStats:
    measured_at = Timestamp()
    measured_at.GetCurrentTime()
    stats = holder.stats
    return common_pb2.TaskStats(
        task=common_pb2.TaskId(connector=holder.keys.connector, task=holder.keys.task),
        worker_id=holder.worker_id,
        state=common_pb2.State.Value(f"STATE_{holder.state}"),
        records_in=stats.records_in,
        records_out=stats.records_out,
        records_halted=stats.records_halted,
        bytes=stats.bytes,
        commits=stats.commits,
        memory_bytes=holder.memory,
        lag_records=stats.lag_records,
        epoch=holder.epoch or 0,
        measured_at=measured_at,
    )

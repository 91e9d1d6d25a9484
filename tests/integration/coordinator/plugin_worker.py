"""A worker with one plugin and no task processes: real gRPC, real lease, real claims."""

# gRPC calls methods by the names of the contract.
# ruff: noqa: N802

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Self

from tidegate.api.common.v1 import common_pb2
from tidegate.api.worker.v1 import worker_pb2 as pb
from tidegate.api.worker.v1 import worker_pb2_grpc
from tidegate.control import Assignment, Claim, PluginInfo, State, TaskSpec, TaskStatusRecord, WorkerInfo
from tidegate.errors import ConfigError, ConfigProblem, FatalError, RetriableError
from tidegate.etcd import Compare, EtcdClient, EtcdConfig, Keyspace, LeaseKeeper, Op
from tidegate.grpc.server import GrpcServer, start_server

PLUGIN = "tide-source"
ALIAS = "io.example.TideSource"
SERVICE = pb.DESCRIPTOR.services_by_name["WorkerService"].full_name


class PluginWorker(worker_pb2_grpc.WorkerServiceServicer):
    """Knows the plugin ``tide-source``.

    ``tasks.max`` is how many tasks it splits into; ``split`` says how splitting fails: ``retriable``, ``fatal`` or
    ``hang``; ``password`` is secret.
    """

    def __init__(self, endpoint: str, cluster: str, worker_id: str, slots: int = 4) -> None:
        self.keys = Keyspace(cluster)
        self.worker_id = worker_id
        self.slots = slots
        self.draining = False
        self.offsets: dict[str, str] = {}
        self.calls: list[tuple[str, Any]] = []
        self.claims_when_fenced: list[int] = []
        self.split_override: str | None = None
        self.release_gate = asyncio.Event()
        self.release_gate.set()
        self._client = EtcdClient(EtcdConfig((endpoint,)))
        self._keeper = LeaseKeeper(self._client, 5.0)
        self._server: GrpcServer | None = None
        self._follower: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._server = await start_server(
            "127.0.0.1:0", lambda server: worker_pb2_grpc.add_WorkerServiceServicer_to_server(self, server), [SERVICE]
        )
        await self._keeper.__aenter__()
        await self.publish()
        self._follower = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()
        await self._client.close()

    async def vanish(self) -> None:
        """Be gone, claims and all, as when the lease has run out."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait({self._follower})
            self._follower = None
        await self._keeper.__aexit__(None, None, None)
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    async def publish(self) -> None:
        assert self._server is not None
        plugin = PluginInfo(PLUGIN, "source", "1.0", [ALIAS], "Tides.")
        info = WorkerInfo(self._server.address, self.slots, "1.0", [plugin], self.draining)
        await self._client.put(self.keys.worker(self.worker_id), info.to_json(), lease=self._keeper.lease_id)

    async def drain(self) -> None:
        self.draining = True
        await self.publish()

    async def report(self, connector: str, task: int, state: State, trace: str = "") -> None:
        """Write a task's status under the present claim."""
        claim = await self._client.get(self.keys.claim(connector, task))
        spec = await self._client.get(self.keys.task(connector, task))
        assert claim is not None and spec is not None
        record = TaskStatusRecord(
            state,
            self.worker_id,
            claim.create_revision,
            TaskSpec.from_json(spec.value).generation,
            trace,
            int(time.time() * 1_000),
        )
        await self._client.put(self.keys.status(connector, task), record.to_json())

    async def _follow(self) -> None:
        async with self._client.watch(self.keys.root) as watch:
            async for _ in watch:
                await self._obey()

    async def _obey(self) -> None:
        assigned = {kv.key: kv for kv in (await self._client.range(self.keys.assignments)).kvs}
        claimed = {kv.key: kv for kv in (await self._client.range(self.keys.claims)).kvs}
        for key, kv in assigned.items():
            name, task = self.keys.parse_assignment_key(key)
            assignment, claim_key = Assignment.from_json(kv.value), self.keys.claim(name, task)
            if assignment.worker_id != self.worker_id or claim_key in claimed:
                continue
            result = await self._client.txn(
                [Compare.missing(claim_key), Compare.mod_revision(key, "==", kv.mod_revision)],
                [
                    Op.put(
                        claim_key,
                        Claim(self.worker_id, assignment.generation).to_json(),
                        lease=self._keeper.lease_id,
                    )
                ],
            )
            if result.succeeded:
                await self.report(name, task, "RUNNING")
        for key, kv in claimed.items():
            name, task = self.keys.parse_claim_key(key)
            wanted = assigned.get(self.keys.assignment(name, task))
            mine = Claim.from_json(kv.value).worker_id == self.worker_id
            if mine and (wanted is None or Assignment.from_json(wanted.value).worker_id != self.worker_id):
                await self.release_gate.wait()
                await self._client.delete(key)

    async def Validate(self, request: pb.ValidateRequest, context: Any) -> pb.ValidateResponse:
        """Two keys."""
        self.calls.append(("Validate", dict(request.config)))
        count, password = request.config.get("tasks.max", "1"), request.config.get("password")
        errors = [] if count.isdigit() or request.definitions_only else [f"{count!r} is not a number. Give one."]
        entries = [
            common_pb2.ConfigEntry(name="tasks.max", type="INT", default_value="1", value=count, errors=errors),
            common_pb2.ConfigEntry(name="password", type="PASSWORD", value=password),
        ]
        if request.config.get("url") == "nowhere":
            entries.append(common_pb2.ConfigEntry(name="url", type="STRING", errors=["nowhere can not be reached."]))
        return pb.ValidateResponse(
            validation=common_pb2.Validation(
                name=PLUGIN, error_count=sum(bool(entry.errors) for entry in entries), entries=entries
            ),
            type=common_pb2.CONNECTOR_TYPE_SOURCE,
            password_keys=["password"],
        )

    async def SplitTasks(self, request: pb.SplitTasksRequest, context: Any) -> pb.SplitTasksResponse:
        """``tasks.max`` tasks."""
        self.calls.append(("SplitTasks", dict(request.config)))
        match self.split_override or request.config.get("split"):
            case "retriable":
                raise RetriableError("the database db1:5432 does not answer.", remedy="Start it.")
            case "fatal":
                raise ConfigError([ConfigProblem("table", "'x' does not exist. Name one that does.")])
            case "hang":
                await asyncio.Event().wait()
        tasks = [
            pb.TaskConfig(config={**request.config, "part": str(number)})
            for number in range(int(request.config.get("tasks.max", "1")))
        ]
        return pb.SplitTasksResponse(tasks=tasks, type=common_pb2.CONNECTOR_TYPE_SOURCE)

    async def FenceTasks(self, request: pb.FenceTasksRequest, context: Any) -> pb.FenceTasksResponse:
        """Notes it."""
        name = request.config["name"]
        self.calls.append(("FenceTasks", (name, request.task_count)))
        self.claims_when_fenced.append(len((await self._client.range(self.keys.claims_of(name))).kvs))
        return pb.FenceTasksResponse()

    async def Preview(self, request: pb.PreviewRequest, context: Any) -> pb.PreviewResponse:
        """As many records as asked for."""
        record = {"topic": "tides", "key": None, "value": {"height": 1.5}}
        return pb.PreviewResponse(records_json=[json.dumps(record)] * request.limit)

    async def GetOffsets(self, request: pb.GetOffsetsRequest, context: Any) -> pb.GetOffsetsResponse:
        """What was altered."""
        return pb.GetOffsetsResponse(
            offsets=[common_pb2.Offset(partition_json=key, offset_json=value) for key, value in self.offsets.items()]
        )

    async def AlterOffsets(self, request: pb.AlterOffsetsRequest, context: Any) -> pb.AlterOffsetsResponse:
        """Kept in memory."""
        self.calls.append(("AlterOffsets", (request.config["name"], request.task_count, request.reset)))
        if request.reset:
            self.offsets.clear()
            return pb.AlterOffsetsResponse(message="reset.")
        for offset in request.offsets:
            if offset.HasField("offset_json"):
                self.offsets[offset.partition_json] = offset.offset_json
            else:
                self.offsets.pop(offset.partition_json, None)
        if "broken" in request.config:
            raise FatalError("offsets can not be altered.")
        return pb.AlterOffsetsResponse(message="altered.")

    async def ListPlugins(self, request: pb.ListPluginsRequest, context: Any) -> pb.ListPluginsResponse:
        """Coordinators read them in etcd."""
        raise NotImplementedError

    async def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        """Asked by operators."""
        await self.drain()
        return pb.DrainResponse()

    def StreamTaskStats(self, request: pb.StreamTaskStatsRequest, context: Any) -> AsyncIterator[Any]:
        """Asked by operators."""
        raise NotImplementedError

    def count(self, call: str) -> int:
        return sum(name == call for name, _ in self.calls)

"""Calls between a real server and real channels: errors, deadlines, retries, traces, health, reflection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.api.coordinator.v1 import coordinator_pb2_grpc as pb_grpc
from tidegate.devstack.ports import free_port
from tidegate.errors import (
    AlreadyExistsError,
    ConfigError,
    ConfigProblem,
    ConflictError,
    FatalError,
    FencedError,
    NotFoundError,
    RetriableError,
    TidegateError,
)
from tidegate.etcd.errors import EtcdUnavailableError
from tidegate.grpc.channel import channel, sync_channel
from tidegate.grpc.errors import from_rpc_error
from tidegate.grpc.server import GrpcServer, start_server

NAME = pb.DESCRIPTOR.services_by_name["CoordinatorService"].full_name


class Service(pb_grpc.CoordinatorServiceServicer):
    """Answers as told."""

    def __init__(self, answer: Callable[[], object]) -> None:
        self.answer = answer
        self.calls = 0

    async def GetCluster(self, request: pb.GetClusterRequest, context: Any) -> pb.GetClusterResponse:  # noqa: N802
        """Gives the outcome as the cluster's name."""
        self.calls += 1
        outcome = self.answer()
        if asyncio.iscoroutine(outcome):
            outcome = await outcome
        return pb.GetClusterResponse(cluster=str(outcome))

    async def WatchStatus(  # noqa: N802
        self, request: pb.WatchStatusRequest, context: Any
    ) -> AsyncIterator[pb.WatchStatusResponse]:
        """One answer, then the outcome."""
        yield pb.WatchStatusResponse(status=pb.ConnectorStatus(name="first"))
        self.answer()


@asynccontextmanager
async def serving(
    answer: Callable[[], object], listen: str = "127.0.0.1:0"
) -> AsyncIterator[tuple[GrpcServer, Service]]:
    service = Service(answer)  # type: ignore[abstract]  # the other calls are not made
    server = await start_server(listen, lambda s: pb_grpc.add_CoordinatorServiceServicer_to_server(service, s), [NAME])
    async with server:
        yield server, service


def raising(error: Exception) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


ERRORS = [
    NotFoundError("connector orders does not exist.", remedy="Create it first."),
    AlreadyExistsError("connector orders exists."),
    ConflictError("connector orders is not stopped.", remedy="Stop it."),
    FencedError("a newer claim exists."),
    FatalError("the disk is full of säcks."),
    ConfigError([ConfigProblem("tasks.max", "'x' is not a number"), ConfigProblem("topics", "is missing")]),
    EtcdUnavailableError("no etcd endpoint answered."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_arrives_as_the_type_and_text_it_left_with(error: TidegateError) -> None:
    async with serving(raising(error)) as (server, _), channel(server.address) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    arrived = from_rpc_error(caught.value)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)


async def test_an_error_in_the_middle_of_a_stream_arrives_after_what_came_before() -> None:
    async with serving(raising(ERRORS[0])) as (server, _), channel(server.address) as client:
        call = pb_grpc.CoordinatorServiceStub(client).WatchStatus(pb.WatchStatusRequest())
        names = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for answer in call:
                names.append(answer.status.name)  # noqa: PERF401  (the last step raises)
    assert names == ["first"]
    assert isinstance(from_rpc_error(caught.value), NotFoundError)


async def test_a_blocking_channel_gives_the_same_errors() -> None:
    async with serving(raising(ERRORS[5])) as (server, _):

        def call() -> TidegateError:
            with sync_channel(server.address) as client, pytest.raises(grpc.RpcError) as caught:
                pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
            return from_rpc_error(caught.value)

        arrived = await asyncio.to_thread(call)
    assert isinstance(arrived, ConfigError)
    assert [problem.key for problem in arrived.problems] == ["tasks.max", "topics"]


async def test_a_defect_shows_nothing_of_its_text_to_the_client() -> None:
    async with serving(raising(ValueError("password=hunter2"))) as (server, _), channel(server.address) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value.debug_error_string()) + str(caught.value.details())


async def test_a_very_long_error_still_arrives() -> None:
    long = ConfigError([ConfigProblem(f"key.{n}", "is wrong " * 500) for n in range(200)])
    async with serving(raising(long)) as (server, _), channel(server.address) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    arrived = from_rpc_error(caught.value)
    assert isinstance(arrived, ConfigError)
    assert arrived.problems[0].key == "key.0"


async def test_a_call_without_a_timeout_has_a_deadline_all_the_same() -> None:
    async with serving(lambda: asyncio.sleep(60)) as (server, _), channel(server.address, deadline=0.2) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert isinstance(from_rpc_error(caught.value), RetriableError)


async def test_an_unavailable_server_is_asked_again_and_a_refusing_one_is_not() -> None:
    outcomes: Iterator[Exception | None] = iter([RetriableError("not yet"), RetriableError("not yet"), None])

    def answer() -> object:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        return "here"

    async with serving(answer) as (server, service), channel(server.address) as client:
        found = await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert (found.cluster, service.calls) == ("here", 3)

    async with serving(raising(ERRORS[0])) as (server, service), channel(server.address) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert service.calls == 1


async def test_a_server_that_is_away_gives_a_retriable_error() -> None:
    async with channel(f"127.0.0.1:{free_port()}", deadline=5) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert isinstance(from_rpc_error(caught.value), RetriableError)


async def test_the_trace_of_the_caller_goes_on_in_the_server() -> None:
    span = TracerProvider().get_tracer("test").start_span("caller")
    seen = lambda: format(trace.get_current_span().get_span_context().trace_id, "032x")  # noqa: E731
    async with serving(seen) as (server, _), channel(server.address) as client:
        with trace.use_span(span):
            found = await pb_grpc.CoordinatorServiceStub(client).GetCluster(pb.GetClusterRequest())
    assert found.cluster == format(span.get_span_context().trace_id, "032x")


async def test_health_and_reflection_know_the_service() -> None:
    async with serving(lambda: "x") as (server, _), channel(server.address) as client:
        health: Any = health_pb2_grpc.HealthStub(client)
        assert (await health.Check(health_pb2.HealthCheckRequest(service=NAME))).status == 1
        await server.set_serving(False)
        assert (await health.Check(health_pb2.HealthCheckRequest(service=NAME))).status == 2
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(client)  # type: ignore[arg-type]
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([ask]))]
    assert NAME in [each.name for each in answers[0].list_services_response.service]


async def test_a_taken_port_is_a_clear_error() -> None:
    async with serving(lambda: "x") as (server, _):
        with pytest.raises(ConfigError, match=r"grpc_listen: .*can not be bound"):
            await start_server(server.address, lambda s: None, [])
    with pytest.raises(ConfigError, match="is not host:port"):
        await start_server("nonsense", lambda s: None, [])

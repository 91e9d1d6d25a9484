"""Our gRPC client against real replicas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TypeVar

import grpc
import pytest
from grpc_health.v1 import health_pb2

from tests.integration.registry.conftest import Replica
from tidegate.api.registry.v1 import registry_pb2 as pb
from tidegate.api.registry.v1 import registry_pb2_grpc
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.registry_client import (
    IncompatibleSchemaError,
    InvalidSchemaError,
    RegistryClient,
    RegistryUnavailableError,
    Schema,
    SchemaNotFoundError,
    SchemaReference,
)

T = TypeVar("T")


def record(*fields: str) -> Schema:
    listed = [{"name": field, "type": "long"} for field in fields]
    return Schema("AVRO", json.dumps({"type": "record", "name": "R", "fields": listed}, separators=(",", ":")))


async def with_client(targets: list[str], act: Callable[[RegistryClient], T], timeout: float = 5.0) -> T:
    def run() -> T:
        with RegistryClient(targets, timeout=timeout) as client:
            return act(client)

    return await asyncio.to_thread(run)


async def test_registers_and_reads_back(replicas: tuple[Replica, Replica]) -> None:
    targets = [replica.grpc for replica in replicas]

    def run(client: RegistryClient) -> None:
        schema_id = client.register("orders-value", record("id"))
        assert client.register("orders-value", record("id")) == schema_id == 1
        assert client.get_by_id(1) == record("id")
        assert client.get_by_id(1) is client.get_by_id(1)
        latest = client.latest("orders-value")
        assert (latest.id, latest.version, latest.schema) == (1, 1, record("id"))
        assert client.lookup("orders-value", record("id")) == latest
        name = client.register("name", Schema("JSON", '{"type":"string"}'))
        using = Schema("JSON", '{"properties":{"n":{"$ref":"name.json"}}}', (SchemaReference("name.json", "name", 1),))
        assert client.get_by_id(client.register("using", using)) == using
        assert name == 2

    await with_client(targets, run)


async def test_refusals_are_typed_and_give_their_reasons(replica: Replica) -> None:
    def run(client: RegistryClient) -> None:
        client.register("users", record("userId"))
        with pytest.raises(IncompatibleSchemaError) as refused:
            client.register("users", record("user_id"))
        assert refused.value.reasons == tuple(client.check("users", record("user_id")))
        assert 'field "user_id" (path /fields/0)' in refused.value.reasons[0]
        assert 'add "userId" to its aliases' in refused.value.reasons[0]
        assert client.check("users", record("userId")) == []
        with pytest.raises(InvalidSchemaError, match="recod"):
            client.register("users", Schema("AVRO", '{"type":"recod"}'))
        for missing in (
            lambda: client.get_by_id(99),
            lambda: client.latest("nobody"),
            lambda: client.lookup("users", record("x")),
        ):
            with pytest.raises(SchemaNotFoundError):
                missing()

    await with_client([replica.grpc], run)


async def test_very_many_reasons_still_arrive(replica: Replica) -> None:
    def run(client: RegistryClient) -> None:
        client.register("wide", record("id"))
        fields = [f"a_rather_long_field_name_{number}" for number in range(500)]
        with pytest.raises(IncompatibleSchemaError) as refused:
            client.register("wide", record(*fields))
        assert refused.value.reasons
        assert len(client.check("wide", record(*fields))) == 500

    await with_client([replica.grpc], run)


async def test_a_dead_replica_is_left_for_the_next(replica: Replica) -> None:
    dead = f"{LOOPBACK}:{free_port()}"
    for _ in range(3):
        assert await with_client([dead, replica.grpc, dead], lambda client: client.register("s", record("id"))) == 1


async def test_no_replica_at_all_is_said_within_the_timeout() -> None:
    with pytest.raises(RegistryUnavailableError, match="registry_urls"):
        await with_client([f"{LOOPBACK}:{free_port()}"], lambda client: client.latest("s"), timeout=1.0)


async def test_levels_and_deletion_over_grpc_with_health(replica: Replica) -> None:
    async with grpc.aio.insecure_channel(replica.grpc) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        health = await check(health_pb2.HealthCheckRequest(service="tidegate.registry.v1.RegistryService"))
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        schema = pb.Schema(type=pb.SCHEMA_TYPE_AVRO, schema=record("id").text)
        await stub.RegisterSchema(pb.RegisterSchemaRequest(subject="s", schema=schema))
        assert (await stub.GetConfig(pb.GetConfigRequest())).level == pb.COMPATIBILITY_LEVEL_BACKWARD
        level = pb.COMPATIBILITY_LEVEL_FULL_TRANSITIVE
        await stub.SetConfig(pb.SetConfigRequest(subject="s", level=level))
        assert (await stub.GetConfig(pb.GetConfigRequest(subject="s"))).level == level
        assert (await stub.DeleteConfig(pb.DeleteConfigRequest(subject="s"))).level == level
        assert list((await stub.ListSubjects(pb.ListSubjectsRequest())).subjects) == ["s"]
        assert list((await stub.ListVersions(pb.ListVersionsRequest(subject="s"))).versions) == [1]
        with pytest.raises(grpc.aio.AioRpcError) as early:
            await stub.DeleteSubject(pb.DeleteSubjectRequest(subject="s", permanent=True))
        assert early.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert (await stub.DeleteVersion(pb.DeleteVersionRequest(subject="s", version=-1))).version == 1
        assert list((await stub.DeleteSubject(pb.DeleteSubjectRequest(subject="s", permanent=True))).versions) == [1]
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await stub.GetSchemaById(pb.GetSchemaByIdRequest(id=1))
        assert gone.value.code() is grpc.StatusCode.NOT_FOUND

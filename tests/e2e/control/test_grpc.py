"""Each service over gRPC: health, reflection and rich errors, with nothing but what a stranger's client has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from tests.e2e.control.user import User
from tidegate.api.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from tidegate.api.registry.v1 import registry_pb2, registry_pb2_grpc
from tidegate.api.worker.v1 import worker_pb2, worker_pb2_grpc

Call = Callable[[grpc.Channel], object]


def missing_connector(channel: grpc.Channel) -> object:
    stub = coordinator_pb2_grpc.CoordinatorServiceStub(channel)
    return stub.GetConnector(coordinator_pb2.GetConnectorRequest(name="no-such"), timeout=30)


def unusable_config(channel: grpc.Channel) -> object:
    stub = worker_pb2_grpc.WorkerServiceStub(channel)
    config = {"name": "a", "connector.class": "datagen-source", "tasks.max": "x", "quickstart": "moons"}
    return stub.SplitTasks(worker_pb2.SplitTasksRequest(config=config), timeout=30)


def missing_subject(channel: grpc.Channel) -> object:
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    return stub.GetVersion(registry_pb2.GetVersionRequest(subject="no-such", version=-1), timeout=30)


SERVICES = [
    ("coordinator-1", "tidegate.coordinator.v1.CoordinatorService", missing_connector, grpc.StatusCode.NOT_FOUND),
    ("worker-1", "tidegate.worker.v1.WorkerService", unusable_config, grpc.StatusCode.INVALID_ARGUMENT),
    ("registry-1", "tidegate.registry.v1.RegistryService", missing_subject, grpc.StatusCode.NOT_FOUND),
]


@pytest.mark.parametrize(("process", "name", "call", "code"), SERVICES, ids=[each[0] for each in SERVICES])
def test_a_service_tells_its_health_its_contract_and_its_errors(
    user: User, process: str, name: str, call: Call, code: grpc.StatusCode
) -> None:
    with grpc.insecure_channel(user.cluster.services[process].addresses["grpc"]) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", name):
            assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status == 1
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=name),
        ]
        listed, described = list(reflection.ServerReflectionInfo(iter(asked), timeout=30))
        assert name in [each.name for each in listed.list_services_response.service]
        assert described.file_descriptor_response.file_descriptor_proto
        with pytest.raises(grpc.RpcError) as caught:
            call(channel)
        error: Any = caught.value
        assert error.code() is code
        details = rich_details(error)
        assert details["ErrorInfo"].domain.startswith("tidegate")
        assert details["ErrorInfo"].reason
        if code is grpc.StatusCode.INVALID_ARGUMENT:
            fields = {each.field for each in details["BadRequest"].field_violations}
            assert fields == {"tasks.max", "quickstart", "kafka.topic"}


def rich_details(error: Any) -> dict[str, Any]:
    status: Any = rpc_status.from_call(error)
    assert status is not None
    found: dict[str, Any] = {}
    for detail in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            message = kind()
            if detail.Is(kind.DESCRIPTOR) and detail.Unpack(message):
                found[kind.DESCRIPTOR.name] = message
    return found

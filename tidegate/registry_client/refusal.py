"""The registry's gRPC errors as the client's."""

from __future__ import annotations

from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tidegate.errors import TidegateError
from tidegate.grpc.errors import from_rpc_error
from tidegate.registry_client.errors import (
    IncompatibleSchemaError,
    InvalidSchemaError,
    RegistryUnavailableError,
    SchemaNotFoundError,
)

_DOMAIN: Final = "tidegate.registry"
_INCOMPATIBLE_SCHEMA: Final = 409
_INVALID_SCHEMA: Final = 42201
_TRANSIENT: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


def is_worth_another_replica(error: grpc.RpcError) -> bool:
    """Whether another replica, or the same one later, may answer what this one did not."""
    return isinstance(error, grpc.Call) and error.code() in _TRANSIENT


def to_error(error: grpc.RpcError, subject: str) -> TidegateError:
    """The error for a refusal.

    Args:
        error: what the call raised.
        subject: the subject asked for.
    """
    code, reasons = _details(error)
    text = (error.details() or "") if isinstance(error, grpc.Call) else str(error)
    if code == _INCOMPATIBLE_SCHEMA:
        return IncompatibleSchemaError(subject, reasons or [text])
    if code == _INVALID_SCHEMA:
        return InvalidSchemaError(text)
    if code // 100 == 404:
        return SchemaNotFoundError(text)
    if is_worth_another_replica(error):
        return RegistryUnavailableError(text)
    return from_rpc_error(error)


def _details(error: grpc.RpcError) -> tuple[int, list[str]]:
    status: status_pb2.Status | None = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    info, failure = error_details_pb2.ErrorInfo(), error_details_pb2.PreconditionFailure()
    for detail in status.details if status else ():
        detail.Unpack(info)
        detail.Unpack(failure)
    code = info.metadata.get("error_code", "0") if info.domain == _DOMAIN else "0"
    return int(code) if code.isdigit() else 0, [each.description for each in failure.violations]

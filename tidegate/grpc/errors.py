"""Tidegate's errors as gRPC statuses with ``google.rpc`` details, and back.

Details are those of the richer error model (https://google.aip.dev/193): ErrorInfo always, BadRequest for a
configuration, Help-like remedies in ErrorInfo's metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2

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

DOMAIN = "tidegate"
_DETAILS_KEY = "grpc-status-details-bin"
# gRPC carries a status in HTTP/2 headers, 8 KiB in all by default.
_LONGEST_TEXT = 1_500
_MOST_VIOLATIONS = 20

_CODES: tuple[tuple[type[TidegateError], int], ...] = (
    (ConfigError, code_pb2.INVALID_ARGUMENT),
    (NotFoundError, code_pb2.NOT_FOUND),
    (AlreadyExistsError, code_pb2.ALREADY_EXISTS),
    (ConflictError, code_pb2.FAILED_PRECONDITION),
    (FencedError, code_pb2.ABORTED),
    (RetriableError, code_pb2.UNAVAILABLE),
)

_KINDS: dict[grpc.StatusCode, type[TidegateError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: ConflictError,
    grpc.StatusCode.ABORTED: FencedError,
    grpc.StatusCode.UNAVAILABLE: RetriableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: RetriableError,
    grpc.StatusCode.CANCELLED: RetriableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RetriableError,
}


def to_status(error: BaseException) -> status_pb2.Status:
    """The status a server answers for ``error``.

    An error that is not Tidegate's is a defect: its text may hold anything, so the client is only pointed to the log.
    """
    if isinstance(error, TimeoutError):
        return status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message="the request took longer than it may.")
    if not isinstance(error, TidegateError):
        return status_pb2.Status(code=code_pb2.INTERNAL, message="internal error; the service's log has its traceback.")
    code = next((code for kind, code in _CODES if isinstance(error, kind)), code_pb2.INTERNAL)
    info = error_details_pb2.ErrorInfo(reason=reason_of(type(error)), domain=DOMAIN)
    info.metadata["message"] = error.message[:_LONGEST_TEXT]
    if error.remedy:
        info.metadata["remedy"] = error.remedy[:_LONGEST_TEXT]
    details = [_packed(info)]
    if isinstance(error, ConfigError):
        del info.metadata["message"]
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=problem.key, description=problem.message[: _LONGEST_TEXT // max(1, len(error.problems)) + 80]
            )
            for problem in error.problems[:_MOST_VIOLATIONS]
        ]
        details = [_packed(info), _packed(error_details_pb2.BadRequest(field_violations=violations))]
    return status_pb2.Status(code=code, message=str(error)[:_LONGEST_TEXT], details=details)


def from_rpc_error(error: grpc.RpcError) -> TidegateError:
    """The error a server answered, as the type it raised; ``str`` of it reads the same.

    Args:
        error: what a call raised, from a channel of either kind.

    Returns:
        an instance of the server's type where this process knows it, else of the nearest type the code tells;
        a peer that can not be reached is a :class:`~tidegate.errors.RetriableError`.
    """
    code, text = _code(error), _text(error)
    info, violations = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in _details(error):
        detail.Unpack(info)
        detail.Unpack(violations)
    if violations.field_violations:
        return ConfigError([ConfigProblem(each.field, each.description) for each in violations.field_violations])
    message, remedy = info.metadata.get("message", text), info.metadata.get("remedy", "")
    if info.domain == DOMAIN:
        for kind in _subclasses(TidegateError):
            if reason_of(kind) == info.reason and kind.__init__ is TidegateError.__init__:
                return kind(message, remedy=remedy)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return ConfigError([ConfigProblem("request", message)])
    return _KINDS.get(code, FatalError)(message or code.name, remedy=remedy)


def reason_of(kind: type[TidegateError]) -> str:
    """The ErrorInfo reason of an error type: ``NotFoundError`` is ``NOT_FOUND``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).upper()


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def _subclasses(kind: type[TidegateError]) -> Iterator[type[TidegateError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _subclasses(each)


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    code = error.code() if isinstance(error, grpc.aio.AioRpcError | grpc.Call) else None
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def _text(error: grpc.RpcError) -> str:
    return (error.details() or "") if isinstance(error, grpc.aio.AioRpcError | grpc.Call) else str(error)


def _details(error: grpc.RpcError) -> list[Any]:
    if not isinstance(error, grpc.aio.AioRpcError | grpc.Call):
        return []
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            try:
                return list(status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode()).details)
            except ValueError:
                return []
    return []

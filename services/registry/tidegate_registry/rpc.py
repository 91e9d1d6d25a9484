"""The registry over gRPC."""

# The methods' names are the proto's.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tidegate.api.registry.v1 import registry_pb2 as pb
from tidegate.api.registry.v1 import registry_pb2_grpc
from tidegate.grpc.around_interceptor import AroundInterceptor
from tidegate_registry.errors import ErrorCode, RegistryError, invalid_level
from tidegate_registry.registry import Registry, SubjectVersion
from tidegate_registry.schemas.content import Reference, SchemaContent
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.schema_type import SchemaType

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["RegistryService"].full_name
ERROR_DOMAIN: Final = "tidegate.registry"

_TYPES: Final = {
    pb.SCHEMA_TYPE_UNSPECIFIED: SchemaType.AVRO,
    pb.SCHEMA_TYPE_AVRO: SchemaType.AVRO,
    pb.SCHEMA_TYPE_JSON: SchemaType.JSON,
    pb.SCHEMA_TYPE_PROTOBUF: SchemaType.PROTOBUF,
}
_TYPE_NUMBERS: Final = {
    SchemaType.AVRO: pb.SCHEMA_TYPE_AVRO,
    SchemaType.JSON: pb.SCHEMA_TYPE_JSON,
    SchemaType.PROTOBUF: pb.SCHEMA_TYPE_PROTOBUF,
}
_LEVEL_PREFIX: Final = "COMPATIBILITY_LEVEL_"
_BY_LEVEL: Final = 0
# gRPC carries a status in HTTP/2 headers, 8 KiB in all by default; CheckCompatibility gives every reason in full.
_LONGEST_MESSAGE: Final = 1_000
_REASON_BYTES: Final = 3_000

_STATUSES: Final = {
    ErrorCode.INCOMPATIBLE_SCHEMA: code_pb2.FAILED_PRECONDITION,
    ErrorCode.REFERENCE_EXISTS: code_pb2.FAILED_PRECONDITION,
    ErrorCode.SUBJECT_NOT_SOFT_DELETED: code_pb2.FAILED_PRECONDITION,
    ErrorCode.VERSION_NOT_SOFT_DELETED: code_pb2.FAILED_PRECONDITION,
    ErrorCode.STORE_UNAVAILABLE: code_pb2.UNAVAILABLE,
    ErrorCode.STORE_TIMEOUT: code_pb2.UNAVAILABLE,
}

_Context = grpc.aio.ServicerContext[Any, Any]


class RegistryServicer(registry_pb2_grpc.RegistryServiceServicer):
    """Translates calls; see the proto for what each does.

    Args:
        registry: does the work.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def RegisterSchema(self, request: pb.RegisterSchemaRequest, context: _Context) -> pb.RegisterSchemaResponse:
        version = await self._registry.register(request.subject, _content(request.schema), normalize=request.normalize)
        return pb.RegisterSchemaResponse(id=version.id, version=version.version)

    async def LookupSchema(self, request: pb.LookupSchemaRequest, context: _Context) -> pb.LookupSchemaResponse:
        found = await self._registry.lookup(
            request.subject,
            _content(request.schema),
            normalize=request.normalize,
            deleted=request.include_deleted,
        )
        return pb.LookupSchemaResponse(version=_version(found))

    async def GetSchemaById(self, request: pb.GetSchemaByIdRequest, context: _Context) -> pb.GetSchemaByIdResponse:
        schema = await self._registry.schema_by_id(request.id)
        uses = await self._registry.uses(request.id)
        return pb.GetSchemaByIdResponse(
            schema=_schema(schema.content),
            used_by=[pb.SubjectVersion(subject=subject, version=version, id=schema.id) for subject, version in uses],
        )

    async def GetVersion(self, request: pb.GetVersionRequest, context: _Context) -> pb.GetVersionResponse:
        found = await self._registry.version(request.subject, request.version, deleted=request.include_deleted)
        return pb.GetVersionResponse(version=_version(found))

    async def ListSubjects(self, request: pb.ListSubjectsRequest, context: _Context) -> pb.ListSubjectsResponse:
        shown = self._registry.subjects(request.prefix, deleted=request.include_deleted)
        return pb.ListSubjectsResponse(subjects=shown)

    async def ListVersions(self, request: pb.ListVersionsRequest, context: _Context) -> pb.ListVersionsResponse:
        shown = await self._registry.versions(request.subject, deleted=request.include_deleted)
        return pb.ListVersionsResponse(versions=shown)

    async def CheckCompatibility(
        self, request: pb.CheckCompatibilityRequest, context: _Context
    ) -> pb.CheckCompatibilityResponse:
        version = None if request.version == _BY_LEVEL else request.version
        reasons = await self._registry.check(request.subject, _content(request.schema), version)
        return pb.CheckCompatibilityResponse(compatible=not reasons, messages=reasons)

    async def GetConfig(self, request: pb.GetConfigRequest, context: _Context) -> pb.GetConfigResponse:
        level = await self._registry.level(request.subject, default_to_global=request.default_to_global)
        return pb.GetConfigResponse(level=_level_number(level))

    async def SetConfig(self, request: pb.SetConfigRequest, context: _Context) -> pb.SetConfigResponse:
        await self._registry.set_level(request.subject, _level(request.level))
        return pb.SetConfigResponse()

    async def DeleteConfig(self, request: pb.DeleteConfigRequest, context: _Context) -> pb.DeleteConfigResponse:
        return pb.DeleteConfigResponse(level=_level_number(await self._registry.delete_level(request.subject)))

    async def DeleteSubject(self, request: pb.DeleteSubjectRequest, context: _Context) -> pb.DeleteSubjectResponse:
        versions = await self._registry.delete_subject(request.subject, permanent=request.permanent)
        return pb.DeleteSubjectResponse(versions=versions)

    async def DeleteVersion(self, request: pb.DeleteVersionRequest, context: _Context) -> pb.DeleteVersionResponse:
        version = await self._registry.delete_version(request.subject, request.version, permanent=request.permanent)
        return pb.DeleteVersionResponse(version=version)


@asynccontextmanager
async def _refusals(method: str, context: _Context) -> AsyncIterator[None]:
    try:
        yield
    except RegistryError as error:
        await context.abort_with_status(rpc_status.to_status(to_status(error)))


def refusals_interceptor() -> grpc.aio.ServerInterceptor:
    """Answers what the registry refuses with Confluent's error code in an ErrorInfo, the reasons beside it."""
    return AroundInterceptor(_refusals)


def to_status(error: RegistryError) -> status_pb2.Status:
    """The status of a refusal."""
    info = error_details_pb2.ErrorInfo(reason=error.code.name, domain=ERROR_DOMAIN)
    info.metadata["error_code"] = str(int(error.code))
    details = [_packed(info)]
    if error.reasons:
        violations: list[error_details_pb2.PreconditionFailure.Violation] = []
        left = _REASON_BYTES
        for reason in error.reasons:
            left -= len(reason.encode())
            if left < 0 and violations:
                break
            violations.append(error_details_pb2.PreconditionFailure.Violation(description=reason[:_REASON_BYTES]))
        details.append(_packed(error_details_pb2.PreconditionFailure(violations=violations)))
    not_found = code_pb2.NOT_FOUND if error.code.http_status == 404 else code_pb2.INVALID_ARGUMENT
    code = _STATUSES.get(error.code, not_found)
    return status_pb2.Status(code=code, message=error.message[:_LONGEST_MESSAGE], details=details)


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.PreconditionFailure) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _content(schema: pb.Schema) -> SchemaContent:
    references = tuple(Reference(each.name, each.subject, each.version) for each in schema.references)
    return SchemaContent(_TYPES[schema.type], schema.schema, references)


def _schema(content: SchemaContent) -> pb.Schema:
    references = [
        pb.Reference(name=each.name, subject=each.subject, version=each.version) for each in content.references
    ]
    return pb.Schema(type=_TYPE_NUMBERS[content.type], schema=content.text, references=references)


def _version(found: SubjectVersion) -> pb.SubjectVersion:
    return pb.SubjectVersion(
        subject=found.subject,
        version=found.version,
        id=found.schema.id,
        schema=_schema(found.schema.content),
        deleted=found.deleted,
    )


def _level(number: pb.CompatibilityLevel.ValueType) -> CompatibilityLevel:
    if number == pb.COMPATIBILITY_LEVEL_UNSPECIFIED or number not in pb.CompatibilityLevel.values():
        raise invalid_level(number)
    return CompatibilityLevel(pb.CompatibilityLevel.Name(number).removeprefix(_LEVEL_PREFIX))


def _level_number(level: CompatibilityLevel) -> pb.CompatibilityLevel.ValueType:
    return pb.CompatibilityLevel.Value(_LEVEL_PREFIX + level)

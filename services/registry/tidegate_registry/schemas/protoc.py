"""Runs protoc, with what it refuses as the registry's error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf import descriptor_pb2

from tidegate.records.protobuf import protoc
from tidegate.records.schema_error import UnusableSchemaError
from tidegate_registry.schemas.invalid import SchemaSyntaxError


def compile_proto(
    text: str, imports: Mapping[str, descriptor_pb2.FileDescriptorProto]
) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    """See :func:`tidegate.records.protobuf.protoc.compile_proto`.

    Raises:
        SchemaSyntaxError: protoc refuses it; the message is protoc's.
    """
    try:
        return protoc.compile_proto(text, imports)
    except UnusableSchemaError as error:
        raise SchemaSyntaxError(str(error)) from None

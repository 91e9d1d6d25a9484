"""Protocol Buffers schemas, as .proto text or as a base64 FileDescriptorProto."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.protobuf_compatibility import find_unreadable
from tidegate_registry.schemas.protoc import compile_proto
from tidegate_registry.schemas.schema_type import SchemaType


class ProtobufSchema(ParsedSchema):
    """A compiled Protocol Buffers schema.

    confluent-kafka for Python registers the base64 of a serialized FileDescriptorProto; both forms of one schema have
    the same canonical form.

    Args:
        text: .proto text, or the base64 of a FileDescriptorProto.
        references: the files it imports, by import path; those of the references themselves included.

    Raises:
        SchemaSyntaxError: protoc or the descriptor pool refuses it.
    """

    def __init__(self, text: str, references: Mapping[str, ProtobufSchema] | None = None) -> None:
        self.files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        for name, schema in (references or {}).items():
            self.files.update(schema.files)
            self.files[name] = _named(schema.file, name)
        self.file: descriptor_pb2.FileDescriptorProto
        given = _decode(text)
        if given is None:
            compiled = compile_proto(text, self.files)
            imported, self.file = compiled[:-1], compiled[-1]
        else:
            imported, self.file = _well_known(given, self.files), given
        self.files.update((each.name, each) for each in imported)
        if given is not None:
            _link(given, self.files)
        self.file.ClearField("name")
        self.file.ClearField("source_code_info")

    @property
    def type(self) -> SchemaType:
        return SchemaType.PROTOBUF

    def canonical(self, *, normalize: bool = False) -> str:
        file = descriptor_pb2.FileDescriptorProto()
        file.CopyFrom(self.file)
        for message in file.message_type:
            _forget_json_names(message)
        for field in file.extension:
            field.ClearField("json_name")
        if normalize:
            _sort(file)
        return base64.b64encode(file.SerializeToString(deterministic=True)).decode()

    def serialized(self) -> str:
        """The base64 of its FileDescriptorProto: Confluent's ``format=serialized``."""
        return base64.b64encode(_named(self.file, "default.proto").SerializeToString(deterministic=True)).decode()

    def find_unreadable(self, writer: ParsedSchema, sides: Sides) -> Sequence[Incompatibility]:
        assert isinstance(writer, ProtobufSchema)
        found = find_unreadable(self.file, writer.file, sides)
        for name in sorted(self.files.keys() & writer.files.keys()):
            # A message or a package of an imported file matters by its use alone, which is seen by the field's type.
            inner = find_unreadable(self.files[name], writer.files[name], sides)
            found += [each for each in inner if each.rule not in ("MESSAGE_REMOVED", "PACKAGE_CHANGED")]
        return found


def _decode(text: str) -> descriptor_pb2.FileDescriptorProto | None:
    try:
        binary = base64.b64decode("".join(text.split()), validate=True)
        return descriptor_pb2.FileDescriptorProto.FromString(binary) if binary else None
    except (binascii.Error, ValueError, DecodeError):
        return None


def _named(file: descriptor_pb2.FileDescriptorProto, name: str) -> descriptor_pb2.FileDescriptorProto:
    named = descriptor_pb2.FileDescriptorProto()
    named.CopyFrom(file)
    named.name = name
    return named


def _link(file: descriptor_pb2.FileDescriptorProto, imports: Mapping[str, descriptor_pb2.FileDescriptorProto]) -> None:
    """Check that all it refers to is there."""
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in imports and name not in added:
            added.add(name)
            for dependency in imports[name].dependency:
                add(dependency)
            pool.AddSerializedFile(imports[name].SerializeToString())

    try:
        for dependency in file.dependency:
            add(dependency)
        pool.AddSerializedFile(_named(file, "<schema>").SerializeToString())
        pool.FindFileByName("<schema>")
    except (TypeError, KeyError) as error:
        raise SchemaSyntaxError(f"the file descriptor is not valid: {error}.") from None


def _well_known(
    file: descriptor_pb2.FileDescriptorProto, imports: Mapping[str, object]
) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    wanted = [name for name in file.dependency if name.startswith("google/protobuf/") and name not in imports]
    text = 'syntax = "proto3";\n' + "".join(f'import "{name}";\n' for name in wanted)
    return compile_proto(text, {})[:-1] if wanted else ()


def _forget_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    """protoc always writes JSON names, other writers only those that were chosen: drop those that follow the rule."""
    for field in (*message.field, *message.extension):
        if field.json_name == _json_name(field.name):
            field.ClearField("json_name")
    for nested in message.nested_type:
        _forget_json_names(nested)


def _json_name(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _sort(file: descriptor_pb2.FileDescriptorProto) -> None:
    dependencies = sorted(file.dependency)
    if not file.public_dependency and not file.weak_dependency:
        del file.dependency[:]
        file.dependency.extend(dependencies)
    file.message_type.sort(key=lambda message: message.name)
    file.enum_type.sort(key=lambda enum: enum.name)
    for message in file.message_type:
        _sort_message(message)


def _sort_message(message: descriptor_pb2.DescriptorProto) -> None:
    message.field.sort(key=lambda field: field.number)
    message.nested_type.sort(key=lambda nested: nested.name)
    message.enum_type.sort(key=lambda enum: enum.name)
    for nested in message.nested_type:
        _sort_message(nested)

"""Whether data written with one Protobuf schema can be read with another.

The rules are those of Confluent's registry for Protobuf: fields are matched by number, a removed field is fine, types
may change within the groups that share a wire format ("Updating A Message Type" in the language guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides

_Type = FieldDescriptorProto.Type

_GROUPS: Final = (
    {_Type.TYPE_INT32, _Type.TYPE_UINT32, _Type.TYPE_INT64, _Type.TYPE_UINT64, _Type.TYPE_BOOL, _Type.TYPE_ENUM},
    {_Type.TYPE_SINT32, _Type.TYPE_SINT64},
    {_Type.TYPE_STRING, _Type.TYPE_BYTES},
    {_Type.TYPE_FIXED32, _Type.TYPE_SFIXED32},
    {_Type.TYPE_FIXED64, _Type.TYPE_SFIXED64},
)
_ONE_OR_MANY: Final = {_Type.TYPE_STRING, _Type.TYPE_BYTES, _Type.TYPE_MESSAGE}


def find_unreadable(reader: FileDescriptorProto, writer: FileDescriptorProto, sides: Sides) -> list[Incompatibility]:
    """Every reason why data written with ``writer`` can not be read with ``reader``; empty if all of it can."""
    return list(_Comparison(sides).files(reader, writer))


class _Comparison:
    def __init__(self, sides: Sides) -> None:
        self._sides = sides

    def files(self, reader: FileDescriptorProto, writer: FileDescriptorProto) -> Iterator[Incompatibility]:
        if reader.package != writer.package:
            yield self._found(
                "PACKAGE_CHANGED",
                reader.package,
                f'the package is "{reader.package}" in {self._sides.reader} and "{writer.package}" in'
                f" {self._sides.writer}",
                "keep the package",
            )
            return
        yield from self._messages(reader.message_type, writer.message_type, reader.package)

    def _messages(
        self, readers: Iterable[DescriptorProto], writers: Iterable[DescriptorProto], scope: str
    ) -> Iterator[Incompatibility]:
        known = {message.name: message for message in readers}
        for message in writers:
            name = f"{scope}.{message.name}" if scope else message.name
            if message.name in known:
                yield from self._message(known[message.name], message, name)
            else:
                yield self._found(
                    "MESSAGE_REMOVED",
                    name,
                    f'message "{name}" of {self._sides.writer} is absent from {self._sides.reader}',
                    "keep the message" if self._sides.new_reads else "do not add the message",
                )

    def _message(self, reader: DescriptorProto, writer: DescriptorProto, name: str) -> Iterator[Incompatibility]:
        mine = {field.number: field for field in reader.field}
        theirs = {field.number: field for field in writer.field}
        for number, field in mine.items():
            if number in theirs:
                yield from self._field(field, theirs[number], f"{name}.{field.name}")
            elif field.label == FieldDescriptorProto.LABEL_REQUIRED:
                yield self._found(
                    "REQUIRED_FIELD_ADDED",
                    f"{name}.{field.name}",
                    f'field "{name}.{field.name}" (number {number}) is required in {self._sides.reader} and absent from'
                    f" {self._sides.writer}",
                    "make it optional" if self._sides.new_reads else "keep the field",
                )
        yield from self._oneofs(reader, mine, theirs, name)
        yield from self._messages(reader.nested_type, writer.nested_type, name)

    def _oneofs(
        self,
        reader: DescriptorProto,
        mine: dict[int, FieldDescriptorProto],
        theirs: dict[int, FieldDescriptorProto],
        name: str,
    ) -> Iterator[Incompatibility]:
        for index, oneof in enumerate(reader.oneof_decl):
            members = [field for field in mine.values() if _in_oneof(field) and field.oneof_index == index]
            moved = [field for field in members if field.number in theirs and not _in_oneof(theirs[field.number])]
            stayed = [field for field in members if field.number in theirs and _in_oneof(theirs[field.number])]
            if moved and (len(moved) > 1 or stayed):
                fields = ", ".join(f'"{field.name}"' for field in moved)
                yield self._found(
                    "FIELD_MOVED_TO_EXISTING_ONEOF" if stayed else "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
                    f"{name}.{oneof.name}",
                    f'the fields {fields} stand in oneof "{name}.{oneof.name}" in {self._sides.reader} and for'
                    f" themselves in {self._sides.writer}, where several may be set at once",
                    "leave them outside",
                )

    def _field(
        self, reader: FieldDescriptorProto, writer: FieldDescriptorProto, name: str
    ) -> Iterator[Incompatibility]:
        where = f'field "{name}" (number {reader.number})'
        if not _same_kind(reader, writer):
            yield self._found(
                "FIELD_KIND_CHANGED",
                name,
                f"{where} is {_kind(reader)} in {self._sides.reader} and {_kind(writer)} in {self._sides.writer}, whose"
                " wire formats differ",
                "keep the type, or give the field a new number",
            )
        elif _repeated(reader) != _repeated(writer) and reader.type not in _ONE_OR_MANY:
            yield self._found(
                "FIELD_SCALAR_KIND_CHANGED",
                name,
                f"{where} is repeated in only one of {self._sides.reader} and {self._sides.writer}",
                "keep the label, or give the field a new number",
            )
        elif (reader.label == FieldDescriptorProto.LABEL_REQUIRED) > (
            writer.label == FieldDescriptorProto.LABEL_REQUIRED
        ):
            yield self._found(
                "REQUIRED_FIELD_ADDED",
                name,
                f"{where} is required in {self._sides.reader} and optional in {self._sides.writer}",
                "keep it optional",
            )

    def _found(self, rule: str, path: str, problem: str, remedy: str) -> Incompatibility:
        return Incompatibility(rule, path, problem, remedy)


def _same_kind(reader: FieldDescriptorProto, writer: FieldDescriptorProto) -> bool:
    if reader.type == writer.type:
        return reader.type not in (_Type.TYPE_MESSAGE, _Type.TYPE_GROUP) or reader.type_name == writer.type_name
    return any(reader.type in group and writer.type in group for group in _GROUPS)


def _kind(field: FieldDescriptorProto) -> str:
    return field.type_name.lstrip(".") or _Type.Name(field.type).removeprefix("TYPE_").lower()


def _repeated(field: FieldDescriptorProto) -> bool:
    return field.label == FieldDescriptorProto.LABEL_REPEATED


def _in_oneof(field: FieldDescriptorProto) -> bool:
    return field.HasField("oneof_index") and not field.proto3_optional

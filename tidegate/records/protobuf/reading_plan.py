"""How the native decoder reads a message type: its descriptor flattened to tuples, with all that is to be known.

A kind is a tuple of a name and what belongs to it; a field is its number, its label, the value it has where it is not
there (as on the wire), its kind, and which oneof it belongs to.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tidegate.records.native_plan import NoPlanError
from tidegate.records.protobuf.special_types import WRAPPERS, decimal_digits
from tidegate.records.protobuf.to_arrow import is_map, may_be_missing
from tidegate.records.wire_format import varint

Kind = tuple[Any, ...]

_DEEPEST = 60
_SCALARS: Final = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_SINT32: "sint32",
    FieldDescriptor.TYPE_SFIXED32: "sfixed32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_SINT64: "sint64",
    FieldDescriptor.TYPE_SFIXED64: "sfixed64",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_FIXED32: "fixed32",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_FIXED64: "fixed64",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
}
_PACKED_NUMBERS: Final = {
    FieldDescriptor.TYPE_SFIXED32: "<i",
    FieldDescriptor.TYPE_FIXED32: "<I",
    FieldDescriptor.TYPE_SFIXED64: "<q",
    FieldDescriptor.TYPE_FIXED64: "<Q",
    FieldDescriptor.TYPE_FLOAT: "<f",
    FieldDescriptor.TYPE_DOUBLE: "<d",
}
_INT32, _INT64 = FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64
_SPECIAL: Final = {
    "google.protobuf.Timestamp": ("timestamp", [_INT64, _INT32]),
    "google.type.Date": ("date", [_INT32] * 3),
    "google.type.TimeOfDay": ("time", [_INT32] * 4),
    "confluent.type.Decimal": ("decimal", [FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_UINT32, _INT32]),
}


def reading_plan(descriptor: Descriptor, field: FieldDescriptor | None = None, depth: int = 0) -> Kind:
    """The plan for messages of a type.

    Args:
        descriptor: the type.
        field: where it stands, for the digits of a decimal.
        depth: messages around it.

    Raises:
        NoPlanError: the native decoder has not all that the type asks for: groups, extensions, free JSON.
    """
    name = descriptor.full_name
    if name in ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"):
        raise NoPlanError
    if name in WRAPPERS:
        _must_have(descriptor, 1)
        value = descriptor.fields[0]
        return ("wrapper", (_SCALARS[value.type],), _missing(value))
    if name in _SPECIAL:
        kind, types = _SPECIAL[name]
        _must_have(descriptor, len(types))
        if [one.type for one in sorted(descriptor.fields, key=lambda one: one.number)] != types:
            raise NoPlanError
        if kind != "decimal":
            return (kind,)
        digits = decimal_digits(field)
        return ("decimal-text",) if digits is None else ("decimal", *digits)
    if descriptor.is_extendable or depth > _DEEPEST:
        raise NoPlanError
    oneofs = {one.name: index for index, one in enumerate(descriptor.oneofs)}
    return ("record", [_field(one, oneofs, depth) for one in descriptor.fields])


def _field(field: FieldDescriptor, oneofs: dict[str, int], depth: int) -> tuple[int, str, bytes, Kind, int | None]:
    oneof = None if field.containing_oneof is None else oneofs[field.containing_oneof.name]
    if field.is_repeated:
        return field.number, "map" if is_map(field) else "repeated", b"", _kind(field, depth), oneof
    if may_be_missing(field):
        return field.number, "optional", b"", _kind(field, depth), oneof
    return field.number, "default", _missing(field), _kind(field, depth), oneof


def _kind(field: FieldDescriptor, depth: int) -> Kind:
    if field.type == FieldDescriptor.TYPE_GROUP:
        raise NoPlanError
    if field.enum_type is not None:
        by_number = field.enum_type.values_by_number
        return ("enum", {number: one.name for number, one in by_number.items()}, not field.enum_type.is_closed)
    if field.message_type is not None:
        return reading_plan(field.message_type, field, depth + 1)
    return (_SCALARS[field.type],)


def _missing(field: FieldDescriptor) -> bytes:
    """What a field has where it is not there, as on the wire."""
    if field.message_type is not None:
        return b"\0"
    value: Any = field.default_value
    if field.type == FieldDescriptor.TYPE_STRING:
        value = value.encode()
    if isinstance(value, bytes):
        return varint(len(value)) + value
    if field.type in _PACKED_NUMBERS:
        return struct.pack(_PACKED_NUMBERS[field.type], value)
    if field.type in (FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64):
        return varint(value << 1 if value >= 0 else ~(value << 1))
    return varint(int(value) & (1 << 64) - 1)


def _must_have(descriptor: Descriptor, fields: int) -> None:
    """A schema may bring a file of its own under a well-known name."""
    plain = all(not one.is_repeated and not one.has_presence for one in descriptor.fields)
    if not plain or sorted(one.number for one in descriptor.fields) != list(range(1, fields + 1)):
        raise NoPlanError

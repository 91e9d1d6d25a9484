"""How the native encoder writes rows as messages: a column's type and a message type, flattened to tuples.

A step is a tuple of a name and what belongs to it; a field is the index of its column, the way it is written, its tag
as on the wire, its step, and which oneof it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.native_plan import NoPlanError
from tidegate.records.protobuf.from_arrow import proto_names
from tidegate.records.protobuf.special_types import WRAPPERS
from tidegate.records.protobuf.to_arrow import entry_fields, is_map
from tidegate.records.wire_format import varint

Step = tuple[Any, ...]
Put = tuple[int, str, bytes, Step, int | None]

_SIGNED32, _SIGNED64 = (-(2**31), 2**31 - 1), (-(2**63), 2**63 - 1)
_UNSIGNED32, _UNSIGNED64 = (0, 2**32 - 1), (0, 2**64 - 1)
_INTEGERS: Final = {
    FieldDescriptor.TYPE_INT32: ("varint", *_SIGNED32),
    FieldDescriptor.TYPE_INT64: ("varint", *_SIGNED64),
    FieldDescriptor.TYPE_UINT32: ("varint", *_UNSIGNED32),
    FieldDescriptor.TYPE_UINT64: ("varint", *_UNSIGNED64),
    FieldDescriptor.TYPE_SINT32: ("zigzag", *_SIGNED32),
    FieldDescriptor.TYPE_SINT64: ("zigzag", *_SIGNED64),
    FieldDescriptor.TYPE_SFIXED32: ("fixed32", *_SIGNED32),
    FieldDescriptor.TYPE_FIXED32: ("fixed32", *_UNSIGNED32),
    FieldDescriptor.TYPE_SFIXED64: ("fixed64", *_SIGNED64),
    FieldDescriptor.TYPE_FIXED64: ("fixed64", *_UNSIGNED64),
}
_PLAIN: Final[Mapping[int, tuple[str, Callable[[pa.DataType], bool]]]] = {
    FieldDescriptor.TYPE_BOOL: ("bool", pa.types.is_boolean),
    FieldDescriptor.TYPE_STRING: ("sized", pa.types.is_string),
    FieldDescriptor.TYPE_BYTES: ("sized", lambda kind: pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind)),
    FieldDescriptor.TYPE_FLOAT: ("float", pa.types.is_floating),
    FieldDescriptor.TYPE_DOUBLE: ("double", pa.types.is_floating),
}
_NANOS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5
_WIRE: Final = {"fixed32": _FIXED32, "float": _FIXED32, "fixed64": _FIXED64, "double": _FIXED64} | dict.fromkeys(
    ("varint", "zigzag", "bool", "enum"), _VARINT
)


def writing_plan(field: pa.Field, descriptor: Descriptor) -> Step:
    """The plan for the rows of a column, which :func:`~tidegate.records.protobuf.write.filler` takes as well.

    Raises:
        NoPlanError: the native encoder has not all that the types ask for.
    """
    kind = storage_type(field.type)
    return _record(kind, descriptor) if pa.types.is_struct(kind) else _wrapper(field.type, descriptor)


def _record(kind: pa.StructType, descriptor: Descriptor) -> Step:
    oneofs = {one.name: index for index, one in enumerate(descriptor.oneofs)}
    puts: list[tuple[int, Put]] = []
    required = {one.name for one in descriptor.fields if one.is_required}
    for index, (child, name) in enumerate(zip(kind, proto_names(kind), strict=True)):
        required.discard(name)
        if not pa.types.is_null(storage_type(child.type)):
            field = descriptor.fields_by_name[name]
            puts.append((field.number, _put(index, child, field, oneofs)))
        elif descriptor.fields_by_name[name].is_required:
            raise NoPlanError
    if required:
        raise NoPlanError
    return ("message", [put for _, put in sorted(puts, key=lambda each: each[0])])


def _put(index: int, child: pa.Field, field: FieldDescriptor, oneofs: dict[str, int]) -> Put:
    kind = storage_type(child.type)
    if field.type == FieldDescriptor.TYPE_GROUP:
        raise NoPlanError
    if is_map(field):
        key, value = entry_fields(field)
        entry = [(0, "present", _tag(key, 1), _one(kind.key_type, key), None)]
        entry.append((1, "present", _tag(value, 2), _one(kind.item_type, value), None))
        return index, "map", varint(field.number << 3 | _SIZED), ("message", entry), None
    if field.is_repeated:
        step = _one(kind.value_type, field)
        if field.is_packed:
            return index, "packed", varint(field.number << 3 | _SIZED), step, None
        return index, "repeated", _tag(field, field.number), step, None
    oneof = None if field.containing_oneof is None else oneofs[field.containing_oneof.name]
    how = "required" if field.is_required else "present" if field.has_presence else "implicit"
    return index, how, _tag(field, field.number), _one(child.type, field), oneof


def _one(kind: pa.DataType, field: FieldDescriptor) -> Step:
    if field.message_type is None:
        return _scalar(kind, field)
    plain, descriptor = storage_type(kind), field.message_type
    types = pa.types
    if field.type == FieldDescriptor.TYPE_GROUP:
        raise NoPlanError
    if types.is_struct(plain):
        return _record(plain, descriptor)
    match descriptor.full_name:
        case "google.protobuf.Timestamp" if types.is_timestamp(plain):
            return ("timestamp", _NANOS[plain.unit])
        case "google.type.Date" if plain == pa.date32():
            return ("date",)
        case "google.type.TimeOfDay" if types.is_time(plain):
            return ("time", _NANOS[plain.unit])
        case "confluent.type.Decimal" if types.is_decimal128(plain) or types.is_decimal256(plain):
            return ("decimal", plain.precision, plain.scale)
        case _:
            return _wrapper(kind, descriptor)


def _wrapper(kind: pa.DataType, descriptor: Descriptor) -> Step:
    if descriptor.full_name not in WRAPPERS or [one.number for one in descriptor.fields] != [1]:
        raise NoPlanError
    (value,) = descriptor.fields
    if value.has_presence or value.is_repeated or value.message_type is not None:
        raise NoPlanError
    return ("wrapper", (0, "implicit", _tag(value, 1), _scalar(kind, value), None))


def _scalar(kind: pa.DataType, field: FieldDescriptor) -> Step:
    plain, types = storage_type(kind), pa.types
    wanted = field.type
    if types.is_run_end_encoded(kind):
        raise NoPlanError
    if field.enum_type is not None:
        if types.is_string(plain):
            return ("enum", {name: one.number for name, one in field.enum_type.values_by_name.items()})
    elif isinstance(kind, pa.UuidType):
        if wanted == FieldDescriptor.TYPE_STRING:
            return ("uuid",)
    elif wanted in _INTEGERS:
        if types.is_integer(plain) or types.is_duration(plain):
            return _INTEGERS[wanted]
    elif wanted in _PLAIN:
        step, fits = _PLAIN[wanted]
        if fits(plain):
            return (step,)
    raise NoPlanError


def _tag(field: FieldDescriptor, number: int) -> bytes:
    return varint(number << 3 | _wire(field))


def _wire(field: FieldDescriptor) -> int:
    if field.message_type is not None:
        return _SIZED
    if field.type in _INTEGERS:
        return _WIRE[str(_INTEGERS[field.type][0])]
    scalars = {FieldDescriptor.TYPE_FLOAT: _FIXED32, FieldDescriptor.TYPE_DOUBLE: _FIXED64}
    small = field.enum_type is not None or field.type == FieldDescriptor.TYPE_BOOL
    return _VARINT if small else scalars.get(field.type, _SIZED)

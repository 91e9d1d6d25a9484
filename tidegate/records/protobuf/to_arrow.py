"""Messages of a type as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tidegate.records.codec import DatumError
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.protobuf.special_types import special_type
from tidegate.records.schema_error import UnusableSchemaError

_SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: pa.int32(),
    FieldDescriptor.CPPTYPE_INT64: pa.int64(),
    FieldDescriptor.CPPTYPE_UINT32: pa.uint32(),
    FieldDescriptor.CPPTYPE_UINT64: pa.uint64(),
    FieldDescriptor.CPPTYPE_DOUBLE: pa.float64(),
    FieldDescriptor.CPPTYPE_FLOAT: pa.float32(),
    FieldDescriptor.CPPTYPE_BOOL: pa.bool_(),
    FieldDescriptor.CPPTYPE_ENUM: pa.string(),
}


def arrow_field(descriptor: Descriptor, name: str) -> pa.Field:
    """The field that a message type stands for.

    A wrapper such as ``google.protobuf.StringValue`` is the value it wraps.

    Raises:
        UnusableSchemaError: the type contains itself, which no Arrow type does.
    """
    special = special_type(descriptor.full_name)
    if special is not None:
        return pa.field(name, special.type)
    return _record(descriptor, name, ())


def values_of(descriptor: Descriptor, messages: Sequence[Message | None]) -> pa.Array:
    """The values of messages, of the type :func:`arrow_field` gives.

    Args:
        descriptor: their type.
        messages: n messages; None stays null.

    Raises:
        DatumError: a message holds what its column can not; try them one by one.
    """
    special = special_type(descriptor.full_name)
    if special is not None:
        return _special(messages, special, "")
    return _records(descriptor, messages, "")


def _record(descriptor: Descriptor, name: str, within: tuple[str, ...]) -> pa.Field:
    if descriptor.full_name in within:
        raise UnusableSchemaError(f"The message type {descriptor.full_name} contains itself, and no column type does.")
    path = (*within, descriptor.full_name)
    kind = pa.struct([_field(field, path) for field in descriptor.fields])
    return pa.field(name, kind, metadata={SCHEMA_NAME: descriptor.full_name.encode()})


def _field(field: FieldDescriptor, within: tuple[str, ...]) -> pa.Field:
    if is_map(field):
        key, value = entry_fields(field)
        item = _one(value, within).with_name("value")
        return pa.field(field.name, pa.map_(_one(key, within).type, item.with_nullable(False)), nullable=False)
    one = _one(field, within)
    if field.is_repeated:
        return pa.field(field.name, pa.list_(one.with_name("item").with_nullable(False)), nullable=False)
    return one.with_nullable(may_be_missing(field))


def _one(field: FieldDescriptor, within: tuple[str, ...]) -> pa.Field:
    if field.message_type is None:
        return pa.field(field.name, _scalar(field))
    special = special_type(field.message_type.full_name, field)
    if special is not None:
        return pa.field(field.name, special.type)
    return _record(field.message_type, field.name, within)


def _scalar(field: FieldDescriptor) -> pa.DataType:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return pa.binary() if field.type == FieldDescriptor.TYPE_BYTES else pa.string()
    return _SCALARS[field.cpp_type]


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map, which is a repeated message of entries."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def entry_fields(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor]:
    """The fields of a map's keys and values."""
    assert field.message_type is not None
    key, value = field.message_type.fields
    return key, value


def may_be_missing(field: FieldDescriptor) -> bool:
    """Whether a field's column has a null where the field is not there."""
    return bool(field.has_presence and not field.is_required and not field.has_default_value)


def _records(descriptor: Descriptor, messages: Sequence[Any], path: str) -> pa.StructArray:
    missing = pa.array([message is None for message in messages], pa.bool_())
    if not descriptor.fields:
        return pa.array([None if message is None else {} for message in messages], pa.struct([]))
    arrays = [_column(field, messages, path) for field in descriptor.fields]
    fields = [_field(field, (descriptor.full_name,)) for field in descriptor.fields]
    fields = [each.with_type(array.type) for each, array in zip(fields, arrays, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)


def _column(field: FieldDescriptor, messages: Sequence[Any], path: str) -> pa.Array:
    name, where = field.name, f"{path}.{field.name}" if path else field.name
    if not field.is_repeated:
        if may_be_missing(field):
            present = [getattr(one, name) if one is not None and one.HasField(name) else None for one in messages]
        else:
            present = [None if one is None else getattr(one, name) for one in messages]
        return _ones(field, present, where)
    held: list[Any] = [() if one is None else getattr(one, name) for one in messages]
    offsets = pa.array(np.concatenate(([0], np.cumsum([len(one) for one in held]))), pa.int32())
    if is_map(field):
        key, value = entry_fields(field)
        # A map of the library has no order of its own.
        entries = [(each, one[each]) for one in held for each in sorted(one)]
        keys = _ones(key, [each for each, _ in entries], where)
        items = _ones(value, [each for _, each in entries], where)
        item = pa.field("value", items.type, nullable=False)
        return pa.MapArray.from_arrays(offsets, keys, items, type=pa.map_(keys.type, item))
    items = _ones(field, [each for one in held for each in one], where)
    item = _one(field, ()).with_name("item").with_type(items.type).with_nullable(False)
    return pa.ListArray.from_arrays(offsets, items, type=pa.list_(item))


def _ones(field: FieldDescriptor, values: Sequence[Any], path: str) -> pa.Array:
    if field.message_type is not None:
        special = special_type(field.message_type.full_name, field)
        return _special(values, special, path) if special is not None else _records(field.message_type, values, path)
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        # An enum of proto3 is open: a number without a name is a value as well.
        values = [None if one is None else names[one].name if one in names else str(one) for one in values]
    try:
        return pa.array(values, _scalar(field))
    except (ValueError, pa.ArrowException) as error:
        # Text of proto2 is not looked at by the parser.
        raise DatumError(path, f"has a value that does not fit: {error}") from None


def _special(values: Sequence[Any], special: Any, path: str) -> pa.Array:
    try:
        return pa.array([None if one is None else special.read(one) for one in values], special.type)
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise DatumError(path, f"has a value that does not fit: {error}") from None

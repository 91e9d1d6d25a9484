"""Rows as messages of a type."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.codec import DatumError, SchemaMismatchError
from tidegate.records.protobuf.from_arrow import proto_names
from tidegate.records.protobuf.special_types import WRAPPERS, decimal_message
from tidegate.records.protobuf.to_arrow import entry_fields, is_map

Fill = Callable[[Any, Any], None]
"""Puts a row of :func:`~tidegate.records.protobuf.rows.rows_of` that is not None into a message. Raises DatumError."""

_EPOCH = datetime.date(1970, 1, 1)


def filler(field: pa.Field, descriptor: Descriptor) -> Fill:
    """What fills messages of a type with the rows of a column.

    Args:
        field: the column.
        descriptor: the message type; fields are matched by name.

    Raises:
        SchemaMismatchError: the type has no field for a column, or one of another kind.
    """
    kind = storage_type(field.type)
    if pa.types.is_struct(kind):
        return _record(kind, descriptor, "")
    if descriptor.full_name not in WRAPPERS:
        raise SchemaMismatchError(f"A single value can not be written as {descriptor.full_name}: it wants a record.")

    def wrap(message: Any, value: Any) -> None:
        _set(message, "value", value, "")

    return wrap


def _record(kind: pa.StructType, descriptor: Descriptor, path: str) -> Fill:
    fills: list[tuple[str, Fill]] = []
    for child, name in zip(kind, proto_names(kind), strict=True):
        where = f"{path}.{child.name}" if path else child.name
        field = descriptor.fields_by_name.get(name)
        if field is None:
            raise SchemaMismatchError(f"Field {where} is not in the message type {descriptor.full_name}.")
        fills.append((child.name, _field(child, field, where)))

    def fill(message: Any, row: Mapping[str, Any]) -> None:
        for name, inner in fills:
            value = row[name]
            if value is not None:
                inner(message, value)

    return fill


def _field(child: pa.Field, field: FieldDescriptor, path: str) -> Fill:
    kind, name = storage_type(child.type), field.name
    if pa.types.is_map(kind) != is_map(field) or (pa.types.is_list(kind) != field.is_repeated and not is_map(field)):
        raise SchemaMismatchError(f"Field {path} is {kind}, and the schema has another kind of field.")
    if is_map(field):
        return _map(kind, field, path)
    one = kind.value_type if pa.types.is_list(kind) else child.type
    if field.message_type is None:
        scalar = _scalar(one, field, path)
        if field.is_repeated:

            def extend(message: Any, values: list[Any]) -> None:
                _extend(getattr(message, name), [scalar(_present(value, path)) for value in values], path)

            return extend
        return lambda message, value: _set(message, name, scalar(value), path)
    inner = _message(one, field.message_type, path)
    if field.is_repeated:

        def add(message: Any, values: list[Any]) -> None:
            for value in values:
                inner(getattr(message, name).add(), _present(value, path))

        return add

    def put(message: Any, value: Any) -> None:
        held = getattr(message, name)
        held.SetInParent()
        inner(held, value)

    return put


def _map(kind: pa.MapType, field: FieldDescriptor, path: str) -> Fill:
    name, (key_field, value_field) = field.name, entry_fields(field)
    key = _scalar(kind.key_type, key_field, path)
    if value_field.message_type is not None:
        inner = _message(kind.item_type, value_field.message_type, path)

        def fill(message: Any, entries: list[tuple[Any, Any]]) -> None:
            for entry, value in entries:
                held = getattr(message, name)[key(entry)]
                held.SetInParent()
                inner(held, _present(value, path))

        return fill
    scalar = _scalar(kind.item_type, value_field, path)

    def put(message: Any, entries: list[tuple[Any, Any]]) -> None:
        for entry, value in entries:
            try:
                getattr(message, name)[key(entry)] = scalar(_present(value, path))
            except (TypeError, ValueError) as error:
                raise DatumError(path, f"does not fit the schema: {error}") from None

    return put


def _message(kind: pa.DataType, descriptor: Descriptor, path: str) -> Fill:
    plain = storage_type(kind)
    types = pa.types
    if types.is_struct(plain):
        return _record(plain, descriptor, path)
    match descriptor.full_name:
        case "google.protobuf.Timestamp" if types.is_timestamp(plain):
            return _timestamp
        case "google.type.Date" if types.is_date(plain):
            return _date
        case "google.type.TimeOfDay" if types.is_time(plain):
            return _time
        case "confluent.type.Decimal" if types.is_decimal(plain):
            return lambda message, value: decimal_message(message, value, plain.precision, plain.scale)
        case name if name in WRAPPERS and not types.is_nested(plain):
            return lambda message, value: _set(message, "value", value, path)
        case _:
            raise SchemaMismatchError(f"Field {path} is {kind}, and the schema wants {descriptor.full_name}.")


def _scalar(kind: pa.DataType, field: FieldDescriptor, path: str) -> Callable[[Any], Any]:
    plain = storage_type(kind)
    if pa.types.is_struct(plain) or pa.types.is_decimal(plain) or pa.types.is_date(plain):
        raise SchemaMismatchError(f"Field {path} is {kind}, and the schema has another kind of field.")
    enum = field.enum_type
    if enum is None:
        if isinstance(kind, pa.UuidType) or pa.types.is_interval(plain):
            return str
        return lambda value: value
    numbers = {name: one.number for name, one in enum.values_by_name.items()}

    def number(value: Any) -> int:
        if value not in numbers:
            raise DatumError(path, f"is {value!r}, and the enum {enum.full_name} has no such value")
        return numbers[value]

    return number


def _set(message: Any, name: str, value: Any, path: str) -> None:
    try:
        setattr(message, name, value)
    except (TypeError, ValueError) as error:
        raise DatumError(path, f"does not fit the schema: {error}") from None


def _extend(held: Any, values: list[Any], path: str) -> None:
    try:
        held.extend(values)
    except (TypeError, ValueError) as error:
        raise DatumError(path, f"does not fit the schema: {error}") from None


def _present(value: Any, path: str) -> Any:
    if value is None:
        raise DatumError(path, "holds a null, and lists and maps of Protobuf hold none")
    return value


def _timestamp(message: Any, nanos: int) -> None:
    message.seconds, message.nanos = divmod(nanos, 1_000_000_000)


def _date(message: Any, days: int) -> None:
    try:
        date = _EPOCH + datetime.timedelta(days=days)
    except OverflowError:
        raise DatumError("", f"has a date {days} days from 1970, which is in no year from 1 to 9999") from None
    message.year, message.month, message.day = date.year, date.month, date.day


def _time(message: Any, nanos: int) -> None:
    seconds, message.nanos = divmod(nanos, 1_000_000_000)
    message.hours, message.minutes, message.seconds = seconds // 3600, seconds // 60 % 60, seconds % 60

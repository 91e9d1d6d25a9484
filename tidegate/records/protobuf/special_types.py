"""Message types that stand for single values: timestamps, wrappers, dates, decimals, free JSON."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final, Literal

import orjson
import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict

META_NUMBER: Final = 1088
_EXACT = Context(prec=100)
_DAY_MICROS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class SpecialType:
    """How messages of one type become values.

    Args:
        type: of the values.
        read: takes a message, gives a value that ``pyarrow.array`` takes for the type. Raises ValueError.
    """

    type: pa.DataType
    read: Callable[[Any], Any]


WRAPPERS: Final = {
    "google.protobuf.DoubleValue": pa.float64(),
    "google.protobuf.FloatValue": pa.float32(),
    "google.protobuf.Int64Value": pa.int64(),
    "google.protobuf.UInt64Value": pa.uint64(),
    "google.protobuf.Int32Value": pa.int32(),
    "google.protobuf.UInt32Value": pa.uint32(),
    "google.protobuf.BoolValue": pa.bool_(),
    "google.protobuf.StringValue": pa.string(),
    "google.protobuf.BytesValue": pa.binary(),
}
"""Wrappers of scalars, and the types they wrap."""


def special_type(full_name: str, field: FieldDescriptor | None = None) -> SpecialType | None:
    """The single value that a message type stands for; None for a record.

    Args:
        full_name: of the message type.
        field: where it stands, for the digits of a decimal.
    """
    if full_name in WRAPPERS:
        return SpecialType(WRAPPERS[full_name], lambda message: message.value)
    match full_name:
        case "google.protobuf.Timestamp":
            return SpecialType(pa.timestamp("us", "UTC"), _micros)
        case "google.type.Date":
            return SpecialType(pa.date32(), lambda message: datetime.date(message.year, message.month, message.day))
        case "google.type.TimeOfDay":
            return SpecialType(pa.time64("us"), _time)
        case "confluent.type.Decimal":
            return _decimal(field)
        case "google.protobuf.Struct" | "google.protobuf.Value" | "google.protobuf.ListValue":
            return SpecialType(pa.string(), lambda message: orjson.dumps(MessageToDict(message)).decode())
        case _:
            return None


def decimal_message(message: Any, value: Decimal, precision: int, scale: int) -> None:
    """Fills a ``confluent.type.Decimal``."""
    number = int(_EXACT.scaleb(value, scale))
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    message.value = number.to_bytes(size, "big", signed=True)
    message.precision, message.scale = precision, scale


def _micros(message: Any) -> int:
    return int(message.seconds) * 1_000_000 + int(message.nanos) // 1000


def _time(message: Any) -> int:
    seconds = message.hours * 3600 + message.minutes * 60 + message.seconds
    micros = int(seconds * 1_000_000 + message.nanos // 1000)
    if not 0 <= micros < _DAY_MICROS:
        raise ValueError(f"{message.hours}:{message.minutes}:{message.seconds} is no time of a day")
    return micros


def _decimal(field: FieldDescriptor | None) -> SpecialType:
    digits = decimal_digits(field)
    if digits is None:
        # Each message has a scale of its own, and a column has one.
        return SpecialType(pa.string(), lambda message: format(_number(message), "f"))
    precision, scale = digits
    kind = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    return SpecialType(kind, lambda message: _fitting(_number(message), kind))


def _number(message: Any) -> Decimal:
    return _EXACT.scaleb(Decimal(int.from_bytes(message.value, "big", signed=True)), -message.scale)


def _fitting(number: Decimal, kind: pa.DataType) -> Decimal:
    try:
        pa.scalar(number, kind)
    except (pa.ArrowException, ValueError):
        raise ValueError(f"{number} does not fit {kind}") from None
    return number


def decimal_digits(field: FieldDescriptor | None) -> tuple[int, int] | None:
    """Precision and scale that Confluent's field option tells."""
    if field is None:
        return None
    options = _options_class().FromString(field.GetOptions().SerializeToString())
    params = options.field_meta.params
    try:
        return int(params["precision"]), int(params["scale"])
    except ValueError:
        return None


@functools.cache
def _options_class() -> Any:
    """A class that reads Confluent's option of a field, whether or not the process knows that extension."""
    file = descriptor_pb2.FileDescriptorProto(name="options.proto", package="tidegate", syntax="proto3")
    options, meta = file.message_type.add(name="Options"), file.message_type.add(name="Meta")
    _add_message(options, "field_meta", META_NUMBER, ".tidegate.Meta", "LABEL_OPTIONAL")
    _add_message(meta, "params", 2, ".tidegate.Meta.ParamsEntry", "LABEL_REPEATED")
    entry = meta.nested_type.add(name="ParamsEntry")
    entry.options.map_entry = True
    for number, name in ((1, "key"), (2, "value")):
        entry.field.add(name=name, number=number, type="TYPE_STRING", label="LABEL_OPTIONAL")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tidegate.Options"))


def _add_message(
    within: descriptor_pb2.DescriptorProto,
    name: str,
    number: int,
    type_name: str,
    label: Literal["LABEL_OPTIONAL", "LABEL_REPEATED"],
) -> None:
    within.field.add(name=name, number=number, type="TYPE_MESSAGE", label=label, type_name=type_name)

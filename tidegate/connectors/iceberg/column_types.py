"""Column types: what an Arrow type is in Iceberg, and the Arrow type its values are brought into before. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

_MOST_DIGITS = 38


class UnstorableTypeError(ValueError):
    """Iceberg has no such type; the message names it."""


def iceberg_type(type_: pa.DataType, ids: Iterator[int], *, optional: bool = False) -> IcebergType | None:
    """The Iceberg type that holds values of an Arrow type.

    Args:
        type_: the Arrow type.
        ids: fresh field ids for what is nested.
        optional: make every nested field optional.

    Returns:
        None where there is no value to have a type: Arrow's null, and structs without a field.

    Raises:
        UnstorableTypeError: there is none.
    """
    if pa.types.is_null(type_):
        return None
    if pa.types.is_dictionary(type_):
        return iceberg_type(type_.value_type, ids, optional=optional)
    if pa.types.is_struct(type_):
        return _struct(type_, ids, optional)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        element_id = next(ids)
        element = iceberg_type(type_.value_type, ids, optional=optional)
        required = not type_.value_field.nullable and not optional
        return None if element is None else ListType(element_id, element, element_required=required)
    if pa.types.is_map(type_):
        key_id, value_id = next(ids), next(ids)
        key = iceberg_type(type_.key_type, ids, optional=optional)
        value = iceberg_type(type_.item_type, ids, optional=optional)
        if key is None or value is None:
            return None
        return MapType(key_id, key, value_id, value, value_required=not type_.item_field.nullable and not optional)
    return _primitive(type_)


def storable(field_type: IcebergType) -> pa.DataType:
    """The Arrow type in which values of an Iceberg type are written, without field ids."""
    match field_type:
        case StructType():
            return pa.struct([pa.field(f.name, storable(f.field_type), f.optional) for f in field_type.fields])
        case ListType():
            return pa.list_(pa.field("element", storable(field_type.element_type), not field_type.element_required))
        case MapType():
            return pa.map_(
                pa.field("key", storable(field_type.key_type), nullable=False),
                pa.field("value", storable(field_type.value_type), not field_type.value_required),
            )
        case DecimalType():
            return pa.decimal128(field_type.precision, field_type.scale)
        case FixedType():
            return pa.binary(len(field_type))
        case UUIDType():
            return pa.uuid()
        case _:
            return _STORED[type(field_type)]


def widened(known: IcebergType, new: IcebergType) -> IcebergType | None:
    """The type a column of ``known`` has to have to hold ``new`` as well; None if there is none.

    Iceberg promotes int to long, float to double and the precision of decimals; beyond that a value may be narrower
    than its column.
    """
    if known == new:
        return known
    match known, new:
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return new
        case (LongType(), IntegerType()) | (DoubleType(), FloatType() | IntegerType()):
            return known
        case DecimalType(), DecimalType() if known.scale == new.scale:
            return known if known.precision >= new.precision else new
        case _:
            return None


def _struct(type_: pa.StructType, ids: Iterator[int], optional: bool) -> StructType | None:
    numbered = [(next(ids), field) for field in type_]
    fields = []
    for number, field in numbered:
        nested = iceberg_type(field.type, ids, optional=optional)
        if nested is not None:
            required = not field.nullable and not optional
            fields.append(NestedField(number, field.name, nested, required=required))
    return StructType(*fields) if fields else None


def _primitive(type_: pa.DataType) -> IcebergType:
    found = _by_arrow_type(type_)
    if found is not None:
        return found
    if pa.types.is_decimal(type_):
        if type_.precision <= _MOST_DIGITS:
            return DecimalType(type_.precision, type_.scale)
        raise UnstorableTypeError(f"{type_} has more digits than the {_MOST_DIGITS} of Iceberg's decimal")
    if pa.types.is_timestamp(type_):
        if type_.tz is None:
            return TimestampType()
        return TimestamptzType()
    if pa.types.is_fixed_size_binary(type_):
        return FixedType(type_.byte_width)
    if isinstance(type_, pa.UuidType):
        return UUIDType()
    raise UnstorableTypeError(f"{type_} has no type in Iceberg")


def _by_arrow_type(type_: pa.DataType) -> IcebergType | None:
    types = pa.types
    if types.is_boolean(type_):
        return BooleanType()
    if types.is_integer(type_):
        if types.is_uint64(type_):
            return DecimalType(20, 0)
        return LongType() if types.is_int64(type_) or types.is_uint32(type_) else IntegerType()
    if types.is_floating(type_):
        return DoubleType() if types.is_float64(type_) else FloatType()
    if types.is_string(type_) or types.is_large_string(type_):
        return StringType()
    if types.is_binary(type_) or types.is_large_binary(type_):
        return BinaryType()
    if types.is_date(type_):
        return DateType()
    return TimeType() if types.is_time(type_) else None


_STORED: dict[type[IcebergType], pa.DataType] = {
    BooleanType: pa.bool_(),
    IntegerType: pa.int32(),
    LongType: pa.int64(),
    FloatType: pa.float32(),
    DoubleType: pa.float64(),
    StringType: pa.string(),
    BinaryType: pa.binary(),
    DateType: pa.date32(),
    TimeType: pa.time64("us"),
    TimestampType: pa.timestamp("us"),
    TimestamptzType: pa.timestamp("us", "UTC"),
}

"""The Arrow field that stands for an Avro type: the canonical Arrow form of Avro data."""

from __future__ import annotations

import json

import pyarrow as pa

from tidegate.records.avro_default import default_column
from tidegate.records.avro_metadata import (
    CONNECT_DEFAULT,
    CONNECT_NAME,
    DURATION_UNIT,
    FIXED,
    LOGICAL,
    MAP_ENTRY,
    MAP_ENTRY_VALUE,
    SYMBOLS,
    UNION,
)
from tidegate.records.avro_schema import NO_DEFAULT, AvroField, AvroType
from tidegate.records.envelope import SCHEMA_NAME, SEMANTIC_TYPE
from tidegate.records.field_default import with_default

_PRIMITIVES = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
    "enum": pa.string(),
}
_LOGICAL = {
    "date": pa.date32(),
    "time-millis": pa.time32("ms"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "timestamp-nanos": pa.timestamp("ns", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "local-timestamp-nanos": pa.timestamp("ns"),
    "duration": pa.month_day_nano_interval(),
}
_DURATION_UNITS = ("s", "ms", "us", "ns")
_MAX_DECIMAL128 = 38


def arrow_field(schema: AvroType, name: str) -> pa.Field:
    """Type, nullability and metadata of a column of the schema's data.

    Args:
        schema: any Avro type.
        name: the column's name.
    """
    inner = non_null(schema)
    nullable = schema.nullable
    return pa.field(name, arrow_type(inner), nullable=nullable, metadata=_metadata(inner))


def non_null(schema: AvroType) -> AvroType:
    """A union of null and one other type as that other type; a union with one branch as that; else the type itself."""
    if schema.kind == "union" and len(schema.value_branches) == 1:
        return schema.value_branches[0]
    return schema


def arrow_type(schema: AvroType) -> pa.DataType:
    """The Arrow type of a type's values, nulls aside."""
    schema = non_null(schema)
    match schema.kind:
        case "fixed" | "bytes" if schema.logical == "decimal":
            return _decimal(schema)
        case "fixed" if not schema.logical or schema.logical == "uuid":
            return pa.binary(schema.size)
        case "array":
            return _array(schema)
        case "map":
            return pa.map_(pa.string(), arrow_field(schema.items, "value"))
        case "record":
            return pa.struct([_member(child) for child in schema.fields])
        case "union" if not schema.value_branches:
            return pa.null()
        case "union":
            return pa.struct(union_fields(schema))
        case "long" if schema.properties.get(DURATION_UNIT) in _DURATION_UNITS and not schema.logical:
            return pa.duration(schema.properties[DURATION_UNIT])
    return _LOGICAL.get(schema.logical) or _PRIMITIVES[schema.kind]


def _member(member: AvroField) -> pa.Field:
    """A field of a record, with its default; Connect's own where the field has none, as Confluent's converter does."""
    field = arrow_field(member.type, member.original_name)
    inner = non_null(member.type)
    default = member.default
    if default is NO_DEFAULT or default is None:
        default = inner.properties.get(CONNECT_DEFAULT)
    if default is None or inner.kind == "union":
        return field
    try:
        return with_default(field, default_column(inner, default, field.type))
    except (pa.ArrowException, TypeError, ValueError, LookupError, OverflowError, AttributeError):
        # What is not of the type is no default; only a reader who needs one is told.
        return field


def union_fields(schema: AvroType) -> list[pa.Field]:
    """One nullable field a branch other than null, named by its type, named types by their simple name if unique."""
    branches = schema.value_branches
    simple = [branch.name.rpartition(".")[2] or branch.kind for branch in branches]
    names = [
        short if simple.count(short) == 1 else branch.name or branch.kind
        for short, branch in zip(simple, branches, strict=True)
    ]
    return [arrow_field(branch, name).with_nullable(True) for name, branch in zip(names, branches, strict=True)]


def _array(schema: AvroType) -> pa.DataType:
    items = schema.items
    if items.kind == "record" and items.properties.get(MAP_ENTRY) == MAP_ENTRY_VALUE and len(items.fields) == 2:
        key, value = items.fields
        if not key.type.nullable:
            return pa.map_(arrow_type(key.type), arrow_field(value.type, "value"))
    return pa.list_(arrow_field(items, "item"))


def _decimal(schema: AvroType) -> pa.DataType:
    if schema.precision <= _MAX_DECIMAL128:
        return pa.decimal128(schema.precision, schema.scale)
    return pa.decimal256(schema.precision, schema.scale)


def _metadata(schema: AvroType) -> dict[bytes, bytes] | None:
    metadata: dict[bytes, bytes] = {}
    if schema.name:
        metadata[SCHEMA_NAME] = schema.name.encode()
    if schema.kind == "enum":
        metadata[SYMBOLS] = json.dumps(schema.symbols).encode()
    elif schema.kind == "union" and schema.value_branches:
        metadata[UNION] = b"true"
    elif schema.logical == "uuid":
        metadata[LOGICAL] = b"uuid"
    elif schema.kind == "fixed" and schema.logical == "decimal":
        metadata[FIXED] = str(schema.size).encode()
    if schema.kind != "record" and isinstance(schema.properties.get(CONNECT_NAME), str):
        metadata[SEMANTIC_TYPE] = schema.properties[CONNECT_NAME].encode()
    return metadata or None

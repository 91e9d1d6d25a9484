"""Arrow fields as the JSON schemas that Kafka Connect's JsonConverter puts beside its payloads.

Types without a place in Connect's own are marked as Debezium marks them (``io.debezium.time.MicroTimestamp``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tidegate.converters.connect_payload import payload_reader
from tidegate.converters.json_values import json_values
from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.codec import DatumError
from tidegate.records.envelope import SCHEMA_NAME, SCHEMA_VERSION, SEMANTIC_TYPE
from tidegate.records.field_default import default_of, with_default
from tidegate.records.schema_error import UnusableSchemaError

CONNECT = "org.apache.kafka.connect.data"
DEBEZIUM = "io.debezium.time"
PRECISION = "connect.decimal.precision"
ZONE = "tidegate.zone"
"""Parameter of a timestamp that is not what its name says: ``UTC`` or ``local``."""

_TIMESTAMPS = {"s": "ms", "ms": "ms", "us": "us", "ns": "ns"}
_TIMESTAMP_NAMES = {
    "ms": f"{CONNECT}.Timestamp",
    "us": f"{DEBEZIUM}.MicroTimestamp",
    "ns": f"{DEBEZIUM}.NanoTimestamp",
}
_NAMED = {
    f"{CONNECT}.Date": pa.date32(),
    f"{CONNECT}.Time": pa.time32("ms"),
    f"{CONNECT}.Timestamp": pa.timestamp("ms", "UTC"),
    f"{DEBEZIUM}.Date": pa.date32(),
    f"{DEBEZIUM}.Time": pa.time32("ms"),
    f"{DEBEZIUM}.MicroTime": pa.time64("us"),
    f"{DEBEZIUM}.NanoTime": pa.time64("ns"),
    f"{DEBEZIUM}.Timestamp": pa.timestamp("ms"),
    f"{DEBEZIUM}.MicroTimestamp": pa.timestamp("us"),
    f"{DEBEZIUM}.NanoTimestamp": pa.timestamp("ns"),
}
_BASES = {"date32": "int32", "time32": "int32", "time64": "int64", "timestamp": "int64"}
_PLAIN = {
    "boolean": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "bytes": pa.binary(),
}
_WIDER = {"uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "int64"}
_MAX_PRECISION = 38
_MAX_DEPTH = 64


class ConnectSchemaError(UnusableSchemaError):
    """A schema is none that Connect's JsonConverter writes, or a type has none."""


def connect_schema(field: pa.Field, *, numeric_decimals: bool = False) -> dict[str, Any]:
    """The schema of a field's values.

    Args:
        field: it.
        numeric_decimals: whether defaults that are decimals are numbers rather than base64 text.

    Raises:
        ConnectSchemaError: no schema stands for its type.
    """
    schema = _of_type(field, numeric_decimals)
    semantic = (field.metadata or {}).get(SEMANTIC_TYPE)
    if semantic is not None:
        schema |= {"name": semantic.decode(), "version": 1}
    schema["optional"] = field.nullable
    default = default_of(field)
    # Kafka Connect refuses a schema whose default is a Struct (KAFKA-12694).
    if default is not None and not pa.types.is_struct(field.type):
        schema["default"] = json_values(default, numeric_decimals=numeric_decimals)[0]
    return schema


def _of_type(field: pa.Field, numeric: bool) -> dict[str, Any]:
    kind = storage_type(field.type)
    types = pa.types
    if isinstance(field.type, pa.UuidType):
        return {"type": "string", "name": "io.debezium.data.Uuid"}
    if types.is_struct(kind):
        fields = [{"field": child.name, **connect_schema(child, numeric_decimals=numeric)} for child in kind]
        return {"type": "struct", "fields": fields, **_named(field.metadata or {})}
    if types.is_map(kind):
        keys = connect_schema(kind.key_field.with_nullable(False), numeric_decimals=numeric)
        return {"type": "map", "keys": keys, "values": connect_schema(kind.item_field, numeric_decimals=numeric)}
    if types.is_list(kind):
        return {"type": "array", "items": connect_schema(kind.value_field, numeric_decimals=numeric)}
    if types.is_decimal(kind):
        parameters = {"scale": str(kind.scale), PRECISION: str(kind.precision)}
        return {"type": "bytes", "name": f"{CONNECT}.Decimal", "version": 1, "parameters": parameters}
    if types.is_date(kind):
        return {"type": "int32", "name": f"{CONNECT}.Date", "version": 1}
    if types.is_time32(kind):
        return {"type": "int32", "name": f"{CONNECT}.Time", "version": 1}
    if types.is_time64(kind):
        unit = "Micro" if kind.unit == "us" else "Nano"
        return {"type": "int64", "name": f"{DEBEZIUM}.{unit}Time", "version": 1}
    if types.is_timestamp(kind):
        return _timestamp(kind)
    return {"type": _plain(kind)}


def _named(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if SCHEMA_NAME in metadata:
        named["name"] = metadata[SCHEMA_NAME].decode()
    if SCHEMA_VERSION in metadata:
        named["version"] = int(metadata[SCHEMA_VERSION])
    return named


def _timestamp(kind: pa.TimestampType) -> dict[str, Any]:
    unit = _TIMESTAMPS[kind.unit]
    name = _TIMESTAMP_NAMES[unit]
    schema: dict[str, Any] = {"type": "int64", "name": name, "version": 1}
    if (_NAMED[name].tz is None) != (kind.tz is None):
        schema["parameters"] = {ZONE: "local" if kind.tz is None else "UTC"}
    return schema


def _plain(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_null(kind) or types.is_interval(kind):
        return "string"
    if types.is_fixed_size_binary(kind):
        return "bytes"
    if types.is_duration(kind):
        return "int64"
    if kind == pa.float16():
        return "float"
    name = next((name for name, plain in _PLAIN.items() if plain == kind), _WIDER.get(str(kind)))
    if name is None:
        raise ConnectSchemaError(f"No Connect schema stands for Arrow type {kind}.", remedy="Cast the column.")
    return name


def arrow_field(schema: Any, name: str, depth: int = 0) -> pa.Field:
    """The field that a schema stands for.

    Raises:
        ConnectSchemaError: it is not such a schema.
    """
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str) or depth > _MAX_DEPTH:
        raise ConnectSchemaError(f"The schema of {name} is not one of Connect's JSON schemas: it must name a type.")
    metadata = {
        key: str(schema[word]).encode()
        for key, word in ((SCHEMA_NAME, "name"), (SCHEMA_VERSION, "version"))
        if schema["type"] == "struct" and schema.get(word) is not None
    }
    kind = _arrow(schema, name, depth)
    field = pa.field(name, kind, nullable=bool(schema.get("optional", False)), metadata=metadata or None)
    return _defaulted(field, schema.get("default"))


def _defaulted(field: pa.Field, default: Any) -> pa.Field:
    """The field with a default, unless that is not of its type."""
    if default is None:
        return field
    try:
        value = payload_reader(field)(default)
        return with_default(field, pa.array([value], field.type))
    except (DatumError, pa.ArrowException, ValueError, OverflowError):
        return field


def _arrow(schema: dict[str, Any], name: str, depth: int) -> pa.DataType:
    kind = schema["type"]
    if kind == "struct":
        fields = schema.get("fields")
        if not isinstance(fields, list) or not all(isinstance(child, dict) and "field" in child for child in fields):
            raise ConnectSchemaError(f"The schema of {name} is a struct without a list of named fields.")
        return pa.struct([arrow_field(child, str(child["field"]), depth + 1) for child in fields])
    if kind == "array":
        return pa.list_(arrow_field(schema.get("items"), "item", depth + 1))
    if kind == "map":
        keys = arrow_field(schema.get("keys"), "key", depth + 1)
        return pa.map_(keys.type, arrow_field(schema.get("values"), "value", depth + 1))
    plain = _PLAIN.get(kind)
    if plain is None:
        raise ConnectSchemaError(f"The schema of {name} has type {kind!r}, which Connect does not know.")
    return _logical(schema, kind) or plain


def _logical(schema: dict[str, Any], kind: str) -> pa.DataType | None:
    named, parameters = schema.get("name"), schema.get("parameters") or {}
    if named == f"{CONNECT}.Decimal" and kind == "bytes":
        try:
            scale, precision = int(parameters.get("scale", 0)), int(parameters.get(PRECISION, _MAX_PRECISION))
            return pa.decimal128(precision, scale) if precision <= _MAX_PRECISION else pa.decimal256(precision, scale)
        except ValueError as error:
            raise ConnectSchemaError(f"A decimal's scale or precision is unusable: {error}.") from None
    logical = _NAMED.get(named) if isinstance(named, str) else None
    if logical is None or _BASES[str(logical).partition("[")[0]] != kind:
        return None
    if pa.types.is_timestamp(logical) and ZONE in parameters:
        return pa.timestamp(logical.unit, None if parameters[ZONE] == "local" else "UTC")
    return logical

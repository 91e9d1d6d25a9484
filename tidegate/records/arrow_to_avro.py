"""The Avro schema of an Arrow field."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from tidegate.records.avro_default import avro_default
from tidegate.records.avro_metadata import (
    CONNECT_DEFAULT,
    CONNECT_NAME,
    CONNECT_VERSION,
    DURATION_UNIT,
    FIXED,
    LOGICAL,
    MAP_ENTRY,
    MAP_ENTRY_VALUE,
    ORIGINAL_NAME,
    SYMBOLS,
    UNION,
)
from tidegate.records.avro_names import is_name, sanitized, sanitized_full, unused
from tidegate.records.avro_schema import MAX_DEPTH, NO_DEFAULT, AvroSchemaError, fixed_precision
from tidegate.records.envelope import SCHEMA_NAME, SEMANTIC_TYPE

_INTERVAL_SIZE = 12
_TIMESTAMP_UNITS = {"s": "millis", "ms": "millis", "us": "micros", "ns": "nanos"}


def avro_schema(field: pa.Field, default_name: str) -> str:
    """The schema of a column's values, as JSON text; equal fields give equal text.

    The column's own nullability is left out: a null key or value is no datum.

    Args:
        field: the column; its metadata names the record type (``SCHEMA_NAME``).
        default_name: full name of the record type, or of another named type, where the metadata gives none.

    Raises:
        AvroSchemaError: no Avro type stands for the field's type.
    """
    return json.dumps(_Builder().type(field, "", default_name, 0), ensure_ascii=False, separators=(",", ":"))


class _Builder:
    """Writes types; remembers named ones, so that an equal one is a reference and another one gets another name."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}
        self._open: set[str] = set()
        self._records: dict[str, bytes] = {}

    def type(self, field: pa.Field, namespace: str, default_name: str, depth: int, default: Any = NO_DEFAULT) -> Any:
        """The type of a field's values, nulls aside.

        Args:
            field: it.
            namespace: what it stands in.
            default_name: of a named type whose metadata gives none.
            depth: how deep it stands.
            default: of the field; types without a name tell it, as a named one is the same for all its fields.
        """
        found = self._plain(field, namespace, default_name, depth)
        properties = _properties((field.metadata or {}).get(SEMANTIC_TYPE), default)
        is_named = isinstance(found, dict) and "name" in found
        if is_named:
            properties.pop(CONNECT_DEFAULT, None)
        if not properties or isinstance(found, list) or (isinstance(found, str) and found in self._named):
            return found
        return {**(found if isinstance(found, dict) else {"type": found}), **properties}

    def _plain(self, field: pa.Field, namespace: str, default_name: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise AvroSchemaError(f"The record nests types deeper than {MAX_DEPTH} levels.")
        plain = storage_type(field.type)
        metadata = field.metadata or {}
        name = _qualified(metadata[SCHEMA_NAME].decode() if SCHEMA_NAME in metadata else default_name, namespace)
        types = pa.types
        if isinstance(field.type, pa.UuidType) or (types.is_string(plain) and metadata.get(LOGICAL) == b"uuid"):
            return {"type": "string", "logicalType": "uuid"}
        if types.is_struct(plain):
            if metadata.get(UNION) == b"true":
                return [self.type(child, namespace, child.name, depth + 1) for child in plain]
            return self._record(plain, name, depth)
        if types.is_map(plain):
            return self._map(plain, name, depth)
        if types.is_list(plain):
            return {"type": "array", "items": self.nullable(plain.value_field, name, "item", depth)}
        if types.is_decimal(plain):
            return self._decimal(plain, metadata, name)
        if types.is_fixed_size_binary(plain):
            logical = {"logicalType": "uuid"} if metadata.get(LOGICAL) == b"uuid" and plain.byte_width == 16 else {}
            return self._define(name, {"type": "fixed", "size": plain.byte_width, **logical})
        if types.is_interval(plain):
            return self._define(name, {"type": "fixed", "size": _INTERVAL_SIZE, "logicalType": "duration"})
        if types.is_string(plain) and SYMBOLS in metadata:
            return self._define(name, {"type": "enum", "symbols": json.loads(metadata[SYMBOLS])})
        return _leaf(plain)

    def nullable(self, field: pa.Field, parent: str, suffix: str, depth: int, default: Any = NO_DEFAULT) -> Any:
        """The type of a field within a type; where it is nullable with null first, or after the type of a default."""
        namespace, _, simple = parent.rpartition(".")
        inner = self.type(field, namespace, f"{simple}_{sanitized(suffix)}", depth + 1, default)
        if not field.nullable or inner == "null":
            return inner
        branches = inner if isinstance(inner, list) else [inner]
        return ["null", *branches] if default is NO_DEFAULT else [*branches, "null"]

    def _record(self, struct: pa.StructType, name: str, depth: int, extra: dict[str, Any] | None = None) -> Any:
        signature = pa.schema(list(struct)).serialize().to_pybytes()
        if self._records.get(name) == signature:
            return name
        name = unused(name, self._open | self._named.keys())
        self._records[name] = signature
        self._open.add(name)
        fields: list[dict[str, Any]] = []
        taken: set[str] = {child.name for child in struct if is_name(child.name)}
        used: set[str] = set()
        for child in struct:
            if child.name in used:
                raise AvroSchemaError(f"The record has two fields {child.name!r}.", remedy="Rename one of them.")
            used.add(child.name)
            avro_name = child.name if is_name(child.name) else unused(sanitized(child.name), taken)
            taken.add(avro_name)
            default = NO_DEFAULT if (child.metadata or {}).get(UNION) == b"true" else avro_default(child)
            entry: dict[str, Any] = {"name": avro_name, "type": self.nullable(child, name, avro_name, depth, default)}
            if child.nullable or default is not NO_DEFAULT:
                entry["default"] = None if default is NO_DEFAULT else default
            if avro_name != child.name:
                entry[ORIGINAL_NAME] = child.name
            fields.append(entry)
        self._open.discard(name)
        return self._define(name, {"type": "record", "fields": fields, **(extra or {})})

    def _map(self, plain: pa.MapType, name: str, depth: int) -> Any:
        if pa.types.is_string(storage_type(plain.key_type)):
            return {"type": "map", "values": self.nullable(plain.item_field, name, "value", depth)}
        entry = pa.struct([plain.key_field.with_nullable(False), plain.item_field])
        entry = pa.struct([entry.field(0).with_name("key"), entry.field(1).with_name("value")])
        return {
            "type": "array",
            "items": self._record(entry, f"{name}_entry", depth + 1, {MAP_ENTRY: MAP_ENTRY_VALUE}),
        }

    def _decimal(self, plain: pa.DataType, metadata: dict[bytes, bytes], name: str) -> Any:
        scale = max(plain.scale, 0)
        precision = max(plain.precision - min(plain.scale, 0), scale)
        logical = {"logicalType": "decimal", "precision": precision, "scale": scale}
        size = int(metadata.get(FIXED, b"0"))
        if precision <= fixed_precision(size):
            return self._define(name, {"type": "fixed", "size": size, **logical})
        return {"type": "bytes", **logical}

    def _define(self, name: str, content: dict[str, Any]) -> Any:
        """The definition under its name, the name alone if an equal type has it, or the definition under another."""
        known = self._named.get(name)
        if known == content:
            return name
        if known is not None:
            name = unused(name, self._open | self._named.keys())
        self._named[name] = content
        namespace, _, simple = name.rpartition(".")
        return {
            "type": content["type"],
            "name": simple,
            **({"namespace": namespace} if namespace else {}),
            **{key: value for key, value in content.items() if key != "type"},
        }


def storage_type(type_: pa.DataType) -> pa.DataType:
    """The type whose Avro form a type shares: views, large and fixed-size variants, dictionaries, extensions aside."""
    types = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        return storage_type(type_.storage_type)
    if types.is_dictionary(type_) or types.is_run_end_encoded(type_):
        return storage_type(type_.value_type)
    if types.is_large_string(type_) or types.is_string_view(type_):
        return pa.string()
    if types.is_large_binary(type_) or types.is_binary_view(type_):
        return pa.binary()
    if (
        types.is_large_list(type_)
        or types.is_fixed_size_list(type_)
        or types.is_list_view(type_)
        or types.is_large_list_view(type_)
    ):
        return pa.list_(type_.value_field)
    return type_


def _leaf(plain: pa.DataType) -> Any:
    types = pa.types
    if types.is_null(plain):
        return "null"
    if types.is_boolean(plain):
        return "boolean"
    if types.is_integer(plain):
        return "int" if plain.bit_width < 32 or plain == pa.int32() else "long"
    if types.is_floating(plain):
        return "double" if plain == pa.float64() else "float"
    if types.is_binary(plain):
        return "bytes"
    if types.is_string(plain):
        return "string"
    if types.is_date(plain):
        return {"type": "int", "logicalType": "date"}
    if types.is_time32(plain):
        return {"type": "int", "logicalType": "time-millis"}
    if types.is_time64(plain):
        return {"type": "long", "logicalType": "time-micros"}
    if types.is_timestamp(plain):
        local = "" if plain.tz else "local-"
        return {"type": "long", "logicalType": f"{local}timestamp-{_TIMESTAMP_UNITS[plain.unit]}"}
    if types.is_duration(plain):
        return {"type": "long", DURATION_UNIT: plain.unit}
    raise AvroSchemaError(
        f"No Avro type stands for Arrow type {plain}.", remedy="Cast the column, or leave it out of the record."
    )


def _properties(semantic: bytes | None, default: Any) -> dict[str, Any]:
    """The properties by which Confluent's converter marks a type, in its order."""
    properties: dict[str, Any] = {}
    if semantic is not None:
        properties[CONNECT_VERSION] = 1
    if default is not NO_DEFAULT:
        properties[CONNECT_DEFAULT] = default
    if semantic is not None:
        properties[CONNECT_NAME] = semantic.decode()
    return properties


def _qualified(name: str, namespace: str) -> str:
    full = sanitized_full(name)
    return full if "." in full or not namespace else f"{namespace}.{full}"

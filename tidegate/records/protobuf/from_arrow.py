"""The Protobuf schema of an Arrow field, as .proto text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.avro_names import sanitized, sanitized_full, unused
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.protobuf.known_files import DATE_FILE, DECIMAL_FILE, META_FILE, TIME_FILE
from tidegate.records.schema_error import UnusableSchemaError

_TIMESTAMP_FILE = "google/protobuf/timestamp.proto"
_WRAPPERS = {
    "double": "DoubleValue",
    "float": "FloatValue",
    "int64": "Int64Value",
    "uint64": "UInt64Value",
    "int32": "Int32Value",
    "uint32": "UInt32Value",
    "bool": "BoolValue",
    "string": "StringValue",
    "bytes": "BytesValue",
}
_KEYS = ("int32", "int64", "uint32", "uint64", "bool", "string")


@dataclass(frozen=True, slots=True)
class ProtobufText:
    """A schema.

    Args:
        text: the file.
        record: full name of its message type, the first of the file.
        imports: files it imports beside Google's well-known ones, each after those it imports itself.
    """

    text: str
    record: str
    imports: tuple[str, ...]


def protobuf_text(field: pa.Field, default_name: str) -> ProtobufText:
    """The schema of a column's values; equal fields give equal text.

    Single values are the wrapper that stands for them, such as ``google.protobuf.StringValue``. Fields are numbered in
    their order.

    Args:
        field: the column; its metadata names the record type (``SCHEMA_NAME``).
        default_name: full name of the record type where the metadata gives none.

    Raises:
        UnusableSchemaError: no Protobuf type stands for the field's type.
    """
    kind = storage_type(field.type)
    builder = _Builder()
    if not pa.types.is_struct(kind):
        return _wrapper(builder.type_name(field, "", ""))
    given = (field.metadata or {}).get(SCHEMA_NAME)
    full = sanitized_full(given.decode() if given else default_name)
    package, _, name = full.rpartition(".")
    body = "\n".join(builder.message(kind, name, ""))
    imports = sorted(builder.imports)
    head = ['syntax = "proto3";', *([f"package {package};"] if package else []), ""]
    head += [f'import "{path}";' for path in imports] + ([""] if imports else [])
    ours = tuple(path for path in (META_FILE, DECIMAL_FILE, DATE_FILE, TIME_FILE) if path in imports)
    return ProtobufText("\n".join([*head, body, ""]), full, ours)


def proto_names(kind: pa.StructType) -> list[str]:
    """The Protobuf names of a record's fields, in their order."""
    taken = {child.name for child in kind if sanitized(child.name) == child.name}
    names = []
    for child in kind:
        name = child.name if sanitized(child.name) == child.name else unused(sanitized(child.name), taken)
        taken.add(name)
        names.append(name)
    return names


def _wrapper(scalar: str) -> ProtobufText:
    if scalar not in _WRAPPERS:
        raise UnusableSchemaError(
            f"A value of type {scalar} alone is no Protobuf message.",
            remedy="Make it a field of a record (HoistField).",
        )
    name = _WRAPPERS[scalar]
    text = f'syntax = "proto3";\npackage google.protobuf;\n\nmessage {name} {{\n  {scalar} value = 1;\n}}\n'
    return ProtobufText(text, f"google.protobuf.{name}", ())


class _Builder:
    def __init__(self) -> None:
        self.imports: set[str] = set()

    def message(self, kind: pa.StructType, name: str, indent: str) -> Iterator[str]:
        """The lines of a message type; types of nested records stand within it."""
        yield f"{indent}message {name} {{"
        inner = f"{indent}  "
        nested: list[tuple[str, pa.DataType]] = []
        for number, (child, field_name) in enumerate(zip(kind, proto_names(kind), strict=True), 1):
            yield f"{inner}{self._field(child, field_name, nested)} = {number}{self._options(child)};"
        for nested_name, nested_kind in nested:
            yield ""
            yield from self.message(nested_kind, nested_name, inner)
        yield f"{indent}}}"

    def _field(self, child: pa.Field, name: str, nested: list[tuple[str, pa.DataType]]) -> str:
        kind = storage_type(child.type)
        types = pa.types
        if types.is_list(kind):
            item = self._element(kind.value_field, name, nested)
            return f"repeated {item} {name}"
        if types.is_map(kind):
            key = self.type_name(kind.key_field, name, "")
            if key not in _KEYS:
                raise UnusableSchemaError(f"Field {child.name} is a map with keys that Protobuf does not allow: {key}.")
            return f"map<{key}, {self._element(kind.item_field, name, nested)}> {name}"
        type_name = self._element(child, name, nested)
        is_message = "." in type_name or types.is_struct(kind)
        return f"optional {type_name} {name}" if child.nullable and not is_message else f"{type_name} {name}"

    def _element(self, child: pa.Field, name: str, nested: list[tuple[str, pa.DataType]]) -> str:
        kind = storage_type(child.type)
        if pa.types.is_nested(kind) and not pa.types.is_struct(kind):
            raise UnusableSchemaError(
                f"Field {name} is a list or map within a list or map, which Protobuf has not.",
                remedy="Put a record between them.",
            )
        if pa.types.is_struct(kind):
            type_name = unused(_camel(name), {given for given, _ in nested})
            nested.append((type_name, kind))
            return type_name
        return self.type_name(child, name, name)

    def _options(self, child: pa.Field) -> str:
        kind = storage_type(child.type)
        kind = storage_type(kind.value_type) if pa.types.is_list(kind) else kind
        if not pa.types.is_decimal(kind):
            return ""
        self.imports.add(META_FILE)
        pairs = ", ".join(
            f'{{key: "{key}", value: "{value}"}}'
            for key, value in (("precision", kind.precision), ("scale", kind.scale))
        )
        return f" [(confluent.field_meta) = {{params: [{pairs}]}}]"

    def type_name(self, field: pa.Field, name: str, path: str) -> str:
        """The name of a single value's type."""
        kind: Any = storage_type(field.type)
        types = pa.types
        if isinstance(field.type, pa.UuidType) or types.is_string(kind) or types.is_interval(kind):
            return "string"
        if types.is_null(kind):
            return "string"
        if types.is_boolean(kind):
            return "bool"
        if types.is_binary(kind) or types.is_fixed_size_binary(kind):
            return "bytes"
        if types.is_floating(kind):
            return "double" if kind == pa.float64() else "float"
        if types.is_unsigned_integer(kind):
            return "uint64" if kind.bit_width == 64 else "uint32"
        if types.is_integer(kind):
            return "int64" if kind.bit_width == 64 else "int32"
        if types.is_duration(kind):
            return "int64"
        file, message = _message_of(kind)
        if not file:
            raise UnusableSchemaError(f"No Protobuf type stands for Arrow type {kind}.", remedy="Cast the column.")
        self.imports.add(file)
        return message


def _message_of(kind: pa.DataType) -> tuple[str, str]:
    types = pa.types
    if types.is_timestamp(kind):
        return _TIMESTAMP_FILE, "google.protobuf.Timestamp"
    if types.is_date(kind):
        return DATE_FILE, "google.type.Date"
    if types.is_time(kind):
        return TIME_FILE, "google.type.TimeOfDay"
    if types.is_decimal(kind):
        return DECIMAL_FILE, "confluent.type.Decimal"
    return "", ""


def _camel(name: str) -> str:
    words = [word for word in name.split("_") if word]
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"Record{joined}"

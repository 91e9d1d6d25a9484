"""The Protobuf converter: Confluent's wire format with message indexes, schemas in the registry."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, EncodeError, Message

from tidegate.converters.registry_converter import (
    OwnSchema,
    ReadColumn,
    ReadColumns,
    Reader,
    RegistryConverter,
    Writer,
)
from tidegate.records.avro_names import record_name
from tidegate.records.codec import DatumError, DatumFault, EncodedColumn
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.protobuf.from_arrow import protobuf_text
from tidegate.records.protobuf.known_files import known_files
from tidegate.records.protobuf.rows import rows_of
from tidegate.records.protobuf.schema_file import SchemaFile, message_class, schema_file
from tidegate.records.protobuf.to_arrow import arrow_field, values_of
from tidegate.records.protobuf.write import Fill, filler
from tidegate.records.schema_error import UnusableSchemaError
from tidegate.records.wire_format import HEADER_SIZE, WireFormatError, read_message_indexes, write_message_indexes
from tidegate.registry_client import Schema, SchemaReference, SchemaType


class ProtobufConverter(RegistryConverter):
    """Writes Protobuf under the subject's schema and reads whatever message type a message names."""

    language: ClassVar[SchemaType] = "PROTOBUF"
    name: ClassVar[str] = "protobuf"

    def __init__(self) -> None:
        super().__init__()
        self._references: dict[str, SchemaReference] = {}

    def own_schema(self, topic: str, field: pa.Field) -> OwnSchema:
        """See the base class."""
        own = protobuf_text(field, record_name(topic, is_key=self.is_key))
        references = tuple(self._reference(path) for path in own.imports)
        return OwnSchema(Schema("PROTOBUF", own.text, references), own.record)

    def writer(self, schema: Schema, field: pa.Field, topic: str) -> Writer:
        """See the base class."""
        file = self._file(schema)
        name = (field.metadata or {}).get(SCHEMA_NAME, record_name(topic, is_key=self.is_key).encode()).decode()
        indexes = file.indexes(name)
        descriptor = file.message(indexes)
        fill = filler(field, descriptor)
        return _ProtobufWriter(message_class(descriptor), fill, write_message_indexes(indexes))

    def reader(self, schema: Schema) -> Reader:
        """See the base class."""
        return _ProtobufReader(self._file(schema), self.side)

    def _file(self, schema: Schema) -> SchemaFile:
        return schema_file(schema.text, tuple((name, one.text) for name, one in self.referenced(schema).items()))

    def _reference(self, path: str) -> SchemaReference:
        """A well-known file, registered under its own path as Confluent's serializers do."""
        known = self._references.get(path)
        if known is None:
            schema = Schema("PROTOBUF", known_files()[path])
            if self.auto_register:
                self.registry.register(path, schema)
            known = SchemaReference(path, path, self.registry.lookup(path, schema).version)
            self._references[path] = known
        return known


class _ProtobufWriter(Writer):
    def __init__(self, kind: type[Message], fill: Fill, indexes: bytes) -> None:
        self._kind = kind
        self._fill = fill
        self._indexes = indexes

    def write(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        data: list[bytes | None] = []
        faults: list[DatumFault] = []
        head = prefix + self._indexes
        for row, value in enumerate(rows_of(column)):
            encoded = None
            if value is not None:
                message = self._kind()
                try:
                    self._fill(message, value)
                    encoded = head + message.SerializeToString(deterministic=True)
                except DatumError as error:
                    faults.append(DatumFault(row, str(error)))
                except (EncodeError, ValueError, TypeError, OverflowError) as error:
                    faults.append(DatumFault(row, f"The record does not fit the schema: {error}."))
            data.append(encoded)
        return EncodedColumn(pa.array(data, pa.binary()), faults)


class _MessageType:
    """How messages at one path of indexes are read."""

    def __init__(self, descriptor: Descriptor, name: str) -> None:
        self.descriptor = descriptor
        self.kind = message_class(descriptor)
        self.field = arrow_field(descriptor, name)


class _ProtobufReader(Reader):
    def __init__(self, file: SchemaFile, name: str) -> None:
        self._file = file
        self._name = name
        self._types: dict[bytes, _MessageType | str] = {}

    def read(self, data: pa.Array) -> ReadColumns:
        faults: list[DatumFault] = []
        runs: list[tuple[_MessageType | None, list[int], list[Message | None]]] = []
        for row, message in enumerate(data.to_pylist()):
            try:
                kind, parsed = self._parsed(message)
            except (DatumError, WireFormatError) as error:
                faults.append(DatumFault(row, str(error)))
                continue
            if not runs or (kind is not None and runs[-1][0] not in (None, kind)):
                runs.append((kind, [], []))
            last, rows, messages = runs[-1]
            rows.append(row)
            messages.append(parsed)
            runs[-1] = (last or kind, rows, messages)
        columns: list[ReadColumn] = []
        for kind, rows, messages in runs:
            if kind is None:
                columns.append(
                    ReadColumn(pa.field(self._name, pa.null()), pa.array(rows, pa.int32()), pa.nulls(len(rows)))
                )
            else:
                columns.append(self._column(kind, rows, messages, faults))
        return ReadColumns(columns, sorted(faults, key=lambda fault: fault.row))

    def _column(
        self, kind: _MessageType, rows: list[int], messages: list[Message | None], faults: list[DatumFault]
    ) -> ReadColumn:
        try:
            values = values_of(kind.descriptor, messages)
        except DatumError:
            good: list[int] = []
            for at, message in enumerate(messages):
                try:
                    values_of(kind.descriptor, [message])
                    good.append(at)
                except DatumError as error:
                    faults.append(DatumFault(rows[at], str(error)))
            rows = [rows[at] for at in good]
            values = values_of(kind.descriptor, [messages[at] for at in good])
        return ReadColumn(kind.field, pa.array(rows, pa.int32()), values)

    def _parsed(self, message: bytes | None) -> tuple[_MessageType | None, Message | None]:
        if message is None:
            return None, None
        body = message[HEADER_SIZE:]
        indexes, start = read_message_indexes(body)
        kind = self._type(body[:start], indexes)
        parsed: Any = kind.kind()
        try:
            parsed.ParseFromString(body[start:])
        except DecodeError as error:
            raise DatumError("", f"is no message of type {kind.descriptor.full_name}: {error}") from None
        return kind, parsed

    def _type(self, key: bytes, indexes: list[int]) -> _MessageType:
        known = self._types.get(key)
        if known is None:
            try:
                known = _MessageType(self._file.message(indexes), self._name)
            except UnusableSchemaError as error:
                known = str(error)
            self._types[key] = known
        if isinstance(known, str):
            raise DatumError("", f"can not be read: {known}")
        return known

"""The Protobuf converter: Confluent's wire format with message indexes, schemas in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.converters.registry_converter import (
    OwnSchema,
    ReadColumn,
    ReadColumns,
    Reader,
    RegistryConverter,
    Writer,
)
from tidegate.records.avro_names import record_name
from tidegate.records.codec import DatumFault, DecodedColumn, EncodedColumn
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.protobuf.codec import MessageDecoder, MessageEncoder, ProtobufCodec
from tidegate.records.protobuf.from_arrow import protobuf_text
from tidegate.records.protobuf.known_files import known_files
from tidegate.records.protobuf.protobuf_codec import protobuf_codec
from tidegate.records.protobuf.schema_file import SchemaFile, schema_file
from tidegate.records.protobuf.to_arrow import arrow_field
from tidegate.records.schema_error import UnusableSchemaError
from tidegate.records.wire_format import HEADER_SIZE, WireFormatError, read_message_indexes, write_message_indexes
from tidegate.registry_client import Schema, SchemaReference, SchemaType

_MOST_TYPES: Final = 1024
"""Message types whose decoders are kept: what messages claim to be is other people's word."""


class ProtobufConverter(RegistryConverter):
    """Writes Protobuf under the subject's schema and reads whatever message type a message names."""

    language: ClassVar[SchemaType] = "PROTOBUF"
    name: ClassVar[str] = "protobuf"

    def __init__(self) -> None:
        super().__init__()
        self._codec = protobuf_codec()
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
        encoder = self._codec.encoder(file.message(indexes), field)
        return _ProtobufWriter(encoder, write_message_indexes(indexes))

    def reader(self, schema: Schema) -> Reader:
        """See the base class."""
        return _ProtobufReader(self._codec, self._file(schema), self.side)

    def form(self, schema: Schema, record: str = "") -> pa.Field | None:
        """See the base class."""
        file = self._file(self._of_language(schema))
        return arrow_field(file.message(file.indexes(record)), self.side)

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
    def __init__(self, encoder: MessageEncoder, indexes: bytes) -> None:
        self._encoder = encoder
        self._indexes = indexes

    def write(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        return self._encoder.encode(column, prefix + self._indexes)


@dataclass(frozen=True, slots=True)
class _MessageType:
    """How messages at one path of indexes are read."""

    field: pa.Field
    decoder: MessageDecoder


class _ProtobufReader(Reader):
    def __init__(self, codec: ProtobufCodec, file: SchemaFile, name: str) -> None:
        self._codec = codec
        self._file = file
        self._name = name
        self._types: dict[bytes, _MessageType | str] = {}

    def read(self, data: pa.Array) -> ReadColumns:
        columns: list[ReadColumn] = []
        faults: list[DatumFault] = []
        for start, end, indexes in self._codec.runs(data, HEADER_SIZE):
            part = data if end - start == len(data) else data.slice(start, end - start)
            kind = "" if indexes is None else self._type(indexes)
            if isinstance(kind, str):
                faults += [
                    DatumFault(start + row, _why_not(message, kind))
                    for row, message in enumerate(part.to_pylist())
                    if message is not None
                ]
                decoded = _nulls(part)
                field = pa.field(self._name, pa.null())
            else:
                decoded = kind.decoder.decode(part, HEADER_SIZE, indexes or b"")
                faults += [DatumFault(start + fault.row, fault.message) for fault in decoded.faults]
                field = kind.field
            if len(decoded.rows):
                rows = decoded.rows if start == 0 else pc.add(decoded.rows, pa.scalar(start, pa.int32()))
                columns.append(ReadColumn(field, rows, decoded.values))
        return ReadColumns(columns, faults)

    def _type(self, indexes: bytes) -> _MessageType | str:
        """How messages with these indexes are read; a sentence if they can not be."""
        known = self._types.get(indexes)
        if known is None:
            try:
                descriptor = self._file.message(read_message_indexes(indexes)[0])
                known = _MessageType(arrow_field(descriptor, self._name), self._codec.decoder(descriptor))
            except UnusableSchemaError as error:
                known = f"The record can not be read: {error}"
            if len(self._types) >= _MOST_TYPES:
                self._types.clear()
            self._types[indexes] = known
        return known


def _why_not(message: bytes, sentence: str) -> str:
    try:
        read_message_indexes(message[HEADER_SIZE:])
    except WireFormatError as error:
        return str(error)
    return sentence


def _nulls(data: pa.Array) -> DecodedColumn:
    rows = pc.indices_nonzero(data.is_null()).cast(pa.int32())
    return DecodedColumn(rows, pa.nulls(len(rows)))

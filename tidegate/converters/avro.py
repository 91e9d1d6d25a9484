"""The Avro converter: Confluent's wire format, schemas in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from tidegate.converters.options import nulls_stay
from tidegate.converters.registry_converter import (
    OwnSchema,
    ReadColumn,
    ReadColumns,
    Reader,
    RegistryConverter,
    Writer,
)
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_codec import avro_codec
from tidegate.records.avro_names import record_name
from tidegate.records.avro_schema import AvroType, parse_schema
from tidegate.records.avro_to_arrow import arrow_field
from tidegate.records.codec import AvroCodec, ColumnDecoder, ColumnEncoder, EncodedColumn
from tidegate.records.wire_format import HEADER_SIZE
from tidegate.registry_client import RegistryClient, Schema, SchemaType


class AvroConverter(RegistryConverter):
    """Writes Avro under the subject's schema and reads whatever Avro schema a message names.

    Args:
        codec: what writes and reads the data.
    """

    language: ClassVar[SchemaType] = "AVRO"
    name: ClassVar[str] = "avro"

    def __init__(self, codec: AvroCodec | None = None) -> None:
        super().__init__()
        self._codec: AvroCodec = codec or avro_codec()

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class."""
        nulls_stay(config, "ignore.default.for.nullables", value=True)
        super().configure(config, is_key=is_key, registry=registry)

    def own_schema(self, topic: str, field: pa.Field) -> OwnSchema:
        """See the base class."""
        text = avro_schema(field, record_name(topic, is_key=self.is_key))
        parsed = parse_schema(text)
        return OwnSchema(Schema("AVRO", text), parsed.name or parsed.kind)

    def writer(self, schema: Schema, field: pa.Field, topic: str) -> Writer:
        """See the base class."""
        return _AvroWriter(self._codec.encoder(self.parsed(schema), field))

    def reader(self, schema: Schema) -> Reader:
        """See the base class."""
        parsed = self.parsed(schema)
        return _AvroReader(arrow_field(parsed, self.side), self._codec.decoder(parsed))

    def form(self, schema: Schema, record: str = "") -> pa.Field | None:
        """See the base class."""
        return arrow_field(self.parsed(schema), self.side)

    def parsed(self, schema: Schema) -> AvroType:
        """A schema with all that it refers to.

        Raises:
            FatalError: it is not valid, or what it refers to is gone.
        """
        return parse_schema(self._of_language(schema).text, [inner.text for inner in self.referenced(schema).values()])


class _AvroWriter(Writer):
    def __init__(self, encoder: ColumnEncoder) -> None:
        self._encoder = encoder

    def write(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        return self._encoder.encode(column, prefix)


class _AvroReader(Reader):
    def __init__(self, field: pa.Field, decoder: ColumnDecoder) -> None:
        self._field = field
        self._decoder = decoder

    def read(self, data: pa.Array) -> ReadColumns:
        decoded = self._decoder.decode(data, HEADER_SIZE)
        return ReadColumns([ReadColumn(self._field, decoded.rows, decoded.values)], decoded.faults)

"""The Avro codec on Arrow kernels: pure Python, a column at a time."""

from __future__ import annotations

import pyarrow as pa

from tidegate.records.avro_resolution import resolving_decoder
from tidegate.records.avro_schema import AvroType
from tidegate.records.codec import ColumnDecoder, ColumnEncoder
from tidegate.records.columnar_decoder import ColumnarDecoder
from tidegate.records.columnar_encoder import ColumnarEncoder


class ColumnarCodec:
    """Implements :class:`~tidegate.records.codec.AvroCodec`."""

    def encoder(self, schema: AvroType, field: pa.Field) -> ColumnEncoder:
        """See the protocol."""
        return ColumnarEncoder(schema, field)

    def decoder(self, schema: AvroType, reader: AvroType | None = None) -> ColumnDecoder:
        """See the protocol."""
        return resolving_decoder(ColumnarDecoder(schema), schema, reader)

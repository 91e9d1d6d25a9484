"""Every Avro codec of this installation: what one gives, the others must."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from tidegate import native
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_resolution import resolving_decoder
from tidegate.records.avro_schema import AvroType, parse_schema
from tidegate.records.codec import AvroCodec, ColumnDecoder, DatumFault, DecodedColumn, EncodedColumn
from tidegate.records.columnar_codec import ColumnarCodec
from tidegate.records.columnar_decoder import ColumnarDecoder
from tidegate.records.native_codec import NativeCodec


class RowWiseCodec(ColumnarCodec):
    """The columnar codec, reading by rows however many there are."""

    def decoder(self, schema: AvroType, reader: AvroType | None = None) -> ColumnDecoder:
        return resolving_decoder(ColumnarDecoder(schema, row_wise_below=1 << 30), schema, reader)


class ByColumnsCodec(ColumnarCodec):
    """The columnar codec, reading by columns however few rows there are."""

    def decoder(self, schema: AvroType, reader: AvroType | None = None) -> ColumnDecoder:
        return resolving_decoder(ColumnarDecoder(schema, row_wise_below=0), schema, reader)


CODECS: Mapping[str, AvroCodec] = {
    "columns": ByColumnsCodec(),
    "rows": RowWiseCodec(),
    **({} if native.extension is None else {"native": NativeCodec(native.extension)}),
}


def encode(field: pa.Field, column: pa.Array, schema: str | None = None, prefix: bytes = b"") -> EncodedColumn:
    """Encodes with every codec, which must give the same."""
    parsed = parse_schema(schema or avro_schema(field, "test.Value"))
    first, *others = (codec.encoder(parsed, field).encode(column, prefix) for codec in CODECS.values())
    for other in others:
        assert other.data.equals(first.data)
        assert _comparable(other.faults) == _comparable(first.faults)
    return others[-1]


def decode(schema: str, data: Sequence[bytes | None], reader: str | None = None) -> DecodedColumn:
    """Decodes with every codec, which must give the same."""
    parsed, messages = parse_schema(schema), pa.array(data, pa.binary())
    wanted = None if reader is None else parse_schema(reader)
    first, *others = (codec.decoder(parsed, wanted).decode(messages) for codec in CODECS.values())
    for other in others:
        other.values.validate(full=True)
        assert other.values.equals(first.values)
        assert other.rows.equals(first.rows)
        assert list(other.faults) == list(first.faults)
    return others[-1]


def _comparable(faults: Sequence[DatumFault]) -> list[tuple[int, str]]:
    """Faults without the value, of which each codec shows what it has."""
    return [(fault.row, re.sub(r"is .*, which does not fit", "does not fit", fault.message)) for fault in faults]

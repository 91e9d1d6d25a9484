"""Avro object container files (Avro 1.12 specification, section "Object Container Files")."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from tidegate.connectors.s3.file_format import FileFormat, Formed, RowWriter
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_codec import avro_codec
from tidegate.records.avro_names import record_name
from tidegate.records.avro_schema import parse_schema
from tidegate.records.avro_varint import encode_long
from tidegate.records.codec import ColumnEncoder, SchemaMismatchError
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.schema_error import UnusableSchemaError

_MAGIC = b"Obj\x01"
_SYNC_SIZE = 16
_BLOCK_BYTES = 256 * 1024
_GATHER_BYTES = 1024 * 1024
_SCHEMA = b"avro.schema"
_CODEC = b"avro.codec"
_MAX_ENCODERS = 1000


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _snappy(data: bytes) -> bytes:
    packed = pa.compress(data, codec="snappy", asbytes=True)
    return bytes(packed) + zlib.crc32(data).to_bytes(4, "big")


def _zstandard(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda data: data,
    "deflate": _deflate,
    "snappy": _snappy,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstandard": _zstandard,
}
"""Codecs of a file's blocks, by the specification's names."""


class AvroFormat(FileFormat):
    """Rows become data of a schema made of their Arrow type; blocks of them are compressed.

    Args:
        codec: a name in :data:`CODECS`.
    """

    def __init__(self, codec: str) -> None:
        super().__init__("avro", _GATHER_BYTES, 0)
        self._codec = codec
        self._encoders: dict[tuple[str, bytes], tuple[str, ColumnEncoder]] = {}

    def refusal(self, kind: pa.DataType) -> str | None:
        """See the base class."""
        return None

    def form(self, topic: str, value: pa.Array, name: str | None) -> Formed:
        """See the base class."""
        try:
            text, encoder = self._encoder(topic, value.type, name)
        except (UnusableSchemaError, SchemaMismatchError) as error:
            nothing = pa.RecordBatch.from_arrays([pa.nulls(len(value), pa.binary())], names=["datum"])
            return Formed(nothing, dict.fromkeys(range(len(value)), str(error)))
        encoded = encoder.encode(value)
        schema = pa.schema([pa.field("datum", pa.binary())], metadata={_SCHEMA: text.encode()})
        rows = pa.RecordBatch.from_arrays([encoded.data.cast(pa.binary())], schema=schema)
        return Formed(rows, {fault.row: fault.message for fault in encoded.faults})

    def writer(self, file: io.RawIOBase, schema: pa.Schema) -> RowWriter:
        """See the base class."""
        assert schema.metadata is not None
        return _AvroWriter(file, schema.metadata[_SCHEMA], self._codec)

    def _encoder(self, topic: str, kind: pa.DataType, name: str | None) -> tuple[str, ColumnEncoder]:
        name = name or record_name(topic, is_key=False)
        field = pa.field("value", kind, metadata={SCHEMA_NAME: name.encode()} if pa.types.is_struct(kind) else None)
        key = (name, pa.schema([field]).serialize().to_pybytes())
        known = self._encoders.get(key)
        if known is None:
            if len(self._encoders) >= _MAX_ENCODERS:
                self._encoders.clear()
            text = avro_schema(field, name)
            known = self._encoders[key] = (text, avro_codec().encoder(parse_schema(text), field))
        return known


class _AvroWriter(RowWriter):
    def __init__(self, file: io.RawIOBase, schema: bytes, codec: str) -> None:
        self._file = file
        self._compress = CODECS[codec]
        self._sync = os.urandom(_SYNC_SIZE)
        entries = [(_SCHEMA, schema), (_CODEC, codec.encode())]
        header = b"".join(_bytes(key) + _bytes(value) for key, value in entries)
        file.write(_MAGIC + encode_long(len(entries)) + header + encode_long(0) + self._sync)

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        for batch in batches:
            for count, data in blocks(batch.column(0), _BLOCK_BYTES):
                packed = self._compress(data)
                self._file.write(encode_long(count) + encode_long(len(packed)) + packed + self._sync)

    def close(self) -> None:
        pass


def blocks(data: pa.Array, size: int) -> list[tuple[int, bytes]]:
    """Consecutive entries of a binary array put together.

    Args:
        data: n entries, none null.
        size: bytes of a block at least, but for the last one.

    Returns:
        How many entries a block has, and its bytes.
    """
    if not len(data):
        return []
    _, offsets, contents = data.buffers()
    ends = np.frombuffer(offsets, np.int32)[data.offset : data.offset + len(data) + 1]
    found = []
    start = 0
    while start < len(data):
        end = min(int(np.searchsorted(ends, ends[start] + size)), len(data))
        end = max(end, start + 1)
        found.append((end - start, contents[int(ends[start]) : int(ends[end])].to_pybytes() if contents else b""))
        start = end
    return found


def _bytes(data: bytes) -> bytes:
    return encode_long(len(data)) + data

"""Files of JSON lines, and of bytes as they came."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.s3.avro_format import blocks
from tidegate.connectors.s3.file_format import FileFormat, Formed, RowWriter
from tidegate.converters.json_values import json_values
from tidegate.records.json_columns import connect_texts

_GATHER_BYTES = 1024 * 1024
_COLUMN = "text"

Compress = Callable[[bytes], bytes]


def compression(kind: str, level: int) -> tuple[str, Compress | None]:
    """Suffix of file names and the function of ``s3.compression.type`` and ``s3.compression.level``."""
    if kind == "none":
        return "", None
    # Each gathering is a gzip member of its own (RFC 1952, section 2.2): no state is held by open files.
    return ".gz", lambda data: gzip.compress(data, level if level >= 0 else 6, mtime=0)


class JsonFormat(FileFormat):
    """One JSON value a line, in the forms of Kafka Connect's JsonConverter without schemas.

    Args:
        suffix: of the compression.
        compress: compresses; None for plain text.
        numeric_decimals: decimals as numbers rather than base64.
    """

    def __init__(self, suffix: str, compress: Compress | None, *, numeric_decimals: bool) -> None:
        super().__init__(f"json{suffix}", _GATHER_BYTES, 0)
        self._compress = compress
        self._numeric = numeric_decimals

    def refusal(self, kind: pa.DataType) -> str | None:
        """See the base class."""
        return None

    def form(self, topic: str, value: pa.Array, name: str | None) -> Formed:
        """See the base class."""
        texts = None if self._numeric else connect_texts(value, b"", b"\n")
        if texts is not None:
            return Formed(_rows(texts.cast(pa.binary())))
        lines: list[bytes] = []
        faults: dict[int, str] = {}
        for row, each in enumerate(json_values(value, numeric_decimals=self._numeric)):
            try:
                lines.append(orjson.dumps(each, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE))
            except orjson.JSONEncodeError as error:
                lines.append(b"")
                faults[row] = f"the value can not be written as JSON: {error}"
        return Formed(_rows(pa.array(lines, pa.binary())), faults)

    def writer(self, file: io.RawIOBase, schema: pa.Schema) -> RowWriter:
        """See the base class."""
        return _TextWriter(file, self._compress)


class ByteArrayFormat(FileFormat):
    """Values as they came, each followed by a separator.

    Args:
        extension: ``format.bytearray.extension``.
        separator: ``format.bytearray.separator``.
        suffix: of the compression.
        compress: compresses; None for plain bytes.
    """

    def __init__(self, extension: str, separator: bytes, suffix: str, compress: Compress | None) -> None:
        super().__init__(f"{extension.lstrip('.')}{suffix}", _GATHER_BYTES, 0)
        self._separator = separator
        self._compress = compress

    def refusal(self, kind: pa.DataType) -> str | None:
        """See the base class."""
        types = pa.types
        if any(is_kind(kind) for is_kind in (types.is_binary, types.is_large_binary, types.is_string)):
            return None
        return f"the value is {kind}, not bytes: use value.converter=bytes or string, or another format.class"

    def form(self, topic: str, value: pa.Array, name: str | None) -> Formed:
        """See the base class."""
        return Formed(_rows(pc.binary_join_element_wise(value.cast(pa.binary()), self._separator, b"")))

    def writer(self, file: io.RawIOBase, schema: pa.Schema) -> RowWriter:
        """See the base class."""
        return _TextWriter(file, self._compress)


class _TextWriter(RowWriter):
    def __init__(self, file: io.RawIOBase, compress: Compress | None) -> None:
        self._file = file
        self._compress = compress

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        data = b"".join(text for batch in batches for _, text in blocks(batch.column(0), _GATHER_BYTES))
        if data:
            self._file.write(data if self._compress is None else self._compress(data))

    def close(self) -> None:
        pass


def _rows(texts: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([texts], names=[_COLUMN])

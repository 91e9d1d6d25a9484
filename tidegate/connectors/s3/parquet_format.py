"""Parquet files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.connectors.s3.file_format import FileFormat, Formed, RowWriter
from tidegate.connectors.s3.placeholders import with_placeholders

_ARROW_CODECS = {"uncompressed": "none"}
_EXTENSIONS = {"none": "parquet", "gzip": "gz.parquet"}
# Measured over thousands of open writers.
_OPEN_BYTES = 64 * 1024


class ParquetFormat(FileFormat):
    """Rows become row groups.

    Args:
        codec: ``parquet.codec``.
        row_group_bytes: rows are gathered up to so many bytes of Arrow memory a row group.
    """

    def __init__(self, codec: str, row_group_bytes: int) -> None:
        self._codec = _ARROW_CODECS.get(codec, codec)
        super().__init__(_EXTENSIONS.get(self._codec, f"{self._codec}.parquet"), row_group_bytes, _OPEN_BYTES)

    def refusal(self, kind: pa.DataType) -> str | None:
        """See the base class."""
        if pa.types.is_struct(kind):
            return None
        return f"the value is {kind}, not a record: Parquet needs one; use a converter with schemas"

    def form(self, topic: str, value: pa.Array, name: str | None) -> Formed:
        """See the base class."""
        columns = [with_placeholders(value.field(index)) for index in range(value.type.num_fields)]
        bare = pa.schema([field.remove_metadata() for field in value.type])
        return Formed(pa.RecordBatch.from_arrays(columns, schema=bare))

    def writer(self, file: io.RawIOBase, schema: pa.Schema) -> RowWriter:
        """See the base class."""
        return _ParquetWriter(file, schema, self._codec)


class _ParquetWriter(RowWriter):
    def __init__(self, file: io.RawIOBase, schema: pa.Schema, codec: str) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression=codec)

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        table: Any = pa.Table.from_batches(list(batches), self._schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        self._writer.close()

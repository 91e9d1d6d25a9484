"""Parquet files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.connectors.s3.dictionary_columns import dictionary_columns
from tidegate.connectors.s3.file_format import FileFormat, Formed, RowWriter
from tidegate.connectors.s3.placeholders import with_placeholders

_ARROW_CODECS = {"uncompressed": "none"}
_EXTENSIONS = {"none": "parquet", "gzip": "gz.parquet"}
# Measured over thousands of open writers.
_OPEN_BYTES = 64 * 1024
# Looking at a column's values costs a part of what a needless dictionary costs.
_FILES_ALIKE = 16
_MOST_SCHEMAS = 1000


class ParquetFormat(FileFormat):
    """Rows become row groups.

    Args:
        codec: ``parquet.codec``.
        row_group_bytes: rows are gathered up to so many bytes of Arrow memory a row group.
    """

    def __init__(self, codec: str, row_group_bytes: int) -> None:
        self._codec = _ARROW_CODECS.get(codec, codec)
        super().__init__(_EXTENSIONS.get(self._codec, f"{self._codec}.parquet"), row_group_bytes, _OPEN_BYTES)
        self._chosen: dict[pa.Schema, tuple[list[str], int]] = {}

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
        return _ParquetWriter(file, schema, self._codec, self._dictionaries)

    def _dictionaries(self, table: pa.Table) -> list[str]:
        """The columns to write with a dictionary; looked at for one of several files of a schema."""
        known, files = self._chosen.get(table.schema, ([], 0))
        if not files:
            if len(self._chosen) >= _MOST_SCHEMAS:
                self._chosen.clear()
            known, files = dictionary_columns(table), _FILES_ALIKE
        self._chosen[table.schema] = known, files - 1
        return known


class _ParquetWriter(RowWriter):
    """Begins the file with its first rows, for they tell how it is best written.

    Args:
        file: takes the bytes.
        schema: of the rows.
        codec: pyarrow's name.
        dictionaries: gives the columns with a dictionary for the first rows.
    """

    def __init__(
        self, file: io.RawIOBase, schema: pa.Schema, codec: str, dictionaries: Callable[[pa.Table], list[str]]
    ) -> None:
        self._file = file
        self._schema = schema
        self._codec = codec
        self._dictionaries = dictionaries
        self._writer: pq.ParquetWriter | None = None

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        table: Any = pa.Table.from_batches(list(batches), self._schema)
        if self._writer is None:
            self._writer = self._begun(self._dictionaries(table))
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        (self._writer or self._begun([])).close()

    def _begun(self, dictionaries: list[str]) -> pq.ParquetWriter:
        sink = pa.PythonFile(self._file, mode="w")
        # An empty list would mean all of them.
        chosen: list[str] | bool = dictionaries or False
        return pq.ParquetWriter(sink, self._schema, compression=self._codec, use_dictionary=chosen)

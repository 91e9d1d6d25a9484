"""A data file in the making: rows become row groups of one Parquet file in one partition."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import data_file_statistics_from_parquet_metadata
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionKey
from pyiceberg.table import TableProperties
from pyiceberg.typedef import Record

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.layout import Layout
from tidegate.errors import TidegateError

_ROW_GROUP_BYTES = 32 * 1024 * 1024
_SMALLEST_ROW_GROUP = 64 * 1024
_UPLOAD_BUFFER = 10 * 1024 * 1024
_ARROW_CODECS = {"uncompressed": "none"}


class TornFileError(TidegateError):
    """Writing a file broke off: its rows are lost to this attempt, which has to start anew from committed offsets."""


class OpenDataFile:
    """One open data file. Nobody sees it before a snapshot names it.

    Args:
        layout: the table's.
        key: its partition; None in a table without.
    """

    def __init__(self, layout: Layout, key: PartitionKey | None) -> None:
        self.path = layout.new_data_location(key)
        self.rows = 0
        self._layout = layout
        self._key = key
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._output = layout.io.new_output(self.path)
        self._stream: Any = None
        self._writer: pq.ParquetWriter | None = None

    @property
    def memory(self) -> int:
        """Bytes held: rows not yet in a row group, and what the upload buffers."""
        return self._pending_bytes + min(self._written, _UPLOAD_BUFFER)

    @property
    def full(self) -> bool:
        """Whether it has reached the table's target size."""
        return self._written >= self._layout.target_bytes

    @property
    def due(self) -> bool:
        """Whether the rows held are enough for a row group."""
        room = max(_SMALLEST_ROW_GROUP, self._layout.target_bytes - self._written)
        return self._pending_bytes >= min(_ROW_GROUP_BYTES, room)

    def append(self, rows: pa.RecordBatch) -> None:
        """Takes rows of the layout's Arrow schema into memory."""
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        self.rows += rows.num_rows

    def write(self) -> None:
        """Writes the rows held as a row group.

        Raises:
            TornFileError: the store is away.
        """
        if not self._pending:
            return
        table: Any = pa.Table.from_batches(self._pending, self._layout.arrow)
        self._pending, self._pending_bytes = [], 0
        try:
            with iceberg_errors(f"write {self.path}"):
                if self._writer is None:
                    self._writer = self._open()
                self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        except TidegateError as error:
            raise TornFileError(error.message, remedy=error.remedy) from error

    def close(self) -> DataFile:
        """Writes the rest and the footer.

        Raises:
            TornFileError: the store is away.
        """
        self.write()
        assert self._writer is not None, "a data file without rows"
        try:
            with iceberg_errors(f"write {self.path}"):
                self._writer.close()
                size = self._stream.tell()
                self._stream.close()
        except TidegateError as error:
            raise TornFileError(error.message, remedy=error.remedy) from error
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=self._writer.writer.metadata,
            stats_columns=self._layout.statistics_plan,
            parquet_column_mapping=self._layout.parquet_paths,
        )
        file = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self.path,
            file_format=FileFormat.PARQUET,
            partition=self._key.partition if self._key is not None else Record(),
            file_size_in_bytes=size,
            sort_order_id=None,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )
        file.spec_id = self._layout.spec.spec_id
        return file

    def abandon(self) -> None:
        """Drops the file, whatever has been written of it."""
        self._pending = []
        if self._stream is not None:
            self._stream.close()
            self._layout.io.delete(self.path)

    @property
    def _written(self) -> int:
        return 0 if self._stream is None else int(self._stream.tell())

    def _open(self) -> pq.ParquetWriter:
        self._stream = self._output.create(overwrite=True)
        codec = self._layout.properties.get(
            TableProperties.PARQUET_COMPRESSION, TableProperties.PARQUET_COMPRESSION_DEFAULT
        )
        return pq.ParquetWriter(
            self._stream,
            self._layout.arrow,
            compression=_ARROW_CODECS.get(codec, codec),
            store_decimal_as_integer=True,
        )

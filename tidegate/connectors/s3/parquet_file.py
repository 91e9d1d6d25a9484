"""A Parquet file in the making: rows become row groups, row groups become parts of an upload."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.connectors.s3.multipart import MultipartFile, Prepared

_SMALLEST_ROW_GROUP = 64 * 1024


class ParquetFile:
    """One open file.

    Args:
        upload: where the bytes go.
        schema: of its rows.
        codec: compression, Arrow's name.
        row_group_bytes: rows are gathered up to so many bytes of Arrow memory a row group.
        max_bytes: size the file should not pass by much; None for no bound.
    """

    def __init__(
        self, upload: MultipartFile, schema: pa.Schema, codec: str, row_group_bytes: int, max_bytes: int | None
    ) -> None:
        self.schema = schema
        self.rows = 0
        self._upload = upload
        self._row_group_bytes = row_group_bytes
        self._max_bytes = max_bytes
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._finished = False
        self._writer = pq.ParquetWriter(pa.PythonFile(upload, mode="w"), schema, compression=codec)

    @property
    def key(self) -> str:
        """The object it will be."""
        return self._upload.key

    @property
    def memory(self) -> int:
        """Bytes held: rows not yet in a row group and bytes not yet at S3."""
        return self._pending_bytes + self._upload.buffered

    @property
    def full(self) -> bool:
        """Whether it has reached its size."""
        return self._max_bytes is not None and self._upload.size >= self._max_bytes

    def append(self, rows: pa.RecordBatch) -> None:
        """Takes rows of the file's schema."""
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        self.rows += rows.num_rows
        bound = self._row_group_bytes
        if self._max_bytes is not None:
            bound = min(bound, max(_SMALLEST_ROW_GROUP, self._max_bytes - self._upload.size))
        if self._pending_bytes >= bound:
            self._write_row_group()

    def shrink(self) -> None:
        """Gives back memory: compresses the rows held, and begins to send what is enough for a part."""
        self._write_row_group()
        self._upload.release()

    def settle(self) -> None:
        """Waits until nothing is on its way to S3.

        Raises:
            RetriableError: S3 is away.
        """
        self._upload.settle()

    def finish(self) -> None:
        """Writes the footer and begins to send the rest; no row can be added any more."""
        if not self._finished:
            self._finished = True
            self._write_row_group()
            self._writer.close()
            self._upload.finish()

    def prepare(self) -> Prepared:
        """Waits until the finished file is at S3, where it stays invisible.

        Raises:
            RetriableError: S3 is away; call it again.
        """
        return self._upload.prepare(self.rows)

    def abort(self) -> None:
        """Drops the file."""
        self._pending.clear()
        self._upload.abort()

    def _write_row_group(self) -> None:
        if self._pending:
            table: Any = pa.Table.from_batches(self._pending, self.schema)
            self._pending, self._pending_bytes = [], 0
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))

"""A file in the making: rows are gathered, written in its format, and become parts of an upload."""

from __future__ import annotations

import pyarrow as pa

from tidegate.connectors.s3.file_format import FileFormat, RowWriter
from tidegate.connectors.s3.multipart import MultipartFile, Prepared

_SMALLEST_GATHERING = 64 * 1024


class DataFile:
    """One open file.

    Args:
        upload: where the bytes go.
        schema: of its rows, as :meth:`FileFormat.form` gives them.
        file_format: how rows are written.
        max_bytes: size the file should not pass by much; None for no bound.
    """

    def __init__(
        self, upload: MultipartFile, schema: pa.Schema, file_format: FileFormat, max_bytes: int | None
    ) -> None:
        self.schema = schema
        self.rows = 0
        self._offsets = (0, 0)
        self._upload = upload
        self._gather_bytes = file_format.gather_bytes
        self._open_bytes = file_format.open_bytes
        self._max_bytes = max_bytes
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._writer: RowWriter | None = file_format.writer(upload, schema)

    @property
    def key(self) -> str:
        """The object it will be."""
        return self._upload.key

    @property
    def first_offset(self) -> int:
        """Kafka offset of its first row."""
        return self._offsets[0]

    @property
    def last_offset(self) -> int:
        """Kafka offset of its last row so far."""
        return self._offsets[1]

    @property
    def memory(self) -> int:
        """Bytes held: rows not yet written and bytes neither at S3 nor on disk."""
        return self._pending_bytes + self._upload.buffered

    @property
    def fixed_memory(self) -> int:
        """Bytes that only finishing it gives back."""
        return 0 if self._writer is None else self._open_bytes

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._upload.size

    @property
    def full(self) -> bool:
        """Whether it has reached its size."""
        return self._max_bytes is not None and self._upload.size >= self._max_bytes

    def append(self, rows: pa.RecordBatch, first_offset: int, last_offset: int) -> None:
        """Takes rows of the file's schema, and the Kafka offsets of the first and the last of them."""
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        self._offsets = (self._offsets[0] if self.rows else first_offset, last_offset)
        self.rows += rows.num_rows
        bound = self._gather_bytes
        if self._max_bytes is not None:
            bound = min(bound, max(_SMALLEST_GATHERING, self._max_bytes - self._upload.size))
        if self._pending_bytes >= bound:
            self._write_pending()

    def shrink(self) -> None:
        """Gives back memory: compresses the rows held, and begins to send what is enough for a part."""
        self._write_pending()
        self._upload.release()

    def spill(self) -> None:
        """Gives back memory: what is too little for a part goes to the local disk, where there is room."""
        self._upload.spill()

    def settle(self) -> None:
        """Waits until nothing is on its way to S3.

        Raises:
            RetriableError: S3 is away.
        """
        self._upload.settle()

    def finish(self) -> None:
        """Writes the end of the file and begins to send the rest; no row can be added any more."""
        if self._writer is not None:
            self._write_pending()
            self._writer.close()
            self._writer = None
            self._upload.finish()

    def prepare(self) -> Prepared:
        """Waits until the finished file is at S3, where it stays invisible.

        Raises:
            RetriableError: S3 is away; call it again.
        """
        return self._upload.prepare(self.rows, *self._offsets)

    def abort(self) -> None:
        """Drops the file."""
        self._pending.clear()
        self._upload.abort()

    def _write_pending(self) -> None:
        if self._pending:
            assert self._writer is not None
            batches, self._pending, self._pending_bytes = self._pending, [], 0
            self._writer.write(batches)

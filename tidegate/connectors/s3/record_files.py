"""The open files of one directory: a file for each view of the same records, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from tidegate.connectors.s3.data_file import DataFile
from tidegate.connectors.s3.multipart import Prepared
from tidegate.connectors.s3.views import rows_of


class RecordFiles:
    """Files that are filled, closed and committed together.

    Args:
        schema: of the rows of all views.
        files: by view; at least one.
    """

    def __init__(self, schema: pa.Schema, files: Mapping[str, DataFile]) -> None:
        self.schema = schema
        self._by_view = files
        self._files = list(files.values())

    @property
    def rows(self) -> int:
        """Rows of each file."""
        return self._files[0].rows

    @property
    def first_offset(self) -> int:
        """Kafka offset of the first row."""
        return self._files[0].first_offset

    @property
    def last_offset(self) -> int:
        """Kafka offset of the last row so far."""
        return self._files[0].last_offset

    @property
    def memory(self) -> int:
        """Bytes held: rows not yet written and bytes neither at S3 nor on disk."""
        return sum(file.memory for file in self._files)

    @property
    def fixed_memory(self) -> int:
        """Bytes that only finishing gives back."""
        return sum(file.fixed_memory for file in self._files)

    @property
    def size(self) -> int:
        """Bytes of the files so far."""
        return sum(file.size for file in self._files)

    @property
    def full(self) -> bool:
        """Whether one has reached its size."""
        return any(file.full for file in self._files)

    def append(self, rows: pa.RecordBatch, first_offset: int, last_offset: int) -> None:
        """Takes rows of the schema, and the Kafka offsets of the first and the last of them."""
        for view, file in self._by_view.items():
            file.append(rows_of(rows, view), first_offset, last_offset)

    def shrink(self) -> None:
        """See :meth:`DataFile.shrink`."""
        for file in self._files:
            file.shrink()

    def spill(self) -> None:
        """See :meth:`DataFile.spill`."""
        for file in self._files:
            file.spill()

    def settle(self) -> None:
        """See :meth:`DataFile.settle`."""
        for file in self._files:
            file.settle()

    def finish(self) -> None:
        """See :meth:`DataFile.finish`."""
        for file in self._files:
            file.finish()

    def prepare(self) -> Sequence[Prepared]:
        """See :meth:`DataFile.prepare`."""
        return [file.prepare() for file in self._files]

    def abort(self) -> None:
        """See :meth:`DataFile.abort`."""
        for file in self._files:
            file.abort()

"""The writer of one table in one task: rows between two commits, as changes for the committer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.iceberg.change import Change, write_files, write_keys
from tidegate.connectors.iceberg.keyed_rows import keys_of, last_of_each
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.partitioned_files import PartitionedFiles
from tidegate.errors import TidegateError


@dataclass(slots=True)
class _Segment:
    """Finished files of one layout."""

    layout: Layout
    manifest: str
    rows: int
    deleted: str


class TableWriter:
    """Takes rows of a table.

    Where rows are only appended they go straight into files. Where they replace each other by key they are held, the
    last of each key is written when there is enough, and each such segment comes after the one before.

    Args:
        layout: the table's.
        id_columns: of the key; empty where rows are only appended.
    """

    def __init__(self, layout: Layout, id_columns: tuple[str, ...]) -> None:
        self.id_columns = id_columns
        self._files = PartitionedFiles(layout)
        self._held: list[tuple[pa.StructArray, pa.Array]] = []
        self._held_bytes = 0
        self._segments: list[_Segment] = []

    @property
    def layout(self) -> Layout:
        """What rows are written with."""
        return self._files.layout

    @property
    def memory(self) -> int:
        """Bytes held."""
        return self._files.memory + self._held_bytes

    @property
    def empty(self) -> bool:
        """Whether there is nothing for a commit."""
        return self._files.empty and not self._held and not self._segments

    def take_layout(self, layout: Layout) -> None:
        """Goes on with another layout; what was written with the one before is finished.

        Raises:
            TornFileError: the store is away.
        """
        if layout is not self.layout:
            self._finish_segment()
            self._files = PartitionedFiles(layout)

    def append(self, rows: pa.StructArray) -> None:
        """Takes rows of the layout's columns; nothing is written yet."""
        self._files.append(rows)

    def change(self, rows: pa.StructArray, deleted: pa.Array) -> None:
        """Takes rows that replace or delete the row of their key; nothing is written yet.

        Args:
            rows: n rows of the layout's columns; of those that delete only the key counts.
            deleted: n booleans.
        """
        self._held.append((rows, deleted))
        self._held_bytes += rows.nbytes

    def write_due(self) -> None:
        """Writes full row groups and closes full files.

        Raises:
            TornFileError: the store is away.
        """
        self._files.write_due()

    def shrink(self, bound: int) -> None:
        """Gives back memory down to a bound, by closing files early if need be.

        Raises:
            TornFileError: the store is away.
        """
        if self._held_bytes > bound:
            self._finish_segment()
            return
        files = sorted(self._files.open_files(), key=lambda file: file.memory, reverse=True)
        for file in files:
            if self.memory <= bound:
                return
            file.write()
        for file in files:
            if self.memory <= bound:
                return
            self._files.close_file(file)

    def seal(self, offsets: Mapping[str, int]) -> list[Change]:
        """Finishes all files and describes what was taken since the last seal.

        Args:
            offsets: ``topic:partition`` to the source offset after the last record taken.

        Raises:
            TornFileError: the store is away.
        """
        self._finish_segment()
        changes = [
            Change(
                segment.layout.table,
                segment.layout.table_uuid,
                segment.layout.spec.spec_id,
                segment.manifest,
                segment.rows,
                self.id_columns,
                segment.deleted,
                offsets,
            )
            for segment in self._segments
        ]
        self._segments = []
        return changes

    def abandon(self) -> None:
        """Drops what is not sealed, as far as the store lets us."""
        try:
            self._files.abandon()
        except (TidegateError, OSError):
            # The clean command finds it.
            return

    def _finish_segment(self) -> None:
        layout = self.layout
        deleted = ""
        if self._held:
            rows: pa.StructArray = pa.concat_arrays([rows for rows, _ in self._held])
            gone: pa.Array = pa.concat_arrays([deleted for _, deleted in self._held])
            self._held, self._held_bytes = [], 0
            last = last_of_each(keys_of(rows, self.id_columns))
            rows, gone = rows.take(last), gone.take(last)
            self._files.append(rows.filter(pc.invert(gone)))
            self._files.write_due()
            deleted = write_keys(layout, keys_of(rows.filter(gone), self.id_columns))
        files = self._files.close()
        if files or deleted:
            manifest = write_files(layout, files)
            self._segments.append(_Segment(layout, manifest, sum(file.record_count for file in files), deleted))

"""The files of one topic partition between two commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.s3.multipart import Prepared
from tidegate.connectors.s3.record_files import RecordFiles
from tidegate.connectors.s3.rotation import Rotation

OpenFile = Callable[[str, int, pa.Schema], RecordFiles]
"""Opens the files for a directory, the offset of their first record and a schema."""


@dataclass(slots=True)
class _Open:
    file: RecordFiles
    first_time_ms: int


@dataclass(slots=True)
class Commit:
    """What is prepared under one offset.

    Args:
        offset: the offset.
        manifest: key of the manifest.
        files: all files it makes visible.
    """

    offset: int
    manifest: str
    files: Sequence[Prepared] = field(default_factory=tuple)


class PartitionWriter:
    """Sorts rows into files by directory; closes files that are full; those up to an offset make a commit.

    Args:
        open_file: opens a file.
        rotation: when files are full.
        position: the offset committed last; -1 if none.
        manifest: key of that commit's manifest; None if it has none.
    """

    def __init__(self, open_file: OpenFile, rotation: Rotation, position: int, manifest: str | None = None) -> None:
        self.position = position
        self.manifest = manifest
        self.prepared: Commit | None = None
        """Prepared, but not known to be committed."""
        self._open_file = open_file
        self._rotation = rotation
        self._open: dict[str, _Open] = {}
        self._closed: list[RecordFiles] = []
        self._due = False
        self._scheduled_ms: int | None = None

    def append(self, directory: str, rows: pa.RecordBatch, offsets: pa.Array, times_ms: pa.Array, now_ms: int) -> None:
        """Takes rows of one directory.

        Args:
            directory: below the root.
            rows: n rows in the form they are written in.
            offsets: n Kafka offsets, ascending.
            times_ms: n record times, int64 milliseconds.
            now_ms: the wall clock.
        """
        start = 0
        while start < rows.num_rows:
            current = self._open.get(directory)
            if current is not None and not current.file.schema.equals(rows.schema, check_metadata=True):
                self._close(directory)
                current = None
            if current is not None and self._interval_over(current, times_ms[start].as_py()):
                self._close(directory)
                current = None
            if current is None:
                file = self._open_file(directory, offsets[start].as_py(), rows.schema)
                current = self._open[directory] = _Open(file, times_ms[start].as_py())
                if self._scheduled_ms is None:
                    self._scheduled_ms = self._rotation.next_schedule(now_ms)
            count = min(rows.num_rows - start, self._rotation.rows - current.file.rows)
            count = self._within_interval(current, times_ms.slice(start, count))
            last = start + count - 1
            current.file.append(rows.slice(start, count), offsets[start].as_py(), offsets[last].as_py())
            start += count
            if current.file.rows >= self._rotation.rows or current.file.full:
                self._close(directory)

    @property
    def memory(self) -> int:
        """Bytes held by files that are not at S3 yet."""
        return sum(file.memory for file in self.files())

    def open_files(self) -> Iterator[tuple[str, RecordFiles]]:
        """The open files with their directories."""
        return ((directory, current.file) for directory, current in self._open.items())

    def files(self) -> Iterator[RecordFiles]:
        """The files since the last known commit, open or closed."""
        yield from (current.file for current in self._open.values())
        yield from self._closed

    def close_file(self, directory: str) -> None:
        """Closes one file early, to give back its memory; a commit is then due."""
        self._close(directory)

    @property
    def empty(self) -> bool:
        """Whether no row waits for a commit."""
        return not self._open and not self._closed and self.prepared is None

    def due(self, now_ms: int) -> bool:
        """Whether a file is full, or the schedule says so."""
        return self._due or self.scheduled(now_ms)

    def scheduled(self, now_ms: int) -> bool:
        """Whether the schedule wants every file closed."""
        return self._scheduled_ms is not None and now_ms >= self._scheduled_ms

    def boundary(self, position: int) -> int:
        """The offset a commit of the closed files may have.

        Where all of them end before the first open file begins, as in a partitioner by Kafka partition or by growing
        time, that is where it begins, and it may go on growing to its full size. Otherwise it is ``position``, up to
        which the open files have to be closed as well.
        """
        begins = min((current.file.first_offset for current in self._open.values()), default=position)
        return begins if all(file.last_offset < begins for file in self._closed) else position

    def seal(self, offset: int, finish: Callable[[Sequence[RecordFiles]], object]) -> Sequence[Prepared]:
        """Closes the open files that begin before an offset, and returns every file since the last known commit.

        Args:
            offset: the next one to be read: a :meth:`boundary`, or the position.
            finish: finishes files, side by side where possible.

        Raises:
            RetriableError: S3 is away; call it again.
        """
        began = [directory for directory, current in self._open.items() if current.file.first_offset < offset]
        opened = [self._open.pop(directory).file for directory in began]
        self._closed += opened
        finish(opened)
        earlier = self.prepared.files if self.prepared is not None else ()
        return (*earlier, *(prepared for file in self._closed for prepared in file.prepare()))

    def set_prepared(self, commit: Commit) -> None:
        """Notes that a manifest describes all sealed files."""
        self.prepared = commit
        self._closed.clear()
        self._due = False
        if not self._open:
            self._scheduled_ms = None

    def set_committed(self) -> None:
        """Notes that what was prepared is visible."""
        if self.prepared is not None:
            self.position = self.prepared.offset
            self.manifest = self.prepared.manifest
            self.prepared = None

    def _close(self, directory: str) -> None:
        file = self._open.pop(directory).file
        self._closed.append(file)
        file.finish()
        self._due = True

    def _interval_over(self, current: _Open, time_ms: int) -> bool:
        interval = self._rotation.record_interval_ms
        return interval is not None and time_ms >= current.first_time_ms + interval

    def _within_interval(self, current: _Open, times_ms: pa.Array) -> int:
        interval = self._rotation.record_interval_ms
        if interval is None:
            return len(times_ms)
        end = pc.index(pc.greater_equal(times_ms, current.first_time_ms + interval), True).as_py()
        return len(times_ms) if end < 0 else int(end)

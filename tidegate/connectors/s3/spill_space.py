"""Spill space: bytes of open files on the local disk, so that many of them need little memory."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field
from typing import IO

_SEGMENT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True, eq=False)
class _Segment:
    """A file without a name: it goes when it is closed, or with the process."""

    file: IO[bytes]
    size: int = 0
    extents: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """Where some bytes are."""

    segment: _Segment = field(repr=False)
    start: int
    length: int


class SpillSpace:
    """Room on the local disk.

    What is written goes to the end of one file until it is large, then to another; a file goes when none of its bytes
    is wanted any more. So the number of open files does not grow with what is spilled.

    Args:
        directory: where; the system's directory for temporary files if None.
        most_bytes: bytes on disk at most.
    """

    def __init__(self, directory: str | None, most_bytes: int) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._segments: list[_Segment] = []

    @property
    def used(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    def write(self, data: bytes) -> Extent | None:
        """Stores bytes; None when there is no room, or the disk will not have them."""
        with self._lock:
            if self.used + len(data) > self._most_bytes:
                return None
            try:
                segment = self._current()
                segment.file.seek(segment.size)
                segment.file.write(data)
                segment.file.flush()
            except OSError:
                return None
            extent = Extent(segment, segment.size, len(data))
            segment.size += len(data)
            segment.extents += 1
            return extent

    def read(self, extent: Extent) -> bytes:
        """The bytes of an extent."""
        with self._lock:
            extent.segment.file.seek(extent.start)
            return extent.segment.file.read(extent.length)

    def free(self, extent: Extent) -> None:
        """Says that an extent is not wanted any more."""
        with self._lock:
            segment = extent.segment
            segment.extents -= 1
            if not segment.extents:
                self._segments.remove(segment)
                segment.file.close()

    def close(self) -> None:
        """Gives everything back to the disk."""
        with self._lock:
            for segment in self._segments:
                segment.file.close()
            self._segments.clear()

    def _current(self) -> _Segment:
        if not self._segments or self._segments[-1].size >= _SEGMENT_BYTES:
            file = tempfile.TemporaryFile(dir=self._directory, prefix="tidegate-spill-")  # noqa: SIM115 - kept open
            self._segments.append(_Segment(file))
        return self._segments[-1]

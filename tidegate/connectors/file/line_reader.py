"""Tailing a file by whole lines."""

from __future__ import annotations

import os
from collections import deque
from io import BufferedReader
from pathlib import Path

from tidegate.errors import FatalError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_READ_BYTES = 4 * 1024 * 1024


class LineReader:
    """Reads the complete lines of a file that may grow, be replaced, or not exist yet.

    Args:
        path: the file.
        position: byte to begin at: the start of a line.
        line_max: bytes of a line at most.
    """

    def __init__(self, path: Path, position: int, line_max: int) -> None:
        self.position = position
        """The byte after the last line given."""
        self._path = path
        self._line_max = line_max
        self._file: BufferedReader | None = None
        self._at = position
        self._ready: deque[bytes] = deque()
        self._tail = b""
        self._dropped = 0

    def read(self, limit: int) -> list[tuple[bytes, int]]:
        """The next complete lines that are not blank, each with the position after it; none when there are none yet.

        A line longer than ``line_max`` is cut down to its first bytes, longer than that by one.

        Raises:
            FatalError: the file can not be read.
        """
        if not self._ready:
            self._fill()
        lines: list[tuple[bytes, int]] = []
        while self._ready and len(lines) < limit:
            line = self._ready.popleft()
            self.position += len(line) + 1 + self._dropped
            self._dropped = 0
            if line.strip():
                lines.append((line[: self._line_max + 1].removesuffix(b"\r"), self.position))
        return lines

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _fill(self) -> None:
        file = self._opened()
        if file is None:
            return
        if os.fstat(file.fileno()).st_size < self._at:
            log.warning("file_truncated", file=str(self._path), position=self.position)
            self._restart()
            return
        file.seek(self._at)
        data = file.read(_READ_BYTES)
        if not data:
            self._end_of_file(file)
            return
        self._at += len(data)
        *lines, self._tail = (self._tail + data).split(b"\n")
        self._ready.extend(lines)
        excess = len(self._tail) - self._line_max - 1
        if excess > 0 and not lines:
            # Only the line's beginning is worth keeping: it is halted once its end has been found.
            self._tail = self._tail[:-excess]
            self._dropped += excess

    def _end_of_file(self, file: BufferedReader) -> None:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return
        was = os.fstat(file.fileno())
        if (now.st_dev, now.st_ino) == (was.st_dev, was.st_ino):
            return
        if self._tail:
            # Nobody will end the replaced file's last line any more.
            self._ready.append(self._tail)
            self._tail = b""
            self._at += 1
            return
        log.info("file_replaced", file=str(self._path), position=self.position)
        self._restart()

    def _opened(self) -> BufferedReader | None:
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return None
            except OSError as error:
                raise FatalError(f"Cannot read {self._path}: {error.strerror}.", remedy="Check file.") from error
        return self._file

    def _restart(self) -> None:
        self.close()
        self.position = self._at = self._dropped = 0
        self._ready.clear()
        self._tail = b""

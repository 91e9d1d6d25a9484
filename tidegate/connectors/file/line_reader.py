"""Tailing a file by whole lines, as columns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.errors import FatalError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_READ_BYTES = 4 * 1024 * 1024
_LINE_FEED = 10
_SPACE = 32


class Lines:
    """Lines that are not blank.

    Args:
        texts: binary array of the lines with what ends them, a view of what was read.
        ends: position in the file after each line, ends included.
        line_max: bytes of a line at most.
    """

    def __init__(self, texts: pa.Array, ends: npt.NDArray[np.int64], line_max: int) -> None:
        self.texts = texts
        self.ends = ends
        self._line_max = line_max

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        """A line and the position after it; of one that is too long the first bytes, one more than it may have."""
        line: bytes = self.texts[row].as_py()
        return line.removesuffix(b"\n")[: self._line_max + 1].removesuffix(b"\r"), int(self.ends[row])

    @property
    def may_be_too_long(self) -> bool:
        """Whether one has more bytes than it may have; also so if only the end of a line makes it that long."""
        offsets = np.frombuffer(self.texts.buffers()[1], np.int32)[self.texts.offset :][: len(self) + 1]
        return bool((np.diff(offsets) > self._line_max).any())

    def slice(self, start: int, end: int) -> Lines:
        """Those from one row to before another."""
        return Lines(self.texts[start:end], self.ends[start:end], self._line_max)


class LineReader:
    """Reads the complete lines of a file that may grow, be replaced, or not exist yet.

    Args:
        path: the file.
        position: byte to begin at: the start of a line.
        line_max: bytes of a line at most.
    """

    def __init__(self, path: Path, position: int, line_max: int) -> None:
        self._path = path
        self._line_max = line_max
        self._file: BufferedReader | None = None
        self._at = position
        self._tail = b""
        self._cut_text = False
        self._ready = self._no_lines()
        self._given = 0

    def read(self, limit: int) -> Lines:
        """The next complete lines that are not blank; none when there are none yet.

        Raises:
            FatalError: the file can not be read.
        """
        if self._given == len(self._ready):
            self._ready, self._given = self._no_lines(), 0
            self._fill()
        start, self._given = self._given, min(self._given + limit, len(self._ready))
        return self._ready.slice(start, self._given)

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
            log.warning("file_truncated", file=str(self._path), position=self._at)
            self._restart()
            return
        file.seek(self._at)
        data = file.read(_READ_BYTES)
        if not data:
            self._end_of_file(file)
            return
        self._at += len(data)
        block = self._tail + data
        bytes_ = np.frombuffer(block, np.uint8)
        bounds = np.concatenate(([0], np.flatnonzero(bytes_ == _LINE_FEED) + 1))
        self._tail = block[bounds[-1] :]
        if len(bounds) > 1:
            self._ready = self._lines(block, bytes_, bounds)
        elif len(self._tail) > self._line_max + 1:
            # Only the line's beginning is worth keeping: it is halted once its end has been found.
            self._cut_text |= bool(self._tail[self._line_max + 1 :].strip())
            self._tail = self._tail[: self._line_max + 1]

    def _lines(self, block: bytes, bytes_: npt.NDArray[np.uint8], bounds: npt.NDArray[Any]) -> Lines:
        # Counted from the block's end: of a line that is too long the middle is not in the block.
        ends = bounds[1:] + (self._at - len(block))
        texts = pa.Array.from_buffers(
            pa.binary(), len(ends), [None, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(block)]
        )
        maybe_blank = np.flatnonzero(bytes_[bounds[:-1]] <= _SPACE)
        blank = [row for row in maybe_blank if not block[bounds[row] : bounds[row + 1]].strip()]
        if self._cut_text and blank[:1] == [0]:
            del blank[0]
        self._cut_text = False
        if blank:
            kept = np.delete(np.arange(len(ends)), blank)
            texts, ends = texts.take(pa.array(kept)), ends[kept]
        return Lines(texts, ends, self._line_max)

    def _no_lines(self) -> Lines:
        return Lines(pa.array([], pa.binary()), np.empty(0, np.int64), self._line_max)

    def _end_of_file(self, file: BufferedReader) -> None:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return
        was = os.fstat(file.fileno())
        if (now.st_dev, now.st_ino) == (was.st_dev, was.st_ino):
            return
        if self._tail.strip():
            # Nobody will end the replaced file's last line any more.
            self._ready = Lines(pa.array([self._tail], pa.binary()), np.array([self._at + 1]), self._line_max)
            self._tail = b""
            self._at += 1
            return
        log.info("file_replaced", file=str(self._path), position=self._at)
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
        self._at = 0
        self._tail = b""
        self._cut_text = False

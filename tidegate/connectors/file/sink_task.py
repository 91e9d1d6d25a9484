"""The task of the file sink."""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Mapping
from decimal import Decimal
from io import BufferedWriter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.file.journal import Entry, Journal
from tidegate.errors import FatalError, RetriableError
from tidegate.records import json_columns
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext, SinkTask


class FileSinkTask(SinkTask):
    """Appends lines; its journal says how long the file was at which offsets."""

    _file: BufferedWriter | None = None
    _lock: int | None = None

    def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._path = Path(config["file"])
        self._text: bool = config["format"] == "text"
        self._committed: dict[TopicPartition, int | None] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self._written = False
        journal_path = self._path.with_name(self._path.name + ".offsets")
        try:
            self._lock = os.open(journal_path.with_name(journal_path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file = self._path.open("ab")
        except BlockingIOError:
            raise RetriableError(f"{self._path} is being written by another task.") from None
        except OSError as error:
            raise FatalError(f"Cannot write {self._path}: {error.strerror}.", remedy="Check file.") from error
        self._journal = Journal(journal_path)

    def open(self, committed: Mapping[TopicPartition, SinkOffset | None]) -> Mapping[TopicPartition, int]:
        self._committed.update({where: offset.offset if offset else None for where, offset in committed.items()})
        if self._written:
            return {where: self._offsets[where] for where in committed if where in self._offsets}
        assert self._file is not None
        entry = self._journal.committed(self._committed)
        length = os.fstat(self._file.fileno()).st_size
        if entry is None:
            entry = Entry(length, {})
            self._journal.append(entry)
        if length < entry.length:
            raise FatalError(
                f"{self._path} has {length} bytes; at the committed offsets it had {entry.length}.",
                remedy=f"Put the file back, or delete {self._path}.offsets to append to it as it is.",
            )
        self._file.truncate(entry.length)
        if entry is not self._journal.entries[-1]:
            self._journal.cut_to(entry)
        # A committed offset beyond the file's own was altered by the user: what lies between is to be left out.
        self._offsets = {where: max(offset, self._committed.get(where) or 0) for where, offset in entry.offsets.items()}
        return {where: self._offsets[where] for where in committed if where in self._offsets}

    def put(self, batch: Batch) -> None:
        assert self._file is not None
        self._written = True
        as_it_is = self._text and not pa.types.is_struct(batch.value.type)
        whole = _text_lines(batch.value) if as_it_is else json_columns.lines(batch.value)
        if whole is not None:
            self._file.write(_content(whole))
            return
        rows = batch.value.to_pylist()
        lines = []
        for row, value in enumerate(rows):
            try:
                lines.append(self._line(value))
            except (TypeError, ValueError) as error:
                self._file.write(b"".join(lines))
                lines.clear()
                self._context.report(batch, row, f"the value is no line: {error}", type(error).__name__)
        self._file.write(b"".join(lines))

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        assert self._file is not None
        moved = {where: position for where, position in positions.items() if self._offsets.get(where) != position}
        if not moved:
            return {}
        self._file.flush()
        os.fsync(self._file.fileno())
        self._offsets.update(moved)
        self._journal.append(Entry(os.fstat(self._file.fileno()).st_size, dict(self._offsets)))
        return {where: SinkOffset(position) for where, position in moved.items()}

    def stop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _line(self, value: Any) -> bytes:
        if self._text and isinstance(value, (str, bytes)):
            line = value.encode() if isinstance(value, str) else value
            if b"\n" in line:
                raise ValueError("it has a line break: use format=json")
            return line + b"\n"
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z) + b"\n"


def _text_lines(values: pa.Array) -> pa.Array | None:
    """The values as they are, a line each; None if they are no strings, or one is null or has a line break."""
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)) or values.null_count:
        return None
    if pc.any(pc.match_substring(values, b"\n")).as_py():
        return None
    end = pa.scalar(b"\n", values.type)
    return pc.binary_join_element_wise(values, pa.scalar(b"", values.type), end)


def _content(lines: pa.Array) -> memoryview:
    """The bytes of all lines, one after the other."""
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("i")
    first, last = ends[lines.offset], ends[lines.offset + len(lines)]
    return memoryview(data)[first:last] if data is not None else memoryview(b"")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, pa.Scalar):
        return value.as_py()
    raise TypeError(f"{type(value).__name__} has no form in JSON")

"""The task of the file source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from tidegate.connectors.file.line_reader import LineReader, Lines
from tidegate.errors import FatalError
from tidegate.records.envelope import SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.row_shape import RowShapes, TypeConflictError
from tidegate.sdk.source import SourceContext, SourceTask

_FIRST_WAIT_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 0.5
"""A file that just grew will soon grow again: it is looked at often at first, and ever less while nothing comes."""


class FileSourceTask(SourceTask):
    """Reads whole lines from its position on, and waits for more."""

    _reader: LineReader | None = None
    _wait_seconds = _FIRST_WAIT_SECONDS

    def start(self, config: Config, context: SourceContext) -> None:
        self._context = context
        self._path = Path(config["file"])
        self._topic: str = config["topic"]
        self._json: bool = config["format"] == "json"
        self._batch_size: int = config["batch.size"]
        self._line_max: int = config["line.max.bytes"]
        self._partition: Mapping[str, Any] = {"filename": config["file"]}
        offset = context.offset(self._partition) or {}
        try:
            position = int(offset.get("position", 0))
            self._shapes = RowShapes(offset.get("shapes", ()))
        except (TypeError, ValueError) as error:
            raise FatalError(
                f"The stored offset of {self._path} is malformed: {error}.",
                remedy='Alter it to {"position": 0}, or reset it.',
            ) from error
        self._reader = LineReader(self._path, position, self._line_max)

    def poll(self) -> Sequence[SourceBatch]:
        assert self._reader is not None
        lines = self._reader.read(self._batch_size)
        if not lines:
            self._context.stopping.wait(self._wait_seconds)
            self._wait_seconds = min(2 * self._wait_seconds, _LONGEST_WAIT_SECONDS)
            return ()
        self._wait_seconds = _FIRST_WAIT_SECONDS
        if not self._json:
            return list(self._text_batches(lines))
        whole = self._json_batch(lines)
        return list(self._json_batches(lines)) if whole is None else [whole]

    def stop(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _json_batch(self, lines: Lines) -> SourceBatch | None:
        """Lines that all fit the shape that is known, but for those that are no records; None if any other is there."""
        shape = self._shapes.sole()
        if shape is None or lines.may_be_too_long:
            return None
        read = shape.read_json(lines.texts)
        if read is None or not len(read.values):
            return None
        problems = [self._parse(lines[row][0])[0] for row in read.left]
        if not all(problems):
            return None
        for row, problem in zip(read.left, problems, strict=True):
            self._halt(*lines[row], problem)
        return self._batch(read.values, int(lines.ends[-1]))

    def _json_batches(self, lines: Lines) -> Iterator[SourceBatch]:
        rows: list[dict[str, Any]] = []
        ends: list[int] = []
        for line, end in lines:
            problem, row = self._parse(line)
            if problem:
                self._halt(line, end, problem)
            else:
                rows.append(row)
                ends.append(end)
        try:
            runs = list(self._shapes.columns(rows))
        except (TypeConflictError, pa.ArrowException, OverflowError):
            rows, ends = self._without_misfits(rows, ends)
            runs = list(self._shapes.columns(rows))
        position = int(lines.ends[-1])
        if not runs:
            yield self._batch(pa.nulls(0), position)
        for start, value in runs:
            after = start + len(value)
            yield self._batch(value, position if after == len(rows) else ends[after - 1])

    def _text_batches(self, lines: Lines) -> Iterator[SourceBatch]:
        texts = []
        for line, end in lines:
            if len(line) > self._line_max:
                self._halt(line, end, self._too_long())
                continue
            try:
                texts.append(line.decode())
            except UnicodeDecodeError as error:
                self._halt(line, end, f"the line is not UTF-8: {error.reason} at its byte {error.start}")
        yield self._batch(pa.array(texts, pa.string()), int(lines.ends[-1]))

    def _parse(self, line: bytes) -> tuple[str, dict[str, Any]]:
        if len(line) > self._line_max:
            return self._too_long(), {}
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return f"the line is not JSON: {error}", {}
        if not isinstance(row, dict):
            return "the line is JSON but not an object", {}
        return "", row

    def _without_misfits(
        self, rows: Sequence[dict[str, Any]], ends: Sequence[int]
    ) -> tuple[list[dict[str, Any]], list[int]]:
        """The rows that fit columns at all; the others are halted."""
        fitting, fitting_ends = [], []
        for row, end in zip(rows, ends, strict=True):
            try:
                list(RowShapes().columns([row]))
            except (TypeConflictError, pa.ArrowException, OverflowError) as error:
                self._halt(orjson.dumps(row), end, f"the line fits no columns: {str(error).splitlines()[0]}")
            else:
                fitting.append(row)
                fitting_ends.append(end)
        return fitting, fitting_ends

    def _batch(self, value: pa.Array, position: int) -> SourceBatch:
        offset: dict[str, Any] = {"position": position}
        if self._json:
            offset["shapes"] = self._shapes.state()
        return SourceBatch(envelope(self._topic, value), self._partition, offset)

    def _too_long(self) -> str:
        return f"the line is longer than {self._line_max} bytes (line.max.bytes)"

    def _halt(self, line: bytes, end: int, problem: str) -> None:
        self._context.halt(self._topic, line, f"{self._path}, line before byte {end}: {problem}")

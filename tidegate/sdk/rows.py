"""Row-wise adapters: sources and sinks that deal in dicts instead of Arrow columns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch, SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.row_shape import RowShapes
from tidegate.sdk.sink import SinkContext, SinkTask
from tidegate.sdk.source import SourceContext, SourceTask


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One record of a row-wise source.

    Args:
        topic: target topic.
        value: a dict (a record with a schema, inferred or declared), text, bytes, or None (a tombstone).
        offset: position after this row (JSON object).
        partition: which part of the source system it is of (JSON object).
        key: any scalar, a dict, or None.
        headers: name to bytes.
        timestamp: when it happened; None lets the broker's clock stand.
    """

    topic: str
    value: Mapping[str, Any] | str | bytes | None
    offset: Mapping[str, Any]
    partition: Mapping[str, Any] = field(default_factory=dict)
    key: Any = None
    headers: Mapping[str, bytes] | None = None
    timestamp: datetime | None = None


class RowSourceTask(SourceTask):
    """A source that gives rows. Implement :meth:`open` and :meth:`read`.

    Types are inferred from the rows (see :class:`~tidegate.sdk.row_shape.RowShapes`) unless :attr:`schema` declares
    them; after a restart they are inferred anew, so declare them where fields may be null.
    """

    schema: pa.Schema | None = None
    """Fields of every dict value, if they are known beforehand."""

    config: Config
    context: SourceContext

    def start(self, config: Config, context: SourceContext) -> None:
        self.config, self.context = config, context
        self._shapes: dict[tuple[str, str], RowShapes] = {}
        self.open()

    def open(self) -> None:
        """Called once; ``self.config`` and ``self.context`` are set. See :meth:`SourceTask.start` for errors."""

    @abstractmethod
    def read(self) -> Iterable[SourceRow]:
        """The next rows, a bounded number of them, or none after at most about a second of waiting.

        Wait with ``self.context.stopping.wait(seconds)``. All rows of one call are written in one transaction. See
        :meth:`SourceTask.poll` for errors.
        """

    def poll(self) -> Sequence[SourceBatch]:
        batches: list[SourceBatch] = []
        run: list[SourceRow] = []
        for row in self.read():
            if run and not _together(run[-1], row):
                batches.extend(self._batches(run))
                run = []
            run.append(row)
        batches.extend(self._batches(run) if run else ())
        return batches

    def _batches(self, run: Sequence[SourceRow]) -> Iterable[SourceBatch]:
        for start, value in self._columns("value", run[0].topic, [row.value for row in run]):
            rows = run[start : start + len(value)]
            for offset, key in self._columns("key", run[0].topic, [row.key for row in rows]):
                part = rows[offset : offset + len(key)]
                yield SourceBatch(
                    envelope(
                        run[0].topic,
                        value.slice(offset, len(key)),
                        key=key,
                        headers=pa.array([_headers(row.headers) for row in part], type=HEADERS),
                        timestamp=pa.array([row.timestamp for row in part], pa.timestamp("us", "UTC")).cast(
                            TIMESTAMP, safe=False
                        ),
                    ),
                    part[-1].partition,
                    part[-1].offset,
                )

    def _columns(self, side: str, topic: str, values: Sequence[Any]) -> Iterable[tuple[int, pa.Array]]:
        if not any(isinstance(value, Mapping) for value in values):
            return [(0, pa.array(values))]
        if side == "value" and self.schema is not None:
            return [(0, pa.array(values, type=pa.struct(list(self.schema))))]
        return self._shapes.setdefault((side, topic), RowShapes()).columns(values)


class RowSinkTask(SinkTask):
    """A sink that takes rows. Implement :meth:`open_target`, :meth:`write` and, if writes are buffered, ``flush``.

    Delivery is at least once: rows are written before their offsets are committed.
    """

    config: Config
    context: SinkContext

    def start(self, config: Config, context: SinkContext) -> None:
        self.config, self.context = config, context
        self.open_target()

    def open_target(self) -> None:
        """Called once; ``self.config`` and ``self.context`` are set. See :meth:`SinkTask.start` for errors."""

    @abstractmethod
    def write(self, row: SinkRow) -> None:
        """Takes one record.

        Raises:
            ValueError: this record can not be written: it goes to the dead letter queue, or fails the task.
            RetriableError: the system is away; the task is restarted from its committed offsets with backoff.
        """

    def put(self, batch: Batch) -> None:
        for index, values in enumerate(batch.records.to_pylist()):
            try:
                self.write(SinkRow(batch.topic, **values))
            except ValueError as error:
                self.context.report(batch, index, str(error), type(error).__name__)


@dataclass(frozen=True, slots=True)
class SinkRow:
    """One record for a row-wise sink.

    Args:
        topic: where it is from.
        key: its key; a dict for a record key.
        value: a dict for a record with a schema, text or bytes; None is a tombstone.
        headers: dicts with ``key`` and ``value``, or None.
        timestamp: its time, UTC.
        partition: where it is from.
        offset: its offset there.
    """

    topic: str
    key: Any
    value: Any
    headers: Sequence[Mapping[str, Any]] | None
    timestamp: datetime | None
    partition: int
    offset: int


def _together(left: SourceRow, right: SourceRow) -> bool:
    return (
        left.topic == right.topic
        and left.partition == right.partition
        and _kind(left.value) == _kind(right.value)
        and _kind(left.key) == _kind(right.key)
    )


def _kind(value: Any) -> type | None:
    return dict if isinstance(value, Mapping) else None if value is None else type(value)


def _headers(headers: Mapping[str, bytes] | None) -> list[dict[str, Any]] | None:
    return None if headers is None else [{"key": name, "value": value} for name, value in headers.items()]

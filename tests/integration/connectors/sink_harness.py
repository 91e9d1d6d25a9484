"""Runs a sink task as a worker would, with a log of records and a group's offsets in memory and a crash anywhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tidegate.errors import RecordHaltedError
from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch, SinkOffset, TopicPartition
from tidegate.sdk.sink import SinkConnector, SinkTask


class MemorySinkContext:
    """A sink context that keeps what is halted."""

    def __init__(self, connector: str, epoch: int, *, tolerant: bool) -> None:
        self.connector = connector
        self.task = 0
        self.epoch = epoch
        self.stopping = threading.Event()
        self.kafka: Mapping[str, str] = {}
        self.sent: list[tuple[str, bytes, bytes | None]] = []
        self.halted: list[tuple[int, int, str]] = []
        self._tolerant = tolerant

    def send(self, topic: str, value: bytes, key: bytes | None = None) -> None:
        self.sent.append((topic, value, key))

    def report(self, batch: Batch, row: int, message: str, exception: str = "DataException") -> None:
        if not self._tolerant:
            raise RecordHaltedError(message)
        where = batch.records.slice(row, 1).to_pylist()[0]
        self.halted.append((where["partition"], where["offset"], message))


def consumed(
    topic: str,
    value: pa.Array,
    *,
    key: pa.Array | None = None,
    partition: int | Sequence[int] = 0,
    first_offset: int = 0,
    offsets: Sequence[int] | None = None,
    timestamps: Sequence[int | None] | None = None,
    headers: Sequence[Sequence[tuple[str, bytes]] | None] | None = None,
) -> Batch:
    """A batch as a worker gives it to a sink; offsets count on from ``first_offset`` unless given."""
    rows = len(value)
    partitions = [partition] * rows if isinstance(partition, int) else list(partition)
    key = pa.nulls(rows) if key is None else key
    fields = [
        pa.field("key", key.type),
        pa.field("value", value.type),
        pa.field("headers", HEADERS),
        pa.field("timestamp", TIMESTAMP),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
    ]
    columns = [
        key,
        value,
        pa.array([_headers(each) for each in headers] if headers else [None] * rows, HEADERS),
        pa.array(timestamps or [1_700_000_000_000] * rows, pa.int64()).cast(TIMESTAMP),
        pa.array(partitions, pa.int32()),
        pa.array(offsets if offsets is not None else range(first_offset, first_offset + rows), pa.int64()),
    ]
    return Batch(topic, pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))


def _headers(given: Sequence[tuple[str, bytes]] | None) -> list[dict[str, object]] | None:
    return None if given is None else [{"key": key, "value": value} for key, value in given]


class SinkHarness:
    """Starts tasks of one connector configuration over the same group offsets.

    Args:
        connector: the connector.
        config: its configuration.
        name: the connector's name.
        tolerant: whether halted records are kept rather than failing ``put``.
    """

    def __init__(
        self, connector: SinkConnector, config: Mapping[str, str], *, name: str = "sink", tolerant: bool = False
    ) -> None:
        self.connector = connector
        self.config = dict(config)
        self.name = name
        self.tolerant = tolerant
        self.offsets: dict[TopicPartition, SinkOffset] = {}
        self._epoch = 0

    def start(self, *partitions: TopicPartition, epoch: int | None = None) -> RunningSink:
        """Starts a task with partitions, as a holder of a newer claim unless an epoch is given."""
        self._epoch = self._epoch + 1 if epoch is None else epoch
        context = MemorySinkContext(self.name, self._epoch, tolerant=self.tolerant)
        task = self.connector.task_class()
        task.start(self.connector.config_def.parse(self.config), context)
        overrides = task.open({where: self.offsets.get(where) for where in partitions})
        return RunningSink(self, task, context, dict(overrides))


class RunningSink:
    """One task between start and its end."""

    def __init__(
        self, harness: SinkHarness, task: SinkTask, context: MemorySinkContext, overrides: dict[TopicPartition, int]
    ) -> None:
        self.task = task
        self.context = context
        self.overrides = overrides
        self.positions: dict[TopicPartition, int] = {}
        self._harness = harness

    def put(self, batch: Batch) -> None:
        """Gives a batch and moves the positions."""
        self.task.put(batch)
        rows = batch.records.select(["partition", "offset"]).to_pylist()
        for row in rows:
            self.positions[TopicPartition(batch.topic, row["partition"])] = row["offset"] + 1

    def prepare(self, *, closing: bool = False) -> Mapping[TopicPartition, SinkOffset]:
        """First half of a commit."""
        return self.task.pre_commit(dict(self.positions), closing=closing)

    def kafka_commit(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:
        """The Kafka transaction; like the embedded broker it keeps no metadata."""
        for where, offset in offsets.items():
            self._harness.offsets[where] = SinkOffset(offset.offset)

    def commit(self, *, closing: bool = False) -> Mapping[TopicPartition, SinkOffset]:
        """A whole commit cycle."""
        offsets = self.prepare(closing=closing)
        self.kafka_commit(offsets)
        self.task.committed(offsets)
        return offsets


def records(rows: Sequence[Any], *fields: pa.Field) -> pa.StructArray:
    """Dicts as a struct column."""
    return pa.array(rows, type=pa.struct(list(fields)))

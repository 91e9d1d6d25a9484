"""The source loop: poll, encode, and in one transaction records, dead letters and source offsets."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tidegate.converters.base import Converter, Encoded
from tidegate.kafka.source_offsets import SourceOffsets, partition_key
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import Batch, SourceBatch
from tidegate.records.faults import RecordFault, Stage
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceTask
from tidegate.telemetry.tracing import inject_headers, tracer
from tidegate_worker.task.control import Control
from tidegate_worker.task.halted import HaltedRecord, HaltPolicy
from tidegate_worker.task.launch import Entered, Stats
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.row_json import row_json

_trace = tracer(__name__)


class SourceTaskContext:
    """What a source task is given; see :class:`tidegate.sdk.SourceContext`."""

    def __init__(
        self,
        connector: str,
        task: int,
        stopping: threading.Event,
        offsets: Mapping[bytes, Mapping[str, Any]],
        policy: HaltPolicy,
    ) -> None:
        self.connector = connector
        self.task = task
        self.stopping = stopping
        self.halted: list[HaltedRecord] = []
        self._offsets = offsets
        self._policy = policy

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The last committed offset of a source partition."""
        return self._offsets.get(partition_key(partition))

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        """Halts one piece of input."""
        record = HaltedRecord(topic, None, raw, [], Stage.TASK_POLL, exception, message)
        self._policy.admit(record)
        self.halted.append(record)


class SourceLoop:
    """Runs one source task until told to stop.

    Args:
        task: the plugin's task.
        config: its configuration, secrets resolved.
        connector: connector name.
        number: task number.
        control: orders and the fence.
        producer: the task's transactional producer, not yet initialised.
        offsets: the connector's source offsets.
        topics: creates missing topics.
        key_converter: encodes keys.
        value_converter: encodes values.
        patience: retries what is away.
    """

    def __init__(
        self,
        task: SourceTask,
        config: Config,
        connector: str,
        number: int,
        *,
        control: Control,
        producer: TransactionalProducer,
        offsets: SourceOffsets,
        topics: TopicAdmin,
        key_converter: Converter,
        value_converter: Converter,
        patience: Patience,
    ) -> None:
        self._task = task
        self._config = config
        self._connector = connector
        self._number = number
        self._control = control
        self._producer = producer
        self._offsets = offsets
        self._topics = topics
        self._converters = (key_converter, value_converter)
        self._patience = patience
        self._policy = HaltPolicy(config, connector, number)
        self._known_topics: set[str] = set()
        self._records_in = self._records_out = self._halted = self._bytes = self._commits = 0

    def run(self) -> None:
        """Runs until told to stop.

        Raises:
            TidegateError: the task has to be started anew, or fails.
        """
        control = self._control
        self._producer.init()
        self._policy.prepare(self._topics)
        committed = self._offsets.read(control.beat)
        context = SourceTaskContext(self._connector, self._number, control.stopping, committed, self._policy)
        try:
            self._task.start(self._config, context)
            control.send(Entered("RUNNING"))
            while not control.stopping.is_set():
                control.beat()
                if control.paused:
                    control.rest()
                    continue
                batches = self._task.poll()
                halted, context.halted = context.halted, []
                control.beat()
                if batches or halted:
                    with _trace.start_as_current_span("source.transaction"):
                        self._write(batches, halted)
                control.report(self._stats())
        finally:
            self._task.stop()
        control.report(self._stats(), now=True)

    def _write(self, batches: Sequence[SourceBatch], halted: list[HaltedRecord]) -> None:
        filled = [each.batch for each in batches if len(each.batch)]
        encoded = [self._encode(batch) for batch in filled]
        control, producer = self._control, self._producer
        for batch in filled:
            self._ensure(batch.topic)
        control.guard()
        producer.begin()
        written = 0
        for batch, (keys, values) in zip(filled, encoded, strict=True):
            faults = self._faults(batch, keys, values)
            halted += faults.values()
            written += self._produce(batch, keys.data, values.data, frozenset(faults))
        for record in halted:
            self._policy.produce(producer, record)
        for partition, offset in _last_offsets(batches):
            self._offsets.write(producer, partition, offset)
        control.guard()
        producer.commit()
        for each in batches:
            self._task.committed(each.partition, each.offset)
        self._records_in += sum(len(each.batch) for each in batches)
        self._records_out += written
        self._halted += len(halted)
        self._commits += 1

    def _encode(self, batch: Batch) -> tuple[Encoded, Encoded]:
        key_converter, value_converter = self._converters
        return (
            self._patience.call(lambda: key_converter.encode(batch.topic, batch.key, batch.key_field)),
            self._patience.call(lambda: value_converter.encode(batch.topic, batch.value, batch.value_field)),
        )

    def _faults(self, batch: Batch, keys: Encoded, values: Encoded) -> dict[int, HaltedRecord]:
        faults: dict[int, RecordFault] = {}
        for fault in (*keys.faults, *values.faults):
            faults.setdefault(fault.row, fault)
        halted = {}
        for row, fault in sorted(faults.items()):
            record = HaltedRecord(
                batch.topic,
                row_json(batch.key, row),
                row_json(batch.value, row),
                [],
                fault.stage,
                fault.exception,
                fault.message,
            )
            self._policy.admit(record)
            halted[row] = record
        return halted

    def _produce(self, batch: Batch, keys: pa.Array, values: pa.Array, halted: frozenset[int]) -> int:
        self._bytes += self._producer.produce_batch(
            batch.topic,
            values,
            keys,
            headers=batch.records.column("headers"),
            timestamps=batch.records.column("timestamp"),
            common=inject_headers([]),
            skip=sorted(halted),
        )
        return len(values) - len(halted)

    def _ensure(self, topic: str) -> None:
        if topic not in self._known_topics:
            self._topics.ensure(
                topic,
                partitions=self._config["topic.creation.default.partitions"],
                replication=self._config["topic.creation.default.replication.factor"],
            )
            self._known_topics.add(topic)

    def _stats(self) -> Stats:
        return Stats(self._records_in, self._records_out, self._halted, self._bytes, self._commits)


def _last_offsets(batches: Sequence[SourceBatch]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return list({partition_key(each.partition): (each.partition, each.offset) for each in batches}.values())

"""The sink loop: consume, decode, put, and in one transaction dead letters and the group's offsets."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

from tidegate.converters.base import Converter
from tidegate.errors import RecordHaltedError
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.record_consumer import record_consumer
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.records.faults import RecordFault, Stage
from tidegate.sdk.config_def import Config
from tidegate.sdk.partitions import owned_by
from tidegate.sdk.sink import SinkTask
from tidegate.telemetry.logging import get_logger
from tidegate.telemetry.tracing import extract_headers, tracer
from tidegate.transforms.chain import TransformChain
from tidegate_worker.task.control import Control
from tidegate_worker.task.halted import HaltedRecord, HaltPolicy, halted_error
from tidegate_worker.task.launch import Entered, Stats
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.pipeline_stage import PipelineStage
from tidegate_worker.task.sink_reading import Read, SinkReader

log = get_logger(__name__)
_trace = tracer(__name__)

_TAKE_WAIT = 0.5
_AHEAD_ITEMS = 8
_AHEAD_BYTES = 32 * 1024 * 1024
_CLOSE_DEADLINE = 5.0
_DEADLINE = 30.0
_MISSING_TOPIC_REFRESH = 1.0
_MOST_PENDING = 10_000
_MOST_PENDING_BYTES = 16 * 1024 * 1024


class _HaltedAtRowError(RecordHaltedError):
    """A sink's ``put`` met a record that halts the task.

    Args:
        row: its index in the batch.
        record: the record with its reason.
    """

    def __init__(self, row: int, record: HaltedRecord) -> None:
        error = halted_error(record)
        super().__init__(error.message, remedy=error.remedy)
        self.row = row
        self.record = record


class SinkTaskContext:
    """What a sink task is given; see :class:`tidegate.sdk.SinkContext`."""

    def __init__(
        self,
        connector: str,
        task: int,
        epoch: int,
        stopping: threading.Event,
        policy: HaltPolicy,
        kafka: Mapping[str, str],
    ) -> None:
        self.connector = connector
        self.task = task
        self.epoch = epoch
        self.stopping = stopping
        self.kafka = kafka
        self.sent: list[tuple[str, bytes, bytes | None]] = []
        self.raw: Batch | None = None
        self.batch: Batch | None = None
        self.reported: list[HaltedRecord] = []
        self._policy = policy

    def send(self, topic: str, value: bytes, key: bytes | None = None) -> None:
        """Adds a record to the transaction of the commit that is being prepared."""
        self.sent.append((topic, value, key))

    def report(self, batch: Batch, row: int, message: str, exception: str = "DataException") -> None:
        """Halts one record of the batch being put."""
        if batch is not self.batch or self.raw is None:
            raise ValueError("report() takes the batch that was given to put()")
        record = halted_message(self.raw, row, Stage.TASK_PUT, exception, message)
        if not self._policy.tolerates(record):
            raise _HaltedAtRowError(row, record)
        self._policy.admit(record)
        self.reported.append(record)


def halted_message(raw: Batch, row: int, stage: Stage, exception: str, reason: str) -> HaltedRecord:
    """A consumed record that can not go on."""
    (record,) = raw.records.slice(row, 1).to_pylist()
    headers = [(header["key"], header["value"]) for header in record["headers"] or ()]
    stamp = record["timestamp"]
    return HaltedRecord(
        raw.topic,
        record["key"],
        record["value"],
        headers,
        stage,
        exception,
        reason,
        record["partition"],
        record["offset"],
        0 if stamp is None else round(stamp.timestamp() * 1000),
    )


class SinkLoop:
    """Runs one sink task until told to stop.

    Two stages overlap: one consumes, decodes and transforms, this one puts and commits.

    Args:
        task: the plugin's task.
        config: its configuration, secrets resolved.
        connector: connector name.
        number: task number.
        tasks: how many tasks the connector has.
        epoch: the claim's epoch.
        control: orders and the fence.
        kafka: the worker's librdkafka properties.
        producer: the task's transactional producer, not yet initialised.
        topics: reads metadata, creates the dead letter queue.
        chain: the connector's transforms.
        key_converter: decodes keys.
        value_converter: decodes values.
        patience: retries what is away.
    """

    def __init__(
        self,
        task: SinkTask,
        config: Config,
        connector: str,
        number: int,
        tasks: int,
        epoch: int,
        *,
        control: Control,
        kafka: Mapping[str, str],
        producer: TransactionalProducer,
        topics: TopicAdmin,
        chain: TransformChain,
        key_converter: Converter,
        value_converter: Converter,
        patience: Patience,
    ) -> None:
        self._task = task
        self._config = config
        self._connector = connector
        self._number = number
        self._tasks = tasks
        self._control = control
        self._producer = producer
        self._topics = topics
        self._patience = patience
        self._policy = HaltPolicy(config, connector, number)
        self._context = SinkTaskContext(connector, number, epoch, control.stopping, self._policy, kafka)
        overrides = config.with_prefix("consumer.override.")
        self._from_end = overrides.get("auto.offset.reset") == "latest"
        self._consumer = record_consumer(kafka, sink_group(connector), overrides)
        self._reader = SinkReader(self._consumer, chain, key_converter, value_converter, patience)
        self._topic_missing = False
        self._positions: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._pending: dict[TopicPartition, list[HaltedRecord]] = defaultdict(list)
        self._pending_count = self._pending_bytes = 0
        self._records_in = self._records_out = self._halted = self._bytes = self._commits = 0

    def run(self) -> None:
        """Runs until told to stop.

        Raises:
            TidegateError: the task has to be started anew, or fails.
        """
        control = self._control
        self._producer.init()
        self._policy.prepare(self._topics)
        flush_interval = self._config["offset.flush.interval.ms"] / 1000
        refresh_interval = self._config["topic.metadata.refresh.interval.ms"] / 1000
        reads = self._reading()
        try:
            self._task.start(self._config, self._context)
            self._assign_new()
            control.depends_on(reads.last_sign)
            reads.start()
            refreshed = flushed = time.monotonic()
            control.send(Entered("RUNNING"))
            while not control.stopping.is_set():
                control.beat()
                if control.paused:
                    self._commit(closing=True)
                    control.rest()
                    continue
                read = reads.take(_TAKE_WAIT)
                if read is not None:
                    self._take(read)
                now = time.monotonic()
                if self._crowded():
                    self._commit(closing=True)
                elif self._task.commit_due() or now - flushed >= flush_interval:
                    self._commit()
                    flushed = now
                if now - refreshed >= (_MISSING_TOPIC_REFRESH if self._topic_missing else refresh_interval):
                    self._assign_new()
                    refreshed = now
                control.report(self._stats)
            self._commit(closing=True)
            control.report(self._stats, now=True)
        finally:
            self._reader.abandon()
            reads.close(_CLOSE_DEADLINE)
            self._task.stop()
            self._consumer.close()

    def _reading(self) -> PipelineStage[Read]:
        return PipelineStage(
            "read",
            lambda stage: self._reader.reads(stage.beat),
            lambda read: read.bytes,
            most_bytes=_AHEAD_BYTES,
            most_items=_AHEAD_ITEMS,
        )

    def _assign_new(self) -> None:
        """Takes up partitions that belong to this task and are not read yet."""
        mine = self._mine()
        new = [place for place in mine if place not in self._committed]
        if not new:
            return
        committed = self._patience.call(lambda: self._read_committed(new))
        resumed = self._task.open(committed)
        assignment = {}
        for place in new:
            known = committed[place]
            start = resumed.get(place, known.offset if known else None)
            self._committed[place] = known.offset if known else -1
            if start is not None:
                self._positions[place] = start
            beginning = OFFSET_END if self._from_end else OFFSET_BEGINNING
            assignment[place] = beginning if start is None else start
        try:
            self._consumer.assign(assignment)
        except KafkaException as error:
            raise kafka_error(error, "assigning partitions") from error
        log.info("partitions_assigned", connector=self._connector, task=self._number, partitions=len(self._committed))

    def _mine(self) -> list[TopicPartition]:
        existing = self._topics.partitions()
        wanted = subscribed(self._config, existing)
        self._topic_missing = not existing.keys() >= set(wanted)
        return [
            TopicPartition(topic, partition)
            for topic in wanted
            for partition in range(existing.get(topic, 0))
            if owned_by(topic, partition, self._tasks) == self._number
        ]

    def _read_committed(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, SinkOffset | None]:
        try:
            return self._consumer.committed(places, _DEADLINE)
        except KafkaException as error:
            raise kafka_error(error, f"reading the offsets of {sink_group(self._connector)}") from error

    def _take(self, read: Read) -> None:
        with _trace.start_as_current_span("sink.put", context=extract_headers(_first_headers(read.raw))):
            done = 0
            for run in read.runs:
                if run.batch is None:
                    self._halt(read.raw, run.rows[0], run.fault)
                else:
                    self._put(run.batch, read.raw, run.rows)
                after = run.rows[-1] + 1
                self._advance(read.raw.slice(done, after - done))
                done = after
                self._control.beat()
            # Transforms may have dropped the last records.
            self._advance(read.raw.slice(done))

    def _halt(self, raw: Batch, row: int, fault: RecordFault | None) -> None:
        reason = fault or RecordFault(0, Stage.VALUE_CONVERTER, "DataException", "the record can not be decoded")
        record = halted_message(raw, row, reason.stage, reason.exception, reason.message)
        if not self._policy.tolerates(record):
            self._stop_at(raw, row)
            self._fail_at(record)
        self._policy.admit(record)
        self._hold([record])

    def _put(self, batch: Batch, raw: Batch, rows: Sequence[int]) -> None:
        context = self._context
        consecutive = len(rows) == rows[-1] - rows[0] + 1
        put = raw.slice(rows[0], len(rows)) if consecutive else raw.take(pa.array(rows, pa.int64()))
        context.raw, context.batch, context.reported = put, batch, []
        try:
            # Not tried again in place: a task that raised may have taken some of the rows, and would take them twice.
            self._task.put(batch)
        except _HaltedAtRowError as halted:
            self._stop_at(raw, rows[halted.row])
            self._fail_at(halted.record)
        self._records_in += len(put)
        self._bytes += pc.sum(pc.binary_length(put.value)).as_py() or 0
        self._hold(context.reported)

    def _stop_at(self, raw: Batch, row: int) -> None:
        """Sets the positions so that a record is the next one to be read of its partition."""
        self._advance(raw.slice(0, row))
        self._advance(raw.slice(row, 1), upto=True)

    def _fail_at(self, record: HaltedRecord) -> None:
        """Commits all before the record, then fails the task."""
        self._commit(closing=True)
        raise halted_error(record)

    def _advance(self, raw: Batch, *, upto: bool = False) -> None:
        partitions, offsets = (raw.records.column(name).to_numpy() for name in ("partition", "offset"))
        for partition in np.unique(partitions).tolist():
            last = int(offsets[partitions == partition][-1])
            self._positions[TopicPartition(raw.topic, partition)] = last + (0 if upto else 1)

    def _hold(self, records: Iterable[HaltedRecord]) -> None:
        for record in records:
            self._pending[TopicPartition(record.topic, record.partition or 0)].append(record)
            self._pending_count += 1
            self._pending_bytes += len(record.value or b"") + len(record.key or b"")

    def _crowded(self) -> bool:
        return self._pending_count >= _MOST_PENDING or self._pending_bytes >= _MOST_PENDING_BYTES

    def _commit(self, *, closing: bool = False) -> None:
        """One commit cycle; does nothing when no offset moves."""
        positions = dict(self._positions)
        self._control.beat()
        self._context.sent = []
        ready = self._task.pre_commit(positions, closing=closing)
        moved = {place: offset for place, offset in ready.items() if offset.offset > self._committed.get(place, -1)}
        if not moved:
            return
        letters = [
            record
            for place, offset in moved.items()
            for record in self._pending.get(place, ())
            if (record.offset or 0) < offset.offset
        ]
        producer = self._producer
        self._control.guard()
        producer.begin()
        for record in letters:
            self._policy.produce(producer, record)
        for topic, value, key in self._context.sent:
            producer.produce(topic, value, key)
        producer.send_offsets(moved, self._consumer)
        self._control.guard()
        producer.commit()
        self._settle(moved, len(letters))
        self._task.committed(moved)
        self._control.beat()

    def _settle(self, moved: Mapping[TopicPartition, SinkOffset], letters: int) -> None:
        for place, offset in moved.items():
            before = self._committed.get(place, -1)
            self._records_out += offset.offset - max(before, 0)
            self._committed[place] = offset.offset
            kept = [record for record in self._pending.get(place, ()) if (record.offset or 0) >= offset.offset]
            if kept:
                self._pending[place] = kept
            else:
                self._pending.pop(place, None)
        left = [record for records in self._pending.values() for record in records]
        self._pending_count = len(left)
        self._pending_bytes = sum(len(record.value or b"") + len(record.key or b"") for record in left)
        self._halted += letters
        self._commits += 1

    def _stats(self) -> Stats:
        return Stats(self._records_in, self._records_out, self._halted, self._bytes, self._commits, self._lag())

    def _lag(self) -> int:
        """Records behind the ends the client knows from its fetches; asks nobody."""
        lag = 0
        for place, position in self._positions.items():
            try:
                high = self._consumer.high_watermark(place)
            except KafkaException:
                return -1
            lag += max(0, high - position)
        return lag


def _first_headers(raw: Batch) -> list[tuple[str, bytes | None]]:
    return [(header["key"], header["value"]) for header in raw.records.column("headers")[0].as_py() or ()]


def sink_group(connector: str) -> str:
    """The consumer group a sink's offsets are committed to, as in Kafka Connect."""
    return f"connect-{connector}"


def subscribed(config: Config, existing: Iterable[str]) -> list[str]:
    """The topics a sink reads.

    Args:
        config: its configuration.
        existing: topics of the cluster, for ``topics.regex``.
    """
    pattern: str = config["topics.regex"]
    if pattern:
        return sorted(topic for topic in existing if re.fullmatch(pattern, topic))
    return list(config["topics"])

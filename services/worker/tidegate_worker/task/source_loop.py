"""The source loop: records, dead letters and source offsets in one transaction, while the next ones are made ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.converters.base import Converter
from tidegate.kafka.source_offsets import SourceOffsets, partition_key
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceTask
from tidegate.telemetry.tracing import inject_headers, tracer
from tidegate.transforms.chain import TransformChain
from tidegate_worker.task.control import Control
from tidegate_worker.task.halted import HaltPolicy
from tidegate_worker.task.launch import Entered, Stats
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.pipeline_stage import PipelineStage
from tidegate_worker.task.source_encoding import EncodedBatch, EncodedPoll, SourceEncoder
from tidegate_worker.task.source_polls import Mark, Polled, SourcePolls, SourceTaskContext
from tidegate_worker.task.source_transaction import take_transaction

_trace = tracer(__name__)

_AHEAD_ITEMS = 16
_AHEAD_BYTES = 4 * 1024 * 1024
_CLOSE_DEADLINE = 5.0


class SourceLoop:
    """Runs one source task until told to stop.

    Three stages overlap: one polls the task, one transforms and encodes, this one writes. A transaction takes what is
    ready when it begins, so that it is small while little comes, and grows with the load.

    Args:
        task: the plugin's task.
        config: its configuration, secrets resolved.
        connector: connector name.
        number: task number.
        control: orders and the fence.
        producer: the task's transactional producer, not yet initialised.
        offsets: the connector's source offsets.
        topics: creates missing topics.
        chain: the connector's transforms.
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
        chain: TransformChain,
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
        self._chain = chain
        self._converters = (key_converter, value_converter)
        self._patience = patience
        self._policy = HaltPolicy(config, connector, number)
        self._known_topics: set[str] = set()
        self._context: SourceTaskContext | None = None
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
        self._context = context
        polls = SourcePolls(self._task, self._config, context, control, lambda: control.send(Entered("RUNNING")))
        polled, encoded = self._stages(polls)
        try:
            for stage in (polled, encoded):
                control.depends_on(stage.last_sign)
                stage.start()
            self._write_all(encoded, polls)
        finally:
            polls.abandon()
            for stage in (encoded, polled):
                stage.close(_CLOSE_DEADLINE)
        control.report(self._stats, now=True)

    def _stages(self, polls: SourcePolls) -> tuple[PipelineStage[Polled], PipelineStage[EncodedPoll]]:
        polled: PipelineStage[Polled] = PipelineStage(
            "poll",
            lambda stage: polls.polls(stage.beat),
            lambda each: each.bytes,
            most_bytes=_AHEAD_BYTES,
            most_items=_AHEAD_ITEMS,
        )

        def encoder(beat: Callable[[], None]) -> SourceEncoder:
            return SourceEncoder(self._chain, *self._converters, self._policy, self._patience.of_stage(beat))

        encoded: PipelineStage[EncodedPoll] = PipelineStage(
            "encode",
            lambda stage: encoder(stage.beat).encode(polled.items(stage.beat)),
            lambda each: each.bytes,
            most_bytes=_AHEAD_BYTES,
            most_items=_AHEAD_ITEMS,
        )
        return polled, encoded

    def _write_all(self, encoded: PipelineStage[EncodedPoll], polls: SourcePolls) -> None:
        control = self._control
        while not encoded.finished:
            control.beat()
            ready, mark = take_transaction(encoded, lambda: self._producer.rest)
            if ready:
                with _trace.start_as_current_span("source.transaction"):
                    self._write(ready)
                for each in ready:
                    for partition, offset in each.offsets:
                        polls.committed(partition, offset)
            control.report(self._stats)
            if mark is Mark.PAUSED:
                control.rest()
            elif mark is Mark.LAST:
                polls.settle()

    def _write(self, ready: Sequence[EncodedPoll]) -> None:
        control, producer = self._control, self._producer
        batches = [batch for each in ready for batch in each.batches]
        for batch in batches:
            self._ensure(batch.batch.topic)
        halted = [record for each in ready for record in each.halted]
        halted += [record for batch in batches for record in batch.halted.values()]
        control.guard()
        producer.begin()
        for batch in batches:
            self._produce(batch)
        for record in halted:
            self._policy.produce(producer, record)
        offsets = {
            partition_key(partition): (partition, offset) for each in ready for partition, offset in each.offsets
        }
        for partition, offset in offsets.values():
            self._offsets.write(producer, partition, offset)
        control.guard()
        producer.commit()
        self._records_in += sum(each.records for each in ready)
        self._records_out += sum(len(batch.batch) - len(batch.halted) for batch in batches)
        self._halted += len(halted)
        self._commits += 1

    def _produce(self, ready: EncodedBatch) -> None:
        records = ready.batch.records
        self._bytes += self._producer.produce_batch(
            ready.batch.topic,
            ready.values,
            ready.keys,
            headers=records.column("headers"),
            timestamps=records.column("timestamp"),
            common=inject_headers([]),
            skip=sorted(ready.halted),
        )

    def _ensure(self, topic: str) -> None:
        if topic not in self._known_topics:
            self._topics.ensure(
                topic,
                partitions=self._config["topic.creation.default.partitions"],
                replication=self._config["topic.creation.default.replication.factor"],
            )
            self._known_topics.add(topic)

    def _stats(self) -> Stats:
        context = self._context
        return Stats(
            self._records_in,
            self._records_out,
            self._halted,
            self._bytes,
            self._commits,
            lag_bytes=-1 if context is None else context.lag_bytes,
            lag_seconds=-1.0 if context is None else context.lag_seconds,
        )

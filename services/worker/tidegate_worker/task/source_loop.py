"""The source loop: records, dead letters and source offsets in one transaction, while the next ones are made ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tidegate.converters.base import Converter
from tidegate.errors import FatalError, TidegateError
from tidegate.kafka.source_offsets import SourceOffsets, partition_key
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceTask
from tidegate.sdk.topic_creation import TopicCreation
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
_SHARE_OF_TIMEOUT = 0.9


class SourceLoop:
    """Runs one source task until told to stop.

    Three stages overlap: one polls the task, one transforms and encodes, this one writes. A transaction takes what is
    ready when it begins, so that it is small while little comes, and grows with the load. What the task can only tell
    whole is one transaction, which is written as it comes; where the loop ends before that does, it is aborted.

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
        self._creation = TopicCreation(config.originals)
        self._known_topics: set[str] = set()
        self._context: SourceTaskContext | None = None
        self._began: float | None = None
        """When the transaction that is open was begun, by the monotonic clock."""
        self._passed: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        """The offsets of what it holds."""
        self._topic = ""
        """The topic of the last batch it holds."""
        self._held = self._held_halted = 0
        """How many records and dead letters it holds."""
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
            self._drop()
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
            ready, mark = take_transaction(encoded, lambda: self._producer.rest, goes_on=self._began is not None)
            self._guard_time()
            if ready:
                with _trace.start_as_current_span("source.transaction"):
                    self._write(ready)
            whole = bool(ready) and not ready[-1].goes_on
            # The producer has what it holds, and while that is sent the next is made ready.
            del ready
            if whole:
                for partition, offset in self._commit():
                    polls.committed(partition, offset)
            control.report(self._stats)
            if mark is Mark.PAUSED:
                control.rest()
            elif mark is Mark.LAST:
                polls.settle()

    def _write(self, ready: Sequence[EncodedPoll]) -> None:
        """Writes polls into the transaction that is open, or a new one."""
        producer = self._producer
        batches = [batch for each in ready for batch in each.batches]
        for batch in batches:
            self._ensure(batch.topic)
        halted = [record for each in ready for record in each.halted]
        halted += [record for batch in batches for record in batch.halted.values()]
        self._control.guard()
        if self._began is None:
            producer.begin()
            self._began = time.monotonic()
        for batch in batches:
            self._topic = batch.topic
            self._produce(batch)
        for record in halted:
            self._policy.produce(producer, record)
        self._passed += [passed for each in ready for passed in each.offsets]
        self._records_in += sum(each.records for each in ready)
        self._held += sum(len(batch) - len(batch.halted) for batch in batches)
        self._held_halted += len(halted)

    def _commit(self) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Ends the transaction with the last offsets; gives all that it passed."""
        last = {partition_key(partition): (partition, offset) for partition, offset in self._passed}
        for partition, offset in last.values():
            self._offsets.write(self._producer, partition, offset)
        self._control.guard()
        self._producer.commit()
        self._commits += 1
        self._records_out += self._held
        self._halted += self._held_halted
        self._held = self._held_halted = 0
        passed, self._passed, self._began = self._passed, [], None
        return passed

    def _guard_time(self) -> None:
        """Ends the task before Kafka aborts its transaction, which would look like a successor's fence."""
        most = self._producer.transaction_seconds
        if self._began is None or time.monotonic() - self._began < _SHARE_OF_TIMEOUT * most:
            return
        raise FatalError(
            f"A Kafka transaction that fills topic {self._topic} is about to pass transaction.timeout.ms="
            f"{most * 1000:.0f}, and can not be committed in parts: connector {self._connector} tells it whole or not "
            "at all.",
            remedy="Raise producer.override.transaction.timeout.ms, and the brokers' transaction.max.timeout.ms where "
            "that is less; the connector's documentation says what is told whole.",
        )

    def _drop(self) -> None:
        """Aborts what was begun: those who read committed records would wait for it until Kafka does."""
        if self._began is not None:
            with suppress(TidegateError):
                self._producer.abort()

    def _produce(self, ready: EncodedBatch) -> None:
        self._bytes += self._producer.produce_batch(
            ready.topic,
            ready.values,
            ready.keys,
            headers=ready.headers,
            timestamps=ready.timestamps,
            common=inject_headers([]),
            skip=sorted(ready.halted),
        )

    def _ensure(self, topic: str) -> None:
        if topic not in self._known_topics:
            settings = self._creation.settings(topic)
            self._topics.ensure(
                topic, partitions=settings.partitions, replication=settings.replication, config=settings.config
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

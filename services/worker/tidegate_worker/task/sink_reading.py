"""The first stage of a sink: consuming, decoding and transforming ahead of what is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException

from tidegate.converters.base import Converter
from tidegate.converters.consumed_runs import ConsumedRun, decode
from tidegate.errors import FatalError
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.records.envelope import Batch
from tidegate.transforms.chain import TransformChain
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.transformed_runs import transformed_runs

_MOST_RECORDS = 20_000
_WAIT = 0.5


@dataclass(frozen=True)
class Read:
    """Records of one topic, decoded and transformed as far as they can be.

    Args:
        raw: n records as consumed.
        runs: the same in order, as batches and faults, without those that a transform dropped.
    """

    raw: Batch
    runs: Sequence[ConsumedRun]

    @property
    def bytes(self) -> int:
        """Memory held."""
        decoded = (run.batch.records for run in self.runs if run.batch is not None)
        return sum(int(records.nbytes) for records in (self.raw.records, *decoded))


class SinkReader:
    """Consumes, decodes and transforms.

    Args:
        consumer: of the task's partitions.
        chain: the connector's transforms.
        key: decodes keys.
        value: decodes values.
        patience: retries while the registry is away.
    """

    def __init__(
        self, consumer: RecordConsumer, chain: TransformChain, key: Converter, value: Converter, patience: Patience
    ) -> None:
        self._consumer = consumer
        self._chain = chain
        self._key = key
        self._value = value
        self._patience = patience
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """Ends the reading."""
        self._abandoned.set()

    def reads(self, beat: Callable[[], None]) -> Generator[Read]:
        """What comes, until abandoned.

        Args:
            beat: called to show that the reading is not stuck.

        Raises:
            RetriableError: Kafka or the registry is away.
            FatalError: records were deleted before they were read.
        """
        patience = self._patience.of_stage(beat)
        while not self._abandoned.is_set():
            beat()
            try:
                consumed = self._consumer.consume(_MOST_RECORDS, _WAIT)
            except KafkaException as error:
                raise kafka_error(error, "consuming") from error
            for failure in consumed.errors:
                self._check(failure)
            for raw in consumed.batches:
                yield Read(raw, self._decode(raw, patience))

    def _decode(self, raw: Batch, patience: Patience) -> Sequence[ConsumedRun]:
        runs = patience.call(lambda: decode(raw, self._key, self._value))
        if not self._chain:
            return runs
        return [each for run in runs for each in self._transformed(run, patience)]

    def _transformed(self, run: ConsumedRun, patience: Patience) -> Sequence[ConsumedRun]:
        batch = run.batch
        if batch is None:
            return [run]
        transformed = patience.call(lambda: self._chain.apply(batch))
        return transformed_runs(run, transformed)

    def _check(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET or error.code() == KafkaError.OFFSET_OUT_OF_RANGE:
            raise FatalError(
                f"Kafka: an offset of {self._consumer.group} is no longer in its topic: {error.str()}.",
                remedy="Records were deleted before they were read. Stop the connector and alter its offsets to go on.",
            )
        if error.fatal() or not error.retriable():
            raise kafka_error(error, "consuming")

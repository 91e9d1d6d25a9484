"""The second stage of a source: transforms, and from columns to what Kafka takes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.converters.base import Converter
from tidegate.errors import TidegateError
from tidegate.kafka.source_offsets import partition_key
from tidegate.records.envelope import Batch, SourceBatch
from tidegate.records.faults import RecordFault
from tidegate.records.row_json import row_json
from tidegate.transforms.chain import TransformChain
from tidegate_worker.task.halted import HaltedRecord, HaltPolicy
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.source_polls import Mark, Polled


@dataclass(frozen=True)
class EncodedBatch:
    """A batch ready for Kafka. The columns it was made from, often more than these, are not held any longer.

    Args:
        topic: where to.
        keys: binary array, n entries.
        values: binary array, n entries.
        headers: as in :class:`~tidegate.records.envelope.Batch`, n entries.
        timestamps: likewise.
        halted: records that can not go on, by row.
    """

    topic: str
    keys: pa.Array
    values: pa.Array
    headers: pa.Array
    timestamps: pa.Array
    halted: Mapping[int, HaltedRecord]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def bytes(self) -> int:
        """What Kafka is given."""
        return int(self.keys.nbytes + self.values.nbytes)


@dataclass(frozen=True)
class EncodedPoll:
    """What one poll gave, ready for Kafka; the smallest part of a transaction.

    Args:
        mark: kind.
        batches: encoded records.
        halted: input that could not be made into records, and records that could not be transformed.
        offsets: source partitions with their last offset.
        records: how many were polled.
        goes_on: whether its transaction has to go on with the next poll.
    """

    mark: Mark
    batches: Sequence[EncodedBatch]
    halted: Sequence[HaltedRecord]
    offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    records: int
    goes_on: bool = False

    @property
    def bytes(self) -> int:
        """What Kafka is given."""
        return sum(each.bytes for each in self.batches)


class SourceEncoder:
    """Transforms and encodes polls in order.

    Args:
        chain: the connector's transforms.
        key: encodes keys.
        value: encodes values.
        policy: what becomes of records that can not be encoded.
        patience: retries while the registry is away.
    """

    def __init__(
        self, chain: TransformChain, key: Converter, value: Converter, policy: HaltPolicy, patience: Patience
    ) -> None:
        self._chain = chain
        self._key = key
        self._value = value
        self._policy = policy
        self._patience = patience

    def encode(self, polls: Generator[Polled]) -> Generator[EncodedPoll]:
        """Transforms and encodes each poll.

        Raises:
            RecordHaltedError: a record can not be transformed or encoded and ``errors.tolerance`` is ``none``.
            RetriableError: the registry is away for longer than it may be.
        """
        for polled in polls:
            encoded: list[EncodedBatch] = []
            halted = list(polled.halted)
            whole, at_whole = 0, (0, len(halted))
            for done, each in enumerate(polled.batches):
                try:
                    self._take(each.batch, encoded, halted)
                except TidegateError:
                    # What comes before it may be written; not so with halted input, whose place is not known.
                    if whole and not polled.halted:
                        first = polled.batches[:whole]
                        yield _poll(Mark.RECORDS, encoded[: at_whole[0]], halted[: at_whole[1]], first)
                    raise
                if each.offset is not None:
                    whole, at_whole = done + 1, (len(encoded), len(halted))
            yield _poll(polled.mark, encoded, halted, polled.batches, goes_on=polled.goes_on)

    def _take(self, batch: Batch, encoded: list[EncodedBatch], halted: list[HaltedRecord]) -> None:
        if not len(batch):
            return
        transformed = self._patience.call(lambda: self._chain.apply(batch))
        halted += self._admitted(batch, transformed.faults).values()
        encoded += [self._batch(part.batch) for part in transformed.parts]

    def _batch(self, batch: Batch) -> EncodedBatch:
        keys = self._patience.call(lambda: self._key.encode(batch.topic, batch.key, batch.key_field))
        values = self._patience.call(lambda: self._value.encode(batch.topic, batch.value, batch.value_field))
        halted = self._admitted(batch, (*keys.faults, *values.faults))
        records = batch.records
        return EncodedBatch(
            batch.topic, keys.data, values.data, records.column("headers"), records.column("timestamp"), halted
        )

    def _admitted(self, batch: Batch, found: Sequence[RecordFault]) -> Mapping[int, HaltedRecord]:
        faults: dict[int, RecordFault] = {}
        for fault in found:
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


def _poll(
    mark: Mark,
    encoded: Sequence[EncodedBatch],
    halted: Sequence[HaltedRecord],
    polled: Sequence[SourceBatch],
    *,
    goes_on: bool = False,
) -> EncodedPoll:
    records = sum(len(each.batch) for each in polled)
    return EncodedPoll(mark, encoded, halted, _last_offsets(polled), records, goes_on)


def _last_offsets(batches: Sequence[SourceBatch]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    last = {partition_key(each.partition): (each.partition, each.offset) for each in batches if each.offset is not None}
    return list(last.values())

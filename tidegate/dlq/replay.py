"""Sending dead letters back, and setting them aside: each once, whenever the process dies.

The records that are sent and the state of the queue that says so are one Kafka transaction under a fixed transactional
id: a replay that is killed has done whole transactions or nothing of them, and the next one, by initialising that id,
first settles how the last transaction ended and then reads what is left. Two replays of a queue at once: the later
fences the earlier (KIP-98, KIP-447).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.dlq.letter import DeadLetter
from tidegate.dlq.queue import DeadLetterQueue, queue_group
from tidegate.dlq.repair import Repair, Repairs, Unrepaired
from tidegate.dlq.selection import Selection
from tidegate.dlq.settled import Settled
from tidegate.errors import NotFoundError
from tidegate.kafka.transactions import TransactionalProducer

_KEPT_FAILURES = 20


@dataclass
class Outcome:
    """What was done.

    Args:
        replayed: records sent.
        dropped: letters settled without a record.
        failed: letters that wait on, for they can not be repaired.
        failures: the first of those.
    """

    replayed: int = 0
    dropped: int = 0
    failed: int = 0
    failures: list[Unrepaired] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Letters dealt with."""
        return self.replayed + self.dropped + self.failed


def replay(
    queue: DeadLetterQueue,
    selection: Selection,
    repair: Repair,
    properties: Mapping[str, str],
    *,
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Sends the chosen letters that wait.

    Args:
        queue: where they wait.
        selection: which.
        repair: makes records of them.
        properties: librdkafka's.
        progress: called after each transaction.

    Raises:
        FencedError: another replay of the queue has begun.
        RetriableError: Kafka or the registry is away; start it again.
        NotFoundError: a topic to send to does not exist.
    """
    return _settle(queue, selection, properties, progress, repair.repair)


def drop(
    queue: DeadLetterQueue,
    selection: Selection,
    properties: Mapping[str, str],
    *,
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Settles the chosen letters that wait without sending them; arguments and errors as for :func:`replay`."""
    return _settle(queue, selection, properties, progress, lambda letters: Repairs(dropped=list(letters)))


def _settle(
    queue: DeadLetterQueue,
    selection: Selection,
    properties: Mapping[str, str],
    progress: Callable[[Outcome], None],
    repair: Callable[[Sequence[DeadLetter]], Repairs],
) -> Outcome:
    outcome = Outcome()
    producer = TransactionalProducer(properties, queue_group(queue.topic))
    try:
        producer.init()
        settled, ends = queue.settled(), queue.ends()
        starts = {partition: each.offset for partition, each in settled.items()}
        for seen in _with_gaps(queue.read(starts, ends), starts, ends):
            wanted = [
                each.letter
                for each in seen
                if each.letter is not None
                and each.letter.offset not in settled[each.partition]
                and each.letter in selection
            ]
            repairs = repair(wanted)
            _commit(queue, producer, settled, seen, repairs)
            outcome.replayed += len(repairs.records)
            outcome.dropped += len(repairs.dropped)
            outcome.failed += len(repairs.failed)
            outcome.failures += repairs.failed[: _KEPT_FAILURES - len(outcome.failures)]
            progress(outcome)
    finally:
        producer.close()
    return outcome


@dataclass(frozen=True, slots=True)
class _Seen:
    """Offsets of a partition: a letter's, or some without one, such as those of transaction markers."""

    partition: int
    start: int
    end: int
    letter: DeadLetter | None


def _with_gaps(
    batches: Iterator[list[DeadLetter]], starts: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[list[_Seen]]:
    """Letters with the offsets between them, so that what is settled has no holes where no letter is."""
    ahead = dict(starts)
    for batch in batches:
        seen: list[_Seen] = []
        for letter in batch:
            before = ahead[letter.partition]
            if before < letter.offset:
                seen.append(_Seen(letter.partition, before, letter.offset, None))
            ahead[letter.partition] = letter.offset + 1
            seen.append(_Seen(letter.partition, letter.offset, letter.offset + 1, letter))
        yield seen
    yield [_Seen(each, ahead[each], end, None) for each, end in ends.items() if ahead[each] < end]


def _commit(
    queue: DeadLetterQueue,
    producer: TransactionalProducer,
    settled: dict[int, Settled],
    seen: Sequence[_Seen],
    repairs: Repairs,
) -> None:
    done = {(each.letter.partition, each.letter.offset) for each in repairs.records}
    done |= {(letter.partition, letter.offset) for letter in repairs.dropped}
    after = {partition: each.copy() for partition, each in settled.items()}
    for each in seen:
        if each.letter is None or (each.partition, each.start) in done:
            after[each.partition].add(each.start, each.end)
    moved = {partition: each for partition, each in after.items() if each != settled[partition]}
    if not moved:
        return
    for record in repairs.records:
        if record.topic not in queue.topics:
            raise NotFoundError(
                f"There is no topic {record.topic} to send to.", remedy="Create it, or name another one with --to."
            )
    producer.begin()
    for record in repairs.records:
        partition = record.partition if record.partition < queue.topics[record.topic] else -1
        producer.produce(
            record.topic, record.value, record.key, record.headers, record.letter.timestamp or 0, partition
        )
    queue.settle(producer, moved)
    producer.commit()
    settled.update(after)

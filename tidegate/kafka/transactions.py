"""A task's transactional producer: the broker-side fence and the atomic unit of exactly once (KIP-98, KIP-447)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaException

from tidegate.errors import RetriableError
from tidegate.kafka.errors import KafkaUnavailableError, kafka_error
from tidegate.kafka.outgoing import KafkaHeaders, OutgoingRecords
from tidegate.kafka.properties import producer_properties
from tidegate.kafka.record_consumer import RecordConsumer
from tidegate.kafka.record_producer import record_producer
from tidegate.records.envelope import TIMESTAMP, SinkOffset, TopicPartition

_DEADLINE = 60.0
_ATTEMPT = 5.0
_STUCK = 15.0
# A transaction's markers are written after its commit has been answered, in about the time that took. One that begins
# earlier is refused, and librdkafka tries again only after 20 ms: to wait is sooner.
_LEAST_REST, _MOST_REST = 0.002, 0.005


def transactional_id(cluster: str, connector: str, task: int) -> str:
    """The fixed id a task writes under, so that its successor fences it."""
    return f"tidegate-{cluster}-{connector}-{task}"


class TransactionalProducer:
    """Writes records and offsets in transactions; used from one thread.

    After any error the producer is not usable any more: the task ends and its successor, by :meth:`init`, aborts what
    was open. So the outcome of a commit that timed out need not be known: it is settled before anything is read back.

    Args:
        properties: the worker's librdkafka properties.
        name: the transactional id.
        overrides: ``producer.override.*``.
        alive: called while waiting, to tell the supervisor that the task is not stuck.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        name: str,
        overrides: Mapping[str, str] | None = None,
        *,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._alive = alive
        self._stuck = False
        full = producer_properties(properties, name, overrides or {})
        self._settled_at = 0.0
        try:
            self._producer = record_producer(full)
        except KafkaException as error:
            raise kafka_error(error, f"making the producer {name}") from error
        self.transaction_seconds = int(full["transaction.timeout.ms"]) / 1000
        """How long a transaction may be open before Kafka aborts it."""

    def init(self) -> None:
        """Fences every earlier producer of this id and settles its open transaction.

        Raises:
            KafkaUnavailableError: no answer within a minute.
        """
        self._insist(lambda: self._producer.init_transactions(_ATTEMPT), "initialising transactions")

    @property
    def rest(self) -> float:
        """For how many seconds a new transaction had better wait: the one before is not wholly settled until then."""
        return max(0.0, self._settled_at - time.monotonic())

    def begin(self) -> None:
        """Begins a transaction.

        Raises:
            FencedError: a newer holder exists.
        """
        self._insist(self._producer.begin_transaction, "beginning a transaction")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: KafkaHeaders | None = None,
        timestamp: int = 0,
        partition: int = -1,
    ) -> None:
        """Queues a record; waits while the queue is full.

        Args:
            topic: where to.
            value: null is a tombstone.
            key: decides the partition when none is given.
            headers: may be None.
            timestamp: milliseconds since 1970; 0 is now.
            partition: -1 leaves it to the key.
        """
        self.produce_batch(
            topic,
            pa.array([value], pa.binary()),
            pa.array([key], pa.binary()),
            timestamps=pa.array([timestamp or None], TIMESTAMP),
            common=headers or (),
            partition=partition,
        )

    def produce_batch(
        self,
        topic: str,
        values: pa.Array,
        keys: pa.Array | None = None,
        *,
        headers: pa.Array | None = None,
        timestamps: pa.Array | None = None,
        common: Sequence[tuple[str, bytes | None]] = (),
        skip: Sequence[int] = (),
        partition: int = -1,
    ) -> int:
        """Queues n records; waits while the queue is full.

        Args:
            topic: where to.
            values: binary array of n; null is a tombstone.
            keys: binary array of n, deciding the partitions when none is given.
            headers: array of :data:`~tidegate.records.envelope.HEADERS`.
            timestamps: array of :data:`~tidegate.records.envelope.TIMESTAMP`; null is now.
            common: headers that every record gets after its own.
            skip: rows to leave out, ascending.
            partition: -1 leaves it to the keys.

        Returns:
            The bytes of the keys and values that were queued.

        Raises:
            RetriableError: the queue has been full for too long.
        """
        records = OutgoingRecords(topic, values, keys, headers, timestamps, common, skip, partition)
        row = size = 0
        give_up = 0.0
        while row < len(values):
            try:
                after, queued = self._producer.queue(records, row)
                size += queued
                if after == len(values):
                    break
                now = time.monotonic()
                give_up = now + _DEADLINE if after > row or not give_up else give_up
                row = after
                if now > give_up:
                    raise RetriableError(
                        f"Kafka: the producer {self.name} has been full for {_DEADLINE:g} s.",
                        remedy="Check that the brokers run and accept records.",
                    )
                self._alive()
                self._producer.poll(0.05)
            except KafkaException as error:
                raise kafka_error(error, f"producing to {topic}") from error
        return size

    def poll(self) -> None:
        """Serves the client's callbacks."""
        self._producer.poll(0)

    def send_offsets(self, offsets: Mapping[TopicPartition, SinkOffset], consumer: RecordConsumer) -> None:
        """Adds a consumer group's offsets to the transaction.

        Raises:
            FencedError: a newer holder exists.
        """
        # librdkafka waits past its timeout, and for ever when the group's coordinator has left the cluster's metadata
        # and come back, as each broker does that is restarted.
        self._insist(
            lambda: self._bounded(lambda: self._producer.send_offsets(offsets, consumer, _ATTEMPT), "sending offsets"),
            "sending offsets",
        )

    def commit(self) -> None:
        """Commits: all records and offsets of the transaction appear, or none.

        Raises:
            FencedError: a newer holder exists; nothing was committed.
            RetriableError: it may or may not have been committed; the successor will know.
        """
        began = time.monotonic()
        self._insist(lambda: self._producer.commit_transaction(_ATTEMPT), "committing a transaction")
        ended = time.monotonic()
        self._settled_at = ended + min(max(ended - began, _LEAST_REST), _MOST_REST)

    def abort(self) -> None:
        """Aborts the open transaction; the producer must not be used any more.

        Raises:
            TidegateError: it could not within some seconds; the successor will, or Kafka after a while.
        """
        try:
            self._producer.abort_transaction(_ATTEMPT)
        except KafkaException as error:
            raise kafka_error(error, f"aborting a transaction of {self.name}") from error

    def close(self) -> None:
        """Drops what is queued and closes; a producer with a call that does not return is left to the process's end."""
        if self._stuck:
            return
        self._producer.close()

    def _bounded(self, step: Callable[[], Any], doing: str) -> None:
        """Runs a call of librdkafka that may not return in a thread of its own, and gives it up after a while."""
        raised: list[BaseException] = []
        finished = threading.Event()

        def run() -> None:
            try:
                step()
            except BaseException as error:
                raised.append(error)
            finally:
                finished.set()

        threading.Thread(target=run, name=f"{doing} of {self.name}", daemon=True).start()
        give_up = time.monotonic() + _STUCK
        while not finished.wait(0.5):
            self._alive()
            if time.monotonic() > give_up:
                self._stuck = True
                raise KafkaUnavailableError(
                    f"Kafka: {doing} of {self.name}: the client has not returned for {_STUCK:g} s.",
                    remedy="Check that the brokers run; the task begins anew with another client.",
                )
        if raised:
            raise raised[0]

    def _insist(self, step: Callable[[], Any], doing: str) -> None:
        give_up = time.monotonic() + _DEADLINE
        while True:
            self._alive()
            try:
                step()
            except KafkaException as error:
                if error.args[0].retriable() and time.monotonic() < give_up:
                    continue
                raise kafka_error(error, f"{doing} of {self.name}") from error
            else:
                return


def fence(properties: Mapping[str, str], names: Sequence[str]) -> None:
    """Fences whatever may still write under these transactional ids.

    Raises:
        KafkaUnavailableError: no answer in time; some may be fenced.
    """
    for name in names:
        producer = TransactionalProducer(properties, name)
        try:
            producer.init()
        finally:
            producer.close()

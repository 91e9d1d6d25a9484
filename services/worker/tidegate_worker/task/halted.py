"""Halted records: what becomes of a record that can not go on, by ``errors.tolerance`` and the dead letter queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.errors import RecordHaltedError
from tidegate.kafka.outgoing import KafkaHeaders
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.faults import Stage
from tidegate.records.halted_headers import CONNECT, TIDEGATE
from tidegate.records.reason import DRIFT, path_of, rule_of
from tidegate.sdk.config_def import Config
from tidegate.sdk.drift import FAIL
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HaltedRecord:
    """A record that can not go on, with its reason.

    Args:
        topic: the topic it came from or was meant for.
        key: as in Kafka, or as it would have been.
        value: as in Kafka; of a source, the record as JSON or the input as read.
        headers: its own.
        stage: where it failed.
        exception: name of the error.
        message: one sentence naming the field and the rule.
        partition: of a consumed record, else None.
        offset: of a consumed record, else None.
        timestamp: of a consumed record, milliseconds; else 0.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: KafkaHeaders
    stage: Stage
    exception: str
    message: str
    partition: int | None = None
    offset: int | None = None
    timestamp: int = 0

    @property
    def place(self) -> str:
        """The record's position in words."""
        return self.topic if self.offset is None else f"{self.topic}-{self.partition} at offset {self.offset}"


class HaltPolicy:
    """Applies a connector's ``errors.*`` keys.

    Args:
        config: the connector's configuration.
        connector: its name.
        task: task number.
    """

    def __init__(self, config: Config, connector: str, task: int) -> None:
        self._tolerant: bool = config["errors.tolerance"] == "all"
        self._fails_on_drift: bool = config.get("drift.policy") == FAIL
        self._queue: str = config["errors.deadletterqueue.topic.name"]
        self._replication: int = config["errors.deadletterqueue.topic.replication.factor"]
        self._headers: bool = config["errors.deadletterqueue.context.headers.enable"]
        self._log: bool = config["errors.log.enable"]
        self._log_messages: bool = config["errors.log.include.messages"]
        self._connector = connector
        self._task = task
        self._class: str = config["connector.class"]

    def prepare(self, topics: TopicAdmin) -> None:
        """Creates the dead letter queue's topic where it is missing."""
        if self._tolerant and self._queue:
            # Letters keep their records' timestamps: by an old one Kafka would delete them before anybody has looked.
            topics.ensure(self._queue, partitions=1, replication=self._replication, config={"retention.ms": "-1"})

    def tolerates(self, record: HaltedRecord) -> bool:
        """Whether the record is halted alone, and not the task with it."""
        drifted = rule_of(record.message, record.exception) in DRIFT
        return self._tolerant and not (self._fails_on_drift and drifted)

    def admit(self, record: HaltedRecord) -> None:
        """Takes notice of a halted record.

        Raises:
            RecordHaltedError: ``errors.tolerance`` is ``none``, or the schema drifted and ``drift.policy`` is ``fail``.
        """
        if not self.tolerates(record):
            raise halted_error(record)
        if self._log:
            shown = {"key": record.key, "value": record.value} if self._log_messages else {}
            log.error(
                "record_halted",
                connector=self._connector,
                task=self._task,
                place=record.place,
                stage=record.stage.value,
                reason=record.message,
                **shown,
            )

    def produce(self, producer: TransactionalProducer, record: HaltedRecord) -> None:
        """Adds the record to the open transaction; does nothing without a dead letter queue."""
        if not self._queue:
            return
        headers = list(record.headers) + (self._context(record) if self._headers else [])
        producer.produce(self._queue, record.value, record.key, headers, record.timestamp)

    def _context(self, record: HaltedRecord) -> KafkaHeaders:
        """The headers of Kafka Connect (KIP-298, its class DeadLetterQueueReporter), and ours."""
        fields: Mapping[str, str | None] = {
            "topic": record.topic,
            "partition": None if record.partition is None else str(record.partition),
            "offset": None if record.offset is None else str(record.offset),
            "connector.name": self._connector,
            "task.id": str(self._task),
            "stage": record.stage.value,
            "class.name": self._class,
            "exception.class.name": record.exception,
            "exception.message": record.message,
            "exception.stacktrace": f"{record.exception}: {record.message}",
        }
        own: Mapping[str, str | None] = {
            "rule": rule_of(record.message, record.exception),
            "path": path_of(record.message) or None,
            "sentence": record.message,
        }
        return [
            (prefix + name, text.encode())
            for prefix, named in ((CONNECT, fields), (TIDEGATE, own))
            for name, text in named.items()
            if text is not None
        ]


def halted_error(record: HaltedRecord) -> RecordHaltedError:
    """The error that fails a task at a record."""
    return RecordHaltedError(
        f"{record.place}: {record.message}",
        remedy="Repair it and restart the task, or set errors.tolerance=all and a dead letter queue "
        "(with drift.policy other than fail).",
    )

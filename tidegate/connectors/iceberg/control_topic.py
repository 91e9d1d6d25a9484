"""The control topic: where tasks tell the committer, in the transaction of their offsets, what they have written."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition

from tidegate.connectors.iceberg.change import Change
from tidegate.connectors.iceberg.position import ControlLog
from tidegate.connectors.iceberg.table_commit import Told
from tidegate.errors import FatalError
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.properties import consumer_properties
from tidegate.kafka.topics import TopicAdmin
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_DEADLINE = 30.0
_KEPT_MS = str(30 * 24 * 3600 * 1000)


def control_topic(connector: str) -> str:
    """The name of a connector's control topic unless it is configured."""
    return f"tidegate-iceberg-{connector}"


def ensure_control_topic(kafka: Mapping[str, str], connector: str, topic: str, replication: int) -> ControlLog:
    """Creates the topic where it is missing, and learns its id.

    Raises:
        FatalError: it has several partitions: the order of changes would be lost.
        RetriableError: Kafka is away.
    """
    admin = TopicAdmin(kafka)
    partitions = admin.ensure(topic, partitions=1, replication=replication, config={"retention.ms": _KEPT_MS})
    if partitions != 1:
        raise FatalError(
            f"The control topic {topic} has {partitions} partitions, and changes need one order.",
            remedy="Name another one in iceberg.control.topic; it is created with one partition.",
        )
    try:
        described = admin.client.describe_topics(TopicCollection([topic]), request_timeout=_DEADLINE)
        topic_id = str(described[topic].result(_DEADLINE).topic_id)
    except KafkaException as error:
        raise kafka_error(error, f"describing topic {topic}") from error
    return ControlLog(connector, topic, topic_id)


class ControlReader:
    """Reads changes in their order, from where every table is known to have them.

    That place is the offset committed to a group of the topic's name. It is a hint: each table knows better, and what
    is read again does no harm.

    Args:
        kafka: the worker's librdkafka properties.
        control: the topic.
    """

    def __init__(self, kafka: Mapping[str, str], control: ControlLog) -> None:
        self._control = control
        self._consumer = Consumer(consumer_properties(kafka, control.topic, {}))
        hint = self._hint()
        self._committed = hint
        start = OFFSET_BEGINNING if hint is None else hint
        self._consumer.assign([TopicPartition(control.topic, 0, start)])

    def __enter__(self) -> ControlReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read(self, most: int, wait: float) -> list[Told]:
        """The next changes.

        Args:
            most: how many at most.
            wait: seconds to wait for the first.

        Raises:
            FatalError: changes are gone that no table may have.
            RetriableError: Kafka is away.
        """
        told = []
        try:
            messages = self._consumer.consume(most, wait)
        except KafkaException as error:
            raise kafka_error(error, f"reading {self._control.topic}") from error
        for message in messages:
            failure = message.error()
            if failure is not None:
                self._consume_error(failure)
                continue
            told.append((message.offset() or 0, Change.from_json(message.value() or b"")))
        return told

    def committed(self, offset: int) -> None:
        """Notes that every table has all changes before an offset; a note that is lost does no harm."""
        if self._committed is not None and offset <= self._committed:
            return
        try:
            self._consumer.commit(offsets=[TopicPartition(self._control.topic, 0, offset)], asynchronous=False)
            self._committed = offset
        except KafkaException as error:
            log.info("iceberg_hint_not_kept", topic=self._control.topic, reason=str(error))

    def _hint(self) -> int | None:
        place = TopicPartition(self._control.topic, 0)
        try:
            found = self._consumer.committed([place], timeout=_DEADLINE)[0]
            if found.error is not None:
                raise KafkaException(found.error)
            if found.offset < 0:
                return None
            low, high = self._consumer.get_watermark_offsets(place, timeout=_DEADLINE)
        except KafkaException as error:
            raise kafka_error(error, f"reading the position in {self._control.topic}") from error
        if found.offset < low:
            raise self._gone()
        # A topic of that name that was deleted and made anew begins at its beginning.
        return None if found.offset > high else found.offset

    def _consume_error(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise self._gone()
        if error.fatal() or not error.retriable():
            raise kafka_error(error, f"reading {self._control.topic}")

    def _gone(self) -> FatalError:
        return FatalError(
            f"The control topic {self._control.topic} has lost changes that were not committed to their tables.",
            remedy="Stop the connector, delete the control topic, set the connector's offsets back to those in the "
            "tables' last snapshot summaries, and start it.",
        )

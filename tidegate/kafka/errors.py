"""librdkafka's errors as Tidegate's, retriable or not by type."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from tidegate.errors import FatalError, FencedError, RetriableError, TidegateError


class KafkaUnavailableError(RetriableError):
    """No broker answered in time, or the cluster is in a state that passes."""


class KafkaRefusedError(FatalError):
    """Kafka refuses the request: not authorized, message too large, malformed configuration."""


_FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_PASSING = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError._WAIT_COORD,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._STATE,
        # The client is beyond use, be it because Kafka forgot an id that was idle for a week: a new one is made.
        KafkaError._FATAL,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.INVALID_TXN_STATE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.UNKNOWN_PRODUCER_ID,
    }
)


def kafka_error(error: KafkaException | KafkaError, doing: str) -> TidegateError:
    """The Tidegate error for what librdkafka reports.

    Args:
        error: as raised or as found on a message.
        doing: what was attempted, such as ``committing a transaction of tidegate-c-orders-0``.
    """
    cause = error.args[0] if isinstance(error, KafkaException) else error
    text = f"Kafka: {doing}: {cause.str()} ({cause.name()})."
    code = cause.code()
    if code in _FENCED:
        return FencedError(text, remedy="A newer holder of this task has taken over; nothing is to be done.")
    if code in _PASSING or cause.retriable() or cause.txn_requires_abort():
        return KafkaUnavailableError(text, remedy="Check bootstrap.servers and that the brokers run.")
    if code == KafkaError.INVALID_TRANSACTION_TIMEOUT:
        return KafkaRefusedError(
            text,
            remedy="Set producer.override.transaction.timeout.ms to the brokers' transaction.max.timeout.ms, or raise "
            "that.",
        )
    return KafkaRefusedError(text, remedy="Check the worker's kafka settings and the brokers' log.")

"""Which of the client's errors a task gets over by beginning anew, and which need a person."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from tidegate.errors import FatalError, FencedError, RetriableError
from tidegate.kafka.errors import kafka_error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._ALL_BROKERS_DOWN, RetriableError),
        (KafkaError.NOT_COORDINATOR, RetriableError),
        (KafkaError.INVALID_PRODUCER_ID_MAPPING, RetriableError),
        (KafkaError._FATAL, RetriableError),
        (KafkaError.PRODUCER_FENCED, FencedError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, FatalError),
        (KafkaError.MSG_SIZE_TOO_LARGE, FatalError),
    ],
)
def test_an_error_says_whether_beginning_anew_helps(code: int, kind: type[Exception]) -> None:
    assert isinstance(kafka_error(KafkaError(code), "committing"), kind)

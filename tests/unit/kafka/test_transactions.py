"""The transactional producer when the client below it misbehaves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tidegate.errors import RetriableError
from tidegate.kafka import transactions
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import SinkOffset, TopicPartition


class _DeafClient:
    """Sending offsets never returns, as librdkafka's does when a group's coordinator was away."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.destroyed = False

    def send_offsets(self, *_: object) -> None:
        self.release.wait()

    def close(self) -> None:
        self.destroyed = True


def test_a_client_that_does_not_return_is_given_up_while_signs_of_life_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    client, beats = _DeafClient(), threading.Event()
    monkeypatch.setattr(transactions, "record_producer", lambda _: client)
    monkeypatch.setattr(transactions, "_STUCK", 0.1)
    producer = TransactionalProducer({}, "tx", alive=beats.set)
    consumer: Any = None

    try:
        with pytest.raises(RetriableError, match="has not returned"):
            producer.send_offsets({TopicPartition("t", 0): SinkOffset(1)}, consumer)
        producer.close()
    finally:
        client.release.set()

    assert beats.is_set()
    assert not client.destroyed, "a client with a thread inside must not be destroyed"

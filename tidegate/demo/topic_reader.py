"""Counting and reading the committed records of topics while they grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

Headers = dict[str, str | bytes | None]


class TopicReader:
    """Reads one topic from its beginning in a thread of its own, read_committed, without a group.

    Args:
        bootstrap_servers: brokers.
        topic: may not exist yet.
        on_record: called in the thread for each record.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, on_record: Callable[[Message], None] = lambda message: None
    ) -> None:
        self.topic = topic
        self.count = 0
        self._bootstrap_servers = bootstrap_servers
        self._on_record = on_record
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read {topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "tidegate-demo",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "log_level": 2,
            }
        )
        try:
            assigned: set[int] = set()
            while not self._stop.is_set():
                assigned = assigned or self._assign(consumer)
                if not assigned:
                    self._stop.wait(0.2)
                    continue
                for message in consumer.consume(2_000, timeout=0.2):
                    if message.error() is None:
                        self._on_record(message)
                        self.count += 1
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> set[int]:
        try:
            found = consumer.list_topics(self.topic, timeout=5).topics[self.topic]
        except (KafkaException, KeyError):
            return set()
        if found.error is not None or not found.partitions:
            return set()
        partitions = set(found.partitions)
        consumer.assign([TopicPartition(self.topic, each, OFFSET_BEGINNING) for each in partitions])
        return partitions


def headers_of(message: Message) -> Headers:
    """A record's headers by name."""
    return dict(message.headers() or [])

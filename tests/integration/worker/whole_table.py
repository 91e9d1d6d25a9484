"""A table without a key whose task is killed while its snapshot is being told."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping

import orjson
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.support.eventually import eventually

ROWS = 300_000


class _Reader:
    """What is in the one partition of a topic."""

    def __init__(self, lab: Lab, topic: str, isolation: str) -> None:
        self.found: Counter[int] = Counter()
        self._consumer = Consumer(
            {
                "bootstrap.servers": lab.broker.bootstrap_servers,
                "group.id": uuid.uuid4().hex,
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "topic.metadata.refresh.fast.interval.ms": 50,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def has(self, records: int) -> bool:
        """Takes in what is there; whether there have been so many records."""
        for message in self._consumer.consume(20_000, 0.1):
            value = message.value()
            if message.error() is None and value:
                self.found[orjson.loads(value)["after"]["id"]] += 1
        return self.found.total() >= records

    def close(self) -> None:
        self._consumer.close()


async def each_row_is_told_once(lab: Lab, config: Mapping[str, str], topic: str) -> None:
    """Kills the task's process as soon as records are in the topic; in the end each of ``ROWS`` is there once.

    Args:
        lab: on a broker that shows records before they are committed.
        config: captures a table whose column ``id`` has 1 to ``ROWS``.
        topic: of the table.
    """
    # A reader that knows the topic sees its first record at once: the task is killed in the midst of the table.
    admin = AdminClient({"bootstrap.servers": lab.broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(DEADLINE)
    eventually(lambda: topic in admin.list_topics(timeout=5).topics, timeout=DEADLINE)
    written, committed = _Reader(lab, topic, "read_uncommitted"), _Reader(lab, topic, "read_committed")
    try:
        with lab.worker() as worker:
            await lab.deploy("capture", config)
            eventually(lambda: written.has(1), timeout=DEADLINE, interval=0)
            for process in task_processes(worker):
                process.kill()
            await lab.reaches("capture", "RUNNING", restarts=1)
            eventually(lambda: committed.has(ROWS), timeout=DEADLINE, interval=0)
            assert not committed.has(ROWS + 1)
            assert committed.found == Counter(range(1, ROWS + 1))
        eventually(lambda: written.has(ROWS + 1), timeout=DEADLINE, interval=0, message="the first try was aborted")
    finally:
        written.close()
        committed.close()

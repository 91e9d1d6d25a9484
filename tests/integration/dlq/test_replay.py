"""Replaying dead letters on real brokers: each once, through kill -9, in any order of groups."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections import Counter
from functools import partial
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.command_line import Ran, run_tidegate
from tests.support.eventually import eventually
from tidegate.devstack import ApacheKafka, Tansu

DEADLINE = 60.0
# An hour ago: Kafka deletes by the records' own times.
STAMP = int(time.time() * 1000) - 3_600_000
RENAME = [
    "--set=value.converter=json",
    "--set=value.converter.schemas.enable=false",
    "--set=key.converter=string",
    "--set=transforms=back",
    "--set=transforms.back.type=ReplaceField$Value",
    "--set=transforms.back.renames=user_id:userId",
]


class Queue:
    """A topic and a dead letter queue with records that were halted for two reasons, by turns."""

    def __init__(self, broker: Tansu | ApacheKafka) -> None:
        self.servers = broker.bootstrap_servers
        name = uuid.uuid4().hex[:10]
        self.topic, self.letters = f"events-{name}", f"events-{name}-dlq"
        admin = AdminClient({"bootstrap.servers": self.servers})
        # The records' timestamps are of 1970.
        forever, topics = {"retention.ms": "-1"}, ((self.topic, 2), (self.letters, 1))
        admin.create_topics([NewTopic(name, partitions, 1, config=forever) for name, partitions in topics])
        eventually(lambda: {self.topic, self.letters} <= admin.list_topics(timeout=5).topics.keys(), timeout=DEADLINE)

    def halt(self, count: int) -> None:
        """Letters 0 … count-1, in transactions, as a connector writes them; the last transaction is aborted."""
        producer = Producer({"bootstrap.servers": self.servers, "transactional.id": f"halt-{self.letters}"})
        producer.init_transactions(DEADLINE)
        for start in range(0, count, 100):
            producer.begin_transaction()
            for number in range(start, min(count, start + 100)):
                self._produce(producer, number)
            producer.commit_transaction(DEADLINE)
        producer.begin_transaction()
        self._produce(producer, 10_000_000)
        producer.flush(DEADLINE)
        producer.abort_transaction(DEADLINE)

    def _produce(self, producer: Producer, number: int) -> None:
        headers = {
            "__connect.errors.topic": self.topic,
            "__connect.errors.partition": str(number % 2),
            "__connect.errors.offset": str(number),
            "__connect.errors.connector.name": "events-sink",
            "__connect.errors.exception.message": "renamed",
            "__tidegate.errors.rule": "missing-field" if number % 2 else "type-changed",
            "trace": "t",
        }
        value = orjson.dumps({"n": number, "user_id": number % 7})
        producer.produce(self.letters, value, f"k{number}", headers=list(headers.items()), timestamp=STAMP + number)

    def arguments(self, *arguments: str) -> list[str]:
        place = ["--bootstrap-servers", self.servers]
        place += [] if "--topic" in arguments else ["--topic", self.letters]
        return ["dlq", *arguments, *place]

    def run(self, *arguments: str) -> Ran:
        return run_tidegate(*self.arguments(*arguments))

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tidegate.cli.main", *self.arguments(*arguments)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def groups(self) -> dict[str, tuple[str, int]]:
        """Rule to group and count of what waits."""
        done = self.run("list", "-o", "json")
        assert done.code == 0, done.err
        return {each["rule"]: (each["group"], each["count"]) for each in orjson.loads(done.out)}

    def replayed(self) -> list[tuple[int, Any, str, int, dict[str, str]]]:
        """(partition, value, key, timestamp, headers) of what is committed in the topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([TopicPartition(self.topic, each, 0) for each in (0, 1)])
        found: list[tuple[int, Any, str, int, dict[str, str]]] = []
        left = {0, 1}

        def drain() -> bool:
            for message in consumer.consume(5000, 0.3):
                if message.error() is not None:
                    left.discard(message.partition())
                    continue
                listed: Any = message.headers() or []
                headers = {name: text.decode() for name, text in listed}
                value = orjson.loads(message.value() or b"")
                key = (message.key() or b"").decode()
                found.append((message.partition() or 0, value, key, message.timestamp()[1], headers))
            return not left

        try:
            eventually(drain, timeout=DEADLINE, interval=0)
        finally:
            consumer.close()
        return found


@pytest.fixture
def queue(broker: Tansu | ApacheKafka) -> Queue:
    return Queue(broker)


def test_a_replay_killed_again_and_again_sends_each_record_once(queue: Queue) -> None:
    count = 3_000
    queue.halt(count)
    for sent in (1, count // 3):
        process = queue.spawn("replay", "--yes", *RENAME)
        try:
            eventually(partial(_has_sent, queue, sent), timeout=DEADLINE, interval=0)
        finally:
            process.kill()
            process.wait()
    last = queue.run("replay", "--yes", *RENAME)
    # The second one may have come to its end before it was killed.
    assert last.code == 0 or "No record waits" in last.err, last.err
    found = queue.replayed()
    assert Counter(value["n"] for _, value, *_ in found) == Counter(range(count))
    for partition, value, key, timestamp, headers in found:
        number = value["n"]
        assert value == {"n": number, "userId": number % 7}
        assert (partition, key, timestamp) == (number % 2, f"k{number}", STAMP + number)
        assert headers == {"trace": "t", "__tidegate.dlq.replays": "1"}
    assert queue.groups() == {}


def test_one_group_is_replayed_and_the_other_dropped_while_new_ones_come(queue: Queue) -> None:
    queue.halt(300)
    groups = queue.groups()
    assert {rule: count for rule, (_, count) in groups.items()} == {"missing-field": 150, "type-changed": 150}
    replay = queue.run("replay", "--yes", "--group", groups["missing-field"][0], *RENAME)
    assert "150 records replayed" in replay.out, replay.err
    assert queue.groups() == {"type-changed": (groups["type-changed"][0], 150)}
    queue.halt(10)
    assert {rule: count for rule, (_, count) in queue.groups().items()} == {"missing-field": 5, "type-changed": 155}
    drop = queue.run("drop", "--yes", "--group", groups["type-changed"][0])
    assert "155 records dropped" in drop.out, drop.err
    assert queue.run("replay", "--yes", *RENAME).code == 0
    found = [value["n"] for _, value, *_ in queue.replayed()]
    assert Counter(found) == Counter([*range(1, 300, 2), *range(1, 10, 2)])
    assert queue.groups() == {}


def test_what_can_not_be_done_is_refused_in_words(queue: Queue) -> None:
    missing = queue.run("list", "--topic", "no-such-queue")
    assert missing.code == 1 and "no-such-queue" in missing.err
    for verb in ("replay", "drop", "show"):
        empty = queue.run(verb, *(["--yes"] if verb != "show" else []))
        assert empty.code == 1 and "No record waits" in empty.err, (verb, empty.err)
    queue.halt(4)
    unanswered = queue.run("drop")
    assert unanswered.code == 1 and len(queue.groups()) == 2, "nothing is dropped without a yes"
    unknown = queue.run("drop", "--yes", "--group", "ffffff")
    assert unknown.code == 1 and "of that kind" in unknown.err


def _has_sent(queue: Queue, count: int) -> bool:
    return len(queue.replayed()) >= count

"""What a user has: REST, the command line, the broker, the database and the bucket of a whole cluster."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.command_line import Ran, run_tidegate
from tests.support.eventually import eventually
from tidegate.devstack.cluster import BUCKET, LocalCluster

DEADLINE = 90.0
COUNTING = "tests.integration.worker.plugins:CountingSource"
_MARK = "end-"
_UNEXPECTED = ("rpc_failed", "plugin_process_died")
JSON = {"key.converter": "string", "value.converter": "json", "value.converter.schemas.enable": "false"}


class User:
    """Speaks to the first coordinator; the second one's address is in ``urls`` too."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.urls = cluster.coordinator_urls
        self.rest = httpx.Client(base_url=self.urls[0], timeout=60)
        self._brokers: dict[str, Any] = {"bootstrap.servers": cluster.stack.bootstrap_servers}

    def close(self) -> None:
        self.rest.close()

    @staticmethod
    def fresh(what: str) -> str:
        """A name no other test uses."""
        return f"{what}-{uuid.uuid4().hex[:8]}"

    def cli(self, *arguments: str | Path) -> Ran:
        """``tidegate connector ...``."""
        return run_tidegate("connector", *map(str, arguments), env={"TIDEGATE_URL": self.urls[0]})

    def create(self, name: str, **config: Any) -> httpx.Response:
        """POST; dots of keys are written as ``__``."""
        return self.rest.post("/connectors", json={"name": name, "config": dotted(config)})

    def deploy(self, name: str, **config: Any) -> None:
        """POST, and RUNNING."""
        answer = self.create(name, **config)
        assert answer.status_code == 201, answer.text
        self.reaches(name, "RUNNING")

    def configure(self, name: str, **changes: Any) -> None:
        """PATCH of the configuration."""
        answer = self.rest.patch(f"/connectors/{name}/config", json=dotted(changes))
        assert answer.status_code == 200, answer.text

    def status(self, name: str) -> dict[str, Any]:
        answer = self.rest.get(f"/connectors/{name}/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def tasks(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.status(name)["tasks"]
        return found

    def reaches(self, name: str, state: str, *, reason: str = "") -> list[dict[str, Any]]:
        """Wait until all tasks are in a state, with a reason that holds ``reason``."""

        def reached() -> list[dict[str, Any]] | None:
            tasks = self.tasks(name)
            there = bool(tasks) and all(each["state"] == state and reason in each.get("trace", "") for each in tasks)
            assert there, self.status(name)
            return tasks

        found = eventually(reached, timeout=DEADLINE, message=f"{name} is {state}")
        assert found is not None
        return found

    def steer(self, name: str, verb: str) -> None:
        """pause, resume or stop."""
        answer = self.rest.put(f"/connectors/{name}/{verb}")
        assert answer.status_code in (202, 204), answer.text

    def stopped(self, name: str) -> None:
        """Stop, and wait until nobody holds a task of it."""
        self.steer(name, "stop")

        def let_go() -> bool:
            held = [task["connector"] for worker in self.workers() for task in worker["tasks"]]
            return name not in held

        eventually(let_go, timeout=DEADLINE, message=f"{name} is let go")

    def workers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rest.get("/cluster").json()["workers"]
        return found

    def offsets(self, name: str) -> list[dict[str, Any]]:
        answer = self.rest.get(f"/connectors/{name}/offsets")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["offsets"]
        return found

    def topic(self, partitions: int = 1) -> str:
        """A new topic."""
        name = self.fresh("topic")
        admin = AdminClient(self._brokers)
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(DEADLINE)
        eventually(lambda: name in admin.list_topics(timeout=5).topics, timeout=DEADLINE)
        return name

    def produce(self, topic: str, *values: bytes | None, partition: int = 0) -> None:
        producer = Producer(self._brokers)
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(DEADLINE) == 0

    def records(self, topic: str) -> list[Message]:
        """What is committed in a topic by now, partition by partition; empty where there is none.

        Leaves a mark at each end: what a client is told of the ends does not hold for committed records.
        """
        found_topic = AdminClient(self._brokers).list_topics(timeout=10).topics.get(topic)
        if found_topic is None:
            return []
        mark = f"{_MARK}{uuid.uuid4().hex}".encode()
        producer = Producer(self._brokers)
        for partition in found_topic.partitions:
            producer.produce(topic, None, mark, partition=partition)
        assert producer.flush(DEADLINE) == 0
        consumer = Consumer(
            {
                **self._brokers,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(topic, partition, 0) for partition in found_topic.partitions])
        found: list[Message] = []

        def drained() -> bool:
            found.extend(message for message in consumer.consume(5000, 0.5) if message.error() is None)
            return sum(message.key() == mark for message in found) == len(found_topic.partitions)

        try:
            eventually(drained, timeout=DEADLINE, interval=0, message=f"the end of {topic}")
        finally:
            consumer.close()
        found.sort(key=lambda message: (message.partition() or 0, message.offset() or 0))
        return [message for message in found if not (message.key() or b"").startswith(_MARK.encode())]

    def numbers(self, topic: str) -> list[int]:
        """The numbers a counting source has written."""
        return [orjson.loads(message.value() or b"{}")["n"] for message in self.records(topic)]

    def database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.cluster.database_url, autocommit=True, connect_timeout=10)

    def bucket_rows(self, prefix: str) -> list[dict[str, Any]]:
        """The rows of all Parquet files below a prefix."""
        client: Any = self.cluster.stack.seaweedfs.client()
        rows: list[dict[str, Any]] = []
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/"):
            for item in page.get("Contents", ()):
                if item["Key"].endswith(".parquet"):
                    body = client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
                    rows += pq.read_table(pa.BufferReader(body)).to_pylist()
        return rows

    def lines(self, path: Path) -> list[Any]:
        """The JSON lines of a file; none where it is not there yet."""
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def unexpected(self) -> str:
        """The last error of each service that it did not expect, with its traceback."""
        texts = [(name, text, max(map(text.rfind, _UNEXPECTED))) for name, text in self.logs()]
        return "\n".join(f"{name}: {text[max(at - 100, 0) : at + 5000]}" for name, text, at in texts if at >= 0)

    def logs(self) -> Iterator[tuple[str, str]]:
        """Every log file of the cluster with its text."""
        for path in sorted(self.cluster.state_dir.rglob("*.log")):
            yield path.name, path.read_text(errors="replace")


def dotted(config: dict[str, Any]) -> dict[str, Any]:
    """Keys as Kafka Connect writes them."""
    return {key.replace("__", "."): value for key, value in config.items()}


def reasons(letters: Sequence[Message]) -> list[dict[str, str]]:
    """The error headers of dead letters, without their prefix."""
    prefix = "__connect.errors."
    found = []
    for letter in letters:
        headers: Any = letter.headers() or ()
        mine = {name.removeprefix(prefix): text.decode() for name, text in headers if name.startswith(prefix)}
        found.append(mine)
    return found

"""A worker process of its own, given tasks as the leader would give them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.eventually import aeventually, eventually
from tidegate.control import Assignment, ConnectorState, ConnectorType, TargetState, TaskSpec, TaskStatusRecord
from tidegate.devstack import ApacheKafka, Etcd, Tansu
from tidegate.devstack.service_process import ServiceProcess
from tidegate.etcd import EtcdClient, EtcdConfig, Keyspace

COUNTING = "tests.integration.worker.plugins:CountingSource"
STUMBLING = "tests.integration.worker.plugins:StumblingSink"
DEADLINE = 60.0


class Lab:
    """etcd, a broker and a cluster name of one test.

    Args:
        etcd: the real one.
        broker: the real one.
        state_dir: for processes.
        client: speaks to etcd.
    """

    def __init__(self, etcd: Etcd, broker: Tansu | ApacheKafka, state_dir: Path, client: EtcdClient) -> None:
        self.cluster = f"lab-{uuid.uuid4().hex[:8]}"
        self.keys = Keyspace(self.cluster)
        self.client = client
        self.broker = broker
        self._etcd = etcd
        self._state_dir = state_dir
        self._generation = 0

    def topic(self, partitions: int = 1) -> str:
        """A new topic."""
        name = f"lab-{uuid.uuid4().hex[:12]}"
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(DEADLINE)
        eventually(lambda: name in admin.list_topics(timeout=5).topics, timeout=DEADLINE)
        return name

    @contextmanager
    def worker(self, name: str = "w1", *flags: str) -> Iterator[ServiceProcess]:
        """A running worker."""
        process = ServiceProcess(
            "worker",
            f"{self.cluster}-{name}",
            state_dir=self._state_dir,
            listens=("grpc", "metrics"),
            flags=[
                f"--cluster={self.cluster}",
                f"--etcd-endpoints={self._etcd.endpoint}",
                f"--worker-id={name}",
                "--lease-ttl=3",
                f"--offsets-topic=offsets-{self.cluster}",
                "--offsets-partitions=2",
                *flags,
            ],
            env={"TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap_servers},
        )
        try:
            process.start()
            yield process
        finally:
            process.stop()

    async def deploy(
        self,
        connector: str,
        config: Mapping[str, str],
        *,
        worker: str = "w1",
        type_: ConnectorType = "source",
        target_state: TargetState = "STARTED",
        restart: int = 0,
    ) -> None:
        """Writes connector, task 0 and its assignment."""
        self._generation += 1
        full = {
            "name": connector,
            "key.converter": "string",
            "value.converter": "json",
            "value.converter.schemas.enable": "false",
            **config,
        }
        state = ConnectorState(full, target_state, self._generation, [], type_)
        spec = TaskSpec(full, self._generation, type_, restart)
        await self.client.put(self.keys.connector(connector), state.to_json())
        await self.client.put(self.keys.task(connector, 0), spec.to_json())
        await self.assign(connector, worker)

    async def set_target(self, connector: str, target_state: TargetState) -> None:
        """Pauses or resumes."""
        found = await self.client.get(self.keys.connector(connector))
        assert found is not None
        state = ConnectorState.from_json(found.value)
        changed = ConnectorState(state.config, target_state, state.generation, [], state.type)
        await self.client.put(self.keys.connector(connector), changed.to_json())

    async def assign(self, connector: str, worker: str) -> None:
        """Has the task run by a worker."""
        await self.client.put(self.keys.assignment(connector, 0), Assignment(worker, self._generation).to_json())

    async def status(self, connector: str) -> TaskStatusRecord | None:
        """The task's status as reported."""
        found = await self.client.get(self.keys.status(connector, 0))
        return TaskStatusRecord.from_json(found.value) if found else None

    async def reaches(self, connector: str, state: str, *, restarts: int = 0) -> TaskStatusRecord:
        """Waits for a state."""

        async def reached() -> TaskStatusRecord | None:
            status = await self.status(connector)
            return status if status and status.state == state and status.restarts >= restarts else None

        found = await aeventually(reached, timeout=DEADLINE, message=f"{connector} {state}")
        assert found is not None
        return found

    def counted(self, topic: str) -> list[int]:
        """The numbers in a topic up to now, read_committed, in order."""
        marker = uuid.uuid4().hex
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers})
        failed: list[KafkaError] = []
        producer.produce(
            topic, marker, partition=0, on_delivery=lambda error, _: failed.append(error) if error else None
        )
        assert producer.flush(DEADLINE) == 0 and not failed, f"the marker is not written: {failed}"
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap_servers,
                "group.id": marker,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                # The client's own default would silently go on from the end.
                "auto.offset.reset": "error",
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        numbers: list[int] = []
        done = False

        def drain() -> bool:
            nonlocal done
            for message in consumer.consume(5000, 0.3):
                if message.error() is not None:
                    raise KafkaException(message.error())
                value = message.value() or b""
                if value == marker.encode():
                    done = True
                elif value.startswith(b"{"):
                    numbers.append(orjson.loads(value)["n"])
            return done

        try:
            eventually(drain, timeout=DEADLINE, interval=0)
        finally:
            consumer.close()
        return numbers


def task_processes(worker: ServiceProcess) -> list[psutil.Process]:
    """The task processes below a worker."""
    return [
        child
        for child in psutil.Process(worker.process.pid).children(recursive=True)
        if "tidegate task" in " ".join(child.cmdline())
    ]


def lab_config(etcd: Etcd) -> EtcdConfig:
    """How to reach the test's etcd."""
    return EtcdConfig(endpoints=(etcd.endpoint,))

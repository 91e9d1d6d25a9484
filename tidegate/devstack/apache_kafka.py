"""Apache Kafka from its Maven artifacts: one node that is broker and KRaft controller."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tidegate.devstack.component import Component
from tidegate.devstack.errors import ComponentStartError
from tidegate.devstack.java import find_java
from tidegate.devstack.kafka_probe import list_topics
from tidegate.devstack.maven_artifacts import fetch_jars
from tidegate.devstack.ports import LOOPBACK

VERSION = "4.1.0"

_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)
_CACHE_NAME = f"kafka-{VERSION}"
_FORMAT_TIMEOUT_SECONDS = 60
_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A killed broker registers again only after its last session ran out.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Kafka deletes by the records' own times, and what is tried out here may be older than any retention.
    "log.retention.ms": "-1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


class ApacheKafka(Component):
    """A broker that keeps topics, groups and transactions over restarts and kills.

    Needs Java 17 or newer; Maven only the first time, to fetch the jars into the cache.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: broker settings that replace or add to the defaults.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
    """

    KIND: ClassVar[str] = "apache-kafka"
    PORTS: ClassVar[tuple[str, ...]] = ("kafka", "controller")

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        name: str | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        super().__init__(state_dir, name=name, start_timeout=start_timeout)
        self.settings = {**_SETTINGS, **(settings or {})}

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for Kafka clients."""
        return f"{LOOPBACK}:{self.port('kafka')}"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _prepare(self) -> None:
        (self.directory / "log4j2.properties").write_text(_LOG4J)
        controller = f"{LOOPBACK}:{self.port('controller')}"
        settings = {
            **self.settings,
            "log.dirs": str(self._data),
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "controller.quorum.voters": f"1@{controller}",
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (self._data / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        command = [
            *self._java("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            "kafka.tools.StorageTool",
            "format",
            f"--config={self._properties}",
            f"--cluster-id={cluster_id}",
        ]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_FORMAT_TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise self._format_error(f"format took over {_FORMAT_TIMEOUT_SECONDS} s", "") from None
        output = (done.stdout + done.stderr).decode(errors="replace")
        self.log_path.write_text(output)
        if done.returncode != 0:
            raise self._format_error(f"format exited with status {done.returncode}", output)

    def _format_error(self, problem: str, output: str) -> ComponentStartError:
        tail = "\n".join(output.splitlines()[-30:])
        return ComponentStartError(self.name, problem, log_path=self.log_path, log_tail=tail)

    def _command(self) -> Sequence[str]:
        return [*self._java("-Xmx512m", "-Xms128m"), "kafka.Kafka", str(self._properties)]

    def _java(self, *options: str) -> list[str]:
        java = find_java("Apache Kafka")
        jars = fetch_jars(_CACHE_NAME, _COORDINATES)
        log4j = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}"
        return [java, *options, "-Djava.awt.headless=true", log4j, "-cp", f"{jars}/*"]

    def _probe(self) -> None:
        list_topics(self.bootstrap_servers)

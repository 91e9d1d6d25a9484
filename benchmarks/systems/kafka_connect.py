"""Kafka Connect from its Maven artifacts: distributed workers, as they run in production."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx

from benchmarks.stage import Stage
from benchmarks.systems.connectors import Connectors
from benchmarks.systems.maven import plugin_jars, runtime_jars
from tidegate.devstack.component import Component
from tidegate.devstack.java import find_java
from tidegate.devstack.ports import LOOPBACK

_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
# What Kafka's own start script gives the virtual machine.
_JVM = (
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)


class ConnectWorker(Component):
    """One worker of a group.

    Args:
        stage: what it stands on.
        name: unique on the stage.
        group: the Connect cluster it belongs to.
        plugins: keys of :data:`benchmarks.systems.maven.PLUGINS`.
        settings: worker settings over the defaults.
        heap: ``-Xmx``.
    """

    KIND: ClassVar[str] = "connect"
    PORTS: ClassVar[tuple[str, ...]] = ("rest",)

    def __init__(
        self,
        stage: Stage,
        name: str,
        group: str,
        *,
        plugins: Sequence[str],
        settings: Mapping[str, str],
        heap: str,
    ) -> None:
        super().__init__(stage.state_dir, name=name, start_timeout=120)
        self._bootstrap_servers = stage.bootstrap_servers
        self._group = group
        self._plugins = list(plugins)
        self._settings = dict(settings)
        self._heap = heap

    @property
    def rest_url(self) -> str:
        """Its REST API."""
        return f"http://{LOOPBACK}:{self.port('rest')}"

    @property
    def worker_id(self) -> str:
        """As it names itself in statuses."""
        return f"{LOOPBACK}:{self.port('rest')}"

    @property
    def _properties(self) -> Path:
        return self.directory / "connect.properties"

    def _prepare(self) -> None:
        plugin_path = self.directory / "plugins"
        plugin_path.mkdir(exist_ok=True)
        for plugin in self._plugins:
            directory = plugin_path / plugin
            directory.mkdir(exist_ok=True)
            for jar in plugin_jars(plugin):
                link = directory / jar.name
                if not link.is_symlink():
                    link.symlink_to(jar)
        (self.directory / "log4j2.properties").write_text(_LOG4J)
        settings = {
            "bootstrap.servers": self._bootstrap_servers,
            "group.id": self._group,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.storage.topic": f"{self._group}-offsets",
            "offset.storage.replication.factor": "1",
            "config.storage.topic": f"{self._group}-configs",
            "config.storage.replication.factor": "1",
            "status.storage.topic": f"{self._group}-status",
            "status.storage.replication.factor": "1",
            "listeners": self.rest_url,
            "rest.advertised.host.name": LOOPBACK,
            "plugin.path": str(plugin_path),
            "plugin.discovery": "hybrid_warn",
            **self._settings,
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def _command(self) -> Sequence[str]:
        return [
            find_java("Kafka Connect"),
            "-Xms256m",
            f"-Xmx{self._heap}",
            *_JVM,
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}",
            "-cp",
            f"{runtime_jars()}/*",
            "org.apache.kafka.connect.cli.ConnectDistributed",
            str(self._properties),
        ]

    def _probe(self) -> None:
        httpx.get(f"{self.rest_url}/connectors", timeout=5, trust_env=False).raise_for_status()


class KafkaConnect:
    """A Connect cluster.

    Args:
        stage: what it stands on.
        name: as shown; also its group's.
        plugins: keys of :data:`benchmarks.systems.maven.PLUGINS`.
        exactly_once: whether source connectors write in transactions.
        workers: how many.
        settings: worker settings over the defaults.
        heap: ``-Xmx`` of each.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        name: str = "connect",
        plugins: Sequence[str] = ("file",),
        exactly_once: bool = True,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        heap: str = "1g",
    ) -> None:
        self.name = name
        common = {"exactly.once.source.support": "enabled" if exactly_once else "disabled", **(settings or {})}
        self.workers = [
            ConnectWorker(stage, f"{name}-{number}", name, plugins=plugins, settings=common, heap=heap)
            for number in range(1, workers + 1)
        ]
        self._connectors: Connectors | None = None

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.start()
            self._connectors = Connectors(",".join(worker.rest_url for worker in self.workers))
            self._connectors.wait_plugins()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def connectors(self) -> Connectors:
        """Its REST API; RuntimeError before it was started."""
        if self._connectors is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._connectors

    def roots(self) -> list[int]:
        """The workers' pids."""
        return [worker.process.pid for worker in self.workers if worker.alive]

    def _stop(self) -> None:
        with contextlib.ExitStack() as steps:
            for worker in self.workers:
                steps.callback(worker.stop)
            if self._connectors is not None:
                steps.callback(self._connectors.close)

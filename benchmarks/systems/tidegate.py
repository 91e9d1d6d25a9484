"""Tidegate: a registry, a coordinator and workers on the stage."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure.process_tree import members
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Connectors
from tidegate.config.secrets import make_key
from tidegate.devstack.service_process import ServiceProcess


class Tidegate:
    """All processes of one Tidegate, with the settings a user has who sets none.

    Args:
        stage: what it stands on.
        workers: how many.
    """

    def __init__(self, stage: Stage, *, workers: int = 1) -> None:
        self.name = "tidegate"
        endpoint = [f"--etcd-endpoints={stage.stack.etcd.endpoint}", "--log-level=info"]
        secret = {"TIDEGATE_SECRET_KEY": make_key()}
        rest = ("grpc", "rest")
        self.registry = ServiceProcess(
            "registry", "registry", state_dir=stage.state_dir, flags=[*endpoint, "--replica-id=registry"], listens=rest
        )
        self.coordinator = ServiceProcess(
            "coordinator",
            "coordinator",
            state_dir=stage.state_dir,
            flags=[*endpoint, "--replica-id=coordinator"],
            listens=rest,
            env=secret,
        )
        flags = [
            *endpoint,
            f"--registry-urls={self.registry.addresses['grpc']}",
            f"--kafka=bootstrap.servers={stage.bootstrap_servers}",
        ]
        self.workers = [
            ServiceProcess(
                "worker",
                f"worker-{number}",
                state_dir=stage.state_dir,
                flags=[*flags, f"--worker-id=worker-{number}"],
                listens=("grpc", "metrics"),
                env={**secret, **stage.worker_env()},
            )
            for number in range(1, workers + 1)
        ]
        self.connectors = Connectors(f"http://{self.coordinator.addresses['rest']}")

    def __enter__(self) -> Self:
        try:
            for service in self._services():
                service.spawn()
            for service in self._services():
                service.wait_ready()
            self.connectors.wait_plugins()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def roots(self) -> list[int]:
        """The services' pids; the fork server and the task processes descend from the workers."""
        return [service.process.pid for service in self._services()]

    def task_pids(self) -> list[int]:
        """The task processes: the descendants of workers that say so in their title."""
        pids = members(worker.process.pid for worker in self.workers)
        return sorted(pid for pid in pids if _title(pid).startswith("tidegate task "))

    def _services(self) -> Sequence[ServiceProcess]:
        return [self.registry, self.coordinator, *self.workers]

    def _stop(self) -> None:
        with contextlib.ExitStack() as steps:
            for service in self._services():
                steps.callback(service.stop)
            steps.callback(self.connectors.close)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""

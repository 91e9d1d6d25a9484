"""The plainest way from Kafka to OpenSearch: a consumer's loop around the official client's bulk helper.

It stands in for a sink of Kafka Connect, of which none for OpenSearch or Elasticsearch is on Maven Central. Offsets are
committed after each batch: at least once, with positions as ids. No schema, no mapping, nothing is halted.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.errors import BenchmarkError
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config

_STOP_SECONDS = 20.0


class BulkLoops:
    """Loops as connectors: a process for each task.

    Args:
        stage: what they read from and write to.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {}

    def create(self, name: str, config: Config) -> None:
        """Start the loops of a job; keys: ``topic``, ``index``, ``tasks.max``."""
        job = {
            "bootstrap_servers": self._stage.bootstrap_servers,
            "url": self._stage.stack.opensearch.url,
            "group": name,
            "topic": config["topic"],
            "index": config["index"],
        }
        command = [sys.executable, "-m", "benchmarks.bulk_loop", json.dumps(job)]
        with (Path(self._stage.state_dir) / f"{name}.log").open("wb") as log:
            self._running[name] = [
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                for _ in range(int(config["tasks.max"]))
            ]

    def delete(self, name: str) -> None:
        """End a job's loops."""
        for process in self._running.pop(name, []):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """The loops that run.

        Raises:
            BenchmarkError: one has ended.
        """
        for process in self._running[name]:
            if process.poll() is not None:
                said = (Path(self._stage.state_dir) / f"{name}.log").read_text(errors="replace")
                raise BenchmarkError(f"a loop of {name} has ended: {said[-2000:]}")
        return [{"id": number, "state": "RUNNING"} for number, _ in enumerate(self._running[name])]

    def pids(self) -> list[int]:
        """Of all loops."""
        return [process.pid for each in self._running.values() for process in each]

    def close(self) -> None:
        """End all."""
        for name in list(self._running):
            self.delete(name)


class BulkLoop:
    """The loops as a system under test.

    Args:
        stage: what they stand on.
    """

    def __init__(self, stage: Stage) -> None:
        self.name = "bulk-loop"
        self.connectors = BulkLoops(stage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connectors.close()

    def roots(self) -> list[int]:
        """Their pids."""
        return self.connectors.pids()

"""Creating connectors and looking after them, over the REST API that Kafka Connect and Tidegate share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.waiting import wait_until
from tidegate.cli.rest_client import RestClient
from tidegate.errors import ConflictError, NotFoundError, RetriableError

Config = Mapping[str, str | int]


class Connectors:
    """One system's connectors.

    Args:
        urls: REST addresses of its replicas or workers, separated by commas.
    """

    def __init__(self, urls: str) -> None:
        self._client = RestClient(urls)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def wait_plugins(self) -> None:
        """Wait until a worker offers plugins."""
        wait_until(lambda: self._client.call("GET", "/connector-plugins"), "the workers' plugins")

    def create(self, name: str, config: Config) -> None:
        """Create a connector; refusals that pass (a rebalance) are waited out."""
        body = {"name": name, "config": {key: str(value) for key, value in config.items()}}

        def post() -> bool:
            try:
                self._client.call("POST", "/connectors", json=body)
            except (ConflictError, RetriableError) as error:
                if "rebalanc" in str(error):
                    return False
                raise BenchmarkError(f"{name} was refused: {error}") from error
            return True

        wait_until(post, f"{name} to be accepted", interval=0.05)

    def delete(self, name: str) -> None:
        """Delete a connector and wait until it is gone."""

        def gone() -> bool:
            try:
                self._client.call("DELETE", f"/connectors/{name}")
            except NotFoundError:
                return True
            except (ConflictError, RetriableError):
                pass
            return False

        wait_until(gone, f"{name} to be gone", interval=0.2)

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """The tasks of a connector's status.

        Raises:
            BenchmarkError: the connector or one of them has failed.
        """
        status = self._client.call("GET", f"/connectors/{name}/status")
        for part in (status["connector"], *status["tasks"]):
            if part["state"] == "FAILED":
                raise BenchmarkError(f"{name} has failed: {part.get('trace', '')[:2000]}")
        tasks: list[dict[str, Any]] = status["tasks"]
        return tasks

    def wait_running(self, name: str, tasks: int = 1) -> None:
        """Wait until so many tasks run."""

        def run() -> bool:
            return len([task for task in self.tasks(name) if task["state"] == "RUNNING"]) >= tasks

        wait_until(run, f"{tasks} running tasks of {name}")

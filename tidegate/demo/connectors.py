"""Deploying the example connectors and looking after them, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tidegate.cli.connector_file import read_connector_file
from tidegate.cli.rest_client import RestClient
from tidegate.demo.errors import DemoFailedError
from tidegate.demo.waiting import wait_until

RUNNING = "RUNNING"
FAILED = "FAILED"


class Connectors:
    """The coordinators' REST API as the demo uses it.

    Args:
        client: for the coordinators.
        examples: directory of the YAML files.
    """

    def __init__(self, client: RestClient, examples: Path) -> None:
        self._client = client
        self._examples = examples

    def deploy(self, file: str, overrides: Mapping[str, str] | None = None) -> str:
        """Create the connector of an example file and return its name.

        Args:
            file: name of the file.
            overrides: values to replace.
        """
        wanted = read_connector_file(self._examples / file)
        body = {"name": wanted.name, "config": {**wanted.config, **(overrides or {})}}
        wait_until(lambda: self._client.call("GET", "/connector-plugins"), "the workers' plugins", timeout=60)
        self._client.call("POST", "/connectors", json=body)
        return wanted.name

    def status(self, name: str) -> dict[str, Any]:
        """A connector's status document."""
        found: dict[str, Any] = self._client.call("GET", f"/connectors/{quote(name, safe='')}/status")
        return found

    def running_worker(self, name: str) -> str | None:
        """Who runs task 0; None while nobody does.

        Raises:
            DemoFailedError: the connector or its task has failed.
        """
        status = self.status(name)
        parts = [status["connector"], *status["tasks"]]
        failed = [part for part in parts if part["state"] == FAILED]
        if failed:
            raise DemoFailedError(f"connector {name} has failed: {failed[0].get('trace', '')}")
        running = [task["worker_id"] for task in status["tasks"] if task["id"] == 0 and task["state"] == RUNNING]
        return str(running[0]) if running else None

    def wait_running(self, name: str, *, instead_of: str | None = None, timeout: float = 120.0) -> str:
        """Wait until task 0 runs, and return its worker.

        Args:
            name: the connector.
            instead_of: a worker that is dead and does not count.
            timeout: seconds until giving up.

        Raises:
            DemoFailedError: time is up, or the connector has failed.
        """

        def runs() -> str | None:
            worker = self.running_worker(name)
            return worker if worker != instead_of else None

        return wait_until(runs, f"a running task of {name}", timeout=timeout, interval=0.05)

"""Task, server and worker killed while snapshots run: the part of that proof which is the same for every database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.support.eventually import eventually
from tidegate.devstack.service_process import ServiceProcess

_ROWS = 100


class KilledServer(Protocol):
    """A database server."""

    def kill9(self) -> object:
        """Kills it."""

    def start(self) -> object:
        """Starts it."""


class Load(Protocol):
    """Changes tables until told to stop."""

    def goes_on(self) -> None:
        """Waits until there are more changes."""

    def ask_for_rows(self) -> None:
        """Signals an incremental snapshot."""


class Topics(Protocol):
    """Reads the topics of the tables."""

    read_again: int

    def read(self) -> int:
        """Takes in what is there; 0 for nothing yet."""

    def has_read_again(self, rows: int) -> bool:
        """Whether there have been so many rows of incremental snapshots."""


async def kills_while_snapshots_run(
    lab: Lab, first: ServiceProcess, config: Mapping[str, str], server: KilledServer, topics: Topics, load: Load
) -> None:
    """Kills each in turn in a snapshot of several readers, and in an incremental one beside the stream.

    Args:
        lab: with a second worker, ``w2``.
        first: the worker that the connector ``capture`` runs on.
        config: of the connector, with several readers and a table for signals.
        server: is killed.
        topics: of its tables.
        load: is running.
    """
    await lab.deploy("capture", dict(config))
    # While several tables, or ranges of them, are read at once.
    eventually(topics.read, timeout=DEADLINE, interval=0)
    _kill_tasks(first)
    await lab.reaches("capture", "RUNNING", restarts=1)
    server.kill9()
    server.start()
    load.goes_on()
    load.ask_for_rows()
    for kills in range(3):
        _some_more(topics)
        match kills:
            case 0:
                _kill_tasks(first)
            case 1:
                server.kill9()
                server.start()
            case 2:
                first.kill9()
                await lab.assign("capture", "w2")
    _some_more(topics)
    load.goes_on()


def _kill_tasks(worker: ServiceProcess) -> None:
    for process in task_processes(worker):
        process.kill()


def _some_more(topics: Topics) -> None:
    """Waits for more rows of incremental snapshots."""
    eventually(partial(topics.has_read_again, topics.read_again + _ROWS), timeout=DEADLINE, interval=0)

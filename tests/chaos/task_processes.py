"""Finding the OS processes of tasks, to kill or pause them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import psutil

from tests.support.eventually import eventually
from tidegate.devstack.service_process import ServiceProcess


def task_processes(worker: ServiceProcess, connector: str) -> list[psutil.Process]:
    """The processes of a connector's tasks below a worker."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(worker.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if f"tidegate task {connector}/" in " ".join(child.cmdline()):
                    found.append(child)
    return found


def wait_ended(processes: Sequence[psutil.Process], *, timeout: float) -> None:
    """Wait until none of the processes runs any more."""
    eventually(lambda: all(_has_ended(each) for each in processes), timeout=timeout, message="task processes ending")


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

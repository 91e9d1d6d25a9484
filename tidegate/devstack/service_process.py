"""One of Tidegate's own services as an owned process: ready when it says so, back on the same ports after a kill."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tidegate.config.ready_file import read_ready_file
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.devstack.process import OwnedProcess

_START_TIMEOUT = 90.0
_STOP_GRACE = 30.0


class ServiceProcess:
    """``tidegate <service>`` on the loopback interface.

    Args:
        service: ``coordinator``, ``worker`` or ``registry``.
        name: its id, unique in ``state_dir``.
        state_dir: directory shared by all processes of one stack.
        flags: command-line flags besides the listening addresses and the ready file.
        listens: the kinds of address it has, such as ``("grpc", "rest")``; each gets a free port, and keeps it.
        env: variables added to those of this process.
    """

    def __init__(
        self,
        service: str,
        name: str,
        *,
        state_dir: Path,
        flags: Sequence[str],
        listens: Sequence[str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.service = service
        self.name = name
        self._flags = list(flags)
        self._ready_file = state_dir / f"{name}.ready.json"
        self.addresses = {kind: f"{LOOPBACK}:{free_port()}" for kind in listens}
        self.process = OwnedProcess(name, [], state_dir=state_dir, env=env, stop_grace=_STOP_GRACE)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.alive

    def spawn(self) -> None:
        """Start the process without waiting for it; does nothing when it runs."""
        if self.alive:
            return
        self._ready_file.unlink(missing_ok=True)
        self.process.command = [
            sys.executable,
            "-m",
            "tidegate.cli.main",
            self.service,
            f"--ready-file={self._ready_file}",
            *(f"--{kind}-listen={address}" for kind, address in self.addresses.items()),
            *self._flags,
        ]
        self.process.start()

    def wait_ready(self) -> None:
        """Wait until it says that it serves.

        Raises:
            ComponentStartError: it ended or did not serve in time; shows the end of its log.
        """
        self.process.wait_ready(self._check_ready_file, timeout=_START_TIMEOUT)

    def start(self) -> None:
        """:meth:`spawn` and :meth:`wait_ready`."""
        self.spawn()
        self.wait_ready()

    def stop(self) -> None:
        """Stop it in good order, or with SIGKILL after its grace."""
        self.process.stop()

    def kill9(self) -> None:
        """SIGKILL the process alone, as the kernel would; its children have to notice by themselves."""
        self.process.kill9()

    def _check_ready_file(self) -> None:
        if read_ready_file(self._ready_file) is None:
            raise LookupError(f"{self._ready_file} is not there yet")

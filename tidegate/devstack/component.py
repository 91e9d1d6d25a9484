"""What the components of the embedded stack have in common: ports, a data directory, one process, readiness."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tidegate.devstack.errors import ComponentStartError
from tidegate.devstack.ports import free_port, is_free
from tidegate.devstack.process import OwnedProcess

_PORT_ATTEMPTS = 3
_ADDRESS_IN_USE = ("address already in use", "address in use", "addrinuse", "eaddrinuse")


class Component(ABC):
    """A server program: started on free ports with its data in ``state_dir/<name>``, stopped by pid.

    The ports are kept in ``ports.json`` there and taken again by the next start where still free, so that an
    address written down by somebody (a connector's configuration in etcd) stays right.

    Args:
        state_dir: directory shared by all processes of one stack.
        name: unique in ``state_dir``; the kind of component by default.
        start_timeout: seconds from start to readiness.
    """

    KIND: ClassVar[str]
    PORTS: ClassVar[tuple[str, ...]]
    STOP_SIGNAL: ClassVar[signal.Signals] = signal.SIGTERM
    STOP_GRACE: ClassVar[float] = 10.0

    def __init__(self, state_dir: Path, *, name: str | None = None, start_timeout: float = 60.0) -> None:
        self.name = name or self.KIND
        self.state_dir = state_dir.absolute()
        self.directory = self.state_dir / self.name
        self.start_timeout = start_timeout
        self._ports: dict[str, int] = {}
        self._process: OwnedProcess | None = None
        self._ready = False
        self._was_ready = False
        self._start_lock = threading.Lock()
        self._start_aborted = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the server process runs (or is paused)."""
        return self._process is not None and self._process.alive

    @property
    def log_path(self) -> Path:
        """The server's whole output."""
        return self.directory / f"{self.name}.log"

    @property
    def process(self) -> OwnedProcess:
        """The server process.

        Raises:
            RuntimeError: it was never started.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process

    def start(self) -> None:
        """Start the server and wait until it answers a real request; does nothing when it runs.

        A restart keeps data (as far as the server does) and ports.

        Raises:
            ComponentMissingError: a needed program is not on this machine.
            ComponentStartError: it ended or did not answer in time; the error shows the end of its log.
        """
        if self.alive:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        self._ready = False
        self._start_aborted = False
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            if not self._was_ready:
                self._choose_ports()
            try:
                self._start_once()
            except ComponentStartError as error:
                self.stop()
                taken = any(phrase in error.log_tail.lower() for phrase in _ADDRESS_IN_USE)
                if not taken or self._was_ready or attempt == _PORT_ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                self._ready = self._was_ready = True
                return

    def stop(self) -> None:
        """Stop the server in good order, or with SIGKILL after its grace; leaves its data."""
        if self._process is not None:
            self._process.stop()

    def abort_start(self) -> None:
        """Make a :meth:`start` that goes on in another thread fail soon; a server that is ready is left alone."""
        with self._start_lock:
            self._start_aborted = True
            if self._process is not None and not self._ready:
                self._process.kill9(tree=True)

    def restart(self) -> None:
        """Stop, then start on the same ports and data."""
        self.stop()
        self.start()

    def kill9(self) -> None:
        """SIGKILL the server and its children at once; :meth:`start` brings it back on the same ports and data."""
        self.process.kill9(tree=True)

    def pause(self) -> None:
        """SIGSTOP the server and its children: connections stay open and nobody answers."""
        self.process.pause(tree=True)

    def resume(self) -> None:
        """Undo :meth:`pause`."""
        self.process.resume()

    def port(self, role: str) -> int:
        """The port of ``role``, one of :attr:`PORTS`.

        Raises:
            RuntimeError: the component was never started.
        """
        try:
            return self._ports[role]
        except KeyError:
            raise RuntimeError(f"{self.name} has no port yet: start it first") from None

    def _start_once(self) -> None:
        self._prepare()
        process = OwnedProcess(
            self.name,
            self._command(),
            state_dir=self.state_dir,
            env=self._environment(),
            log_path=self.log_path,
            stop_signal=self.STOP_SIGNAL,
            stop_grace=self.STOP_GRACE,
        )
        # The tail shown by an error is then this start's, and a retry does not see the last attempt's lines.
        with contextlib.suppress(FileNotFoundError):
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self._start_lock:
            self._process = process
            if not self._start_aborted:
                process.start()
        process.wait_ready(self._probe, timeout=self.start_timeout)

    def _choose_ports(self) -> None:
        path = self.directory / "ports.json"
        kept: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(path.read_text())
        self._ports = {
            role: kept[role] if role in kept and is_free(kept[role]) else self._pick_port(role) for role in self.PORTS
        }
        path.write_text(json.dumps(self._ports))

    def _pick_port(self, role: str) -> int:
        """A free port for ``role``."""
        return free_port()

    def _environment(self) -> Mapping[str, str]:
        """Variables the server needs beside those of this process."""
        return {}

    def _prepare(self) -> None:  # noqa: B027  (most servers make their own data directory)
        """Make what the server needs on disk before it starts; called before every start."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The server's command line; called after :meth:`_prepare` with the ports chosen."""

    @abstractmethod
    def _probe(self) -> None:
        """One real request with a short deadline; raises while the server is not ready."""

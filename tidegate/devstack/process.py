"""One OS process, started and stopped by us, and findable after our own crash."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tidegate.devstack.errors import ComponentMissingError, ComponentStartError
from tidegate.devstack.pid_file import PidFile, ProcessIdentity, pid_path
from tidegate.devstack.process_tree import await_end, kill_tree, members

_TAIL_BYTES = 16_384


class OwnedProcess:
    """A child process in a session of its own, with its output in a log file and a pid file in a state directory.

    Its own session keeps a terminal's Ctrl-C away from it: only its owner stops it. A parent-death signal is not
    used, for it is tied to the *thread* that started the child, and components are started from short-lived
    threads; the pid file serves instead (:func:`tidegate.devstack.reaping.reap_leftovers`). A crash of the owner
    in the instant between starting the child and writing the pid file leaves the child unrecorded.

    Not thread-safe: one thread at a time.

    Args:
        name: unique within ``state_dir``; file names are made from it.
        command: program and arguments; the program is looked up on ``PATH`` when it holds no slash.
        state_dir: holds ``pids/<name>.json`` and, by default, the log.
        env: variables added to, or replacing, those of this process.
        cwd: working directory; this process's by default.
        log_path: file that stdout and stderr are appended to; ``state_dir/<name>.log`` by default.
        stop_signal: what asks the program to end in good order.
        stop_grace: seconds it has for that before SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        *,
        state_dir: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log_path: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_grace: float = 10.0,
    ) -> None:
        self.name = name
        self.command = [os.fspath(part) for part in command]
        self.state_dir = state_dir
        self.env = dict(env or {})
        self.cwd = cwd
        self.log_path = log_path or state_dir / f"{name}.log"
        self.stop_signal = stop_signal
        self.stop_grace = stop_grace
        self._popen: subprocess.Popen[bytes] | None = None
        self._identity: ProcessIdentity | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the process itself runs (or is paused); its children are not looked at."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        """The pid of the current or last run.

        Raises:
            RuntimeError: it was never started.
        """
        if self._popen is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Exit status of the last run, negative for a signal; None while it runs or before the first start."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start the program; does nothing when it runs. Does not wait for readiness.

        Raises:
            ComponentMissingError: the program does not exist or may not be executed.
        """
        if self.alive:
            return
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            try:
                self._popen = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self.env},
                    cwd=self.cwd,
                    start_new_session=True,
                )
            except (FileNotFoundError, PermissionError) as error:
                raise ComponentMissingError(
                    f"{self.name} can not be started: {self.command[0]}: {error.strerror}.",
                    remedy="Install the program or correct its path.",
                ) from error
        # An unwaited child keeps its pid, so its create time can be read even when it has already ended.
        self._identity = ProcessIdentity.of(self._popen.pid)
        owner = ProcessIdentity.of(os.getpid())
        PidFile(name=self.name, process=self._identity, owner=owner).write(self.state_dir)

    def stop(self) -> None:
        """Ask the program to end, wait for it, and SIGKILL what is left of it and its children after the grace.

        Does nothing when it was never started; a paused one is resumed so that it can end in good order.
        """
        if self._popen is None or self._identity is None:
            return
        if self.alive:
            family = members(self._identity)
            self._popen.send_signal(self.stop_signal)
            self._signal_family(family, signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(self.stop_grace)
            await_end(family, 0.5)
            self._kill(family)
        kill_tree(self._identity)
        self._popen.wait()
        pid_path(self.state_dir, self.name).unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop in good order, then start again with the same command."""
        self.stop()
        self.start()

    def kill9(self, *, tree: bool = False) -> None:
        """SIGKILL, as the kernel's out-of-memory killer would; returns when the process has ended.

        Args:
            tree: also kill its children; otherwise they are left to notice by themselves, and :meth:`stop`
                still ends those that stayed in the session.
        """
        if self._popen is None or self._identity is None:
            return
        if tree:
            kill_tree(self._identity)
        elif self.alive:
            self._popen.kill()
        self._popen.wait()

    def pause(self, *, tree: bool = False) -> None:
        """SIGSTOP: the process holds its sockets and memory but does nothing, as on a stalled machine.

        Args:
            tree: also pause its children.
        """
        self._signal(signal.SIGSTOP, tree=tree)

    def resume(self) -> None:
        """SIGCONT to the process and its children: undoes :meth:`pause`."""
        self._signal(signal.SIGCONT, tree=True)

    def wait(self, timeout: float) -> int:
        """Wait for the process to end by itself and return its exit status.

        Raises:
            TimeoutError: it still runs after ``timeout`` seconds.
        """
        if self._popen is None:
            raise RuntimeError(f"{self.name} was never started")
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout:g} s") from None

    def wait_ready(self, probe: Callable[[], object], *, timeout: float, interval: float = 0.05) -> None:
        """Call ``probe`` until it returns without an exception.

        Args:
            probe: a real request with its own short deadline; any exception means "not yet".
            timeout: seconds until giving up.
            interval: seconds between two calls.

        Raises:
            ComponentStartError: the process ended, or no probe succeeded in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            failure: Exception | None = None
            try:
                probe()
            except Exception as error:
                failure = error
            # Looked at after a good answer too: it may have come from a stranger holding our port.
            if not self.alive:
                raise self._start_error(f"exited with status {self.returncode} before it was ready")
            if failure is None:
                return
            if time.monotonic() >= deadline:
                problem = f"was not ready after {timeout:g} s ({type(failure).__name__}: {failure})"
                raise self._start_error(problem) from failure
            time.sleep(interval)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log file, empty when there is none."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _start_error(self, problem: str) -> ComponentStartError:
        return ComponentStartError(self.name, problem, log_path=self.log_path, log_tail=self.log_tail())

    def _signal(self, number: signal.Signals, *, tree: bool) -> None:
        if self._popen is None or self._identity is None or not self.alive:
            raise RuntimeError(f"{self.name} does not run")
        if tree:
            self._signal_family(members(self._identity), number)
        else:
            self._popen.send_signal(number)

    @staticmethod
    def _signal_family(family: Sequence[psutil.Process], number: signal.Signals) -> None:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @staticmethod
    def _kill(family: Sequence[psutil.Process]) -> None:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

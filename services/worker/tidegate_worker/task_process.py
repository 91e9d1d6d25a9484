"""One task's OS process as its agent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from multiprocessing.process import BaseProcess

import psutil

from tidegate_worker.fork_server import ForkServer, watch
from tidegate_worker.task import entry
from tidegate_worker.task.launch import FENCED_EXIT, FromTask, Run, SetPaused, Stop, TaskLaunch, ToTask
from tidegate_worker.task.vital_signs import VitalSigns


class TaskProcess:
    """A task's process: started, spoken to, watched and ended by its holder.

    Args:
        forks: starts it.
        launch: what it runs.
        deadline: the moment the lease may have run out.
    """

    def __init__(self, forks: ForkServer, launch: TaskLaunch, deadline: float) -> None:
        self.signs = VitalSigns.create(forks.context, deadline)
        self.messages: asyncio.Queue[FromTask] = asyncio.Queue()
        self.exited = asyncio.Event()
        self.arrived = asyncio.Event()
        self._forks = forks
        self._connector_class = launch.config["connector.class"]
        self._channel, self._theirs = forks.context.Pipe()
        self._process: BaseProcess = forks.context.Process(
            target=entry.main,
            args=(launch, self._theirs, self.signs),
            name=f"{launch.connector}/{launch.task}",
            daemon=True,
        )
        self._loop = asyncio.get_running_loop()
        self._stat: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    async def start(self) -> None:
        """Forks it.

        Raises:
            OSError: the fork server could not.
        """
        await self._forks.start(self._process, self._connector_class)
        self._theirs.close()
        watch(self._channel.fileno(), self._readable)
        watch(self._process.sentinel, self._ended)
        with contextlib.suppress(psutil.Error):
            self._stat = psutil.Process(self._process.pid)

    def run(self, epoch: int, *, paused: bool) -> None:
        """The task is claimed: go."""
        self.signs.beat(time.monotonic())
        self._send(Run(epoch, paused))

    def set_paused(self, paused: bool) -> None:
        """Stop or go on moving records."""
        self._send(SetPaused(paused))

    def stop(self) -> None:
        """Commit and end."""
        self._send(Stop())

    def kill(self) -> None:
        """SIGKILL; returns at once."""
        if self._process.pid is not None and not self.exited.is_set():
            self._process.kill()

    def memory(self) -> int:
        """Bytes of memory that are its own: pages shared with the fork server are not counted; 0 when unknown."""
        if self._stat is None:
            return 0
        try:
            resident = self._stat.memory_info().rss
            shared = getattr(self._stat.memory_info(), "shared", 0)
        except psutil.Error:
            return 0
        return int(resident - shared)

    def exit_reason(self) -> str:
        """How it ended, in words."""
        code = self._process.exitcode
        if code == FENCED_EXIT:
            return "the task process ended itself: the worker's lease may have run out"
        if code is not None and code < 0:
            return f"the task process was killed by signal {-code}"
        return f"the task process ended with exit status {code}"

    async def end(self, grace: float = 0.0) -> None:
        """Waits ``grace`` seconds for it to end, then kills it; releases its resources."""
        if self._process.pid is None:
            return
        if grace:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self.exited.wait()
        if not self.exited.is_set():
            self._process.kill()
            await self.exited.wait()
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        await asyncio.to_thread(self._process.join)
        self._process.close()

    def silent_for(self) -> float:
        """Seconds since its last sign of life."""
        return self.signs.silent_for()

    def _send(self, message: ToTask) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def _readable(self) -> None:
        try:
            while self._channel.poll():
                self.messages.put_nowait(self._channel.recv())
                self.arrived.set()
        except (EOFError, OSError):
            self._loop.remove_reader(self._channel.fileno())

    def _ended(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._readable()
        self.exited.set()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000

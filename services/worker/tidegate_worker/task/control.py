"""The control thread of a task's process: orders from the agent, reports to it, and the self-fence."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from tidegate.errors import FencedError
from tidegate_worker.task.launch import FENCED_EXIT, Entered, Failed, FromTask, Run, SetPaused, Stats, Stop
from tidegate_worker.task.vital_signs import VitalSigns

_WATCH_INTERVAL = 0.1
_REPORT_INTERVAL = 1.0


class Control:
    """Connects the loop in the main thread with the agent.

    The process ends itself at once when the agent is gone or the lease may have run out: by then another worker may
    hold the task.

    Args:
        channel: the pipe to the agent.
        signs: shared memory.
    """

    def __init__(self, channel: Connection, signs: VitalSigns) -> None:
        self._channel = channel
        self._signs = signs
        self._send_lock = threading.Lock()
        self._started: Run | None = None
        self._go = threading.Event()
        self._resumed = threading.Event()
        self._last_stats = 0.0
        self._signs_of_stages: list[Callable[[], float]] = []
        self.stopping = threading.Event()

    def start(self) -> None:
        """Starts listening and watching."""
        threading.Thread(target=self._listen, name="control", daemon=True).start()
        threading.Thread(target=self._watch, name="fence", daemon=True).start()

    def wait_for_run(self) -> Run | None:
        """Waits for the order to run; None when told to stop instead."""
        self._go.wait()
        return self._started

    def send(self, message: FromTask) -> None:
        """Reports to the agent; ends the process when it is gone."""
        try:
            with self._send_lock:
                self._channel.send(message)
        except OSError:
            os._exit(FENCED_EXIT)

    def report(self, stats: Callable[[], Stats], *, now: bool = False) -> None:
        """Sends the counters, at most once a second unless ``now``."""
        clock = time.monotonic()
        if now or clock - self._last_stats >= _REPORT_INTERVAL:
            self._last_stats = clock
            self.send(stats())

    def failed(self, trace: str, *, retriable: bool) -> None:
        """Reports why the task ends."""
        self.send(Failed(retriable, trace))

    def depends_on(self, last_sign: Callable[[], float]) -> None:
        """Has the task count as stuck when a stage of it is.

        Args:
            last_sign: gives the monotonic time of the stage's last sign of life.
        """
        self._signs_of_stages.append(last_sign)

    def beat(self) -> None:
        """Shows that the loop is not stuck, as far as its stages are not."""
        self._signs.beat(min((sign() for sign in self._signs_of_stages), default=time.monotonic()))

    def guard(self) -> None:
        """Called right before anything that takes effect outside.

        Raises:
            FencedError: the lease may have run out.
        """
        if self._signs.expired():
            raise FencedError("the worker's lease may have run out: another worker may hold this task by now.")

    def wait_resumed(self, timeout: float) -> None:
        """Waits until records may be moved, or the task is to stop; no longer than ``timeout`` seconds."""
        self._resumed.wait(timeout)

    @property
    def paused(self) -> bool:
        """Whether no records are to be moved."""
        return not self._resumed.is_set()

    def rest(self) -> None:
        """Waits out a pause in steps of about half a second."""
        self.send(Entered("PAUSED"))
        while self.paused and not self.stopping.is_set():
            self._resumed.wait(0.5)
            self.beat()
        if not self.stopping.is_set():
            self.send(Entered("RUNNING"))

    def _listen(self) -> None:
        while True:
            try:
                message = self._channel.recv()
            except (EOFError, OSError):
                os._exit(FENCED_EXIT)
            match message:
                case Run():
                    self._set_paused(message.paused)
                    self._started = message
                    self._go.set()
                case SetPaused():
                    self._set_paused(message.paused)
                case Stop():
                    self.stopping.set()
                    self._resumed.set()
                    self._go.set()

    def _set_paused(self, paused: bool) -> None:
        if paused:
            self._resumed.clear()
        else:
            self._resumed.set()

    def _watch(self) -> None:
        self._go.wait()
        while True:
            time.sleep(_WATCH_INTERVAL)
            if self._signs.expired():
                os._exit(FENCED_EXIT)

"""Where the time of a Tidegate task goes: py-spy's samples by function, and the kernel's seconds by thread."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.data.tables import data_dir
from benchmarks.measure.threads import thread_seconds
from benchmarks.show import say
from benchmarks.systems.tidegate import Tidegate
from tidegate.devstack.wheel_binary import script_binary

_RATE = 200
_SHOWN = 20
_LOOK_SECONDS = 0.02
_END_SECONDS = 60
_LOOPS = ("SourceLoop.run", "SinkLoop.run")


@contextlib.contextmanager
def profile_task(tidegate: Tidegate, facts: dict[str, Any]) -> Iterator[None]:
    """While the body moves records, samples the first task process that appears; adds what it saw to ``facts``.

    Args:
        tidegate: runs.
        facts: gets ``profile`` (self and total share by function) and ``threads`` (CPU seconds by thread).
    """
    watch = _Watch(tidegate)
    watch.start()
    try:
        yield
    finally:
        watch.end()
    facts["threads"] = {name: round(seconds, 2) for name, seconds in sorted(watch.threads.items())}
    facts["profile"] = breakdown(watch.stacks) if watch.stacks.exists() else {}
    say(f"  collapsed stacks (for any flame graph program): {watch.stacks}")


class _Watch(threading.Thread):
    """Waits for a task process, attaches py-spy to it, and reads its threads' clocks until it ends."""

    def __init__(self, tidegate: Tidegate) -> None:
        super().__init__(name="profile", daemon=True)
        self._tidegate = tidegate
        self._before = set(tidegate.task_pids())
        self._over = threading.Event()
        self._program: subprocess.Popen[bytes] | None = None
        self.stacks = data_dir() / "profile.collapsed"
        self.threads: dict[str, float] = {}

    def run(self) -> None:
        self.stacks.unlink(missing_ok=True)
        pid = 0
        while not self._over.wait(_LOOK_SECONDS):
            if not pid:
                found = [each for each in self._tidegate.task_pids() if each not in self._before]
                pid = found[0] if found else 0
                if pid:
                    self._attach(pid)
            elif seconds := thread_seconds(pid):
                self.threads = seconds

    def end(self) -> None:
        """Stops looking; returns when py-spy has written."""
        self._over.set()
        self.join(timeout=_END_SECONDS)
        if self._program is not None:
            self._program.send_signal(signal.SIGINT)
            try:
                self._program.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._program.kill()
                self._program.wait()

    def _attach(self, pid: int) -> None:
        program = str(script_binary("py-spy", distribution="py-spy"))
        # Idle threads are left out; blocking keeps the stacks right at the cost of a slower run.
        command = [program, "record", "--pid", str(pid), "--format", "raw", "--rate", str(_RATE), "--native"]
        self._program = subprocess.Popen(
            [*command, "--output", str(self.stacks)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def breakdown(stacks: Path) -> dict[str, dict[str, str]]:
    """The functions with the largest shares of a file of collapsed stacks.

    Only the thread that moves records is looked at where there is one: others wait in calls that look busy.

    Returns:
        ``self``: share spent in the function's own code; ``total``: with what it calls, Tidegate's functions only.
    """
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    lines = stacks.read_text().splitlines()
    moving = any(map(_moves, lines))
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        if moving and not _moves(stack):
            continue
        weight = int(count)
        samples += weight
        own[frames[-1]] += weight
        for frame in {each for each in frames if "tidegate" in each}:
            total[frame] += weight
    return {"self": _shares(own, samples), "total": _shares(total, samples)}


def _moves(stack: str) -> bool:
    return any(loop in stack for loop in _LOOPS)


def _short(frame: str) -> str:
    """Without the line number, so that one function is one entry, and without the way to the package."""
    name, _, place = frame.partition(" (")
    if name.startswith("0x"):
        name = "code without a name"
    file = place.rpartition(":")[0] or place.rstrip(")")
    for start in ("tidegate_worker/", "site-packages/", "tidegate/"):
        if start in file:
            file = file[file.index(start) :].removeprefix("site-packages/")
            break
    return f"{name} ({file})"


def _shares(counts: Counter[str], samples: int) -> dict[str, str]:
    return {name: f"{count / samples:.1%}" for name, count in counts.most_common(_SHOWN)} if samples else {}

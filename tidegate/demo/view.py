"""What the demo shows: its acts as they pass, and the flow as bars below them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_REFRESH_SECONDS = 0.3


class View:
    """A live view in one terminal; plain lines where there is none.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._gauges: dict[TaskID, Callable[[], int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="view", daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._progress.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._progress.console.print(text, highlight=False)

    @contextmanager
    def act(self, number: int, title: str) -> Iterator[Callable[[str], None]]:
        """An act of the demo with its heading and, at its end, its seconds; gives what changes the spinner's text."""
        self.say(f"[bold]{number}. {title}[/]")
        began = time.monotonic()
        task = self._progress.add_task(title, total=None, shown="")
        try:
            yield lambda text: self._progress.update(task, description=text)
            self.say(f"   [green]done[/] in {time.monotonic() - began:.1f} s")
        finally:
            self._progress.remove_task(task)

    @contextmanager
    def gauge(self, title: str, total: int, read: Callable[[], int]) -> Iterator[None]:
        """A bar that follows ``read`` while the body runs.

        Args:
            title: what is counted.
            total: the full bar.
            read: the count now; called in a thread.
        """
        task = self._progress.add_task(title, total=total, shown="")
        self._gauges[task] = read
        try:
            yield
        finally:
            self._gauges.pop(task)
            self._progress.remove_task(task)

    def _refresh(self) -> None:
        while not self._stop.wait(_REFRESH_SECONDS):
            for task, read in list(self._gauges.items()):
                try:
                    count = read()
                    self._progress.update(task, completed=count, shown=f"{count:,} rows")
                except Exception:  # noqa: S112  (the next look may succeed; the acts themselves check what matters)
                    continue

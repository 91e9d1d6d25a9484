"""A stage of a task's pipeline: it works in a thread of its own, ahead of the next one, within a bound."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")

_BEAT_INTERVAL = 0.5


class PipelineStage(Generic[T]):
    """Runs an iterator in a thread and keeps what it gives until it is taken, in order.

    What the iterator raises is raised to the taker, after everything that came before it has been taken. The iterator
    is closed in its thread, so its ``finally`` runs there.

    Args:
        name: of the thread.
        make: gives the iterator; called in the thread, with this stage.
        weigh: bytes of an item.
        most_bytes: while so many bytes wait to be taken, the stage stands still; one item may be larger.
        most_items: likewise the most items.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[PipelineStage[T]], Generator[T]],
        weigh: Callable[[T], int],
        *,
        most_bytes: int,
        most_items: int,
    ) -> None:
        self._make = make
        self._weigh = weigh
        self._most_bytes = most_bytes
        self._most_items = most_items
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._finished = False
        self._failure: BaseException | None = None
        self._stands = False
        self._last_sign = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def take(self, timeout: float, *, leave_failure: bool = False) -> T | None:
        """The next item; None when there is none within ``timeout`` seconds, or the stage has ended.

        Args:
            timeout: seconds.
            leave_failure: None instead of what ended the stage, which is then left for the next time.

        Raises:
            BaseException: what ended the stage, once everything before it is taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finished, timeout)
            if self._waiting:
                item, weight = self._waiting.popleft()
                self._bytes -= weight
                self._changed.notify_all()
                return item
            if self._failure is not None and not leave_failure:
                raise self._failure
            return None

    @property
    def finished(self) -> bool:
        """Whether nothing will come any more: everything was taken, and what ended the stage was raised."""
        with self._changed:
            return self._finished and not self._waiting and self._failure is None

    def items(self, beat: Callable[[], None]) -> Generator[T]:
        """Everything the stage gives, until it has ended.

        Args:
            beat: called at least every half second, to show that the taker is not stuck.

        Raises:
            BaseException: what ended the stage.
        """
        while not self.finished:
            beat()
            item = self.take(_BEAT_INTERVAL)
            if item is not None:
                yield item

    def beat(self) -> None:
        """Shows, from within the iterator, that it is not stuck."""
        self._last_sign = time.monotonic()

    def last_sign(self) -> float:
        """The monotonic time of the last sign of life; now while the stage stands still because enough waits."""
        return time.monotonic() if self._stands or self._finished else self._last_sign

    def close(self, timeout: float) -> None:
        """Ends the stage at its next item and waits for it; what was not taken is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            with contextlib.closing(self._make(self)) as items:
                for item in items:
                    self.beat()
                    if not self._give(item):
                        break
        except BaseException as error:
            failure = error
        with self._changed:
            self._failure = failure
            self._finished = True
            self._changed.notify_all()

    def _give(self, item: T) -> bool:
        weight = self._weigh(item)
        with self._changed:
            self._stands = True
            self._changed.wait_for(lambda: self._closed or not self._waiting or self._fits(weight))
            self._stands = False
            self.beat()
            if self._closed:
                return False
            self._waiting.append((item, weight))
            self._bytes += weight
            self._changed.notify_all()
        return True

    def _fits(self, weight: int) -> bool:
        return len(self._waiting) < self._most_items and self._bytes + weight <= self._most_bytes

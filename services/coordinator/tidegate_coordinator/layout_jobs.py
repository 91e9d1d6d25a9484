"""The leader's questions to workers, one a connector at a time, each with its own retries."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, replace
from typing import Final

from tidegate.api.common.v1 import common_pb2
from tidegate.backoff import backoff
from tidegate.control import ConnectorStatusRecord, ConnectorType
from tidegate.errors import RetriableError, TidegateError
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator.cluster_cache import Changes
from tidegate_coordinator.metrics import LAYOUT_STEPS
from tidegate_coordinator.plugin_catalog import NoWorkerError, UnknownPluginError
from tidegate_coordinator.reconciler import FenceTasks, Progress, Split, SplitConnector, Wish
from tidegate_coordinator.worker_calls import WorkerCalls

log = get_logger(__name__)

_AT_ONCE: Final = 32
_FIRST_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 60.0


@dataclass(frozen=True)
class _Retry:
    """When to ask again.

    Args:
        attempts: how often in vain.
        at: monotonic seconds; infinite when time alone does not help.
        with_workers: whether another set of workers may help.
    """

    attempts: int
    at: float
    with_workers: bool


class LayoutJobs:
    """Splits and fences connectors in the background; what comes of it is in :meth:`progress`.

    A connector's failure or slowness costs no other one anything but one of the places to be asked at once, and that
    for a call's deadline at most.

    Args:
        workers: asked; lent.
        changes: woken with a connector's name when there is progress or it is time to ask again.
    """

    def __init__(self, workers: WorkerCalls, changes: Changes) -> None:
        self._workers = workers
        self._changes = changes
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._progress: dict[str, Progress] = {}
        self._retries: dict[str, _Retry] = {}
        self._running: dict[str, tuple[Wish, asyncio.Task[None]]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def progress(self, name: str) -> Progress | None:
        """What is known of a connector."""
        return self._progress.get(name)

    def start(self, name: str, step: SplitConnector | FenceTasks) -> None:
        """Begin a step, unless it is under way or it is too early to try it again; a step of an older wish ends."""
        running = self._running.get(name)
        if running is not None and running[0] == step.wish:
            return
        known = self._progress.get(name)
        if known is None or known.wish != step.wish:
            self.forget(name)
            self._progress[name] = Progress(step.wish)
        retry = self._retries.get(name)
        if retry is None or retry.at <= time.monotonic():
            job = asyncio.create_task(self._run(name, step), name=f"layout of {name}")
            self._running[name] = (step.wish, job)

    def forget(self, name: str) -> None:
        """Drop what is known and under way: the connector is gone, stopped, or laid out."""
        running = self._running.get(name)
        if running is not None:
            running[1].cancel()
        self._progress.pop(name, None)
        self._retries.pop(name, None)
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def retry_with_new_workers(self) -> None:
        """The workers have changed: ask again at once where that may help."""
        for name, retry in list(self._retries.items()):
            if retry.with_workers:
                self._retries[name] = replace(retry, at=-math.inf)
                self._changes.wake(name)

    async def close(self) -> None:
        """End everything under way."""
        for timer in self._timers.values():
            timer.cancel()
        jobs = [job for _, job in self._running.values()]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _run(self, name: str, step: SplitConnector | FenceTasks) -> None:
        try:
            async with self._places:
                done = await self._ask(name, step)
        except Exception as error:
            LAYOUT_STEPS.labels(type(step).__name__, "failed").inc()
            self._failed(name, step.wish, error)
        else:
            LAYOUT_STEPS.labels(type(step).__name__, "done").inc()
            if self._is_current(name, step.wish):
                self._progress[name] = done
                self._retries.pop(name, None)
        finally:
            if self._running.get(name, (None, None))[1] is asyncio.current_task():
                del self._running[name]
                self._changes.wake(name)

    async def _ask(self, name: str, step: SplitConnector | FenceTasks) -> Progress:
        if isinstance(step, SplitConnector):
            answer = await self._workers.split_tasks(step.config)
            log.info("connector_split", connector=name, generation=step.wish.generation, tasks=len(answer.tasks))
            kind: ConnectorType = "sink" if answer.type == common_pb2.CONNECTOR_TYPE_SINK else "source"
            return Progress(step.wish, Split(tuple(dict(task.config) for task in answer.tasks), kind))
        await self._workers.fence_tasks(step.config, step.task_count)
        log.info("connector_fenced", connector=name, tasks=step.task_count)
        return replace(self._progress[name], fenced=(step.layout_revision, step.task_count), failure=None)

    def _is_current(self, name: str, wish: Wish) -> bool:
        known = self._progress.get(name)
        return known is not None and known.wish == wish

    def _failed(self, name: str, wish: Wish, error: Exception) -> None:
        if not self._is_current(name, wish):
            return
        if not isinstance(error, TidegateError):
            log.exception("connector_layout_defect", connector=name, exc_info=error)
        earlier = self._retries.get(name)
        attempts = 1 if earlier is None else earlier.attempts + 1
        delay = backoff(attempts, _FIRST_RETRY, _LONGEST_RETRY) if isinstance(error, RetriableError) else math.inf
        with_workers = isinstance(error, RetriableError | UnknownPluginError)
        if isinstance(error, NoWorkerError):
            delay = math.inf
        else:
            log.warning("connector_layout_failed", connector=name, attempts=attempts, reason=str(error))
            self._progress[name] = replace(self._progress[name], failure=self._record(name, wish, error))
        self._retries[name] = _Retry(attempts, time.monotonic() + delay, with_workers)
        if delay < math.inf:
            loop = asyncio.get_running_loop()
            self._timers[name] = loop.call_later(delay, self._changes.wake, name)

    def _record(self, name: str, wish: Wish, error: Exception) -> ConnectorStatusRecord:
        trace = str(error) if isinstance(error, TidegateError) else f"{type(error).__name__}; see the leader's log."
        before = self._progress[name].failure
        if before is not None and before.trace == trace:
            return before
        return ConnectorStatusRecord("FAILED", wish.generation, wish.restart, trace, int(time.time() * 1_000))

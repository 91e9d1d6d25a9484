"""A task's holder: from assignment over claim and process to release, with restarts in between."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.control import Claim, State, TargetState, TaskSpec, TaskStatusRecord
from tidegate.errors import RetriableError, TidegateError
from tidegate.etcd import EtcdLeaseNotFoundError, LeaseKeeper
from tidegate.telemetry.logging import get_logger
from tidegate_worker.fork_server import ForkServer
from tidegate_worker.restart_pause import RestartPause
from tidegate_worker.task.launch import Entered, Failed, Stats, TaskLaunch
from tidegate_worker.task_claim import ClaimKeys
from tidegate_worker.task_process import TaskProcess, now_ms

log = get_logger(__name__)

_TICK = 1.0
_DRAIN = 60.0
_RETRY = 0.5


@dataclass(frozen=True)
class Desired:
    """What the control plane wants of a task on this worker.

    Args:
        spec: the task.
        target_state: started or paused.
        assigned_revision: mod_revision of the assignment.
    """

    spec: TaskSpec
    target_state: TargetState
    assigned_revision: int


@dataclass(frozen=True)
class Limits:
    """What a task's process may do.

    Args:
        memory_bytes: more memory of its own than this ends it.
        silence: seconds without a sign of life that end it.
    """

    memory_bytes: int
    silence: float


class _End(enum.Enum):
    CHANGED = enum.auto()
    FATAL = enum.auto()
    RETRIABLE = enum.auto()


@dataclass(frozen=True)
class _Outcome:
    end: _End
    trace: str = ""


class TaskHolder:
    """Holds one task on this worker for as long as it is assigned to it.

    Args:
        keys: the task's keys in etcd.
        worker_id: this worker.
        lease: the worker's lease.
        forks: starts processes.
        make_launch: what a process is told.
        limits: see :class:`Limits`.
    """

    def __init__(
        self,
        keys: ClaimKeys,
        worker_id: str,
        lease: LeaseKeeper,
        forks: ForkServer,
        make_launch: Callable[[str, int, TaskSpec], TaskLaunch],
        limits: Limits,
    ) -> None:
        self.keys = keys
        self.stats = Stats()
        self.state: State = "UNASSIGNED"
        self.epoch: int | None = None
        self.memory = 0
        self.worker_id = worker_id
        self._lease = lease
        self._forks = forks
        self._make_launch = make_launch
        self._limits = limits
        self._desired: Desired | None = None
        self._changed = asyncio.Event()
        self._process: TaskProcess | None = None
        self._restart_pause = RestartPause()
        self._restarts = 0
        self._ran_for = 0.0
        self._trace = ""
        self._since_ms = 0
        self._claimed_by_other = False
        self._reported: tuple[State, str] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Connector and task number, for logs."""
        return f"{self.keys.connector}/{self.keys.task}"

    @property
    def done(self) -> bool:
        """Whether it has let go of the task."""
        return self._task is not None and self._task.done()

    def start(self, desired: Desired, on_done: Callable[[], None]) -> None:
        """Begins to hold; calls ``on_done`` when it has let go."""
        self._desired = desired
        self._task = asyncio.create_task(self._run(), name=f"hold {self.name}")
        self._task.add_done_callback(lambda _: on_done())

    def want(self, desired: Desired | None) -> None:
        """Takes a new wish; None lets go of the task after draining it."""
        if desired != self._desired:
            self._desired = desired
            self._changed.set()

    def claim_seen(self, create_revision: int | None) -> None:
        """Takes notice of the claim's key: its create_revision, or None when it is gone."""
        self._claimed_by_other = create_revision is not None and create_revision != self.epoch
        if self.epoch is not None and create_revision != self.epoch and self._claim_passed(create_revision):
            self.epoch = None
            log.warning("claim_lost", task=self.name)
            if self._process is not None:
                self._process.kill()
        self._changed.set()

    def extend(self, deadline: float) -> None:
        """Tells the process of a renewed lease."""
        if self._process is not None:
            self._process.signs.extend(deadline)

    async def fence(self) -> None:
        """Ends the process at once: the lease is gone."""
        self.epoch = None
        self._desired = None
        if self._process is not None:
            self._process.kill()
        await self.finished()

    async def finished(self) -> None:
        """Waits until it has let go of the task."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _claim_passed(self, create_revision: int | None) -> bool:
        return create_revision is None or create_revision > (self.epoch or 0)

    async def _run(self) -> None:
        try:
            while (wanted := self._desired) is not None:
                outcome = await self._life(wanted)
                if outcome.end is _End.CHANGED or self._desired is None:
                    self._restart_pause.reset()
                    if self._desired is not None and self.epoch is not None:
                        await self._report("RESTARTING")
                    continue
                await self._rest(wanted, outcome)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("task_holder_failed", task=self.name)
        finally:
            await self._release()

    async def _life(self, wanted: Desired) -> _Outcome:
        """One process from fork to end."""
        self._changed.clear()
        launch = self._make_launch(self.keys.connector, self.keys.task, wanted.spec)
        process = TaskProcess(self._forks, launch, self._lease.deadline())
        try:
            await process.start()
        except OSError as error:
            return _Outcome(_End.RETRIABLE, f"the task process could not be started: {error}")
        self._process = process
        started = time.monotonic()
        try:
            if self.epoch is None and not await self._claim(wanted):
                return _Outcome(_End.CHANGED)
            process.signs.extend(self._lease.deadline())
            process.run(self.epoch or 0, paused=wanted.target_state == "PAUSED")
            outcome = await self._supervise(process, wanted)
        finally:
            self._process = None
            await process.end()
        self._ran_for = time.monotonic() - started
        return outcome

    async def _claim(self, wanted: Desired) -> bool:
        """Waits for the task to be free and claims it; False when it is no longer wanted so."""
        claim = Claim(self.worker_id, wanted.spec.generation)
        while self._same(wanted):
            if not self._claimed_by_other:
                try:
                    epoch = await self.keys.take(claim, wanted.assigned_revision, self._lease.lease_id)
                except (RetriableError, EtcdLeaseNotFoundError) as error:
                    log.warning("claim_failed", task=self.name, reason=error.message)
                    epoch = None
                if epoch is not None:
                    self.epoch = epoch
                    self._reported = None
                    self._trace = ""
                    log.info("task_claimed", task=self.name, epoch=epoch, worker=self.worker_id)
                    return True
            await self._wait_changed(_RETRY)
        return False

    async def _supervise(self, process: TaskProcess, wanted: Desired) -> _Outcome:
        failure: Failed | None = None
        paused = wanted.target_state == "PAUSED"
        draining = 0.0
        reason = ""
        while True:
            await self._next_event(process)
            while not process.messages.empty():
                match message := process.messages.get_nowait():
                    case Entered():
                        await self._report(message.state)
                    case Failed():
                        failure = message
                    case Stats():
                        self.stats = message
            if process.exited.is_set():
                if draining and failure is None and not reason:
                    return _Outcome(_End.CHANGED)
                return self._outcome(process, failure, reason)
            if self._changed.is_set():
                self._changed.clear()
                if self.epoch is None:
                    process.kill()
                    continue
                now = self._desired
                if now is None or now.spec != wanted.spec:
                    if not draining:
                        draining = time.monotonic()
                        process.stop()
                elif (now.target_state == "PAUSED") != paused:
                    paused = now.target_state == "PAUSED"
                    process.set_paused(paused)
            if draining and time.monotonic() - draining > _DRAIN:
                reason = f"the task did not end within {_DRAIN:g} s of being asked to"
                process.kill()
            await self._write_status()
            self.memory = process.memory()
            reason = reason or self._excess(process)
            if reason:
                process.kill()

    async def _next_event(self, process: TaskProcess) -> None:
        waits = [
            asyncio.ensure_future(process.exited.wait()),
            asyncio.ensure_future(process.arrived.wait()),
            asyncio.ensure_future(self._changed.wait()),
        ]
        try:
            await asyncio.wait(waits, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        process.arrived.clear()

    def _excess(self, process: TaskProcess) -> str:
        if self.memory > self._limits.memory_bytes:
            return (
                f"the task process was ended: it took {self.memory >> 20} MiB, more than the limit of "
                f"{self._limits.memory_bytes >> 20} MiB (task_memory_limit_mb)"
            )
        silent = process.silent_for()
        if silent > self._limits.silence:
            return (
                f"the task process was ended: no sign of life for {silent:.0f} s "
                f"(task_heartbeat_timeout is {self._limits.silence:g} s)"
            )
        return ""

    def _outcome(self, process: TaskProcess, failure: Failed | None, reason: str) -> _Outcome:
        if failure is not None and not reason:
            return _Outcome(_End.RETRIABLE if failure.retriable else _End.FATAL, failure.trace)
        return _Outcome(_End.RETRIABLE, reason or process.exit_reason())

    async def _rest(self, wanted: Desired, outcome: _Outcome) -> None:
        """After a failure: waits for the backoff, or for good until something changes."""
        if outcome.end is _End.FATAL:
            log.error("task_failed", task=self.name, reason=outcome.trace.partition("\n")[0])
            await self._report("FAILED", outcome.trace)
            while self._same(wanted) and self.epoch is not None:
                await self._wait_changed(_TICK if self._reported is None else None)
                await self._write_status()
            self._restarts = 0
            return
        pause = self._restart_pause.next(self._ran_for)
        self._restarts += 1
        log.warning("task_restarting", task=self.name, pause_s=round(pause, 2), reason=outcome.trace.partition("\n")[0])
        await self._report("RESTARTING", outcome.trace)
        until = time.monotonic() + pause
        while self._same(wanted) and (left := until - time.monotonic()) > 0:
            await self._wait_changed(left)

    def _same(self, wanted: Desired) -> bool:
        now = self._desired
        return now is not None and now.spec == wanted.spec and now.assigned_revision == wanted.assigned_revision

    async def _wait_changed(self, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _report(self, state: State, trace: str = "") -> None:
        """Writes the status when it changed; one that can not be written now is tried again at the next tick."""
        self.state = state
        self._trace = trace
        self._since_ms = now_ms()
        await self._write_status()

    async def _write_status(self) -> None:
        if self.epoch is None or self._reported == (self.state, self._trace):
            return
        record = TaskStatusRecord(
            state=self.state,
            worker_id=self.worker_id,
            epoch=self.epoch,
            generation=self._desired.spec.generation if self._desired else 0,
            trace=self._trace,
            since_ms=self._since_ms,
            restarts=self._restarts,
        )
        try:
            await self.keys.report(self.epoch, record)
            self._reported = (self.state, self._trace)
        except RetriableError as error:
            log.warning("status_not_written", task=self.name, reason=error.message)

    async def _release(self) -> None:
        self.state = "UNASSIGNED"
        epoch, self.epoch = self.epoch, None
        if epoch is None:
            return
        try:
            await self.keys.release(epoch)
            log.info("task_released", task=self.name, epoch=epoch)
        except TidegateError as error:
            log.warning("claim_not_released", task=self.name, reason=error.message)

"""The leading replica's work: bring etcd from what is to what users want."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tidegate.backoff import Backoff
from tidegate.errors import RetriableError
from tidegate.etcd import Election, EtcdClient, EtcdRequestError, Leadership
from tidegate.etcd.transaction import OpKind
from tidegate.telemetry.logging import get_logger
from tidegate_coordinator.assigner import assignment_writes, plan_input
from tidegate_coordinator.cluster_cache import Changes, ClusterCache
from tidegate_coordinator.etcd_write import EtcdWrite, batches
from tidegate_coordinator.layout_jobs import LayoutJobs
from tidegate_coordinator.metrics import MOVES, RECONCILE_SECONDS
from tidegate_coordinator.planner import plan
from tidegate_coordinator.reconciler import is_settled, next_step
from tidegate_coordinator.worker_calls import WorkerCalls

log = get_logger(__name__)

_DEBOUNCE: Final = 0.05


class Leader:
    """Campaigns, leads while the term lasts, campaigns again.

    Args:
        client: writes; lent.
        cache: this replica's view; lent, and kept up to date by its owner.
        workers: asked for what needs plugins' code; lent.
        election: the leadership of the cluster.
    """

    def __init__(self, client: EtcdClient, cache: ClusterCache, workers: WorkerCalls, election: Election) -> None:
        self._client = client
        self._cache = cache
        self._workers = workers
        self._election = election
        self._term: Leadership | None = None

    @property
    def leading(self) -> bool:
        """Whether this replica leads now."""
        return self._term is not None and self._term.is_valid()

    async def run(self) -> None:
        """Until cancelled; resigns then, so that another leads at once.

        Raises:
            EtcdRequestError: etcd refuses the leader key for good.
        """
        while True:
            async with await self._election.campaign() as leadership:
                self._term = leadership
                try:
                    await lead(self._client, self._cache, self._workers, leadership)
                finally:
                    self._term = None


async def lead(client: EtcdClient, cache: ClusterCache, workers: WorkerCalls, leadership: Leadership) -> None:
    """Do the leader's work until the term is over. Every write carries the condition that it is not.

    Args:
        client: writes.
        cache: what is planned from.
        workers: asked to split and fence.
        leadership: the term.
    """
    lost = asyncio.ensure_future(leadership.lost())
    try:
        with cache.subscribe() as changes:
            jobs = LayoutJobs(workers, changes)
            work = asyncio.ensure_future(_Term(client, cache, leadership, jobs, changes).run())
            try:
                await asyncio.wait({lost, work}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                work.cancel()
                await asyncio.wait({work})
                await jobs.close()
    finally:
        lost.cancel()


class _Term:
    def __init__(
        self, client: EtcdClient, cache: ClusterCache, leadership: Leadership, jobs: LayoutJobs, changes: Changes
    ) -> None:
        self._client = client
        self._cache = cache
        self._leadership = leadership
        self._jobs = jobs
        self._changes = changes
        self._planned = -1
        self._workers_seen = -1

    async def run(self) -> None:
        backoff = Backoff(first=0.2, longest=5.0)
        await self._catch_up(self._leadership.create_revision)
        self._changes.wake(*self._all_names())
        while True:
            await self._changes.wait()
            # Changes come in groups: workers one after the other, tasks by the hundred.
            await asyncio.sleep(_DEBOUNCE)
            names = self._changes.take()
            try:
                with RECONCILE_SECONDS.time():
                    await self._round(names)
                backoff.reset()
            except RetriableError as error:
                log.warning("reconcile_interrupted", reason=error.message)
                await asyncio.sleep(backoff.next())
                self._planned = -1
                self._changes.wake(*names)

    async def _round(self, names: set[str]) -> None:
        if self._workers_seen != self._cache.state.workers_revision:
            self._workers_seen = self._cache.state.workers_revision
            self._jobs.retry_with_new_workers()
        writes = [write for name in sorted(names) for write in self._step(name)]
        await self._write(writes)
        if self._planned != self._cache.state.planning_revision:
            await self._assign()

    def _step(self, name: str) -> Sequence[EtcdWrite]:
        try:
            step = next_step(self._cache.state, name, self._jobs.progress(name))
        except Exception:
            # One connector's defect must not stop the others.
            log.exception("reconcile_defect", connector=name)
            return ()
        if not isinstance(step, list):
            self._jobs.start(name, step)
            return ()
        if is_settled(self._cache.state, name):
            self._jobs.forget(name)
        return step

    async def _assign(self) -> None:
        planned = self._cache.state.planning_revision
        # A copy is planned from, in a thread: ten thousand tasks would hold up the event loop.
        moves = await asyncio.to_thread(plan, *plan_input(self._cache.state))
        for move in moves:
            kind = "unassign" if move.target is None else "assign" if move.source is None else "move"
            MOVES.labels(kind).inc()
            log.info(
                "task_" + kind, connector=move.task.connector, task=move.task.task, to=move.target, was=move.source
            )
        await self._write(assignment_writes(self._cache.state, moves))
        if not moves:
            self._planned = planned

    async def _write(self, writes: Sequence[EtcdWrite]) -> None:
        revision = 0
        for batch in batches(writes):
            revision = max(revision, await self._transact(batch))
        await self._cache.wait_for(revision)

    async def _transact(self, batch: Sequence[EtcdWrite]) -> int:
        """Write all of a batch or, where one of them is out of date or refused, those that can be written.

        Returns:
            the revision at which the cache shows it; 0 when there is none to wait for.
        """
        try:
            result = await self._client.txn(
                [self._leadership.compare(), *(compare for write in batch for compare in write.compares)],
                [op for write in batch for op in write.ops],
            )
            if result.succeeded:
                # Deletions alone may have found nothing, and then the revision is somebody else's write.
                puts = any(op.kind is OpKind.PUT for write in batch for op in write.ops)
                return result.revision if puts else 0
        except EtcdRequestError as error:
            if len(batch) == 1:
                log.error("leader_write_refused", key=batch[0].ops[0].key, reason=error.message)
        if len(batch) == 1:
            return 0
        return max([await self._transact([write]) for write in batch])

    async def _catch_up(self, revision: int) -> None:
        """Wait, however long etcd is away, until the cache holds ``revision``."""
        backoff = Backoff(first=0.2, longest=5.0)
        while True:
            try:
                await self._cache.wait_for(revision)
                return
            except RetriableError as error:
                log.warning("leader_cannot_catch_up", reason=error.message)
                await asyncio.sleep(backoff.next())

    def _all_names(self) -> set[str]:
        state = self._cache.state
        return {
            *state.connectors,
            *state.tasks,
            *state.assignments,
            *state.statuses,
            *state.connector_statuses,
        }

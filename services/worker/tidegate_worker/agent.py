"""The worker's agent: one membership after another, and the holders of its tasks."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Awaitable, Mapping

from tidegate.config.settings import WorkerSettings
from tidegate.control import TaskSpec, WorkerInfo
from tidegate.errors import RetriableError, TidegateError
from tidegate.etcd import (
    Compare,
    EtcdClient,
    EtcdLeaseNotFoundError,
    EtcdOutcomeUnknownError,
    Keyspace,
    LeaseKeeper,
    Op,
)
from tidegate.telemetry.logging import get_logger
from tidegate_worker.cluster_view import ClusterView, TaskKey
from tidegate_worker.fork_server import ForkServer
from tidegate_worker.task.launch import TaskLaunch
from tidegate_worker.task_claim import ClaimKeys
from tidegate_worker.task_holder import Limits, TaskHolder

log = get_logger(__name__)

_REJOIN = 1.0
_REPLACE = 0.5


class WorkerAgent:
    """Keeps this worker a member of the cluster and its tasks at work.

    Args:
        settings: the worker's settings.
        etcd: the client.
        forks: starts task processes.
        info: what others are told of this worker.
        secret_keys: opens sealed secrets; None without one.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        etcd: EtcdClient,
        forks: ForkServer,
        info: WorkerInfo,
        secret_keys: str | None,
    ) -> None:
        self.holders: dict[TaskKey, TaskHolder] = {}
        self.info = info
        self.joined = False
        self._settings = settings
        self._etcd = etcd
        self._keys = Keyspace(settings.cluster)
        self._forks = forks
        self._info_changed = asyncio.Event()
        self._let_go = asyncio.Event()
        self._secret_keys = secret_keys

    async def run(self, stop: asyncio.Event) -> None:
        """Joins, and joins anew after a lost lease, until told to stop; then drains."""
        while not stop.is_set():
            try:
                await self._member(stop)
            except (RetriableError, EtcdLeaseNotFoundError) as error:
                log.warning("membership_interrupted", worker=self._settings.worker_id, reason=error.message)
                await self._pause(stop, _REJOIN * random.uniform(0.5, 1.5))  # noqa: S311
            finally:
                self.joined = False

    def health(self) -> Mapping[str, str]:
        """What is wrong with this worker, by part."""
        return {} if self.joined else {"membership": "the worker holds no lease in etcd"}

    def drain(self) -> int:
        """Has the tasks moved away; returns how many."""
        if not self.info.draining:
            self.info = dataclasses.replace(self.info, draining=True)
            self._info_changed.set()
        return len(self.holders)

    async def _member(self, stop: asyncio.Event) -> None:
        """One membership, as long as one lease."""
        async with LeaseKeeper(self._etcd, self._settings.lease_ttl) as lease:
            lease.on_renewed = self._extend
            try:
                await self._register(lease, stop)
                view = ClusterView(self._keys, self._settings.worker_id)
                async with asyncio.TaskGroup() as group:
                    following = group.create_task(self._follow(view, lease))
                    replacing = group.create_task(self._replace(view, lease))
                    telling = group.create_task(self._tell(lease))
                    await self._first(stop.wait(), lease.lost(), following)
                    for task in (following, replacing, telling):
                        task.cancel()
                if stop.is_set():
                    await self._drain_all()
            except* TidegateError as failures:
                raise failures.exceptions[0] from None
            finally:
                await self._fence()

    async def _register(self, lease: LeaseKeeper, stop: asyncio.Event) -> None:
        """Writes ``workers/<id>``; waits while an earlier life of this worker still has it."""
        key = self._keys.worker(self._settings.worker_id)
        while not stop.is_set():
            try:
                result = await self._etcd.txn(
                    [Compare.missing(key)], [Op.put(key, self.info.to_json(), lease=lease.lease_id)]
                )
                registered = result.succeeded
            except EtcdOutcomeUnknownError:
                found = await self._etcd.get(key)
                registered = found is not None and found.lease == lease.lease_id
            if registered:
                self.joined = True
                log.info("worker_joined", worker=self._settings.worker_id, lease=f"{lease.lease_id:x}")
                return
            log.info("worker_id_taken", worker=self._settings.worker_id)
            if lease.deadline() == float("-inf"):
                return
            await self._pause(stop, 0.5)

    async def _tell(self, lease: LeaseKeeper) -> None:
        """Writes ``workers/<id>`` again when it changes."""
        key = self._keys.worker(self._settings.worker_id)
        while True:
            await self._info_changed.wait()
            self._info_changed.clear()
            await self._etcd.put(key, self.info.to_json(), lease=lease.lease_id)

    async def _follow(self, view: ClusterView, lease: LeaseKeeper) -> None:
        """Follows the control plane and keeps the holders in step with it."""
        async with self._etcd.watch(self._keys.root) as watch:
            async for item in watch:
                touched = view.apply(item)
                self._hold(view, lease)
                for task in touched:
                    if task in self.holders:
                        self.holders[task].claim_seen(view.claims.get(task))

    async def _replace(self, view: ClusterView, lease: LeaseKeeper) -> None:
        """Takes up again what was assigned anew while its holder was letting go, or what a defect made it let go."""
        while True:
            await self._let_go.wait()
            self._let_go.clear()
            self._hold(view, lease)
            await asyncio.sleep(_REPLACE)

    def _hold(self, view: ClusterView, lease: LeaseKeeper) -> None:
        """Tells each holder what is wanted of it, and has a holder for each task of this worker."""
        desired = view.desired()
        self._drop_finished()
        for task, holder in self.holders.items():
            holder.want(desired.get(task))
        for task, wanted in desired.items():
            if task not in self.holders:
                holder = self.holders[task] = self._new_holder(task, lease)
                holder.claim_seen(view.claims.get(task))
                holder.start(wanted, self._let_go.set)

    def _new_holder(self, task: TaskKey, lease: LeaseKeeper) -> TaskHolder:
        return TaskHolder(
            ClaimKeys(self._etcd, self._keys, *task),
            self._settings.worker_id,
            lease,
            self._forks,
            self._launch,
            Limits(self.task_memory_limit, self._settings.task_heartbeat_timeout),
        )

    @property
    def task_memory_limit(self) -> int:
        """Bytes of memory at which a task's process is ended and started anew."""
        return self._settings.task_memory_limit_mb << 20

    def _launch(self, connector: str, task: int, spec: TaskSpec) -> TaskLaunch:
        settings = self._settings
        return TaskLaunch(
            connector=connector,
            task=task,
            type=spec.type,
            config=spec.config,
            worker_id=settings.worker_id,
            cluster=settings.cluster,
            kafka=settings.kafka,
            registry_urls=tuple(settings.registry_urls),
            offsets_topic=settings.offsets_topic,
            offsets_partitions=settings.offsets_partitions,
            offsets_replication=settings.offsets_replication,
            secret_keys=self._secret_keys,
            config_providers=self._settings.config_providers,
            otlp_endpoint=settings.otlp_endpoint,
            log_level=settings.log_level,
            log_format=settings.log_format,
        )

    def _drop_finished(self) -> None:
        for task in [task for task, holder in self.holders.items() if holder.done]:
            del self.holders[task]

    def _extend(self, deadline: float) -> None:
        for holder in self.holders.values():
            holder.extend(deadline)

    async def _drain_all(self) -> None:
        """Drains every task, within the grace."""
        for holder in self.holders.values():
            holder.want(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_grace):
                await asyncio.gather(*(holder.finished() for holder in self.holders.values()))

    async def _fence(self) -> None:
        """Ends what still runs: without the lease it may not."""
        await asyncio.gather(*(holder.fence() for holder in self.holders.values()))
        self.holders.clear()

    @staticmethod
    async def _first(*waits: Awaitable[object]) -> None:
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    @staticmethod
    async def _pause(stop: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()

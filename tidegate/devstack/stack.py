"""The components of the embedded stack, started together and stopped together."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, TypeVar

from tidegate.devstack.apache_kafka import ApacheKafka
from tidegate.devstack.component import Component
from tidegate.devstack.errors import StateDirInUseError
from tidegate.devstack.etcd import Etcd
from tidegate.devstack.opensearch import OpenSearch
from tidegate.devstack.postgres import Postgres
from tidegate.devstack.reaping import reap_leftovers
from tidegate.devstack.seaweedfs import SeaweedFS
from tidegate.devstack.tansu import Tansu

ComponentKind = Literal["etcd", "tansu", "apache-kafka", "seaweedfs", "postgres", "opensearch"]
_C = TypeVar("_C", bound=Component)

WHEEL_COMPONENTS: tuple[ComponentKind, ...] = ("etcd", "tansu", "seaweedfs", "postgres")


class EmbeddedStack:
    """etcd, a broker, S3, PostgreSQL and OpenSearch on free ports, with everything they write under one directory.

    Holds a lock on the directory while it runs. A start first ends what an earlier, crashed owner of the same
    directory left running, including processes others recorded there with
    :class:`~tidegate.devstack.process.OwnedProcess`.

    Args:
        state_dir: made where missing; data in it is kept and used again.
        components: which to start; those that need only wheels by default. ``apache-kafka`` and ``opensearch``
            need Java and Maven.
        buckets: S3 buckets to make.
        table_bucket: S3 Tables bucket for the Iceberg REST catalog, none by default.
        postgres_settings: PostgreSQL server settings over the defaults.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        components: Collection[ComponentKind] = WHEEL_COMPONENTS,
        buckets: Sequence[str] = (),
        table_bucket: str | None = None,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir.absolute()
        self._etcd = Etcd(self.state_dir) if "etcd" in components else None
        self._tansu = Tansu(self.state_dir) if "tansu" in components else None
        self._apache_kafka = ApacheKafka(self.state_dir) if "apache-kafka" in components else None
        self._seaweedfs = (
            SeaweedFS(self.state_dir, buckets=buckets, table_bucket=table_bucket) if "seaweedfs" in components else None
        )
        self._postgres = Postgres(self.state_dir, settings=postgres_settings) if "postgres" in components else None
        self._opensearch = OpenSearch(self.state_dir) if "opensearch" in components else None
        self._lock: IO[str] | None = None
        self.reaped: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def etcd(self) -> Etcd:
        """The running etcd; RuntimeError when it was not asked for."""
        return _asked_for(self._etcd, "etcd")

    @property
    def tansu(self) -> Tansu:
        """The running Tansu; RuntimeError when it was not asked for."""
        return _asked_for(self._tansu, "tansu")

    @property
    def bootstrap_servers(self) -> str:
        """The broker for Kafka clients: Apache Kafka's where it runs, else Tansu's."""
        return self._apache_kafka.bootstrap_servers if self._apache_kafka else self.tansu.bootstrap_servers

    @property
    def apache_kafka(self) -> ApacheKafka:
        """The running Apache Kafka; RuntimeError when it was not asked for."""
        return _asked_for(self._apache_kafka, "apache-kafka")

    @property
    def seaweedfs(self) -> SeaweedFS:
        """The running object store; RuntimeError when it was not asked for."""
        return _asked_for(self._seaweedfs, "seaweedfs")

    @property
    def postgres(self) -> Postgres:
        """The running PostgreSQL; RuntimeError when it was not asked for."""
        return _asked_for(self._postgres, "postgres")

    @property
    def opensearch(self) -> OpenSearch:
        """The running OpenSearch; RuntimeError when it was not asked for."""
        return _asked_for(self._opensearch, "opensearch")

    @property
    def components(self) -> list[Component]:
        """Those asked for, in the order their addresses are shown; they stop in reverse."""
        parts: list[Component | None] = [
            self._etcd,
            self._tansu,
            self._apache_kafka,
            self._seaweedfs,
            self._postgres,
            self._opensearch,
        ]
        return [part for part in parts if part is not None]

    def addresses(self) -> dict[str, str]:
        """Where each running component answers, without secrets."""
        found: dict[str, str] = {}
        if self._etcd:
            found["etcd"] = self._etcd.endpoint
        if self._tansu or self._apache_kafka:
            found["kafka"] = self.bootstrap_servers
        if self._seaweedfs:
            found["s3"] = self._seaweedfs.endpoint_url
            if self._seaweedfs.table_bucket:
                found["iceberg"] = self._seaweedfs.iceberg_url
        if self._postgres:
            found["postgres"] = f"{self._postgres.host}:{self._postgres.port('postgres')}"
        if self._opensearch:
            found["opensearch"] = self._opensearch.url
        return found

    def start(self) -> None:
        """End leftovers, then start all components at once and wait until each answers.

        When one fails, or the wait is interrupted, the others are stopped before the error goes on. The names of
        the leftovers ended are in ``reaped``.

        Raises:
            StateDirInUseError: another live stack holds the directory.
            ComponentMissingError: a wheel with a server program is not installed.
            ComponentStartError: a component did not start; the error shows the end of its log.
        """
        self._take_lock()
        try:
            self.reaped = reap_leftovers(self.state_dir)
            self._start_components()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all components in reverse order, each with its own grace, and release the directory."""
        with contextlib.ExitStack() as steps:
            steps.callback(self._release_lock)
            # Callbacks run last in, first out, each also when another one raised.
            for component in self.components:
                steps.callback(component.stop)

    def kill9(self) -> None:
        """SIGKILL all components and release the directory; :meth:`start` brings them up on the same ports and data."""
        for component in self.components:
            component.kill9()
        self._release_lock()

    def _start_components(self) -> None:
        pool = ThreadPoolExecutor(max_workers=len(self.components) or 1, thread_name_prefix="devstack-start")
        try:
            starts = [pool.submit(component.start) for component in self.components]
            wait(starts, return_when=FIRST_EXCEPTION)
            failed = [start for start in starts if start.done() and start.exception()]
            for start in failed or starts:
                start.result()
        finally:
            for component in self.components:
                component.abort_start()
            pool.shutdown(wait=True, cancel_futures=True)

    def _take_lock(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.state_dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StateDirInUseError(self.state_dir) from None
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _asked_for(component: _C | None, kind: str) -> _C:
    if component is None:
        raise RuntimeError(f"this stack has no {kind}: it was not asked for")
    return component

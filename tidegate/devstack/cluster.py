"""A whole Tidegate on one machine: the embedded stack with registries, coordinators and workers on top."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import psycopg

from tidegate.api.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from tidegate.config.secrets import make_key
from tidegate.devstack.errors import StateDirInUseError
from tidegate.devstack.reaping import reap_leftovers
from tidegate.devstack.service_process import ServiceProcess
from tidegate.devstack.stack import WHEEL_COMPONENTS, ComponentKind, EmbeddedStack
from tidegate.errors import FatalError
from tidegate.grpc.channel import sync_channel

Broker = Literal["tansu", "apache-kafka"]

DATABASE = "demo"
BUCKET = "lake"
_LOCK = "cluster.lock"


class LocalCluster:
    """Starts everything as OS processes of its own on free ports, and stops everything.

    Workers find the embedded database and object store in the variables ``DATABASE_URL``, ``DATABASE_USER``,
    ``DATABASE_PASSWORD``, ``LAKE_ENDPOINT``, ``LAKE_BUCKET``, ``LAKE_ACCESS_KEY_ID`` and ``LAKE_SECRET_ACCESS_KEY``,
    so that connector files may refer to them as ``${env:...}``.

    The memory-only broker forgets its topics at a stop. What etcd holds (connectors, offsets of schemas) would then
    refer to records that are gone, so with it etcd starts empty each time; database and object store keep their data.

    Args:
        state_dir: holds data, logs and pid files.
        broker: ``tansu`` (memory only) or ``apache-kafka`` (needs Java and Maven; keeps its data).
        registries: how many registry replicas.
        coordinators: how many coordinator replicas.
        workers: how many workers.
        fresh: remove everything an earlier run left in ``state_dir`` first.
        env: variables for the workers, beside those above.
        flags: command-line flags for every service.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        broker: Broker = "tansu",
        registries: int = 1,
        coordinators: int = 2,
        workers: int = 3,
        fresh: bool = False,
        env: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.state_dir = state_dir.expanduser().absolute()
        self.broker: Broker = broker
        self._counts = {"registry": registries, "coordinator": coordinators, "worker": workers}
        self._fresh = fresh
        self._env = dict(env or {})
        self._flags = list(flags)
        components: list[ComponentKind] = [kind for kind in WHEEL_COMPONENTS if kind != "tansu"]
        self.stack = EmbeddedStack(self.state_dir, components=[*components, broker], buckets=[BUCKET])
        self.services: dict[str, ServiceProcess] = {}
        self._lock: IO[str] | None = None
        self.reaped: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, progress: Callable[[str], None] = lambda step: None) -> None:
        """End what a crashed run left, start everything, and wait until all of it serves.

        Args:
            progress: told in words what is being done.

        Raises:
            StateDirInUseError: another live cluster holds the directory.
            FatalError: a directory that is not a cluster's was to be emptied.
            ComponentMissingError: a program is not installed.
            ComponentStartError: something did not start; shows the end of its log. All else is stopped again.
        """
        self._take_lock()
        try:
            progress("cleaning up after earlier runs")
            self.reaped = reap_leftovers(self.state_dir)
            self._remove_old_data()
            progress("starting etcd, the broker, the object store and PostgreSQL")
            self.stack.start()
            self._create_database()
            progress("starting the schema registry, the coordinators and the workers")
            self._start_services()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything: workers first, then the other services, then what they stand on."""
        with contextlib.ExitStack() as steps:
            steps.callback(self._release_lock)
            steps.callback(self.stack.stop)
            steps.callback(self._stop_services, "registry", "coordinator")
            steps.callback(self._stop_services, "worker")

    def kill9(self) -> None:
        """SIGKILL everything, as a machine that loses its power; :meth:`start` brings it up again on its data."""
        for service in self.services.values():
            service.process.kill9(tree=True)
        self.stack.kill9()
        self._release_lock()

    def revive(self) -> None:
        """Start whatever does not run, on its ports and data, and wait until it serves; resume what is paused."""
        for component in self.stack.components:
            if component.alive:
                component.resume()
            component.start()
        for service in self.services.values():
            if service.alive:
                service.process.resume()
            service.spawn()
        for service in self.services.values():
            service.wait_ready()

    @property
    def coordinator_urls(self) -> list[str]:
        """REST addresses of the coordinators."""
        return [f"http://{each.addresses['rest']}" for each in self._of("coordinator")]

    @property
    def registry_targets(self) -> list[str]:
        """gRPC addresses of the registry's replicas."""
        return [each.addresses["grpc"] for each in self._of("registry")]

    @property
    def registry_urls(self) -> list[str]:
        """REST addresses of the registries."""
        return [f"http://{each.addresses['rest']}" for each in self._of("registry")]

    @property
    def database_url(self) -> str:
        """libpq URL of the demo database, password included."""
        return self.stack.postgres.url(DATABASE)

    def addresses(self) -> dict[str, str]:
        """Where everything answers, without secrets."""
        found = self.stack.addresses()
        for name, service in self.services.items():
            rest = service.addresses.get("rest")
            found[name] = f"http://{rest}" if rest else service.addresses["grpc"]
        return found

    def leader(self) -> str | None:
        """The name of the leading coordinator, as the first replica that answers sees it; None while there is none."""
        for replica in self._of("coordinator"):
            if not replica.alive:
                continue
            with contextlib.suppress(Exception), sync_channel(replica.addresses["grpc"]) as channel:
                stub = coordinator_pb2_grpc.CoordinatorServiceStub(channel)
                return stub.GetCluster(coordinator_pb2.GetClusterRequest(), timeout=5).leader_id or None
        return None

    def ended_services(self) -> list[ServiceProcess]:
        """Services whose process has ended by itself."""
        return [service for service in self.services.values() if not service.alive]

    def _of(self, kind: str) -> list[ServiceProcess]:
        return [service for service in self.services.values() if service.service == kind]

    def _remove_old_data(self) -> None:
        if self._fresh:
            for path in self.state_dir.iterdir():
                if path.name == _LOCK:
                    continue
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        elif self.broker == "tansu":
            shutil.rmtree(self.state_dir / "etcd", ignore_errors=True)

    def _create_database(self) -> None:
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            self.stack.postgres.create_database(DATABASE)

    def _start_services(self) -> None:
        self.services = {}
        common = [f"--etcd-endpoints={self.stack.etcd.endpoint}", "--log-level=info", *self._flags]
        secret = {"TIDEGATE_SECRET_KEY": self._secret_key()}
        for number in range(1, self._counts["registry"] + 1):
            name = f"registry-{number}"
            self._add("registry", name, [*common, f"--replica-id={name}"], ("grpc", "rest"), {})
        for number in range(1, self._counts["coordinator"] + 1):
            name = f"coordinator-{number}"
            self._add("coordinator", name, [*common, f"--replica-id={name}"], ("grpc", "rest"), secret)
        registries = ",".join(service.addresses["grpc"] for service in self._of("registry"))
        worker_flags = [
            *common,
            f"--registry-urls={registries}",
            f"--kafka=bootstrap.servers={self.stack.bootstrap_servers}",
        ]
        worker_env = {**secret, **self._connector_env(), **self._env}
        for number in range(1, self._counts["worker"] + 1):
            name = f"worker-{number}"
            self._add("worker", name, [*worker_flags, f"--worker-id={name}"], ("grpc", "metrics"), worker_env)
        for service in self.services.values():
            service.spawn()
        for service in self.services.values():
            service.wait_ready()

    def _add(self, kind: str, name: str, flags: Sequence[str], listens: Sequence[str], env: Mapping[str, str]) -> None:
        self.services[name] = ServiceProcess(
            kind, name, state_dir=self.state_dir, flags=flags, listens=listens, env=env
        )

    def _stop_services(self, *kinds: str) -> None:
        services = [service for kind in kinds for service in self._of(kind)]
        with ThreadPoolExecutor(max_workers=len(services) or 1, thread_name_prefix="stop") as pool:
            for stopped in [pool.submit(service.stop) for service in services]:
                stopped.result()

    def _connector_env(self) -> dict[str, str]:
        postgres, s3 = self.stack.postgres, self.stack.seaweedfs
        return {
            "DATABASE_URL": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{DATABASE}",
            "DATABASE_USER": postgres.user,
            "DATABASE_PASSWORD": postgres.password,
            "LAKE_ENDPOINT": s3.endpoint_url,
            "LAKE_BUCKET": BUCKET,
            "LAKE_ACCESS_KEY_ID": s3.access_key,
            "LAKE_SECRET_ACCESS_KEY": s3.secret_key,
        }

    def _secret_key(self) -> str:
        path = self.state_dir / "secret.key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(make_key())
        return path.read_text().strip()

    def _take_lock(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if self._fresh and any(self.state_dir.iterdir()) and not (self.state_dir / _LOCK).exists():
            raise FatalError(
                f"{self.state_dir} holds files that are no cluster's, and would be emptied.",
                remedy="Choose an empty or new state directory.",
            )
        lock = (self.state_dir / _LOCK).open("w")
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

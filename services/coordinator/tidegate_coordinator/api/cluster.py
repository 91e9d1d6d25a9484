"""The call that shows the cluster."""

from __future__ import annotations

from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate_coordinator import messages
from tidegate_coordinator.cluster_cache import ClusterCache
from tidegate_coordinator.version import VERSION


class Cluster:
    """Handler of the cluster call; see coordinator.proto.

    Args:
        cache: answers it.
    """

    def __init__(self, cache: ClusterCache) -> None:
        self._cache = cache

    async def get(self, request: pb.GetClusterRequest) -> pb.GetClusterResponse:
        """Workers and the leader, as etcd knows them."""
        state = self._cache.state
        leader = None if state.leader is None else state.leader.value
        return pb.GetClusterResponse(
            cluster=self._cache.keys.cluster,
            version=VERSION,
            leader_id="" if leader is None else leader.replica_id,
            leader_address="" if leader is None else leader.address,
            workers=messages.workers(state),
        )

"""The leading coordinator and the registry's replicas killed with -9."""

from __future__ import annotations

import pytest

from tests.chaos.pipeline import DEADLINE, Pipeline
from tests.support.eventually import eventually
from tidegate.devstack.cluster import LocalCluster


@pytest.mark.apache_kafka
def test_a_killed_leader_is_replaced_and_the_flow_does_not_notice(cluster: LocalCluster) -> None:
    leader = _leader(cluster)
    cluster.services[leader].kill9()
    # Deployed while nobody leads yet.
    with Pipeline(cluster, "killed_leader") as pipeline:
        successor = _leader(cluster)
        assert successor != leader
        cluster.services[leader].start()
        cluster.services[successor].kill9()
        pipeline.holder(pipeline.source).kill9()
        pipeline.wait_flow()
        pipeline.verify()


@pytest.mark.apache_kafka
def test_one_registry_serves_while_the_other_is_dead(cluster: LocalCluster) -> None:
    first, second = (cluster.services[f"registry-{number}"] for number in (1, 2))
    first.kill9()
    # Its schemas are registered and fetched without the first replica ...
    with Pipeline(cluster, "killed_registry") as pipeline:
        first.start()
        second.kill9()
        # ... and fetched by fresh processes, with empty caches, without the second.
        for connector in (pipeline.source, pipeline.sink):
            for process in pipeline.task_processes(connector):
                process.kill()
        pipeline.wait_flow()
        pipeline.verify()


def _leader(cluster: LocalCluster) -> str:
    name = eventually(cluster.leader, timeout=DEADLINE, message="a leader")
    assert name is not None
    return name

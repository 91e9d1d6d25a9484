"""etcd killed with -9 and back on its data: what runs goes on, or pauses and goes on by itself."""

from __future__ import annotations

import pytest

from tests.chaos.pipeline import DEADLINE, Pipeline
from tests.support.eventually import eventually
from tidegate.devstack.cluster import LocalCluster


@pytest.mark.apache_kafka
def test_work_goes_on_after_etcd_was_away(cluster: LocalCluster) -> None:
    etcd = cluster.stack.etcd
    with Pipeline(cluster, "killed_etcd") as pipeline:
        etcd.kill9()
        etcd.start()
        pipeline.wait_flow()

        etcd.kill9()
        eventually(
            lambda: not pipeline.task_processes(pipeline.source) and not pipeline.task_processes(pipeline.sink),
            timeout=DEADLINE,
            message="tasks fencing themselves while etcd stays away",
        )
        etcd.start()
        pipeline.wait_flow()
        pipeline.verify()

"""The broker, the object store and the database killed with -9 and back on their data."""

from __future__ import annotations

import pytest

from tests.chaos.pipeline import Pipeline
from tidegate.devstack.cluster import LocalCluster


@pytest.mark.apache_kafka
def test_a_killed_broker_comes_back_and_the_flow_with_it(cluster: LocalCluster) -> None:
    with Pipeline(cluster, "killed_broker") as pipeline:
        pipeline.wait_written(50)
        cluster.stack.apache_kafka.kill9()
        pipeline.wait_written(200)
        cluster.stack.apache_kafka.start()
        pipeline.wait_flow()
        pipeline.verify()


@pytest.mark.apache_kafka
def test_the_object_store_and_the_database_come_back_and_the_flow_with_them(cluster: LocalCluster) -> None:
    with Pipeline(cluster, "killed_stores") as pipeline:
        pipeline.wait_written(50)
        cluster.stack.seaweedfs.kill9()
        pipeline.wait_written(500)
        cluster.stack.seaweedfs.start()
        pipeline.wait_flow()
        cluster.stack.postgres.kill9()
        cluster.stack.postgres.start()
        pipeline.wait_flow()
        pipeline.verify()

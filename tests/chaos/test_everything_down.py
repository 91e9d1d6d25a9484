"""Every process killed with -9 at once, and everything up again."""

from __future__ import annotations

import pytest

from tests.chaos.pipeline import Pipeline
from tidegate.devstack.cluster import LocalCluster


@pytest.mark.apache_kafka
def test_connectors_come_back_by_themselves_after_everything_was_down(cluster: LocalCluster) -> None:
    with Pipeline(cluster, "everything_down") as pipeline:
        pipeline.wait_written(100)
        cluster.kill9()
        cluster.start()
        pipeline.wait_running(pipeline.source)
        pipeline.wait_running(pipeline.sink)
        pipeline.wait_flow()
        pipeline.verify()

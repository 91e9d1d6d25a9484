"""Workers that stand still past their lease and wake up when another has their tasks."""

from __future__ import annotations

import pytest

from tests.chaos.pipeline import DEADLINE, Pipeline
from tests.chaos.task_processes import wait_ended
from tidegate.devstack.cluster import LocalCluster


@pytest.mark.apache_kafka
def test_what_zombies_write_late_does_not_count(cluster: LocalCluster) -> None:
    with Pipeline(cluster, "zombies") as pipeline:
        for connector in (pipeline.source, pipeline.sink):
            zombie = pipeline.holder(connector)
            pipeline.wait_written(100)
            zombies = pipeline.task_processes(pipeline.source, on=zombie) + pipeline.task_processes(
                pipeline.sink, on=zombie
            )
            assert zombies
            zombie.process.pause(tree=True)
            pipeline.wait_running(pipeline.source, not_on=[zombie])
            pipeline.wait_running(pipeline.sink, not_on=[zombie])
            pipeline.wait_flow()
            zombie.process.resume()
            wait_ended(zombies, timeout=DEADLINE)
            pipeline.wait_flow()
        pipeline.verify()

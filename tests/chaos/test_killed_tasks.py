"""Task processes killed with -9 at random moments."""

from __future__ import annotations

import random
from functools import partial

import pytest

from tests.chaos.pipeline import DEADLINE, Pipeline
from tests.support.eventually import eventually
from tidegate.devstack.cluster import LocalCluster

_ROUNDS = 2


@pytest.mark.apache_kafka
def test_task_processes_killed_at_random_moments_lose_and_double_nothing(cluster: LocalCluster) -> None:
    chance = random.Random(20)
    with Pipeline(cluster, "killed_tasks") as pipeline:
        for _ in range(_ROUNDS):
            for connector in (pipeline.source, pipeline.sink):
                processes = eventually(partial(pipeline.task_processes, connector), timeout=DEADLINE)
                pipeline.wait_written(chance.randrange(1, 200))
                for process in processes:
                    process.kill()
            pipeline.wait_flow()
        pipeline.verify()

"""Workers killed with -9 while a ledger flows through them."""

from __future__ import annotations

from tests.chaos.pipeline import Pipeline
from tidegate.devstack.cluster import LocalCluster

_ROUNDS = 2


def test_workers_killed_in_mid_flow_lose_and_double_nothing(either_cluster: LocalCluster) -> None:
    with Pipeline(either_cluster, "killed_workers") as pipeline:
        for _ in range(_ROUNDS):
            victims = {pipeline.holder(pipeline.source), pipeline.holder(pipeline.sink)}
            for victim in victims:
                victim.kill9()
            for connector in (pipeline.source, pipeline.sink):
                pipeline.wait_running(connector, not_on=victims)
            pipeline.wait_flow()
            for victim in victims:
                victim.start()
        pipeline.verify()

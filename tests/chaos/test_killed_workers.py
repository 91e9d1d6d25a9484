"""Workers killed with -9 while a ledger flows through them."""

from __future__ import annotations

from tests.chaos.pipeline import Pipeline
from tidegate.devstack.cluster import LocalCluster

_ROUNDS = 2


def test_workers_killed_in_mid_flow_lose_and_double_nothing(either_cluster: LocalCluster) -> None:
    with Pipeline(either_cluster, "killed_workers") as pipeline:
        for _ in range(_ROUNDS):
            for connector in (pipeline.source, pipeline.sink):
                victim = pipeline.holder(connector)
                pipeline.wait_flow()
                victim.kill9()
                pipeline.wait_running(connector, not_on=victim.name)
                pipeline.wait_flow()
                victim.start()
        pipeline.verify()

"""What a change of one connector does to the others: nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chaos.pipeline import DEADLINE
from tests.support.eventually import aeventually, eventually
from tidegate.cli.rest_client import RestClient
from tidegate.config.settings import EtcdSettings, WorkerSettings
from tidegate.devstack.cluster import LocalCluster
from tidegate.etcd import EtcdClient, Keyspace

_NEIGHBOURS = [f"neighbour-{number}" for number in range(10)]
_ADDED = "added"


@pytest.mark.apache_kafka
async def test_adding_changing_and_removing_a_connector_moves_no_other(cluster: LocalCluster) -> None:
    keys = Keyspace(WorkerSettings.model_fields["cluster"].default)
    etcd = EtcdSettings(endpoints=[cluster.stack.etcd.endpoint]).client_config()
    with RestClient(",".join(cluster.coordinator_urls)) as rest:
        async with EtcdClient(etcd) as client:

            async def claims() -> dict[str, int]:
                found = await client.range(keys.claims)
                return {keys.parse_claim_key(kv.key)[0]: kv.create_revision for kv in found.kvs}

            async def holds(name: str, *, other_than: int = 0) -> bool:
                return (await claims()).get(name, other_than) != other_than

            with ThreadPoolExecutor(len(_NEIGHBOURS)) as pool:
                list(pool.map(lambda name: _deploy(rest, name), _NEIGHBOURS))
            for name in _NEIGHBOURS:
                _wait_running(rest, name)
            before = await claims()

            _deploy(rest, _ADDED)
            await aeventually(lambda: holds(_ADDED), timeout=DEADLINE)
            _wait_running(rest, _ADDED)
            first = (await claims())[_ADDED]
            _deploy(rest, _ADDED, **{"max.interval": "700"})
            await aeventually(lambda: holds(_ADDED, other_than=first), timeout=DEADLINE)
            _wait_running(rest, _ADDED)
            rest.call("DELETE", f"/connectors/{_ADDED}")
            await aeventually(lambda: _same(claims, before), timeout=DEADLINE, message="only the neighbours' claims")

            for name in _NEIGHBOURS:
                rest.call("DELETE", f"/connectors/{name}")
            await aeventually(lambda: _same(claims, {}), timeout=DEADLINE, message="no claims")


async def _same(claims: Any, expected: dict[str, int]) -> bool:
    found: dict[str, int] = await claims()
    return found == expected


def _deploy(rest: RestClient, name: str, **changes: str) -> None:
    config = {
        "connector.class": "datagen-source",
        "kafka.topic": f"chaos.{name}",
        "value.converter": "json",
        "value.converter.schemas.enable": "false",
    }
    eventually(
        lambda: rest.call("PUT", f"/connectors/{name}/config", json={**config, **changes}),
        timeout=DEADLINE,
        message=f"{name} deployed",
    )


def _wait_running(rest: RestClient, name: str) -> None:
    def runs() -> bool:
        tasks = rest.call("GET", f"/connectors/{name}/status")["tasks"]
        return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)

    eventually(runs, timeout=DEADLINE, message=f"{name} running")

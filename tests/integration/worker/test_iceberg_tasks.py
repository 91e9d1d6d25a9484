"""The Iceberg sink in real task processes that are killed and paused: every record is in the table once."""

from __future__ import annotations

from collections import Counter
from functools import partial

import orjson
import psutil
import pytest
from confluent_kafka import Producer

from tests.integration.connectors.iceberg_harness import Lakehouse, rest_catalog
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.support.eventually import aeventually, eventually
from tidegate.devstack import SeaweedFS

pytestmark = [
    pytest.mark.apache_kafka,
    pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True),
]

ROWS = 6000


def _produce(lab: Lab, topic: str, first: int, last: int) -> None:
    producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})
    for number in range(first, last):
        producer.produce(topic, orjson.dumps({"id": number, "name": f"n{number}"}), partition=number % 2)
        producer.poll(0)
    assert producer.flush(DEADLINE) == 0


def _config(lake: Lakehouse, topic: str) -> dict[str, str]:
    return {**lake.keys, "connector.class": "iceberg-sink", "topics": topic, "offset.flush.interval.ms": "200"}


def _count(lake: Lakehouse) -> int:
    return len(lake.ids()) if lake.catalog.table_exists(lake.table_name) else 0


async def test_killed_task_processes_lose_and_double_nothing(broker_lab: Lab, seaweedfs: SeaweedFS) -> None:
    lake = Lakehouse(rest_catalog(seaweedfs), seaweedfs, broker_lab.broker)
    topic = broker_lab.topic(partitions=2)
    with broker_lab.worker() as worker:
        await broker_lab.deploy(lake.connector, _config(lake, topic), type_="sink")
        for kills in range(1, 4):
            _produce(broker_lab, topic, (kills - 1) * ROWS // 3, kills * ROWS // 3)
            eventually(partial(_has_grown, lake, (kills - 1) * ROWS // 3), timeout=DEADLINE)
            for process in eventually(lambda: task_processes(worker), timeout=DEADLINE):
                process.kill()
            await broker_lab.reaches(lake.connector, "RUNNING", restarts=kills)
        eventually(lambda: _count(lake) >= ROWS, timeout=DEADLINE)
        assert Counter(lake.ids()) == Counter(range(ROWS))
    assert len(lake.duckdb_rows("id")) == ROWS


async def test_a_task_that_wakes_after_its_successor_has_started_adds_nothing(
    broker_lab: Lab, seaweedfs: SeaweedFS
) -> None:
    lake = Lakehouse(rest_catalog(seaweedfs), seaweedfs, broker_lab.broker)
    topic = broker_lab.topic(partitions=2)
    with broker_lab.worker("w1") as first, broker_lab.worker("w2"):
        await broker_lab.deploy(lake.connector, _config(lake, topic), type_="sink")
        _produce(broker_lab, topic, 0, ROWS // 2)
        eventually(lambda: _count(lake), timeout=DEADLINE)
        zombies = task_processes(first)
        first.process.pause(tree=True)
        _produce(broker_lab, topic, ROWS // 2, ROWS)
        await broker_lab.assign(lake.connector, "w2")
        await aeventually(lambda: _held_by_second(broker_lab, lake.connector), timeout=DEADLINE)
        first.process.resume()
        eventually(lambda: _count(lake) >= ROWS, timeout=DEADLINE)
        eventually(lambda: not any(map(_alive, zombies)), timeout=DEADLINE, message="the zombie ends")
        assert Counter(lake.ids()) == Counter(range(ROWS))


def _has_grown(lake: Lakehouse, beyond: int) -> bool:
    return _count(lake) > beyond


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _held_by_second(lab: Lab, connector: str) -> bool:
    status = await lab.status(connector)
    return status is not None and status.worker_id == "w2" and status.state == "RUNNING"

"""The OpenSearch sink in real task processes that are killed and paused: the indices are what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import orjson
import psutil
import pytest
from confluent_kafka import Producer

from tests.chaos.comparison import differences
from tests.chaos.ledger import LedgerRow, ledger_row
from tests.integration.connectors.search_index import SearchIndex
from tests.integration.worker.lab import DEADLINE, Lab, task_processes
from tests.support.eventually import aeventually, eventually
from tidegate.devstack import OpenSearch

pytestmark = [
    pytest.mark.opensearch,
    pytest.mark.apache_kafka,
    pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True),
]

ROWS = 6000
KEYS = 400
"""How many documents the changes are of: an even number, so that each has its partition."""
CONNECTOR = "search"


@pytest.fixture
def node(opensearch: OpenSearch) -> Iterator[SearchIndex]:
    index = SearchIndex(opensearch.url)
    yield index
    index.close()


class Feed:
    """A topic of ledger rows without keys, and one of changes and deletions of few keys."""

    def __init__(self, lab: Lab) -> None:
        self.rows = lab.topic(partitions=2)
        self.changes = lab.topic(partitions=2)
        self._lab = lab

    def config(self, node: SearchIndex) -> dict[str, str]:
        """Of the connector."""
        return {
            "connector.class": "opensearch-sink",
            "topics": f"{self.rows},{self.changes}",
            "connection.url": node.url,
            "topic.key.ignore": self.rows,
            "behavior.on.null.values": "delete",
            "batch.size": "100",
            "read.timeout.ms": "20000",
            "offset.flush.interval.ms": "200",
        }

    def produce(self, first: int, last: int) -> None:
        """Numbers from ``first`` to before ``last``."""
        producer = Producer({"bootstrap.servers": self._lab.broker.bootstrap_servers})
        for number in range(first, last):
            row = ledger_row(number)
            producer.produce(self.rows, orjson.dumps(row._asdict()), partition=number % 2)
            value = None if _deletes(number) else orjson.dumps({"n": number})
            producer.produce(self.changes, value, f"k{number % KEYS}", partition=number % 2)
            producer.poll(0)
        assert producer.flush(DEADLINE) == 0

    def arrived(self, node: SearchIndex) -> bool:
        """Whether all is there for the first time."""
        return node.count(self.rows) >= ROWS and node.documents(self.changes) == _state()

    def check(self, node: SearchIndex) -> None:
        """Compares the indices with what was produced."""
        found = [LedgerRow(hit["_source"]["id"], hit["_source"]["note"]) for hit in node.hits(self.rows)]
        assert not differences([ledger_row(number) for number in range(ROWS)], found)
        assert node.documents(self.changes) == _state()


async def test_killed_task_processes_lose_and_double_nothing(broker_lab: Lab, node: SearchIndex) -> None:
    feed = Feed(broker_lab)
    with broker_lab.worker() as worker:
        await broker_lab.deploy(CONNECTOR, feed.config(node), type_="sink")
        for kills in range(1, 3):
            first = (kills - 1) * ROWS // 2
            feed.produce(first, kills * ROWS // 2)
            eventually(partial(_beyond, node, feed.rows, first), timeout=DEADLINE, interval=0.02)
            for process in eventually(lambda: task_processes(worker), timeout=DEADLINE):
                process.kill()
            await broker_lab.reaches(CONNECTOR, "RUNNING", restarts=kills)
        eventually(lambda: feed.arrived(node), timeout=DEADLINE)
    feed.check(node)


async def test_what_a_task_writes_that_wakes_after_its_successor_has_started_does_not_count(
    broker_lab: Lab, node: SearchIndex
) -> None:
    feed = Feed(broker_lab)
    with broker_lab.worker("w1") as first, broker_lab.worker("w2"):
        await broker_lab.deploy(CONNECTOR, feed.config(node), type_="sink")
        await broker_lab.reaches(CONNECTOR, "RUNNING")
        feed.produce(0, ROWS // 2)
        eventually(partial(_beyond, node, feed.rows, 0), timeout=DEADLINE, interval=0.02)
        zombies = task_processes(first)
        assert zombies
        first.process.pause(tree=True)
        feed.produce(ROWS // 2, ROWS)
        await broker_lab.assign(CONNECTOR, "w2")
        await aeventually(lambda: _held_by_second(broker_lab), timeout=DEADLINE)
        eventually(lambda: feed.arrived(node), timeout=DEADLINE)
        first.process.resume()
        eventually(lambda: not any(map(_alive, zombies)), timeout=DEADLINE, message="the zombie ends")
    feed.check(node)


def _state() -> dict[str, dict[str, int]]:
    """The documents that all changes leave."""
    state: dict[str, dict[str, int]] = {}
    for number in range(ROWS):
        state.pop(f"k{number % KEYS}", None)
        if not _deletes(number):
            state[f"k{number % KEYS}"] = {"n": number}
    return state


def _deletes(number: int) -> bool:
    return number % 7 == 0


def _beyond(node: SearchIndex, topic: str, count: int) -> bool:
    return node.count(topic) > count


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _held_by_second(lab: Lab) -> bool:
    status = await lab.status(CONNECTOR)
    return status is not None and status.worker_id == "w2" and status.state == "RUNNING"

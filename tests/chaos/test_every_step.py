"""Sink tasks killed with -9 and paused past their lease at every step between reading and having committed.

Each step has a connector of its own, so that one round of faults strikes all steps; a proxy before each server tells
when a task is at its step, and holds the request there. A number of the topic that is in the target other than once is
a record lost or doubled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import psutil
import pytest
from confluent_kafka import Producer

from tests.chaos.pipeline import DEADLINE
from tests.chaos.stepped_sinks import (
    VALUES,
    Step,
    SteppedIceberg,
    SteppedJdbc,
    SteppedMariaDb,
    SteppedS3,
    SteppedSearch,
    SteppedSink,
)
from tests.chaos.tripwire import Trip, When
from tests.integration.connectors.target_database import mariadb_target, postgres_target
from tests.integration.worker.lab import Lab, lab_config
from tests.support.eventually import eventually
from tidegate.devstack import ApacheKafka, Etcd
from tidegate.etcd import EtcdClient

_SPAN = 50
_ROUNDS: tuple[When, ...] = get_args(When)


@pytest.fixture(
    params=["s3", "jdbc", "jdbc-mariadb", "iceberg", pytest.param("opensearch", marks=pytest.mark.opensearch)]
)
def sink(request: pytest.FixtureRequest, apache_kafka: ApacheKafka) -> Iterator[SteppedSink]:
    """Each kind of sink."""
    if request.param == "jdbc":
        made: SteppedSink = SteppedJdbc(apache_kafka, postgres_target(request.getfixturevalue("postgres")))
    elif request.param == "jdbc-mariadb":
        made = SteppedMariaDb(apache_kafka, mariadb_target(request.getfixturevalue("mariadb")))
    elif request.param == "opensearch":
        made = SteppedSearch(apache_kafka, request.getfixturevalue("opensearch"))
    elif request.param == "s3":
        made = SteppedS3(apache_kafka, request.getfixturevalue("seaweedfs"))
    else:
        made = SteppedIceberg(apache_kafka, request.getfixturevalue("seaweedfs"))
    with made:
        yield made


@pytest.fixture
async def lab(etcd: Etcd, apache_kafka: ApacheKafka, state_dir: Path) -> AsyncIterator[Lab]:
    """Workers of the test's own."""
    async with EtcdClient(lab_config(etcd)) as client:
        yield Lab(etcd, apache_kafka, state_dir, client)


class Ledger:
    """Numbers written to one topic for each step, and what the targets have to hold.

    Args:
        lab: has the broker.
        sink: has the targets.
    """

    def __init__(self, lab: Lab, sink: SteppedSink) -> None:
        self.topics = {name: lab.topic() for name in sink.names()}
        self.written = 0
        self._lab = lab
        self._sink = sink
        self._producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})

    def write(self) -> None:
        """Writes the next span of numbers to every topic."""
        for number in range(self.written, self.written + _SPAN):
            for topic in self.topics.values():
                self._producer.produce(topic, b'{"id": %d, "note": "n%d"}' % (number, number))
        assert self._producer.flush(DEADLINE) == 0
        self.written += _SPAN

    async def wait_whole(self) -> None:
        """Waits until each target holds everything written, and checks that it holds it once."""
        for name in self.topics:
            try:
                eventually(partial(self._complete, name), DEADLINE, message=f"{self.written} rows of {name}")
            except AssertionError as error:
                error.add_note(f"its task: {await self._lab.status(name)}")
                raise
        self.check()

    def _complete(self, name: str) -> bool:
        return len(self._sink.ids(name)) >= self.written

    def check(self) -> None:
        """Checks that each target holds every number once."""
        for name, step in zip(self.topics, self._sink.steps, strict=True):
            found = Counter(self._sink.ids(name))
            assert found == Counter(range(self.written)), f"at {step}: {found - Counter(range(self.written))}"


async def _deploy(lab: Lab, sink: SteppedSink, ledger: Ledger, worker: str) -> None:
    for name, topic in ledger.topics.items():
        config = {
            **sink.config(name),
            "topics": topic,
            "value.converter": "json",
            "value.converter.schemas.enable": "false",
            "value.converter.schema.content": VALUES,
            "errors.retry.delay.max.ms": "500",
        }
        await lab.deploy(name, config, worker=worker, type_="sink")


def _arm(sink: SteppedSink, when: When) -> dict[str, Trip]:
    def armed(name: str, step: Step) -> Trip:
        return sink.wires[step.server].arm(step.request, name, when)

    return {name: armed(name, step) for name, step in zip(sink.names(), sink.steps, strict=True)}


async def _caught(lab: Lab, name: str, trip: Trip) -> psutil.Process:
    """The process whose request is held."""
    try:
        return psutil.Process(trip.caught(DEADLINE))
    except AssertionError as error:
        error.add_note(f"its task: {await lab.status(name)}")
        raise


def _flag(sink: SteppedSink) -> str:
    return f"--kafka=bootstrap.servers=127.0.0.1:{sink.wires['kafka'].port}"


@pytest.mark.apache_kafka
async def test_a_sink_killed_or_paused_at_any_step_loses_and_doubles_nothing(lab: Lab, sink: SteppedSink) -> None:
    ledger = Ledger(lab, sink)
    with lab.worker("w1", _flag(sink)) as first, lab.worker("w2", _flag(sink)):
        await _deploy(lab, sink, ledger, "w1")
        ledger.write()
        await ledger.wait_whole()
        for when in _ROUNDS:
            trips = _arm(sink, when)
            ledger.write()
            for name, trip in trips.items():
                process = await _caught(lab, name, trip)
                assert f"tidegate task {name}/" in " ".join(process.cmdline())
                process.kill()
                trip.drop()
            await ledger.wait_whole()

        trips = _arm(sink, "before")
        ledger.write()
        zombies = [await _caught(lab, name, trip) for name, trip in trips.items()]
        first.process.pause(tree=True)
        for name in ledger.topics:
            await lab.assign(name, "w2")
        ledger.write()
        await ledger.wait_whole()
        # What the zombies had sent arrives only now, and they wake up.
        for trip in trips.values():
            trip.release()
        first.process.resume()
        eventually(lambda: not any(map(_alive, zombies)), DEADLINE, message="the zombies end")
        ledger.write()
        await ledger.wait_whole()
    ledger.check()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

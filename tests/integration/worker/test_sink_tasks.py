"""A worker's sink tasks: what a target that is away, or a topic that lost records, may and may not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.integration.worker.lab import DEADLINE, STUMBLING, Lab
from tests.support.eventually import eventually


def _produce(lab: Lab, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers, "linger.ms": 50})
    for number in numbers:
        producer.produce(topic, b'{"n": %d}' % number, partition=0)
    producer.flush(DEADLINE)


def _config(topic: str, tmp_path: Path) -> dict[str, str]:
    return {
        "connector.class": STUMBLING,
        "topics": topic,
        "value.converter": "string",
        "offset.flush.interval.ms": "200",
        "file": str(tmp_path / "out"),
        "marker": str(tmp_path / "stumbled"),
    }


def _numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]


async def test_rows_taken_before_the_target_was_away_are_not_taken_twice(broker_lab: Lab, tmp_path: Path) -> None:
    topic = broker_lab.topic()
    _produce(broker_lab, topic, range(1, 501))
    with broker_lab.worker():
        await broker_lab.deploy("stumble", _config(topic, tmp_path), type_="sink")
        await broker_lab.reaches("stumble", "RUNNING", restarts=1)
        eventually(lambda: len(_numbers(tmp_path / "out")) >= 500, timeout=DEADLINE)
    assert (tmp_path / "stumbled").exists()
    assert _numbers(tmp_path / "out") == list(range(1, 501))


@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
@pytest.mark.apache_kafka
async def test_a_committed_offset_that_the_topic_no_longer_has_fails_the_task(broker_lab: Lab, tmp_path: Path) -> None:
    topic = broker_lab.topic()
    _produce(broker_lab, topic, range(1, 11))
    group = Consumer({"bootstrap.servers": broker_lab.broker.bootstrap_servers, "group.id": "connect-ahead"})
    group.commit(offsets=[TopicPartition(topic, 0, 1000)], asynchronous=False)
    group.close()
    with broker_lab.worker():
        await broker_lab.deploy("ahead", _config(topic, tmp_path), type_="sink")
        failed = await broker_lab.reaches("ahead", "FAILED")
    assert "no longer in its topic" in failed.trace
    assert "alter its offsets" in failed.trace


async def test_without_the_native_extension_it_takes_and_commits_all_the_same(
    broker_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_NATIVE", "0")
    topic = broker_lab.topic()
    _produce(broker_lab, topic, range(1, 501))
    with broker_lab.worker():
        await broker_lab.deploy("plain", _config(topic, tmp_path), type_="sink")
        eventually(lambda: len(_numbers(tmp_path / "out")) >= 500, timeout=DEADLINE)
    assert _numbers(tmp_path / "out") == list(range(1, 501))

"""Transforms in a running task: between poll and Kafka, and between Kafka and the target."""

from __future__ import annotations

from pathlib import Path

import orjson
from confluent_kafka import Producer

from tests.integration.worker.lab import COUNTING, DEADLINE, Lab
from tests.support.eventually import eventually

ROUTE = {
    "transforms": "route",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "(.*)",
}


async def test_a_source_writes_what_its_transforms_leave_and_its_offsets_count_what_was_dropped(
    broker_lab: Lab,
) -> None:
    topic = broker_lab.topic()
    config = {
        "connector.class": COUNTING,
        "topic": f"before-{topic}",
        "count": "500",
        **ROUTE,
        "transforms.route.regex": "before-(.*)",
        "transforms.route.replacement": "$1",
    }
    with broker_lab.worker():
        await broker_lab.deploy("count", config)
        eventually(lambda: broker_lab.counted(topic) == list(range(1, 501)), timeout=DEADLINE)


def _sink_config(topic: str, tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "connector.class": "file-sink",
        "topics": topic,
        "file": str(tmp_path / "out"),
        "offset.flush.interval.ms": "200",
        "transforms": "cast,hide",
        "transforms.cast.type": "Cast$Value",
        "transforms.cast.spec": "n:int32",
        "transforms.hide.type": "ReplaceField$Value",
        "transforms.hide.exclude": "secret",
        **more,
    }


def _produce(lab: Lab, topic: str, values: list[object]) -> None:
    producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})
    for value in values:
        producer.produce(topic, orjson.dumps({"n": value, "secret": "s"}), partition=0)
    producer.flush(DEADLINE)


def _rows(path: Path) -> list[object]:
    return [orjson.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_record_that_can_not_be_transformed_is_halted_alone(lab: Lab, tmp_path: Path) -> None:
    topic = lab.topic()
    _produce(lab, topic, ["1", "2", "three", "4"])
    with lab.worker():
        await lab.deploy("tolerant", _sink_config(topic, tmp_path, **{"errors.tolerance": "all"}), type_="sink")
        eventually(lambda: _rows(tmp_path / "out") == [{"n": 1}, {"n": 2}, {"n": 4}], timeout=DEADLINE)


async def test_an_intolerant_sink_stops_at_the_record_that_can_not_be_transformed(lab: Lab, tmp_path: Path) -> None:
    topic = lab.topic()
    _produce(lab, topic, ["1", "2", "three", "4"])
    with lab.worker():
        await lab.deploy("strict", _sink_config(topic, tmp_path), type_="sink")
        failed = await lab.reaches("strict", "FAILED")
        assert f"{topic}-0 at offset 2: Field n: 'three' is no int32" in failed.trace
        assert _rows(tmp_path / "out") == [{"n": 1}, {"n": 2}]

"""A worker's tasks: claimed, run, drained, killed, paused, and what a misbehaving one does to its neighbours."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # not in its __all__
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.worker.lab import COUNTING, DEADLINE, Lab, task_processes
from tests.support.eventually import aeventually, eventually
from tidegate.devstack.service_process import ServiceProcess


async def test_a_task_runs_to_its_end_exactly_once(broker_lab: Lab) -> None:
    topic = broker_lab.topic()
    with broker_lab.worker():
        await broker_lab.deploy("count", {"connector.class": COUNTING, "topic": topic, "count": "2000"})
        await broker_lab.reaches("count", "RUNNING")
        eventually(lambda: broker_lab.counted(topic) == list(range(1, 2001)), timeout=DEADLINE)


@pytest.mark.apache_kafka
@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
async def test_a_missing_topic_is_created_as_its_group_says(broker_lab: Lab) -> None:
    topic = f"made-{uuid.uuid4().hex[:12]}"
    with broker_lab.worker():
        await broker_lab.deploy(
            "count",
            {
                "connector.class": COUNTING,
                "topic": topic,
                "count": "10",
                "topic.creation.default.partitions": "5",
                "topic.creation.groups": "made",
                "topic.creation.made.include": "made-.*",
                "topic.creation.made.partitions": "2",
                "topic.creation.made.cleanup.policy": "compact",
            },
        )
        await broker_lab.reaches("count", "RUNNING")
        admin = AdminClient({"bootstrap.servers": broker_lab.broker.bootstrap_servers})
        eventually(lambda: topic in admin.list_topics(timeout=5).topics, timeout=DEADLINE)
        assert len(admin.list_topics(topic, timeout=5).topics[topic].partitions) == 2
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        assert admin.describe_configs([resource])[resource].result(DEADLINE)["cleanup.policy"].value == "compact"


async def test_a_killed_task_process_resumes_where_it_committed(broker_lab: Lab) -> None:
    topic = broker_lab.topic()
    with broker_lab.worker() as worker:
        await broker_lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "3000", "batch": "50", "pause.ms": "20"}
        )
        for kills in range(1, 4):
            eventually(lambda: task_processes(worker), timeout=DEADLINE)
            wanted = 200 * kills
            eventually(partial(_has_grown, broker_lab, topic, wanted), timeout=DEADLINE)
            for process in task_processes(worker):
                process.kill()
            await broker_lab.reaches("count", "RUNNING", restarts=kills)
        eventually(lambda: len(broker_lab.counted(topic)) >= 3000, timeout=DEADLINE)
        assert broker_lab.counted(topic) == list(range(1, 3001))


def _has_grown(lab: Lab, topic: str, wanted: int) -> bool:
    return len(lab.counted(topic)) >= wanted


async def test_a_killed_worker_leaves_no_task_behind_and_another_resumes(broker_lab: Lab) -> None:
    topic = broker_lab.topic()
    with broker_lab.worker("w1") as first, broker_lab.worker("w2"):
        await broker_lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "3000", "batch": "50", "pause.ms": "20"}
        )
        await broker_lab.reaches("count", "RUNNING")
        eventually(lambda: broker_lab.counted(topic), timeout=DEADLINE)
        orphans = task_processes(first)
        assert orphans
        first.kill9()
        eventually(lambda: not any(psutil.pid_exists(each.pid) for each in orphans), timeout=DEADLINE)
        await broker_lab.assign("count", "w2")
        eventually(lambda: len(broker_lab.counted(topic)) >= 3000, timeout=DEADLINE)
        assert broker_lab.counted(topic) == list(range(1, 3001))


async def test_a_killed_worker_leaves_no_task_behind_that_is_stuck_in_a_c_call(lab: Lab, tmp_path: Path) -> None:
    topic, marker = lab.topic(), tmp_path / "stuck"
    with lab.worker() as worker:
        await lab.deploy(
            "stuck", {"connector.class": COUNTING, "topic": topic, "misbehave": "stuck", "marker": str(marker)}
        )
        eventually(marker.exists, timeout=DEADLINE)
        orphans = task_processes(worker)
        assert orphans
        worker.kill9()
        eventually(lambda: not any(each.is_running() for each in orphans), timeout=DEADLINE)


async def test_a_paused_worker_fences_its_tasks_and_joins_anew(lab: Lab) -> None:
    topic = lab.topic()
    with lab.worker("w1") as first, lab.worker("w2"):
        await lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "3000", "batch": "50", "pause.ms": "20"}
        )
        await lab.reaches("count", "RUNNING")
        eventually(lambda: lab.counted(topic), timeout=DEADLINE)
        tasks = task_processes(first)
        first.process.pause()
        eventually(lambda: all(_ended(task) for task in tasks), timeout=DEADLINE, message="tasks of a paused agent end")
        await lab.assign("count", "w2")
        await aeventually(lambda: _held_by(lab, "w2"), timeout=DEADLINE)
        first.process.resume()
        eventually(lambda: len(lab.counted(topic)) >= 3000, timeout=DEADLINE)
        assert lab.counted(topic) == list(range(1, 3001))
        await lab.assign("count", "w1")
        await aeventually(lambda: _held_by(lab, "w1"), timeout=DEADLINE)


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _held_by(lab: Lab, worker: str) -> bool:
    status = await lab.status("count")
    return status is not None and status.worker_id == worker and status.state == "RUNNING"


async def test_a_zombie_task_can_not_commit_after_its_successor_has_started(broker_lab: Lab) -> None:
    topic = broker_lab.topic()
    with broker_lab.worker("w1") as first, broker_lab.worker("w2"):
        await broker_lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "3000", "batch": "50", "pause.ms": "20"}
        )
        await broker_lab.reaches("count", "RUNNING")
        eventually(lambda: broker_lab.counted(topic), timeout=DEADLINE)
        first.process.pause(tree=True)
        await broker_lab.assign("count", "w2")
        await aeventually(lambda: _held_by(broker_lab, "w2"), timeout=DEADLINE)
        first.process.resume()
        eventually(lambda: len(broker_lab.counted(topic)) >= 3000, timeout=DEADLINE)
        assert broker_lab.counted(topic) == list(range(1, 3001))


async def test_a_planned_move_drains_and_nothing_is_doubled(lab: Lab) -> None:
    topic = lab.topic()
    with lab.worker("w1"), lab.worker("w2"):
        await lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "2000", "batch": "20", "pause.ms": "10"}
        )
        await aeventually(lambda: _held_by(lab, "w1"), timeout=DEADLINE)
        await lab.assign("count", "w2")
        await aeventually(lambda: _held_by(lab, "w2"), timeout=DEADLINE)
        eventually(lambda: len(lab.counted(topic)) >= 2000, timeout=DEADLINE)
        assert lab.counted(topic) == list(range(1, 2001))


@pytest.mark.parametrize(
    ("how", "reason"),
    [("segfault", "signal 11"), ("leak", "task_memory_limit_mb"), ("hang", "task_heartbeat_timeout")],
)
async def test_a_misbehaving_task_is_restarted_with_its_reason_while_its_neighbour_goes_on(
    lab: Lab, tmp_path: Path, how: str, reason: str
) -> None:
    topic, neighbour_topic = lab.topic(), lab.topic()
    with lab.worker("w1", "--task-memory-limit-mb=300", "--task-heartbeat-timeout=4"):
        await lab.deploy(
            "neighbour",
            {"connector.class": COUNTING, "topic": neighbour_topic, "count": "100000", "batch": "10", "pause.ms": "20"},
        )
        await lab.reaches("neighbour", "RUNNING")
        await lab.deploy(
            "bad",
            {
                "connector.class": COUNTING,
                "topic": topic,
                "count": "1000",
                "misbehave": how,
                "misbehave.at": "500",
                "marker": str(tmp_path / "done"),
            },
        )
        seen = await lab.reaches("bad", "RESTARTING")
        assert reason in seen.trace
        before = len(lab.counted(neighbour_topic))
        await lab.reaches("bad", "RUNNING", restarts=1)
        eventually(lambda: lab.counted(topic) == list(range(1, 1001)), timeout=DEADLINE)
        eventually(lambda: len(lab.counted(neighbour_topic)) > before, timeout=DEADLINE)
        neighbour = await lab.status("neighbour")
        assert neighbour is not None
        assert (neighbour.state, neighbour.restarts) == ("RUNNING", 0)


async def test_a_task_that_can_not_go_on_fails_with_its_reason_until_restarted(lab: Lab) -> None:
    topic = lab.topic()
    config = {"connector.class": COUNTING, "topic": topic, "count": "100"}
    with lab.worker():
        await lab.deploy("count", {**config, "misbehave": "fatal"})
        failed = await lab.reaches("count", "FAILED")
        assert "the counter is broken. Buy a new one." in failed.trace
        await lab.deploy("count", config)
        await lab.reaches("count", "RUNNING")
        eventually(lambda: lab.counted(topic) == list(range(1, 101)), timeout=DEADLINE)


_WHOLE = {"connector.class": COUNTING, "batch": "10", "whole": "1000"}


async def test_what_is_told_whole_is_not_told_in_part_whatever_dies(broker_lab: Lab, tmp_path: Path) -> None:
    topic, marker = broker_lab.topic(), tmp_path / "marker"
    waits = {"misbehave": "wait", "misbehave.at": "1501", "marker": str(marker)}
    with broker_lab.worker() as worker:
        await broker_lab.deploy("count", {**_WHOLE, **waits, "topic": topic, "count": "2000"})
        await _has_read(worker, 1500)
        for process in task_processes(worker):
            process.kill()
        await broker_lab.reaches("count", "RUNNING", restarts=1)
        # Readers of committed records stand still before the new task's transaction until it may go on.
        marker.touch()
        eventually(lambda: len(broker_lab.counted(topic)) >= 2000, timeout=DEADLINE)
        assert broker_lab.counted(topic) == list(range(1, 2001))


async def test_a_pause_waits_for_what_is_told_whole_and_a_move_drops_it(lab: Lab, tmp_path: Path) -> None:
    topic, marker = lab.topic(), tmp_path / "marker"
    waits = {"misbehave": "wait", "misbehave.at": "4501", "marker": str(marker)}
    with lab.worker("w1") as first, lab.worker("w2"):
        await lab.deploy("count", {**_WHOLE, **waits, "topic": topic, "count": "5000", "pause.ms": "5"})
        await _has_read(first, 100)
        await lab.set_target("count", "PAUSED")
        await lab.reaches("count", "PAUSED")
        assert len(lab.counted(topic)) % 1000 == 0
        await lab.set_target("count", "STARTED")
        await _has_read(first, 4500)
        await lab.assign("count", "w2")
        marker.touch()
        eventually(lambda: len(lab.counted(topic)) >= 5000, timeout=DEADLINE)
        assert lab.counted(topic) == list(range(1, 5001))


@pytest.mark.apache_kafka
@pytest.mark.parametrize("broker", ["apache-kafka"], indirect=True)
async def test_what_is_told_whole_and_takes_too_long_fails_with_the_remedy(broker_lab: Lab, tmp_path: Path) -> None:
    topic = broker_lab.topic()
    waits = {"misbehave": "wait", "misbehave.at": "501", "marker": str(tmp_path / "marker")}
    short = {"producer.override.transaction.timeout.ms": "3000", "producer.override.message.timeout.ms": "2000"}
    with broker_lab.worker():
        await broker_lab.deploy("count", {**_WHOLE, **waits, **short, "topic": topic, "count": "2000"})
        failed = await broker_lab.reaches("count", "FAILED")
        assert f"fills topic {topic} is about to pass transaction.timeout.ms=3000" in failed.trace
        assert "Raise producer.override.transaction.timeout.ms" in failed.trace
        assert broker_lab.counted(topic) == []


async def _has_read(worker: ServiceProcess, records: int) -> None:
    """Waits until the task has given Kafka so many records, committed or not."""

    def written() -> bool:
        text = httpx.get(f"http://{worker.addresses['metrics']}/metrics", timeout=10).text
        families = text_string_to_metric_families(text)
        return any(
            sample.value >= records
            for family in families
            for sample in family.samples
            if sample.name == "tidegate_task_records_in_total"
        )

    eventually(written, timeout=DEADLINE)


async def test_a_paused_connector_moves_nothing_and_goes_on_when_resumed(lab: Lab) -> None:
    topic = lab.topic()
    with lab.worker():
        await lab.deploy(
            "count", {"connector.class": COUNTING, "topic": topic, "count": "2000", "batch": "10", "pause.ms": "20"}
        )
        await lab.reaches("count", "RUNNING")
        await lab.set_target("count", "PAUSED")
        await lab.reaches("count", "PAUSED")
        while_paused = lab.counted(topic)
        assert lab.counted(topic) == while_paused
        await lab.set_target("count", "STARTED")
        eventually(lambda: lab.counted(topic) == list(range(1, 2001)), timeout=DEADLINE)

"""Steering real tasks: pause, resume, stop, restart, drain; what watchers see; and tasks that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from tests.e2e.control.user import COUNTING, DEADLINE, JSON, User
from tests.support.eventually import eventually
from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from tidegate.api.worker.v1 import worker_pb2, worker_pb2_grpc
from tidegate.grpc.channel import sync_channel

State = common_pb2.State


def counting(topic: str, **more: Any) -> dict[str, Any]:
    """Fifty numbers a second, without end, unless told otherwise."""
    return {
        "connector.class": COUNTING,
        "topic": topic,
        "count": 1_000_000,
        "batch": 5,
        "pause.ms": 100,
        **JSON,
        **more,
    }


def moves(user: User, topic: str) -> bool:
    """Whether more arrives."""
    before = len(user.records(topic))
    return eventually(lambda: len(user.records(topic)) > before, timeout=DEADLINE, message=f"{topic} grows")


def gapless(user: User, topic: str) -> bool:
    numbers = user.numbers(topic)
    return numbers == list(range(1, len(numbers) + 1))


@contextmanager
def watching(user: User, name: str) -> Iterator[list[tuple[str, ...]]]:
    """The states of connector and tasks, as the stream of the other coordinator tells them; grows meanwhile."""
    seen: list[tuple[str, ...]] = []
    address = user.cluster.services["coordinator-2"].addresses["grpc"]
    with sync_channel(address) as channel:
        stub = coordinator_pb2_grpc.CoordinatorServiceStub(channel)
        stream = stub.WatchStatus(coordinator_pb2.WatchStatusRequest(names=[name]), timeout=5 * DEADLINE)

        def follow() -> None:
            try:
                for answer in stream:
                    status = answer.status
                    states = (status.state, *(task.state for task in status.tasks))
                    seen.append(
                        ("DELETED",)
                        if answer.deleted
                        else tuple(State.Name(state).removeprefix("STATE_") for state in states)
                    )
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.CANCELLED

        thread = Thread(target=follow, name="watch")
        thread.start()
        try:
            yield seen
        finally:
            stream.cancel()
            thread.join(DEADLINE)


def saw(seen: list[tuple[str, ...]], *wanted: tuple[str, ...]) -> bool:
    """Whether these were seen in this order, with others in between."""
    rest = iter(seen)
    return all(any(each == one for each in rest) for one in wanted)


def test_pause_resume_stop_restart_and_delete_as_watchers_see_them(user: User) -> None:
    topic, name = user.topic(), user.fresh("steered")
    running, paused = ("RUNNING", "RUNNING"), ("PAUSED", "PAUSED")
    with watching(user, name) as seen:
        user.deploy(name, **counting(topic))
        assert moves(user, topic)
        assert user.cli("pause", name).code == 0
        user.reaches(name, "PAUSED")
        while_paused = len(user.records(topic))
        assert len(user.records(topic)) == while_paused
        assert user.cli("resume", name).code == 0
        user.reaches(name, "RUNNING")
        assert moves(user, topic)
        assert user.cli("stop", name).code == 0
        user.stopped(name)
        assert user.tasks(name) == []
        at_stop = user.numbers(topic)
        assert user.offsets(name)[0]["offset"] == {"n": at_stop[-1]}, "what it had begun is committed"
        user.steer(name, "resume")
        user.reaches(name, "RUNNING")
        assert moves(user, topic)
        eventually(lambda: saw(seen, running, paused, running, ("STOPPED",), running), timeout=DEADLINE)
        assert user.cli("restart", name, "--task", "0").code == 0
        assert moves(user, topic)
        user.reaches(name, "RUNNING")
        assert user.cli("restart", name).code == 0
        assert moves(user, topic)
        user.reaches(name, "RUNNING")
        assert user.cli("delete", name).code == 0
        eventually(lambda: seen[-1:] == [("DELETED",)], timeout=DEADLINE, message="the deletion is seen")
    assert gapless(user, topic)


def test_a_restart_starts_the_process_anew(user: User) -> None:
    topic, name = user.topic(), user.fresh("restarted")
    user.deploy(name, **counting(topic))
    since = running_since(user, name)
    with watching(user, name) as seen:
        answer = user.rest.post(f"/connectors/{name}/tasks/0/restart")
        assert answer.status_code == 204
        eventually(lambda: running_since(user, name) > since, timeout=DEADLINE, message="it has entered RUNNING again")
        eventually(lambda: saw(seen, ("RUNNING", "RESTARTING"), ("RUNNING", "RUNNING")), timeout=DEADLINE)
    assert moves(user, topic) and gapless(user, topic)


def running_since(user: User, name: str) -> int:
    with sync_channel(user.cluster.services["coordinator-1"].addresses["grpc"]) as channel:
        stub = coordinator_pb2_grpc.CoordinatorServiceStub(channel)
        found = stub.GetConnectorStatus(coordinator_pb2.GetConnectorStatusRequest(name=name)).status
    task = found.tasks[0]
    return task.since.ToMilliseconds() if task.state == State.STATE_RUNNING else 0


def test_the_workers_stream_tells_how_far_a_task_is(user: User) -> None:
    topic, name = user.topic(), user.fresh("measured")
    user.deploy(name, **counting(topic, count=400, batch=100))
    eventually(lambda: len(user.records(topic)) == 400, timeout=DEADLINE)
    worker = worker_of(user, name)

    def counted() -> bool:
        with sync_channel(worker["address"]) as channel:
            stub = worker_pb2_grpc.WorkerServiceStub(channel)
            stream = stub.StreamTaskStats(worker_pb2.StreamTaskStatsRequest(interval_ms=100), timeout=DEADLINE)
            for answer in stream:
                for stats in answer.tasks:
                    if stats.task.connector == name and stats.records_out == 400:
                        stream.cancel()
                        assert stats.worker_id == worker["id"] and stats.state == State.STATE_RUNNING
                        assert stats.records_in == 400 and stats.records_halted == 0
                        assert stats.commits == 4 and stats.bytes > 0 and stats.memory_bytes > 0 and stats.epoch > 0
                        return True
        return False

    assert counted()


def worker_of(user: User, name: str) -> dict[str, Any]:
    """The worker that holds the connector's task."""
    for worker in user.workers():
        if name in [task["connector"] for task in worker["tasks"]]:
            return worker
    raise LookupError(f"nobody holds {name}")


@pytest.mark.parametrize(
    ("how", "reason"),
    [("segfault", "signal 11"), ("leak", "task_memory_limit_mb"), ("hang", "task_heartbeat_timeout")],
)
def test_a_misbehaving_task_is_shown_with_its_reason_while_its_neighbours_go_on(
    user: User, tmp_path: Path, how: str, reason: str
) -> None:
    neighbours = {user.fresh("neighbour"): user.topic() for _ in range(2)}
    for neighbour, its_topic in neighbours.items():
        user.deploy(neighbour, **counting(its_topic))
    before = {neighbour: user.status(neighbour) for neighbour in neighbours}
    topic, name = user.topic(), user.fresh("misbehaving")
    trouble = {"count": 1000, "misbehave": how, "misbehave.at": 500, "marker": str(tmp_path / "done")}
    answer = user.create(name, **counting(topic, **{"batch": 100, **trouble}))
    assert answer.status_code == 201, answer.text
    with watching(user, name) as seen:
        user.reaches(name, "RESTARTING", reason=reason)
        assert user.cli("status", name).code == 0
        for its_topic in neighbours.values():
            assert moves(user, its_topic)
        user.reaches(name, "RUNNING")
        eventually(lambda: user.numbers(topic) == list(range(1, 1001)), timeout=DEADLINE)
        eventually(lambda: saw(seen, ("RUNNING", "RESTARTING"), ("RUNNING", "RUNNING")), timeout=DEADLINE)
    assert {neighbour: user.status(neighbour) for neighbour in neighbours} == before
    assert all(gapless(user, its_topic) for its_topic in neighbours.values())


def test_a_task_that_can_not_go_on_is_failed_until_it_is_restarted(user: User, tmp_path: Path) -> None:
    topic, name = user.topic(), user.fresh("failing")
    trouble = {"count": 100, "misbehave": "fatal", "marker": str(tmp_path / "done")}
    assert user.create(name, **counting(topic, **trouble)).status_code == 201
    user.reaches(name, "FAILED", reason="the counter is broken. Buy a new one.")
    ran = user.cli("status", name)
    assert ran.code == 1 and "the counter is broken. Buy a new one." in ran.out
    assert user.cli("restart", name, "--only-failed").code == 0
    user.reaches(name, "RUNNING")
    eventually(lambda: user.numbers(topic) == list(range(1, 101)), timeout=DEADLINE)


def test_a_draining_workers_tasks_move_with_what_they_have_committed(user: User) -> None:
    topics = {user.fresh("moving"): user.topic() for _ in range(4)}
    for name, topic in topics.items():
        user.deploy(name, **counting(topic))
    eventually(lambda: {worker_of(user, name)["id"] for name in topics} == {"worker-1", "worker-2"}, timeout=DEADLINE)
    staying = [name for name in topics if worker_of(user, name)["id"] == "worker-2"]
    before = {name: user.status(name) for name in staying}
    process = user.cluster.services["worker-1"]
    with sync_channel(process.addresses["grpc"]) as channel:
        drained = worker_pb2_grpc.WorkerServiceStub(channel).Drain(worker_pb2.DrainRequest(), timeout=10)
    assert drained.tasks >= len(topics) - len(staying) > 0
    try:
        eventually(
            lambda: {worker_of(user, name)["id"] for name in topics} == {"worker-2"},
            timeout=DEADLINE,
            message="all tasks are with the other worker",
        )
        assert {worker["id"]: worker["draining"] for worker in user.workers()} == {"worker-1": True, "worker-2": False}
        for name, topic in topics.items():
            user.reaches(name, "RUNNING")
            assert moves(user, topic)
        assert {name: user.status(name) for name in staying} == before, "those that were there are not touched"
        assert all(gapless(user, topic) for topic in topics.values())
    finally:
        process.stop()
        process.start()
    eventually(lambda: {worker["draining"] for worker in user.workers()} == {False}, timeout=DEADLINE)
    eventually(
        lambda: {worker_of(user, name)["id"] for name in topics} == {"worker-1", "worker-2"},
        timeout=DEADLINE,
        message="the worker that came back gets its share",
    )
    for topic in topics.values():
        assert moves(user, topic) and gapless(user, topic)

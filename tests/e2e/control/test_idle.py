"""A cluster at rest costs etcd one keepalive a worker per third of its lease, and nothing a task."""

from __future__ import annotations

import re
import time

import httpx

from tests.e2e.control.user import COUNTING, DEADLINE, JSON, User
from tests.support.eventually import eventually

WINDOW = 12
"""Keepalives that are waited for."""
LEASES = (3, 3, 5, 5)
"""Seconds: two workers', two coordinators'."""


def etcd_counts(user: User) -> dict[str, float]:
    """etcd's own count of changes of keys, and of calls by method."""
    text = httpx.get(f"http://{user.cluster.stack.etcd.endpoint}/metrics", timeout=10).text
    found = {"puts": 0.0, "deletes": 0.0, "transactions": 0.0}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        match name:
            case "etcd_mvcc_put_total":
                found["puts"] = float(value)
            case "etcd_mvcc_delete_total":
                found["deletes"] = float(value)
            case "etcd_mvcc_txn_total":
                found["transactions"] = float(value)
            case _ if name.startswith("grpc_server_msg_received_total"):
                method = re.search(r'grpc_method="(\w+)"', name)
                assert method is not None
                found[method[1]] = found.get(method[1], 0.0) + float(value)
    assert found["puts"] > 0, "etcd counts what is written"
    return found


def test_idle_tasks_cost_etcd_nothing(user: User) -> None:
    names = [user.fresh("idle") for _ in range(4)]
    for name in names:
        user.deploy(name, **{"connector.class": COUNTING, "topic": user.topic(), "count": 1, **JSON})
    for name in names:
        eventually(lambda name=name: user.offsets(name) != [], timeout=DEADLINE)  # type: ignore[misc]
    # A keepalive that is late on a busy machine is sent once more: some window has none of these.
    eventually(lambda: frugal(user), timeout=2 * DEADLINE, message="a window with no more keepalives than planned")
    assert all(user.tasks(name)[0]["state"] == "RUNNING" for name in names)


def frugal(user: User) -> bool:
    """Whether a window goes by with no more keepalives than one per lease and third of its TTL."""
    at_rest(user)
    began, before = time.monotonic(), etcd_counts(user)
    eventually(
        lambda: etcd_counts(user)["LeaseKeepAlive"] >= before["LeaseKeepAlive"] + WINDOW,
        timeout=DEADLINE,
        message=f"{WINDOW} keepalives",
    )
    after, ended = etcd_counts(user), time.monotonic()
    spent = {name: after[name] - before.get(name, 0.0) for name in after if after[name] != before.get(name, 0.0)}
    assert spent.keys() <= {"LeaseKeepAlive", "Watch", "transactions"}, f"idle tasks wrote or read: {spent}"
    most = sum(1 + 3 * (ended - began) / ttl for ttl in LEASES)
    return spent["LeaseKeepAlive"] <= most


def at_rest(user: User) -> None:
    """Wait until nothing is written any more while a few keepalives go by."""

    def unchanged() -> bool:
        before = etcd_counts(user)
        eventually(lambda: etcd_counts(user)["LeaseKeepAlive"] >= before["LeaseKeepAlive"] + 3, timeout=DEADLINE)
        after = etcd_counts(user)
        return (before["puts"], before["deletes"]) == (after["puts"], after["deletes"])

    eventually(unchanged, timeout=DEADLINE, message="nothing is written any more")

"""What a worker shows of its tasks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client.registry import CollectorRegistry
from tidegate_worker.metrics import WorkerMetrics
from tidegate_worker.task.launch import Stats


def test_the_memory_of_each_task_and_its_limit_are_shown() -> None:
    holder = SimpleNamespace(
        keys=SimpleNamespace(connector="orders", task=3), stats=Stats(), memory=123 << 20, state="RUNNING"
    )
    agent: Any = SimpleNamespace(holders={"orders/3": holder}, joined=True, task_memory_limit=300 << 20)
    registry = CollectorRegistry()
    metrics = WorkerMetrics(agent, registry)
    assert registry.get_sample_value("tidegate_task_memory_bytes", {"connector": "orders", "task": "3"}) == 123 << 20
    assert registry.get_sample_value("tidegate_task_memory_limit_bytes") == 300 << 20
    metrics.close()
    assert registry.get_sample_value("tidegate_task_memory_limit_bytes") is None

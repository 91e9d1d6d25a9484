"""The worker's Prometheus metrics, read from the holders when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from tidegate_worker.agent import WorkerAgent

_LABELS = ("connector", "task")
_COUNTERS = (
    ("records_in", "Records read from the source system or from Kafka"),
    ("records_out", "Records committed to Kafka or to the target system"),
    ("records_halted", "Records committed to the dead letter queue"),
    ("bytes", "Bytes produced or consumed"),
    ("commits", "Transactions committed"),
)


_LAGS = (
    ("lag_records", "Records a sink task is behind"),
    ("lag_bytes", "Bytes of its source system's log that a source task is behind"),
    ("lag_seconds", "Age of the last change that a source task has read; 0 when there are no others"),
)


class WorkerMetrics(Collector):
    """Counters and gauges of the tasks held here; counters begin anew with a task's process.

    Args:
        agent: the worker's agent.
        registry: where they are shown.
    """

    def __init__(self, agent: WorkerAgent, registry: CollectorRegistry = REGISTRY) -> None:
        self._agent = agent
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        """Takes them off the registry."""
        self._registry.unregister(self)

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        holders = list(self._agent.holders.values())
        for name, doc in _COUNTERS:
            counter = CounterMetricFamily(f"tidegate_task_{name}", f"{doc}.", labels=_LABELS)
            for holder in holders:
                counter.add_metric((holder.keys.connector, str(holder.keys.task)), getattr(holder.stats, name))
            yield counter
        memory = GaugeMetricFamily("tidegate_task_memory_bytes", "Memory of a task's own.", labels=_LABELS)
        lags = [(name, GaugeMetricFamily(f"tidegate_task_{name}", f"{doc}.", labels=_LABELS)) for name, doc in _LAGS]
        state = GaugeMetricFamily("tidegate_task_state", "1 for the task's state.", labels=(*_LABELS, "state"))
        for holder in holders:
            labels = (holder.keys.connector, str(holder.keys.task))
            memory.add_metric(labels, holder.memory)
            for name, lag in lags:
                if (value := getattr(holder.stats, name)) >= 0:
                    lag.add_metric(labels, value)
            state.add_metric((*labels, holder.state), 1)
        yield from (memory, *(lag for _, lag in lags), state)
        limit = GaugeMetricFamily("tidegate_task_memory_limit_bytes", "Memory at which a task's process is ended.")
        limit.add_metric((), self._agent.task_memory_limit)
        yield limit
        joined = GaugeMetricFamily("tidegate_worker_joined", "Whether the worker holds its lease.")
        joined.add_metric((), 1 if self._agent.joined else 0)
        yield joined

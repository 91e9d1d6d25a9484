"""What operators watch a coordinator by."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.task_state import shown_state

RECONCILE_SECONDS: Final = Histogram(
    "tidegate_coordinator_reconcile_seconds", "Duration of the leader's rounds, its writes included."
)
MOVES: Final = Counter("tidegate_coordinator_moves", "Changes of task assignments: assign, move, unassign.", ["kind"])
LAYOUT_STEPS: Final = Counter(
    "tidegate_coordinator_layout_steps",
    "What the leader asked of workers to divide connectors into tasks: split, fence.",
    ["step", "outcome"],
)


class ClusterCollector(Collector):
    """Connectors, tasks and workers as this replica sees them, counted when asked.

    Args:
        state: gives the control plane.
        leading: whether this replica leads.
    """

    def __init__(self, state: Callable[[], ClusterState], leading: Callable[[], bool]) -> None:
        self._state = state
        self._leading = leading

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """No names in advance: nothing is counted at registration."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called by the exposition, in a thread of its own."""
        state = self._state()
        yield GaugeMetricFamily(
            "tidegate_coordinator_leader", "1 where this replica leads.", value=float(self._leading())
        )
        yield GaugeMetricFamily("tidegate_coordinator_workers", "Live workers.", value=len(state.workers))
        yield GaugeMetricFamily(
            "tidegate_coordinator_etcd_revision", "Revision of etcd this replica has seen.", value=state.revision
        )
        yield _by_label(
            "tidegate_coordinator_connectors",
            "Connectors by target state.",
            "target_state",
            (stored.value.target_state for stored in list(state.connectors.values())),
        )
        yield _by_label(
            "tidegate_coordinator_tasks",
            "Tasks by state.",
            "state",
            (
                shown_state(state, name, number)
                for name, numbers in list(state.tasks.items())
                for number in list(numbers)
            ),
        )


def _by_label(name: str, documentation: str, label: str, values: Iterable[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, count in sorted(Tally(values).items()):
        family.add_metric([value], count)
    return family

"""What every act of the demo works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.demo.connectors import Connectors
from tidegate.demo.figures import Figures
from tidegate.demo.lake import Lake
from tidegate.demo.topic_reader import TopicReader
from tidegate.demo.view import View
from tidegate.devstack.cluster import LocalCluster

FLIGHTS_TOPIC = "demo.flights"


@dataclass
class Stage:
    """A running cluster and the means to look at it.

    Args:
        cluster: all processes.
        connectors: REST API.
        lake: the bucket.
        topic: counts the flights' topic.
        view: the terminal.
        figures: filled in by the acts.
        rows: rows of the table at its start.
    """

    cluster: LocalCluster
    connectors: Connectors
    lake: Lake
    topic: TopicReader
    view: View
    figures: Figures
    rows: int

    def lake_rows(self) -> int:
        """Flights in the bucket."""
        return self.lake.count(FLIGHTS_TOPIC)

    def topic_records(self) -> int:
        """Committed records of the flights' topic."""
        return self.topic.count


Say = Callable[[str], None]

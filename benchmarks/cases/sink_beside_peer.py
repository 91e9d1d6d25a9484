"""What the cases of sinks have in common: Tidegate reads Avro, its peer the same rows in a form of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa

from benchmarks.comparing import compared
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side
from tidegate.devstack.stack import ComponentKind

AVRO = "rows-avro"
"""The topic that Tidegate reads."""


@dataclass(frozen=True)
class Peer:
    """The other side.

    Args:
        name: as ``--peers`` names it.
        topic: what it reads.
        fill: writes rows to the topic.
        side: starts it, to be stopped by the stack; of the stage, the topic, its rows and the most tasks.
    """

    name: str
    topic: str
    fill: Callable[[Topics, str, pa.Table], int]
    side: Callable[[ExitStack, Stage, str, int, int], Side]


@dataclass(frozen=True)
class SinkCase:
    """A sink and its peer.

    Args:
        name: of the case.
        where: the target, for the title.
        rows: by default.
        data: data sets by default.
        component: what the target is.
        tidegate: the sink; of the stage, the rows and the most tasks.
        peer: the other side.
    """

    name: str
    where: str
    rows: int
    data: Sequence[str]
    component: ComponentKind
    tidegate: Callable[[Tidegate, Stage, int, int], Side]
    peer: Peer

    def run(self, settings: Settings) -> list[Comparison]:
        """A comparison for each data set and number of tasks."""
        every = settings.data or self.data
        return [self._run(settings, data, tasks) for data in every for tasks in settings.tasks or (1,)]

    def _run(self, settings: Settings, data: str, tasks: int) -> Comparison:
        rows = settings.rows or self.rows
        with ExitStack() as exits:
            stage = exits.enter_context(Stage([self.component]))
            topics = Topics(stage.bootstrap_servers)
            sides = []
            if settings.wants("tidegate"):
                tidegate = exits.enter_context(Tidegate(stage))
                topics.make(AVRO)
                topics.fill_avro(AVRO, table(data, rows), [tidegate.registry.addresses["grpc"]])
                sides.append(self.tidegate(tidegate, stage, rows, tasks))
            if settings.wants(self.peer.name):
                topics.make(self.peer.topic)
                self.peer.fill(topics, self.peer.topic, table(data, rows))
                sides.append(self.peer.side(exits, stage, self.peer.topic, rows, tasks))
            title = f"{rows:,} rows of {data} from Kafka to {self.where}, {PARTITIONS} partitions, {tasks} task(s)"
            return compared(self.name, title, sides, settings, stage)

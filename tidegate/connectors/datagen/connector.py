"""The datagen source connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tidegate.connectors.datagen.quickstarts import QUICKSTARTS
from tidegate.connectors.datagen.task import TASK_NUMBER, TASKS, DatagenSourceTask
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, at_least, between, non_empty, one_of
from tidegate.sdk.source import SourceConnector, SourceTask

_GUARANTEES = """\
Each record is made exactly once. Records are a function of the sequence number and `random.seed` alone: record n of a
connector is the same in every run. With t tasks, task i makes the numbers i, i + t, i + 2t and so on. Offsets are
`{"next": 1234}`, the number of records made, for the source partition `{"task": i, "tasks": t}`; with another number of
tasks it begins anew.
"""


class DatagenSourceConnector(SourceConnector):
    """Made-up records."""

    name = "datagen-source"
    doc = "Makes up records of users, orders or page views, for trials and load tests."
    guarantees: ClassVar[str] = _GUARANTEES
    aliases = ("io.confluent.kafka.connect.datagen.DatagenConnector", "DatagenConnector", "datagen")
    task_class: ClassVar[type[SourceTask]] = DatagenSourceTask
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("kafka.topic", Type.STRING, REQUIRED, Importance.HIGH, "Topic to write to.", validator=non_empty)
        .define(
            "quickstart",
            Type.STRING,
            "orders",
            Importance.HIGH,
            "Kind of records.",
            validator=one_of(*QUICKSTARTS),
            recommended=tuple(QUICKSTARTS),
        )
        .define(
            "max.interval",
            Type.LONG,
            500,
            Importance.HIGH,
            "Milliseconds from one batch to the next; 0 makes them as fast as they are taken.",
            validator=at_least(0),
        )
        .define(
            "iterations",
            Type.LONG,
            -1,
            Importance.HIGH,
            "Records each task makes in all; without end when -1.",
            validator=at_least(-1),
        )
        .define(
            "batch.size",
            Type.INT,
            1,
            Importance.MEDIUM,
            "Records a batch and a Kafka transaction. For load tests use thousands.",
            validator=between(1, 1_000_000),
        )
        .define("random.seed", Type.INT, 0, Importance.LOW, "Other seeds make other records.")
    )

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{TASK_NUMBER: str(number), TASKS: str(max_tasks)} for number in range(max_tasks)]

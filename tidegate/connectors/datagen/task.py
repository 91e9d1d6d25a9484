"""The task of the datagen source."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.datagen.quickstarts import QUICKSTARTS
from tidegate.connectors.datagen.random_columns import sequence
from tidegate.errors import FatalError
from tidegate.records.envelope import TIMESTAMP, SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceContext, SourceTask

TASK_NUMBER = "task.number"
TASKS = "task.count"
"""Keys of a task's configuration."""

_WAIT_SECONDS = 1.0


class DatagenSourceTask(SourceTask):
    """Makes its share of the sequence numbers, a batch a poll."""

    def start(self, config: Config, context: SourceContext) -> None:
        self._context = context
        self._number = int(config.originals.get(TASK_NUMBER, "0"))
        self._tasks = int(config.originals.get(TASKS, "1"))
        self._topic: str = config["kafka.topic"]
        self._kind: str = config["quickstart"]
        self._seed: int = config["random.seed"]
        self._interval: float = config["max.interval"] / 1000
        self._iterations: int = config["iterations"]
        self._batch_size: int = config["batch.size"]
        self._partition: Mapping[str, Any] = {"task": self._number, "tasks": self._tasks}
        self._due = time.monotonic()
        offset = context.offset(self._partition) or {}
        try:
            self._next = int(offset.get("next", 0))
        except (TypeError, ValueError):
            raise FatalError(
                f"The stored offset {dict(offset)} is malformed.", remedy='Alter it to {"next": 0}, or reset it.'
            ) from None

    def poll(self) -> Sequence[SourceBatch]:
        count = self._batch_size
        if self._iterations >= 0:
            count = min(count, self._iterations - self._next)
        wait = self._due - time.monotonic()
        if count <= 0 or wait > 0:
            self._context.stopping.wait(_WAIT_SECONDS if count <= 0 else min(wait, _WAIT_SECONDS))
            return ()
        own = sequence(self._next, count)
        generated = QUICKSTARTS[self._kind](pc.add(pc.multiply(own, self._tasks), self._number), self._seed)
        batch = envelope(
            self._topic,
            generated.value,
            key=generated.key,
            timestamp=generated.timestamp_ms.cast(pa.timestamp("ms")).cast(TIMESTAMP),
            value_name=f"tidegate.datagen.{self._kind}",
        )
        self._next += count
        self._due = time.monotonic() + self._interval
        return [SourceBatch(batch, self._partition, {"next": self._next})]

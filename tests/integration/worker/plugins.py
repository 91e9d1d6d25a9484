"""Connectors that count, and misbehave on request."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import orjson
import pyarrow as pa

from tidegate.errors import FatalError, RetriableError
from tidegate.records.envelope import Batch
from tidegate.sdk import (
    REQUIRED,
    Config,
    ConfigDef,
    Importance,
    SinkConnector,
    SinkContext,
    SinkTask,
    SourceBatch,
    SourceConnector,
    SourceContext,
    SourceTask,
    Type,
    envelope,
)


class CountingTask(SourceTask):
    """Gives 1, 2, 3 … ``count``; at ``misbehave.at`` does once what ``misbehave`` says.

    Of ``whole`` numbers each, only the last one has a position.
    """

    def start(self, config: Config, context: SourceContext) -> None:
        self._config, self._context = config, context
        known = context.offset({"counter": context.connector})
        self._next = int(known["n"]) + 1 if known else 1
        self._ballast: list[bytes] = []

    def poll(self) -> Sequence[SourceBatch]:
        config = self._config
        if self._next > config["count"]:
            self._context.stopping.wait(0.2)
            return []
        if config["pause.ms"]:
            self._context.stopping.wait(config["pause.ms"] / 1000)
        if config["misbehave"] == "wait" and self._next >= config["misbehave.at"]:
            if not Path(config["marker"]).exists():
                self._context.stopping.wait(0.05)
                return []
        elif self._next >= config["misbehave.at"] and self._first_time():
            self._misbehave(config["misbehave"])
        last = min(self._next + config["batch"] - 1, config["count"])
        numbers = pa.array(range(self._next, last + 1), pa.int64())
        self._next = last + 1
        value = pa.StructArray.from_arrays([numbers], fields=[pa.field("n", pa.int64(), nullable=False)])
        batch = envelope(config["topic"], value, value_name="Count")
        offset = {"n": last} if last % config["whole"] == 0 or last == config["count"] else None
        return [SourceBatch(batch, {"counter": self._context.connector}, offset)]

    def _first_time(self) -> bool:
        marker = self._config["marker"]
        if not marker:
            return str(self._config["misbehave"]) == "fatal"
        path = Path(marker)
        if path.exists():
            return False
        path.touch()
        return True

    def _misbehave(self, how: str) -> None:
        match how:
            case "segfault":
                ctypes.string_at(0)
            case "leak":
                while True:
                    self._ballast.append(b"x" * (8 << 20))
                    time.sleep(0.01)
            case "hang":
                while True:
                    time.sleep(3600)
            case "stuck":
                # PyDLL holds the interpreter's lock: no thread of the process runs any more.
                ctypes.PyDLL(None).sleep(3600)
            case "fatal":
                raise FatalError("the counter is broken.", remedy="Buy a new one.")


class CountingSource(SourceConnector):
    """See :class:`CountingTask`."""

    name = "counting"
    task_class = CountingTask
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("topic", Type.STRING, REQUIRED, Importance.HIGH, "Where to.")
        .define("count", Type.LONG, 1000, Importance.HIGH, "How far.")
        .define("batch", Type.INT, 100, Importance.LOW, "Records a poll.")
        .define("whole", Type.INT, 1, Importance.LOW, "Numbers that are told together or not at all.")
        .define("pause.ms", Type.INT, 0, Importance.LOW, "Before each poll.")
        .define("misbehave", Type.STRING, "", Importance.LOW, "segfault, leak, hang, stuck, fatal or wait.")
        .define("misbehave.at", Type.LONG, 1, Importance.LOW, "From which number on.")
        .define("marker", Type.STRING, "", Importance.LOW, "File that says it has been done, or may go on.")
    )


class WordySource(SourceConnector):
    """Explains its key at a length that no pipe holds at once."""

    name = "wordy"
    task_class = CountingTask
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "topic", Type.STRING, "", Importance.LOW, "Where to. " * 500_000
    )


class StumblingTask(SinkTask):
    """Appends the numbers of whole commits to a file; once raises after it has taken half of a batch."""

    def start(self, config: Config, context: SinkContext) -> None:
        self._file = Path(config["file"])
        self._marker = Path(config["marker"])
        self._taken: list[int] = []

    def put(self, batch: Batch) -> None:
        numbers = [orjson.loads(value)["n"] for value in batch.value.to_pylist()]
        if len(numbers) > 1 and not self._marker.exists():
            self._marker.touch()
            self._taken += numbers[: len(numbers) // 2]
            raise RetriableError("the target is away.")
        self._taken += numbers

    def flush(self) -> None:
        with self._file.open("a") as file:
            file.writelines(f"{number}\n" for number in self._taken)
        self._taken = []


class StumblingSink(SinkConnector):
    """See :class:`StumblingTask`."""

    name = "stumbling"
    task_class = StumblingTask
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("file", Type.STRING, REQUIRED, Importance.HIGH, "Where to.")
        .define("marker", Type.STRING, REQUIRED, Importance.LOW, "File that says it has stumbled.")
    )

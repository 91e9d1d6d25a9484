"""A sink: records as lines of a CSV file, synced before their offsets are committed."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from tidegate.sdk import REQUIRED, ConfigDef, Importance, SinkConnector, Type
from tidegate.sdk.rows import RowSinkTask, SinkRow


class CsvTask(RowSinkTask):
    def open_target(self) -> None:
        self.file = Path(self.config["file"]).open("a", newline="")  # noqa: SIM115
        self.writer = csv.writer(self.file)

    def write(self, row: SinkRow) -> None:
        if not isinstance(row.value, dict):
            raise ValueError("the value is not a record: CSV needs columns")
        self.writer.writerow(row.value.values())

    def flush(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())

    def stop(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


class CsvSink(SinkConnector):
    name = "csv-sink"
    doc = "Appends records to a CSV file."
    config_def = ConfigDef().define("file", Type.STRING, REQUIRED, Importance.HIGH, "Where to write.")
    task_class = CsvTask

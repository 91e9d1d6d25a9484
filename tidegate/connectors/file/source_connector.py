"""The file source connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tidegate.connectors.file.source_task import FileSourceTask
from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, between, non_empty, one_of
from tidegate.sdk.source import SourceConnector, SourceTask

_GUARANTEES = """\
Each complete line is in Kafka exactly once: records and the position after them are written in one transaction. The
position is a byte offset, `{"position": 1234}`, for the source partition `{"filename": "/path"}`.

The file is tailed: a last line without its newline waits for it. A file that is not there yet is waited for. A file
that is replaced (another inode, or shorter than the position) is read from its beginning, after the old one's rest has
been read where it is still open. A file that is cut and at once grows past the old position, or is replaced by a longer
one while no task runs, can not be told from one that only grew.

JSON lines have to be objects. Types are inferred and kept: a field present and not null in every line so far is
required; a field that comes later, or is null or missing sometimes, is nullable; what was only null or an empty list is
left out until it has a type; whole numbers widen to doubles. A line that lacks a required field and brings an unknown
one (a renamed field), or whose types do not fit, has a schema of its own, which the registry judges. What was inferred
is kept with the offset (`"shapes"`), so that a restart infers alike; leave it out when you alter an offset, and types
are inferred anew. A line that is not JSON is halted.

The file has to be on the machine the task runs on: with several workers, on a file system they share.
"""


class FileSourceConnector(SourceConnector):
    """Lines of a file to Kafka."""

    name = "file-source"
    doc = "Reads a file of JSON lines or of text, and goes on reading as it grows."
    guarantees: ClassVar[str] = _GUARANTEES
    aliases = (
        "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "FileStreamSourceConnector",
        "FileStreamSource",
    )
    task_class: ClassVar[type[SourceTask]] = FileSourceTask
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("file", Type.STRING, REQUIRED, Importance.HIGH, "Path of the file to read.", validator=non_empty)
        .define("topic", Type.STRING, REQUIRED, Importance.HIGH, "Topic to write to.", validator=non_empty)
        .define(
            "format",
            Type.STRING,
            "json",
            Importance.HIGH,
            "json: each line is an object and becomes a record with a schema; text: each line becomes a string.",
            validator=one_of("json", "text"),
            recommended=("json", "text"),
        )
        .define(
            "batch.size",
            Type.INT,
            10_000,
            Importance.LOW,
            "Lines of a Kafka transaction at most.",
            validator=between(1, 1_000_000),
        )
        .define(
            "line.max.bytes",
            Type.INT,
            16_777_216,
            Importance.LOW,
            "Bytes of a line at most. A longer one is halted and skipped.",
            validator=between(1024, 1_073_741_824),
        )
    )

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        path = Path(config["file"])
        if path.is_dir():
            return [ConfigProblem("file", f"{path} is a directory: name a file")]
        return ()

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]

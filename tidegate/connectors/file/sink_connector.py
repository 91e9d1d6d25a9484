"""The file sink connector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tidegate.connectors.file.sink_task import FileSinkTask
from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, non_empty, one_of
from tidegate.sdk.sink import SinkConnector, SinkTask

_GUARANTEES = """\
Each record is in the file exactly once. Before offsets are committed, the file is synced and its length is noted beside
it, in `<file>.offsets`. A task that starts cuts the file back to the length that belongs to the committed offsets, and
goes on there. Until then a reader may see lines at the end that are cut off and written again.

- `tasks.max` has to be 1: a file has one writer, which holds a lock on `<file>.offsets`.
- The file has to be on the machine the task runs on: with several workers, on a file system they share.
- When offsets are set back, the file is cut back to what it held at these offsets, as far as `<file>.offsets` remembers
  (at least 100 commits); before that, records are appended again.
- What the file held before the connector's first record stays.
"""

_EXAMPLE = """\
Events as lines of JSON, on one machine:

```yaml
name: events-to-file
connector.class: file-sink
topics: app.events
value.converter: avro
file: /var/lib/events.jsonl
```

A record with `id` 7 and `kind` order becomes the line `{"id":7,"kind":"order"}`. After a kill -9 the file may end in
lines that no commit covers; the next task cuts them off and writes them again, once.
"""


class FileSinkConnector(SinkConnector):
    """Topics to the lines of a file."""

    name = "file-sink"
    doc = "Appends records to a file, one line each: JSON, or text as it is."
    guarantees: ClassVar[str] = _GUARANTEES
    example: ClassVar[str] = _EXAMPLE
    aliases = ("org.apache.kafka.connect.file.FileStreamSinkConnector", "FileStreamSinkConnector", "FileStreamSink")
    task_class: ClassVar[type[SinkTask]] = FileSinkTask
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define(
            "file",
            Type.STRING,
            REQUIRED,
            Importance.HIGH,
            "Path of the file to append to; it is made if missing.",
            validator=non_empty,
        )
        .define(
            "format",
            Type.STRING,
            "text",
            Importance.HIGH,
            "text: strings as they are, as FileStreamSink writes them, all else as JSON; json: strings as JSON too.",
            validator=one_of("json", "text"),
            recommended=("json", "text"),
        )
    )

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        problems = []
        path = Path(config["file"])
        if not path.parent.is_dir():
            problems.append(ConfigProblem("file", f"directory {path.parent} does not exist: create it"))
        elif path.is_dir():
            problems.append(ConfigProblem("file", f"{path} is a directory: name a file"))
        if config.originals.get("tasks.max", "1").strip() != "1":
            problems.append(ConfigProblem("tasks.max", "a file has one writer: use 1"))
        return problems

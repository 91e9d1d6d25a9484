"""Sources and sinks with 1, 2 and 4 tasks."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases import json_source, parquet_sink
from benchmarks.result import Comparison
from benchmarks.settings import Settings

NAME = "scaling"
TASKS = (1, 2, 4)


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each number of tasks, of a source and of a sink."""
    peers = settings.peers or ("tidegate", "connect")
    each = replace(settings, tasks=settings.tasks or TASKS, peers=peers)
    found = [*json_source.run(each), *parquet_sink.run(each)]
    for comparison in found:
        comparison.title = f"{comparison.case}: {comparison.title}"
        comparison.case = NAME
    return found

"""Kafka JSON without schemas to zstd Parquet on S3."""

from __future__ import annotations

from benchmarks.cases.parquet_sink import run_sink
from benchmarks.result import Comparison
from benchmarks.settings import Settings

NAME = "json-parquet-sink"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    return run_sink(settings, NAME, "json")

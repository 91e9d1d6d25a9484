"""Batches for tests of transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch
from tidegate.sdk.config_def import Config
from tidegate.transforms.chain import TransformChain
from tidegate.transforms.configuration import transform_chain


def consumed(values: pa.Array, topic: str = "orders", *, headers: Sequence[Mapping[str, str] | None] = ()) -> Batch:
    """Records as a sink reads them: partition 0, offsets from 100, a second apart."""
    size = len(values)
    rows = headers or [None] * size
    columns = {
        "key": pa.nulls(size),
        "value": values,
        "headers": pa.array(
            [None if row is None else [{"key": k, "value": v.encode()} for k, v in row.items()] for row in rows],
            HEADERS,
        ),
        "timestamp": pa.array([1_700_000_000_000 + 1000 * row for row in range(size)], pa.int64()).cast(TIMESTAMP),
        "partition": pa.array([0] * size, pa.int32()),
        "offset": pa.array(range(100, 100 + size), pa.int64()),
    }
    return Batch(topic, pa.RecordBatch.from_pydict(columns))


def chain(config: Mapping[str, str]) -> TransformChain:
    """The chain of the keys of a connector."""
    return transform_chain(Config({}, dict(config)))


def one(type_: str, **keys: str) -> TransformChain:
    """The chain of one transform; underscores in keys stand for dots."""
    own = {f"transforms.t.{key.replace('_', '.')}": text for key, text in keys.items()}
    return chain({"transforms": "t", "transforms.t.type": type_, **own})


def outcome(batch: Batch, applied: TransformChain) -> tuple[list[tuple[str, list[int], list[Any]]], dict[int, str]]:
    """Topic, rows and values of each part, and the faults' sentences by row."""
    done = applied.apply(batch)
    parts = [(part.batch.topic, part.rows.tolist(), part.batch.value.to_pylist()) for part in done.parts]
    return parts, {fault.row: fault.message for fault in done.faults}

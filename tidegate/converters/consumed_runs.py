"""Consumed records as batches: decoding by columns, faults apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidegate.converters.base import Converter, Decoded
from tidegate.kafka.consumed import CONSUMED
from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault


@dataclass(frozen=True)
class ConsumedRun:
    """Records of one topic that follow one another: good ones as a batch, or one that can not go on.

    Args:
        rows: indexes into the records, ascending.
        batch: the decoded records; None for a fault.
        fault: why the one record of ``rows`` is halted.
    """

    rows: Sequence[int]
    batch: Batch | None
    fault: RecordFault | None = None


def decode(raw: Batch, key: Converter, value: Converter) -> list[ConsumedRun]:
    """Decodes records of one topic into runs in the order of the records.

    Args:
        raw: n records of schema :data:`tidegate.kafka.consumed.CONSUMED`, in offset order within each partition.
        key: decodes keys.
        value: decodes values.

    Raises:
        RetriableError: the registry is away.
    """
    keys = key.decode(raw.topic, raw.key)
    values = value.decode(raw.topic, raw.value)
    size = len(raw)
    key_run, key_at = _index(keys, size)
    value_run, value_at = _index(values, size)
    faults = {fault.row: fault for fault in (*keys.faults, *values.faults)}
    columns = raw.records.columns[2:]
    runs: list[ConsumedRun] = []
    for start, end in _segments(key_run, value_run):
        rows = range(start, end)
        if start in faults or key_run[start] < 0 or value_run[start] < 0:
            runs.extend(ConsumedRun((row,), None, faults[row]) for row in rows)
            continue
        key_part, value_part = keys.runs[key_run[start]], values.runs[value_run[start]]
        schema = pa.schema(
            [
                key_part.field.with_name("key").with_nullable(True),
                value_part.field.with_name("value").with_nullable(True),
                *list(CONSUMED)[2:],
            ]
        )
        length = end - start
        records = pa.RecordBatch.from_arrays(
            [
                key_part.values.slice(int(key_at[start]), length),
                value_part.values.slice(int(value_at[start]), length),
                *(column.slice(start, length) for column in columns),
            ],
            schema=schema,
        )
        runs.append(ConsumedRun(rows, Batch(raw.topic, records)))
    return runs


def _index(decoded: Decoded, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each row its run (-1 for a fault) and its place in that run."""
    run, at = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for number, part in enumerate(decoded.runs):
        rows = part.rows.to_numpy()
        run[rows] = number
        at[rows] = np.arange(len(rows))
    return run, at


def _segments(key_run: np.ndarray, value_run: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of rows with the same key run and value run, or all faults."""
    size = len(key_run)
    bad = (key_run < 0) | (value_run < 0)
    changes = (np.diff(key_run) != 0) | (np.diff(value_run) != 0) | (np.diff(bad.astype(np.int8)) != 0)
    # Rows that are both before and after a fault are apart already, for the fault's own run is -1.
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), size]
    for start, end in itertools.pairwise(edges):
        if start < end:
            yield start, end

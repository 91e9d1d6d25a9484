"""Grouping: a batch's rows by the file they go to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one Kafka partition and one directory, in offset order.

    Args:
        partition: Kafka partition.
        directory: below the topic's.
        rows: n rows; their memory is theirs alone, so that a file which keeps them keeps nothing else.
        offsets: n int64 Kafka offsets.
        times_ms: n int64 record times, milliseconds since 1970.
    """

    partition: int
    directory: str
    rows: pa.RecordBatch
    offsets: pa.Array
    times_ms: pa.Array


def groups(
    rows: pa.RecordBatch, partitions: pa.Array, offsets: pa.Array, times_ms: pa.Array, directories: pa.Array
) -> Iterator[Group]:
    """Sorts n rows by file.

    Args:
        rows: n rows in the form they are written in.
        partitions: n Kafka partitions.
        offsets: n Kafka offsets, ascending in each partition.
        times_ms: n record times.
        directories: n strings, none null.
    """
    if not rows.num_rows:
        return
    codes = directories.dictionary_encode()
    names = codes.dictionary
    numbers = pc.add(pc.multiply(partitions.cast(pa.int64()), len(names)), codes.indices.cast(pa.int64()))
    bounds = pc.min_max(numbers)
    if bounds["min"] == bounds["max"]:
        yield Group(partitions[0].as_py(), names[codes.indices[0].as_py()].as_py(), rows, offsets, times_ms)
        return
    # A stable sort: rows of one file stay in offset order.
    order = pc.array_sort_indices(numbers)
    runs = pc.run_end_encode(numbers.take(order), run_end_type=pa.int64())
    start = 0
    for end, number in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        partition, code = divmod(number, len(names))
        some = order.slice(start, end - start)
        yield Group(partition, names[code].as_py(), rows.take(some), offsets.take(some), times_ms.take(some))
        start = end

"""Grouping: a batch's rows by the file they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import time

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.s3.placeholders import with_placeholders
from tidegate.records.envelope import Batch


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one Kafka partition and one directory, in offset order.

    Args:
        partition: Kafka partition.
        directory: below the topic's.
        rows: n rows.
        offsets: n int64 Kafka offsets.
        times_ms: n int64 record times, milliseconds since 1970; the wall clock's where a record has none.
    """

    partition: int
    directory: str
    rows: pa.RecordBatch
    offsets: pa.Array
    times_ms: pa.Array


def groups(batch: Batch, directories: pa.Array, keep: pa.Array, project: Callable[[pa.Array], pa.Array]) -> list[Group]:
    """Sorts the rows of a batch by file.

    Args:
        batch: n rows with a struct value.
        directories: n strings.
        keep: n booleans: the rows that are written.
        project: brings the value into the form it is written in.
    """
    records = batch.records
    value = project(batch.value)
    columns = [value, records.column("partition"), records.column("offset"), records.column("timestamp"), directories]
    if pc.min(keep).as_py() is not True:
        columns = [column.filter(keep) for column in columns]
    if not len(columns[0]):
        return []
    codes = columns[4].dictionary_encode()
    names = codes.dictionary
    numbers = pc.add(pc.multiply(columns[1].cast(pa.int64()), len(names)), codes.indices.cast(pa.int64()))
    bounds = pc.min_max(numbers)
    if bounds["min"] != bounds["max"]:
        # A stable sort: rows of one file stay in offset order.
        order = pc.array_sort_indices(numbers)
        columns = [column.take(order) for column in columns]
        numbers = numbers.take(order)
    return list(_runs(numbers, names, columns))


def _runs(numbers: pa.Array, names: pa.Array, columns: list[pa.Array]) -> Iterator[Group]:
    value = columns[0]
    rows = pa.RecordBatch.from_arrays(
        [with_placeholders(value.field(index)) for index in range(value.type.num_fields)], schema=pa.schema(value.type)
    )
    times = pc.fill_null(columns[3].cast(pa.int64()), int(time() * 1000))
    runs = pc.run_end_encode(numbers, run_end_type=pa.int64())
    start = 0
    for end, number in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        partition, code = divmod(number, len(names))
        size = end - start
        yield Group(
            partition,
            names[code].as_py(),
            rows.slice(start, size),
            columns[2].slice(start, size),
            times.slice(start, size),
        )
        start = end

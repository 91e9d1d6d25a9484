"""Rows of a query as events."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.connectors.cdc.change_batch import READ, Changes, change_batch
from tidegate.connectors.cdc.snapshot_steps import Halted
from tidegate.connectors.mysql_cdc.snapshot import TextRows
from tidegate.connectors.mysql_cdc.table_schema import TableSchema, apart
from tidegate.records.envelope import Batch


def read_keys(schema: TableSchema, rows: TextRows) -> pa.StructArray:
    """The keys of rows of a table that has some.

    Raises:
        ValueError: one can not be read.
    """
    keys = schema.keys({index: schema.columns[index].from_text(rows.cells(index)) for index in schema.key})
    assert keys is not None
    return keys


def read_events(
    schema: TableSchema,
    rows: TextRows,
    source: Callable[[int], pa.StructArray],
    left_out: Container[tuple[Any, ...]] = (),
) -> tuple[Batch | None, pa.StructArray | None, Sequence[Halted]]:
    """The events of rows that are read, the rows' keys, and those that are no events.

    Args:
        schema: of their table.
        rows: as text.
        source: gives ``source`` blocks.
        left_out: keys of rows that are not told.
    """
    count = len(rows)
    problems: dict[int, str] = {}
    values = {}
    for index, column in schema.columns.items():
        cells = rows.cells(index)
        try:
            values[index] = column.from_text(cells)
        except (ValueError, ArithmeticError):
            values[index] = apart(column.from_text, cells, column.column.name, problems)
    after = schema.rows(values, count, fill=bool(problems))
    keys = schema.keys(values)
    changes = Changes(np.full(count, READ, np.uint8), None, after, None, keys, source(count))
    told = np.ones(count, np.bool_)
    if left_out and keys is not None:
        told &= [tuple(key.values()) not in left_out for key in keys.to_pylist()]
    halted = [(schema.shape.topic, _raw(rows, row), text) for row, text in sorted(problems.items()) if told[row]]
    told[list(problems)] = False
    if told.all():
        return change_batch(schema.shape, changes, tombstones=False), keys, ()
    good = np.flatnonzero(told)
    if not len(good):
        return None, keys, halted
    return change_batch(schema.shape, changes.take(good), tombstones=False), keys, halted


def _raw(rows: TextRows, row: int) -> bytes:
    values = []
    for start, length in zip(rows.start, rows.length, strict=True):
        begin, size = int(start[row]), int(length[row])
        values.append(b"\\N" if size < 0 else rows.data[begin : begin + size].tobytes())
    return b"\t".join(values)

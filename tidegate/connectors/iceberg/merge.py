"""Merging changes by key: which files of a table are replaced, copied without the rows that go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, In, LessThanOrEqual
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table
from pyiceberg.types import PrimitiveType

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.change import Change, read_files, read_keys
from tidegate.connectors.iceberg.keyed_rows import KeySet
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.partitioned_files import PartitionedFiles
from tidegate.connectors.iceberg.projection import project

_FEW_KEYS = 200


@dataclass(slots=True)
class Merged:
    """What a snapshot of some changes adds and removes.

    Args:
        added: data files.
        removed: data files of the table.
        written: locations of those of ``added`` that this merge wrote itself.
        spent: locations that nobody needs once the snapshot is committed.
    """

    added: list[DataFile] = field(default_factory=list)
    removed: list[DataFile] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)


def merge(table: Table, layout: Layout, changes: Sequence[Change]) -> Merged:
    """Applies changes in their order.

    A row goes if a later change has its key. Files that hold such rows are copied without them (copy on write); which
    files may hold them is told by their columns' bounds, then by reading the columns of the key alone.

    Args:
        table: as just loaded.
        layout: its layout.
        changes: in the order of the control topic.

    Raises:
        NotFoundError: a file of a change is gone.
        RetriableError: the store is away.
    """
    merged = Merged()
    staged = [(change, read_files(table.io, change)) for change in changes]
    merged.spent += [place for change, _ in staged for place in (change.manifest, change.deleted) if place]
    parts: list[tuple[int, pa.Table]] = []
    for number, (change, files) in enumerate(staged):
        if change.id_columns:
            parts += [(number, _key_columns(table, FileScanTask(file), change.id_columns)) for file in files]
            deleted = read_keys(table.io, change)
            if deleted is not None:
                parts.append((number, deleted.select(list(change.id_columns))))
    keys = KeySet(parts)
    for number, (_, files) in enumerate(staged):
        for file in files:
            _keep(table, layout, FileScanTask(file), keys, merged, number)
    if len(keys):
        for task in _candidates(table, keys):
            _keep(table, layout, task, keys, merged, None)
    return merged


def copy_rows(
    table: Table, layout: Layout, tasks: Iterable[FileScanTask], keep: Iterator[pa.Array] | None
) -> list[DataFile]:
    """Copies the rows of data files into new ones with the table's present schema and partitioning.

    Args:
        table: the table.
        layout: its layout.
        tasks: the files with their delete files.
        keep: for each file booleans for its rows; None for all.

    Raises:
        RetriableError: the store is away.
    """
    files = PartitionedFiles(layout)
    try:
        for task in tasks:
            mask = next(keep) if keep is not None else None
            start = 0
            for batch in _scan(table, layout, task):
                rows = pa.StructArray.from_arrays(batch.columns, fields=list(batch.schema))
                if mask is not None:
                    rows = rows.filter(mask.slice(start, len(rows)))
                start += batch.num_rows
                if len(rows):
                    files.append(project(rows, layout.columns))
                    files.write_due()
        return files.close()
    except BaseException:
        files.abandon()
        raise


def _keep(table: Table, layout: Layout, task: FileScanTask, keys: KeySet, merged: Merged, number: int | None) -> None:
    """Decides on a file of the change of a number, or of the table."""
    file = task.file
    mask = None
    if len(keys):
        assert keys.keys is not None
        own = _key_columns(table, task, tuple(keys.keys.column_names))
        matched = keys.matches(own, -1 if number is None else number)
        if pc.any(matched).as_py():
            mask = pc.invert(matched)
    is_new = number is not None
    foreign = is_new and file.spec_id != layout.spec.spec_id
    if mask is None and not foreign:
        if is_new:
            merged.added.append(file)
        return
    copied = copy_rows(table, layout, [task], None if mask is None else iter([mask]))
    merged.added += copied
    merged.written += [each.file_path for each in copied]
    if is_new:
        merged.spent.append(file.file_path)
    else:
        merged.removed.append(file)


def _candidates(table: Table, keys: KeySet) -> list[FileScanTask]:
    """Files of the table that may hold rows of the keys, by their bounds."""
    if table.metadata.current_snapshot() is None:
        return []
    assert keys.keys is not None
    condition: BooleanExpression = AlwaysTrue()
    for name in keys.keys.column_names:
        column = keys.keys[name].combine_chunks()
        bounds = _bounds(column)
        if bounds is None:
            continue
        condition = And(condition, And(_at_least(name, bounds[0]), _at_most(name, bounds[1])))
        if len(column) <= _FEW_KEYS:
            condition = And(condition, _one_of(name, column.to_pylist()))
    with iceberg_errors(f"plan files of table {'.'.join(table.name())}"):
        tasks = list(table.scan(row_filter=condition).plan_files())
    return [task for task in tasks if _may_hold(table, task.file, keys.keys)]


# PyIceberg takes these by position, which its type hints do not say.
_at_least: Any = GreaterThanOrEqual
_at_most: Any = LessThanOrEqual
_one_of: Any = In


def _bounds(column: pa.Array) -> tuple[Any, Any] | None:
    try:
        found = pc.min_max(column)
    except pa.ArrowNotImplementedError:
        return None
    return found["min"].as_py(), found["max"].as_py()


def _may_hold(table: Table, file: DataFile, keys: pa.Table) -> bool:
    """Whether any single key lies within the bounds of the first column."""
    name = keys.column_names[0]
    column = keys[name]
    source = table.schema().find_field(name)
    low = (file.lower_bounds or {}).get(source.field_id)
    high = (file.upper_bounds or {}).get(source.field_id)
    if low is None or high is None or not isinstance(source.field_type, PrimitiveType):
        return True
    try:
        least = pa.scalar(from_bytes(source.field_type, low)).cast(column.type)
        most = pa.scalar(from_bytes(source.field_type, high)).cast(column.type)
        within = pc.and_(pc.greater_equal(column, least), pc.less_equal(column, most))
    except (pa.ArrowException, ValueError, TypeError):
        return True
    return bool(pc.any(within).as_py())


def _key_columns(table: Table, task: FileScanTask, columns: tuple[str, ...]) -> pa.Table:
    with iceberg_errors(f"read {task.file.file_path}"):
        schema = table.schema().select(*columns)
        scan = ArrowScan(table.metadata, table.io, schema, AlwaysTrue())
        return scan.to_table([task]).select(list(columns))


def _scan(table: Table, layout: Layout, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    with iceberg_errors(f"read {task.file.file_path}"):
        yield from ArrowScan(table.metadata, table.io, layout.schema, AlwaysTrue()).to_record_batches([task])

"""Compaction: small data files of a table are copied into files of its target size, while sinks go on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.merge import Merged, copy_rows
from tidegate.connectors.iceberg.one_attempt import OneAttempt
from tidegate.connectors.iceberg.table_commit import delete_files, stage
from tidegate.errors import ConflictError

_SMALL = 0.75
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Args:
        files_before: data files that were replaced.
        files_after: those that replace them.
        bytes_before: their size.
        bytes_after: their size.
    """

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int


def compact(
    catalog: Catalog,
    name: str,
    *,
    target_bytes: int | None = None,
    min_files: int = 5,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Compacted:
    """Copies small files together, one snapshot for each group of files.

    A file is small below three quarters of the target, or if rows in it are deleted, or if it has another partitioning
    than the table has now. Groups are made within a partition. While a group is copied other writers may commit; only
    if they touched a file of the group it is left as it is.

    Args:
        catalog: the catalog.
        name: the table.
        target_bytes: size of the new files; the table's ``write.target-file-size-bytes`` if not given.
        min_files: fewer files than this are not worth it.
        progress: told the groups done and how many there are.

    Raises:
        NotFoundError: there is no such table.
        RetriableError: catalog or store are away; what is done stays done.
    """
    table = _load(catalog, name)
    properties = {} if target_bytes is None else {"write.target-file-size-bytes": str(target_bytes)}
    layout = Layout(table, "compacted", properties)
    groups = plan(_tasks(table), layout, min_files)
    replaced: list[DataFile] = []
    written: list[DataFile] = []
    for done, group in enumerate(groups):
        progress(done, len(groups))
        table = _load(catalog, name)
        layout = Layout(table, "compacted", properties)
        new = copy_rows(table, layout, group, None)
        if _replace(catalog, name, table, layout, group, new):
            replaced += [task.file for task in group]
            written += new
        else:
            delete_files(table.io, [file.file_path for file in new])
    progress(len(groups), len(groups))
    return Compacted(
        len(replaced),
        len(written),
        sum(file.file_size_in_bytes for file in replaced),
        sum(file.file_size_in_bytes for file in written),
    )


def plan(tasks: Sequence[FileScanTask], layout: Layout, min_files: int) -> list[list[FileScanTask]]:
    """Groups of files to copy together; pure.

    Args:
        tasks: the table's files.
        layout: its layout.
        min_files: fewer files than this are not worth it, unless rows in them are deleted or they are partitioned
            otherwise.
    """
    by_partition: dict[Any, list[FileScanTask]] = defaultdict(list)
    for task in tasks:
        foreign = task.file.spec_id != layout.spec.spec_id
        if foreign or task.delete_files or task.file.file_size_in_bytes < layout.target_bytes * _SMALL:
            by_partition[task.file.spec_id, tuple(task.file.partition._data)].append(task)
    groups: list[list[FileScanTask]] = []
    for (spec_id, _), small in by_partition.items():
        packed: list[list[FileScanTask]] = [[]]
        size = 0
        for task in sorted(small, key=lambda each: each.file.file_path):
            if packed[-1] and size + task.file.file_size_in_bytes > layout.target_bytes:
                packed.append([])
                size = 0
            packed[-1].append(task)
            size += task.file.file_size_in_bytes
        foreign = spec_id != layout.spec.spec_id
        groups += [
            group for group in packed if foreign or len(group) >= min_files or any(task.delete_files for task in group)
        ]
    return groups


def _replace(
    catalog: Catalog, name: str, table: Table, layout: Layout, group: Sequence[FileScanTask], new: list[DataFile]
) -> bool:
    """Whether the snapshot came about; not if one of the files has changed meanwhile."""
    merged = Merged(added=new, removed=[task.file for task in group])
    for _ in range(_ATTEMPTS):
        transaction = OneAttempt(table)
        stage(transaction, merged, {"tidegate.compaction": "true"})
        try:
            transaction.commit_transaction()
        except ConflictError:
            table = _load(catalog, name)
            live = {task.file.file_path: len(task.delete_files) for task in _tasks(table)}
            unchanged = all(live.get(task.file.file_path) == len(task.delete_files) for task in group)
            if not unchanged or table.spec().spec_id != layout.spec.spec_id:
                return False
        else:
            return True
    return False


def _load(catalog: Catalog, name: str) -> Table:
    with iceberg_errors(f"load table {name}"):
        return catalog.load_table(name)


def _tasks(table: Table) -> list[FileScanTask]:
    with iceberg_errors(f"plan files of table {'.'.join(table.name())}"):
        return list(table.scan().plan_files())

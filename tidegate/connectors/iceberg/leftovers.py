"""Leftovers: files below a table's location that no snapshot names: of dead attempts, and of expired snapshots."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlparse

from pyarrow.fs import FileSelector, FileSystem, FileType
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.errors import FatalError


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that nothing refers to.

    Args:
        location: where it is.
        size: its bytes.
        modified: when it was written.
    """

    location: str
    size: int
    modified: datetime


def leftovers(catalog: Catalog, name: str, older_than: datetime) -> list[Leftover]:
    """Finds the leftovers of a table.

    A file may be young and not named yet: one that a task has written and the committer has not committed. So only what
    is older than any connector may have stood still is a leftover.

    Args:
        catalog: the catalog.
        name: the table.
        older_than: younger files are left out.

    Raises:
        NotFoundError: there is no such table.
        FatalError: its files can not be listed.
        RetriableError: catalog or store are away.
    """
    # Listed first: what is committed in between is then either named or not listed.
    with iceberg_errors(f"list files of table {name}"):
        table = catalog.load_table(name)
        listed = _list(table)
        table.refresh()
        named = _named(table)
    return [each for each in listed if each.modified < older_than and _path(each.location) not in named]


def delete_leftovers(catalog: Catalog, name: str, found: Collection[Leftover]) -> None:
    """Deletes them.

    Raises:
        RetriableError: the store is away.
    """
    with iceberg_errors(f"delete files of table {name}"):
        table = catalog.load_table(name)
        for each in found:
            table.io.delete(each.location)


def _list(table: Table) -> list[Leftover]:
    if not isinstance(table.io, PyArrowFileIO):
        raise FatalError(f"The files of table {'.'.join(table.name())} can not be listed: its FileIO is {table.io}.")
    location = urlparse(table.location())
    filesystem = cast(FileSystem, table.io.fs_by_scheme(location.scheme or "file", location.netloc or None))
    base = f"{location.netloc}{location.path}"
    found = filesystem.get_file_info(FileSelector(base, recursive=True, allow_not_found=True))
    root = table.location().rstrip("/")
    return [
        Leftover(f"{root}{info.path[len(base.rstrip('/')) :]}", info.size, info.mtime)
        for info in found
        if info.type == FileType.File
    ]


def _named(table: Table) -> set[str]:
    metadata = table.metadata
    named = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    named |= {file.statistics_path for file in metadata.statistics}
    manifests = {}
    for snapshot in metadata.snapshots:
        named.add(snapshot.manifest_list)
        manifests.update({manifest.manifest_path: manifest for manifest in snapshot.manifests(table.io)})
    for path, manifest in manifests.items():
        named.add(path)
        named |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)}
    return {_path(location) for location in named} | {_path(f"{table.location()}/metadata/version-hint.text")}


def _path(location: str) -> str:
    """The part after the scheme: s3, s3a and s3n name the same file."""
    parsed = urlparse(location)
    return f"{parsed.netloc}{parsed.path}"

"""A change: data files that a task has written and keys whose rows go, as told to the committer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
)
from pyiceberg.table import TableProperties

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.layout import Layout
from tidegate.errors import FatalError

_VERSION = 1
_NO_SNAPSHOT = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What one task wrote for one table.

    Args:
        table: name.
        table_uuid: of the table it was written for.
        spec_id: partitioning of the files.
        manifest: an Iceberg manifest that lists the data files and belongs to no snapshot; empty for no files.
        rows: in the files.
        id_columns: the key, if rows of the same key are replaced; empty where rows are only appended.
        deleted: a Parquet file with the keys of deleted rows; empty for none.
        offsets: ``topic:partition`` to the source offset after the last record in it.
    """

    table: str
    table_uuid: str
    spec_id: int
    manifest: str
    rows: int
    id_columns: tuple[str, ...]
    deleted: str
    offsets: Mapping[str, int]

    def to_json(self) -> bytes:
        """The form in the control topic."""
        return orjson.dumps(
            {
                "version": _VERSION,
                "table": self.table,
                "table-uuid": self.table_uuid,
                "spec-id": self.spec_id,
                "manifest": self.manifest,
                "rows": self.rows,
                "id-columns": self.id_columns,
                "deleted": self.deleted,
                "offsets": self.offsets,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Change:
        """Reads it.

        Raises:
            FatalError: it is something else.
        """
        try:
            found = orjson.loads(data)
            if found["version"] != _VERSION:
                raise ValueError(f"version {found['version']}")
            return cls(
                found["table"],
                found["table-uuid"],
                found["spec-id"],
                found["manifest"],
                found["rows"],
                tuple(found["id-columns"]),
                found["deleted"],
                found["offsets"],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise FatalError(
                f"A record of the control topic is not a change of a table: {error}.",
                remedy="Nobody else may write to the control topic.",
            ) from error


def write_files(layout: Layout, files: Sequence[DataFile]) -> str:
    """Writes a manifest that lists data files, for :func:`read_files`.

    Returns:
        Its location; empty for no files.
    """
    if not files:
        return ""
    location = layout.new_manifest_location()
    with (
        iceberg_errors(f"write {location}"),
        write_manifest(
            format_version=layout.format_version,
            spec=layout.spec,
            schema=layout.schema,
            output_file=layout.io.new_output(location),
            snapshot_id=_NO_SNAPSHOT,
            avro_compression=TableProperties.WRITE_AVRO_COMPRESSION_DEFAULT,  # type: ignore[arg-type]
        ) as writer,
    ):
        for file in files:
            writer.add(
                ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=_NO_SNAPSHOT,
                    sequence_number=None,
                    file_sequence_number=None,
                    data_file=file,
                )
            )
    return location


def read_files(io: FileIO, change: Change) -> list[DataFile]:
    """The data files of a change.

    Raises:
        NotFoundError: its manifest is gone.
    """
    if not change.manifest:
        return []
    manifest = ManifestFile.from_args(
        manifest_path=change.manifest,
        manifest_length=0,
        partition_spec_id=change.spec_id,
        content=ManifestContent.DATA,
        sequence_number=0,
        min_sequence_number=0,
        added_snapshot_id=_NO_SNAPSHOT,
    )
    with iceberg_errors(f"read {change.manifest}"):
        return [entry.data_file for entry in manifest.fetch_manifest_entry(io)]


def write_keys(layout: Layout, keys: pa.Table) -> str:
    """Writes the keys of deleted rows, for :func:`read_keys`; empty for none."""
    if not keys.num_rows:
        return ""
    location = layout.new_key_location()
    with iceberg_errors(f"write {location}"), layout.io.new_output(location).create(overwrite=True) as stream:
        pq.write_table(keys, stream, compression="zstd")
    return location


def read_keys(io: FileIO, change: Change) -> pa.Table | None:
    """The keys of deleted rows; None for none.

    Raises:
        NotFoundError: the file is gone.
    """
    if not change.deleted:
        return None
    with iceberg_errors(f"read {change.deleted}"), io.new_input(change.deleted).open() as stream:
        return pq.read_table(stream)

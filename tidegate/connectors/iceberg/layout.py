"""A table's layout: all that writing data files needs to know of it, fixed at one moment."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pyarrow as pa
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import compute_statistics_plan, parquet_path_to_id_mapping, schema_to_pyarrow
from pyiceberg.partitioning import PartitionKey, PartitionSpec
from pyiceberg.schema import Schema, sanitize_column_names
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.locations import load_location_provider

from tidegate.errors import FatalError

_FORMAT_VERSIONS = (1, 2)


class Layout:
    """Schema, partitioning and properties of a table.

    Args:
        table: the table as loaded.
        prefix: begins the names of data files; tells who wrote them.
        properties: over the table's own.

    Raises:
        FatalError: PyIceberg can not write such a table.
    """

    def __init__(self, table: Table, prefix: str, properties: Mapping[str, str] | None = None) -> None:
        metadata = table.metadata
        if metadata.format_version not in _FORMAT_VERSIONS:
            raise FatalError(
                f"Table {'.'.join(table.name())} has format version {metadata.format_version}: 1 and 2 can be written.",
                remedy="Write to a table of format version 2.",
            )
        self.table = ".".join(table.name())
        self.table_uuid = str(metadata.table_uuid)
        self.format_version = metadata.format_version
        self.io: FileIO = table.io
        self.spec: PartitionSpec = metadata.spec()
        self.schema: Schema = metadata.schema()
        self.file_schema: Schema = sanitize_column_names(self.schema)
        self.properties = {**metadata.properties, **(properties or {})}
        self.arrow: pa.Schema = schema_to_pyarrow(self.file_schema)
        """Of the rows in data files, with field ids."""
        self.columns = pa.struct(
            [field.with_name(column.name) for column, field in zip(self.schema.fields, self.arrow, strict=True)]
        )
        """The same by the columns' own names."""
        self.target_bytes = int(
            self.properties.get(
                TableProperties.WRITE_TARGET_FILE_SIZE_BYTES, TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT
            )
        )
        self.statistics_plan = compute_statistics_plan(self.file_schema, self.properties)
        self.parquet_paths = parquet_path_to_id_mapping(self.file_schema)
        self._prefix = prefix
        self._locations = load_location_provider(metadata.location, self.properties)

    def new_data_location(self, key: PartitionKey | None) -> str:
        """A new place for a data file."""
        return self._locations.new_data_location(f"{self._prefix}-{uuid.uuid4()}.parquet", key)

    def new_key_location(self) -> str:
        """A new place for the keys of deleted rows."""
        return self._locations.new_data_location(f"{self._prefix}-{uuid.uuid4()}.keys.parquet")

    def new_manifest_location(self) -> str:
        """A new place for a manifest that no snapshot has yet."""
        return self._locations.new_metadata_location(f"{self._prefix}-{uuid.uuid4()}.avro")

    def same(self, other: Layout) -> bool:
        """Whether files of both may be in one manifest."""
        return (
            self.table_uuid == other.table_uuid
            and self.spec.spec_id == other.spec.spec_id
            and self.schema.schema_id == other.schema.schema_id
            and self.properties == other.properties
        )

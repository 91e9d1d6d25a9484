"""The open data files of a table: rows sorted by partition, files closed when they have their size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey, partition_record_value
from pyiceberg.typedef import Record

from tidegate.connectors.iceberg.data_file import OpenDataFile
from tidegate.connectors.iceberg.layout import Layout
from tidegate.errors import FatalError

PartitionValues = tuple[Any, ...]


class PartitionedFiles:
    """Files of one layout, one open file a partition.

    Args:
        layout: the table's.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._open: dict[PartitionValues, OpenDataFile] = {}
        self._closed: list[DataFile] = []

    @property
    def empty(self) -> bool:
        """Whether there is no row."""
        return not self._open and not self._closed

    @property
    def memory(self) -> int:
        """Bytes held."""
        return sum(file.memory for file in self._open.values())

    def append(self, rows: pa.StructArray) -> None:
        """Takes rows of the layout's columns into memory.

        Raises:
            FatalError: a partition transform can not be computed.
        """
        for values, part in split(rows, self.layout):
            file = self._open.get(values)
            if file is None:
                file = self._open[values] = OpenDataFile(self.layout, partition_key(values, self.layout))
            file.append(pa.RecordBatch.from_arrays(_columns(part), schema=self.layout.arrow))

    def write_due(self) -> None:
        """Writes full row groups and closes full files.

        Raises:
            TornFileError: the store is away.
        """
        for values, file in list(self._open.items()):
            if file.due:
                file.write()
                if file.full:
                    self._close(values)

    def open_files(self) -> Iterator[OpenDataFile]:
        """The open files."""
        return iter(list(self._open.values()))

    def close_file(self, file: OpenDataFile) -> None:
        """Closes one file early, for its memory.

        Raises:
            TornFileError: the store is away.
        """
        for values, each in list(self._open.items()):
            if each is file:
                self._close(values)

    def close(self) -> list[DataFile]:
        """Closes all files and returns every file since the last close.

        Raises:
            TornFileError: the store is away.
        """
        for values in list(self._open):
            self._close(values)
        files, self._closed = self._closed, []
        return files

    def abandon(self) -> None:
        """Drops all files."""
        for file in self._open.values():
            file.abandon()
        for closed in self._closed:
            self.layout.io.delete(closed.file_path)
        self._open, self._closed = {}, []

    def _close(self, values: PartitionValues) -> None:
        self._closed.append(self._open[values].close())
        del self._open[values]


def split(rows: pa.StructArray, layout: Layout) -> Iterator[tuple[PartitionValues, pa.StructArray]]:
    """Rows by partition values, in order within each."""
    if not len(rows):
        return
    if layout.spec.is_unpartitioned():
        yield (), rows
        return
    codes: Any = pa.array([0] * len(rows), pa.int64())
    dictionaries = []
    for transformed in _partition_columns(rows, layout):
        encoded = transformed.dictionary_encode(null_encoding="encode")
        dictionaries.append(encoded.dictionary)
        codes = pc.add(pc.multiply(codes, len(encoded.dictionary)), encoded.indices.cast(pa.int64()))
    bounds = pc.min_max(codes)
    if bounds["min"] != bounds["max"]:
        # A stable sort: rows of one partition stay in their order.
        order = pc.array_sort_indices(codes)
        rows, codes = rows.take(order), codes.take(order)
    runs = pc.run_end_encode(codes, run_end_type=pa.int64())
    start = 0
    for end, code in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        values = []
        for dictionary in reversed(dictionaries):
            code, place = divmod(code, len(dictionary))
            values.append(dictionary[place].as_py())
        yield tuple(reversed(values)), rows.slice(start, end - start)
        start = end


def partition_key(values: PartitionValues, layout: Layout) -> PartitionKey | None:
    """The partition of transformed values; None in a table without."""
    if layout.spec.is_unpartitioned():
        return None
    fields = [PartitionFieldValue(f, value) for f, value in zip(layout.spec.fields, values, strict=True)]
    return _Partition(fields, layout.spec, layout.schema)


class _Partition(PartitionKey):
    """A partition of which several fields may come from one column, which PyIceberg's own does not allow."""

    @cached_property
    def partition(self) -> Record:
        return Record(*(partition_record_value(each.field, each.value, self.schema) for each in self.field_values))


def _partition_columns(rows: pa.StructArray, layout: Layout) -> Iterator[pa.Array]:
    for field in layout.spec.fields:
        source = layout.schema.find_field(field.source_id)
        name = layout.schema.find_column_name(field.source_id)
        if name is None:
            raise FatalError(f"Table {layout.table}: partition column {field.name!r} has no source any more.")
        try:
            transformed = field.transform.pyarrow_transform(source.field_type)(_column(rows, name))
        except (ValueError, NotImplementedError, ImportError, pa.ArrowException) as error:
            raise FatalError(f"Table {layout.table}: partition {field} can not be computed: {error}.") from error
        yield transformed.combine_chunks() if isinstance(transformed, pa.ChunkedArray) else transformed


def _column(rows: pa.StructArray, name: str) -> pa.Array:
    if rows.type.get_field_index(name) >= 0:
        return pc.struct_field(rows, [rows.type.get_field_index(name)])
    array = rows
    for part in name.split("."):
        array = pc.struct_field(array, [array.type.get_field_index(part)])
    return array


def _columns(rows: pa.StructArray) -> list[pa.Array]:
    return [with_placeholders(rows.field(index)) for index in range(rows.type.num_fields)]


def with_placeholders(column: pa.Array) -> pa.Array:
    """The column with something in every required field below a null: Parquet wants it, no reader sees it."""
    if not _lacks(column):
        return column
    # Arrow's builder fills what lies below a null.
    return pa.array(column.to_pylist(), type=column.type)


def _lacks(column: pa.Array) -> bool:
    type_ = column.type
    if pa.types.is_struct(type_):
        return any(
            (not field.nullable and child.null_count > 0 and column.null_count > 0) or _lacks(child)
            for field, child in ((field, column.field(index)) for index, field in enumerate(type_))
        )
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _lacks(column.values)
    if pa.types.is_map(type_):
        return _lacks(column.items)
    return False

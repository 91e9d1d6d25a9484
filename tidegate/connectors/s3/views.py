"""Views of a record: its value, its key and its headers, each of which may have a file of its own. Pure.

Row n of the file of one view belongs to row n of the files of the others: they are opened, filled, closed and committed
together. On their way there the rows of several views are one batch with a struct column a view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidegate.connectors.s3.file_format import FileFormat, Formed
from tidegate.connectors.s3.format_choice import file_format
from tidegate.connectors.s3.parquet_format import ParquetFormat
from tidegate.records.avro_names import record_name
from tidegate.records.envelope import SCHEMA_NAME, Batch
from tidegate.sdk.config_def import Config

VALUE = "value"
KEYS = "keys"
HEADERS = "headers"

_VIEWS = b"views"


@dataclass(frozen=True, slots=True)
class Views:
    """The views that have files, and their formats.

    Args:
        formats: by name of the view: :data:`VALUE`, :data:`KEYS`, :data:`HEADERS`.
    """

    formats: Mapping[str, FileFormat]

    @classmethod
    def from_config(cls, config: Config) -> Views:
        """What a sink's configuration asks for."""
        formats = {VALUE: file_format(config)}
        for name in (KEYS, HEADERS):
            if config[f"store.kafka.{name}"] and config[f"{name}.format.class"]:
                formats[name] = file_format(config, f"{name}.format.class")
        return cls(formats)

    @property
    def has_keys(self) -> bool:
        """Whether keys have files of their own."""
        return KEYS in self.formats

    def extension(self, view: str) -> str:
        """What the names of a view's files end with, as Confluent's sink names them; without the leading dot."""
        extension = self.formats[view].extension
        return extension if view == VALUE else f"{view}.{extension}"

    def refusal(self, batch: Batch, value: pa.DataType | None) -> str | None:
        """Why records can not be written, with the remedy; None if they can.

        Args:
            batch: the records.
            value: type of what the file of values takes; None if these records have no row there.
        """
        if value is not None and (why := self.formats[VALUE].refusal(value)) is not None:
            return why
        keys = self.formats.get(KEYS)
        if keys is None or isinstance(keys, ParquetFormat) or (why := keys.refusal(batch.key.type)) is None:
            return None
        return f"the key: {why.replace('the value', 'it', 1).replace('value.converter', 'key.converter')}"

    def form(self, batch: Batch, value: pa.Array | None) -> Formed:
        """Brings records into the form they are written in.

        Args:
            batch: n records without a refusal; their keys are not null where they have files of their own.
            value: n values for the file of values, none null; None if these records have no row there.
        """
        formed: dict[str, Formed] = {}
        if value is not None:
            formed[VALUE] = self.formats[VALUE].form(batch.topic, value, _name(batch.value_field))
        if (keys := self.formats.get(KEYS)) is not None:
            name = _name(batch.key_field) or record_name(batch.topic, is_key=True)
            formed[KEYS] = keys.form(batch.topic, _enclosed(keys, "key", batch.key), name)
        if (headers := self.formats.get(HEADERS)) is not None:
            listed = batch.records.column("headers").fill_null([])
            formed[HEADERS] = headers.form(batch.topic, _enclosed(headers, "headers", listed), None)
        if list(formed) == [VALUE]:
            return formed[VALUE]
        faults: dict[int, str] = {}
        for each in formed.values():
            faults.update({row: why for row, why in each.faults.items() if row not in faults})
        return Formed(_together({name: each.rows for name, each in formed.items()}), faults)


def views_of(schema: pa.Schema) -> Sequence[str]:
    """The views that rows of a schema hold."""
    names = (schema.metadata or {}).get(_VIEWS)
    return (VALUE,) if names is None else names.decode().split(",")


def schema_of(schema: pa.Schema, view: str) -> pa.Schema:
    """The schema of one view's file, of the schema of all."""
    if (schema.metadata or {}).get(_VIEWS) is None:
        return schema
    field = schema.field(view)
    return pa.schema(list(field.type), metadata=field.metadata)


def rows_of(rows: pa.RecordBatch, view: str) -> pa.RecordBatch:
    """One view's rows, of the rows of all."""
    schema = schema_of(rows.schema, view)
    if schema is rows.schema:
        return rows
    return pa.RecordBatch.from_arrays(rows.column(view).flatten(), schema=schema)


def _together(parts: Mapping[str, pa.RecordBatch]) -> pa.RecordBatch:
    arrays = [pa.StructArray.from_arrays(part.columns, fields=list(part.schema)) for part in parts.values()]
    fields = [
        pa.field(name, array.type, nullable=False, metadata=part.schema.metadata)
        for (name, part), array in zip(parts.items(), arrays, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata={_VIEWS: ",".join(parts).encode()}))


def _enclosed(format_: FileFormat, name: str, column: pa.Array) -> pa.Array:
    """The column as a format takes it: Parquet has columns with names only."""
    if not isinstance(format_, ParquetFormat):
        return column
    return pa.StructArray.from_arrays([column], fields=[pa.field(name, column.type)])


def _name(field: pa.Field) -> str | None:
    name = (field.metadata or {}).get(SCHEMA_NAME)
    return None if name is None else name.decode()

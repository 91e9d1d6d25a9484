"""Which half of a record a transform works on: its key or its value."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from tidegate.records.envelope import SCHEMA_ID, SCHEMALESS, Batch


class Side(StrEnum):
    """The half of a record that ``$Key`` or ``$Value`` behind a transform's name chooses."""

    KEY = "key"
    VALUE = "value"


def column(batch: Batch, side: Side) -> pa.Array:
    """The keys or the values of a batch."""
    return batch.records.column(side.value)


def field(batch: Batch, side: Side) -> pa.Field:
    """Type and metadata of the keys or the values."""
    return batch.records.schema.field(side.value)


def with_column(batch: Batch, side: Side, values: pa.Array, described: pa.Field) -> Batch:
    """The batch with other keys or values.

    Args:
        batch: n records.
        side: which half is replaced.
        values: n values.
        described: their field; its name is of no account, and neither is the registry's id in its metadata, which
            belonged to the values before.
    """
    metadata = {name: text for name, text in (described.metadata or {}).items() if name != SCHEMA_ID}
    named = pa.field(side.value, values.type, metadata=metadata or None)
    index = batch.records.schema.get_field_index(side.value)
    return batch.with_records(batch.records.set_column(index, named, values))


def is_schemaless(described: pa.Field) -> bool:
    """Whether a field's values came without a schema, as JSON with ``schemas.enable=false`` does."""
    return (described.metadata or {}).get(SCHEMALESS) == b"true"


def schemaless(described: pa.Field) -> pa.Field:
    """The field marked as one whose values have no schema."""
    return described.with_metadata({**(described.metadata or {}), SCHEMALESS: b"true"})

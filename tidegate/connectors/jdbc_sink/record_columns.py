"""A batch as columns: which parts of its records are the key, which the rest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidegate.connectors.jdbc_sink.options import KAFKA, KAFKA_COLUMNS, NONE, RECORD_KEY, Options
from tidegate.records.envelope import Batch


class RecordsRefusedError(ValueError):
    """No record of the batch's schema can become a row; the message names the field, the rule and the remedy."""


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """Columns of n records, named as in the table.

    Args:
        keys: fields of the primary key.
        key_arrays: their values; valid for tombstones, too, where the key is the record's.
        others: the other fields; none where all records are tombstones.
        other_arrays: their values.
        tombstones: n booleans: whether the value is null.
    """

    keys: tuple[pa.Field, ...]
    key_arrays: tuple[pa.Array, ...]
    others: tuple[pa.Field, ...]
    other_arrays: tuple[pa.Array, ...]
    tombstones: pa.BooleanArray

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """All fields, the key's first."""
        return self.keys + self.others

    @property
    def arrays(self) -> tuple[pa.Array, ...]:
        """All values, in the order of :attr:`fields`."""
        return self.key_arrays + self.other_arrays


def record_columns(batch: Batch, options: Options) -> RecordColumns:
    """The columns of a batch.

    Raises:
        RecordsRefusedError: its schema has no place in a table, or lacks a field of the key.
    """
    tombstones = batch.value.is_null()
    fields, arrays = _value(batch)
    if options.pk_mode == NONE:
        keys: Sequence[tuple[pa.Field, pa.Array]] = ()
    elif options.pk_mode == KAFKA:
        keys = _position(batch, options.pk_fields or KAFKA_COLUMNS)
    elif options.pk_mode == RECORD_KEY:
        keys = _record_key(batch, options.pk_fields)
    else:
        named = {field.name: (field, array) for field, array in zip(fields, arrays, strict=True)}
        keys = _record_value(batch, named, options.pk_fields)
    taken = {field.name for field, _ in keys}
    others = [
        (field, array)
        for field, array in zip(fields, arrays, strict=True)
        if field.name not in taken and (not options.fields or field.name in options.fields)
    ]
    if not keys and not others and batch.value.null_count < len(batch):
        raise RecordsRefusedError("the record has no field to write: name some that it has in fields.whitelist")
    return RecordColumns(
        tuple(field for field, _ in keys),
        tuple(array for _, array in keys),
        tuple(field for field, _ in others),
        tuple(array for _, array in others),
        tombstones,
    )


def _value(batch: Batch) -> tuple[Sequence[pa.Field], Sequence[pa.Array]]:
    value = batch.value
    if pa.types.is_struct(value.type):
        return _children(value)
    if value.null_count == len(value):
        return (), ()
    raise RecordsRefusedError(
        f"the value is {value.type}, not a record, and has no columns: use a converter with schemas, such as avro"
    )


def _children(column: pa.StructArray) -> tuple[Sequence[pa.Field], Sequence[pa.Array]]:
    """Fields and values of records; where the record is null so are they."""
    return list(column.type), column.flatten()


def _position(batch: Batch, names: Sequence[str]) -> Sequence[tuple[pa.Field, pa.Array]]:
    topics = pa.repeat(batch.topic, len(batch))
    arrays = [topics, batch.records.column("partition"), batch.records.column("offset")]
    return [(pa.field(name, array.type, nullable=False), array) for name, array in zip(names, arrays, strict=True)]


def _record_key(batch: Batch, wanted: Sequence[str]) -> Sequence[tuple[pa.Field, pa.Array]]:
    key = batch.key
    if key.null_count == len(key):
        raise RecordsRefusedError(
            "the record has no key, and pk.mode=record_key takes the primary key from it: give records keys, "
            "or use pk.mode=record_value"
        )
    if pa.types.is_struct(key.type):
        fields, arrays = _children(key)
        found = {field.name: (field, array) for field, array in zip(fields, arrays, strict=True)}
        return [_chosen(found, name, "key") for name in wanted or found]
    if len(wanted) != 1:
        raise RecordsRefusedError(
            f"the key is {key.type}, not a record, and pk.fields does not say what its one column is called: "
            "set pk.fields to one name"
        )
    return [(batch.key_field.with_name(wanted[0]), key)]


def _record_value(
    batch: Batch, found: dict[str, tuple[pa.Field, pa.Array]], wanted: Sequence[str]
) -> Sequence[tuple[pa.Field, pa.Array]]:
    if batch.value.null_count == len(batch):
        return ()
    return [_chosen(found, name, "value") for name in wanted or found]


def _chosen(found: dict[str, tuple[pa.Field, pa.Array]], name: str, part: str) -> tuple[pa.Field, pa.Array]:
    if name not in found:
        raise RecordsRefusedError(
            f"field {name!r} of the primary key is missing in the record's {part}, which has "
            f"{', '.join(map(repr, found)) or 'no fields'}: name fields it has in pk.fields"
        )
    return found[name]

"""Bases of transforms that change the key or the value: as a whole, or field by field."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import RecordColumn, plain, type_name
from tidegate.transforms.side import Side, column, field, with_column
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, faults_of, without


def replace_null_with_default(config_def: ConfigDef) -> ConfigDef:
    """The key that Kafka Connect gives every transform that copies fields.

    A default stands for a field that is missing, which converters have filled in when they read the record; a null is a
    value that somebody wrote.
    """
    return config_def.define(
        "replace.null.with.default",
        Type.BOOLEAN,
        True,
        Importance.MEDIUM,
        "Accepted for compatibility and without effect: a field that is missing got its schema's default when the "
        "record was read, and a field that is null stays null.",
    )


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed column.

    Args:
        values: one value a record; anything where there is a fault.
        field: its metadata is kept, its name is of no account.
        faults: records that could not be changed.
    """

    values: pa.Array
    field: pa.Field
    faults: Sequence[RecordFault] = ()


class SidedTransform(Transform):
    """Changes the key or the value, whatever its type is."""

    sided: ClassVar[bool] = True
    side: Side

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self.side = context.side
        self.read(config)

    @abstractmethod
    def read(self, config: Config) -> None:
        """Takes the configuration."""

    @abstractmethod
    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """The changed column.

        Args:
            values: the keys or the values, of a plain type (no dictionary).
            described: their field.
            batch: the records.
        """

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        changed = self.change(plain(column(batch, self.side)), field(batch, self.side), batch)
        return without(with_column(batch, self.side, changed.values, changed.field), changed.faults)


@dataclass(frozen=True, slots=True)
class ChangedRecords:
    """Changed records.

    Args:
        records: their fields.
        field: its metadata is kept.
        faults: records that could not be changed.
    """

    records: RecordColumn
    field: pa.Field
    faults: Sequence[RecordFault] = ()


class RecordTransform(SidedTransform):
    """Changes the fields of keys or values that are records; others are faults.

    A null is left as it is, or a fault where :attr:`needs_record` says so.
    """

    purpose: ClassVar[str]
    """What it does, for error sentences; Kafka Connect's words."""
    needs_record: ClassVar[bool] = False

    @abstractmethod
    def change_records(self, records: RecordColumn, described: pa.Field, batch: Batch) -> ChangedRecords:
        """The changed records, as many as there were."""

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        faults = not_records(values, self.purpose, nulls=self.needs_record)
        if not pa.types.is_struct(values.type):
            return Changed(values, described, faults)
        changed = self.change_records(RecordColumn.of(values), described, batch)
        return Changed(changed.records.array(), changed.field, [*faults, *changed.faults])


def not_records(values: pa.Array, purpose: str, *, nulls: bool) -> list[RecordFault]:
    """The faults of values that are no records.

    Args:
        values: a column.
        purpose: what records are wanted for.
        nulls: whether a null is a fault as well.
    """
    is_record = pa.types.is_struct(values.type)
    faults = [] if is_record else faults_of(present(values), _sentence(purpose, type_name(values.type)))
    if nulls and values.null_count:
        faults += faults_of(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)), _sentence(purpose, "null"))
    return faults


def _sentence(purpose: str, found: str) -> str:
    return f"Only records (Struct, or Map without a schema) are supported for [{purpose}], found: {found}."


def present(values: pa.Array) -> np.ndarray:
    """The rows whose value is not null."""
    return np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))

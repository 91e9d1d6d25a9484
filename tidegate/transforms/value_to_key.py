"""ValueToKey: the key is made of fields of the value."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, non_empty
from tidegate.transforms.record_column import Member, RecordColumn, plain, struct_array
from tidegate.transforms.side import Side, column, field, is_schemaless, schemaless, with_column
from tidegate.transforms.sided_transform import not_records, replace_null_with_default
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, faults_of, without
from tidegate.transforms.unique_names import rows_present


class ValueToKey(Transform):
    """Replaces the key by a record of some of the value's fields."""

    name: ClassVar[str] = "ValueToKey"
    doc: ClassVar[str] = "Replaces the record's key with a record of fields of its value."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.ValueToKey",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef().define(
            "fields",
            Type.LIST,
            REQUIRED,
            Importance.HIGH,
            "Names of the value's fields that make the key.",
            validator=non_empty,
        )
    )

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._fields: list[str] = list(dict.fromkeys(config["fields"]))

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        values, described = plain(column(batch, Side.VALUE)), field(batch, Side.VALUE)
        faults = not_records(values, "copying fields from value to key", nulls=True)
        if not pa.types.is_struct(values.type):
            return without(batch, faults)
        loose = is_schemaless(described)
        records = RecordColumn.of(values)
        members = []
        for name in self._fields:
            member = records.find(name)
            if member is None and not loose:
                faults += faults_of(rows_present(records), f"Field does not exist: {name}")
            members.append(member or Member(pa.field(name, pa.null()), pa.nulls(len(batch))))
        keys = struct_array(members, pa.array([False] * len(batch)))
        made = pa.field("key", keys.type)
        return without(with_column(batch, Side.KEY, keys, schemaless(made) if loose else made), faults)

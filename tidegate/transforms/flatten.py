"""Flatten: nested records become fields of the record itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import Member, RecordColumn, plain
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import ChangedRecords, RecordTransform
from tidegate.transforms.transformed import faults_of
from tidegate.transforms.unique_names import duplicate, last_of_each, rows_present


class Flatten(RecordTransform):
    """Joins the names of nested fields."""

    name: ClassVar[str] = "Flatten"
    doc: ClassVar[str] = (
        "Flattens nested records: each field's name is the names on the way to it, joined by a delimiter. Lists are "
        "left as they are."
    )
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.Flatten",)
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "delimiter", Type.STRING, ".", Importance.MEDIUM, "What stands between the names."
    )
    purpose: ClassVar[str] = "flattening"

    def read(self, config: Config) -> None:
        """See the base class."""
        self._delimiter: str = config["delimiter"]

    def change_records(self, records: RecordColumn, described: pa.Field, batch: Batch) -> ChangedRecords:
        """See the base class."""
        members = [leaf for member in records.members for leaf in self._leaves(member)]
        faults: list[RecordFault] = []
        for member in members:
            if pa.types.is_map(member.field.type):
                sentence = f"Flatten does not support MAP (for field {member.field.name})."
                faults += faults_of(rows_present(records), sentence)
        if is_schemaless(described):
            members = last_of_each(members)
        elif (twice := duplicate(members)) is not None:
            sentence = f"Cannot create field because of field name duplication {twice}."
            faults += faults_of(rows_present(records), sentence, "SchemaBuilderException")
            members = last_of_each(members)
        return ChangedRecords(records.with_members(members), described, faults)

    def _leaves(self, member: Member, prefix: str = "", nullable: bool = False) -> Iterator[Member]:
        name = f"{prefix}{member.field.name}"
        optional = nullable or member.field.nullable
        values = plain(member.values) if pa.types.is_dictionary(member.field.type) else member.values
        if pa.types.is_struct(values.type):
            for inner in RecordColumn.of(values).members:
                yield from self._leaves(inner, f"{name}{self._delimiter}", optional)
        else:
            described = member.field.with_name(name).with_type(values.type).with_nullable(optional)
            yield Member(described, values)

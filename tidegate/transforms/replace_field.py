"""ReplaceField: fields are left out or renamed."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import RecordColumn
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import ChangedRecords, RecordTransform, replace_null_with_default
from tidegate.transforms.transformed import faults_of
from tidegate.transforms.unique_names import duplicate, last_of_each, rows_present


def _renames_problem(value: Any) -> str | None:
    for one in value:
        before, separator, after = one.partition(":")
        if not before or not separator or not after or ":" in after:
            return f"{one!r} is no renaming: write old:new"
    return None


class ReplaceField(RecordTransform):
    """Filters and renames fields."""

    name: ClassVar[str] = "ReplaceField"
    doc: ClassVar[str] = "Leaves fields out, keeps only some, or renames them."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.ReplaceField",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define("exclude", Type.LIST, [], Importance.MEDIUM, "Fields to leave out; wins over include.")
        .define("include", Type.LIST, [], Importance.MEDIUM, "Fields to keep; all of them when empty.")
        .define(
            "renames",
            Type.LIST,
            [],
            Importance.MEDIUM,
            "Renamings, as old:new, separated by commas.",
            validator=_renames_problem,
        )
    )
    purpose: ClassVar[str] = "field replacement"

    def read(self, config: Config) -> None:
        """See the base class."""
        self._exclude = frozenset(config["exclude"])
        self._include = frozenset(config["include"])
        self._renames = dict(one.split(":") for one in config["renames"])

    def change_records(self, records: RecordColumn, described: pa.Field, batch: Batch) -> ChangedRecords:
        """See the base class."""
        members = [
            member.renamed(self._renames.get(member.field.name, member.field.name))
            for member in records.members
            if self._keeps(member.field.name)
        ]
        faults: list[RecordFault] = []
        twice = duplicate(members)
        if twice is not None and not is_schemaless(described):
            sentence = f"Cannot create field because of field name duplication {twice}."
            faults = faults_of(rows_present(records), sentence, "SchemaBuilderException")
        return ChangedRecords(records.with_members(last_of_each(members)), described, faults)

    def _keeps(self, name: str) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

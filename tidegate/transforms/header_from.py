"""HeaderFrom: fields become headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, non_empty, one_of
from tidegate.transforms.headers import with_headers
from tidegate.transforms.record_column import RecordColumn, plain
from tidegate.transforms.side import Side, column, field, is_schemaless, with_column
from tidegate.transforms.sided_transform import not_records, replace_null_with_default
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, fault, faults_of, without
from tidegate.transforms.unique_names import rows_present


class HeaderFrom(Transform):
    """Copies or moves fields to headers."""

    name: ClassVar[str] = "HeaderFrom"
    doc: ClassVar[str] = "Moves or copies fields of the key or value into the record's headers."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.HeaderFrom",)
    sided: ClassVar[bool] = True
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define("fields", Type.LIST, REQUIRED, Importance.HIGH, "Names of the fields.", validator=non_empty)
        .define(
            "headers",
            Type.LIST,
            REQUIRED,
            Importance.HIGH,
            "Names of the headers, in the order of the fields.",
            validator=non_empty,
        )
        .define(
            "operation",
            Type.STRING,
            REQUIRED,
            Importance.HIGH,
            "move takes the fields out of the key or value, copy leaves them in.",
            validator=one_of("move", "copy"),
            recommended=("move", "copy"),
        )
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        fields, headers = len(config["fields"]), len(config["headers"])
        if fields == headers:
            return ()
        return [
            ConfigProblem("headers", f"names {headers} headers for {fields} fields: give as many as there are fields")
        ]

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._side: Side = context.side
        self._converter = context.header_converter
        self._pairs = list(zip(config["fields"], config["headers"], strict=True))
        self._move = config["operation"] == "move"

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        values, described = plain(column(batch, self._side)), field(batch, self._side)
        purpose = f"header {'move' if self._move else 'copy'}"
        faults = not_records(values, purpose, nulls=True)
        if not pa.types.is_struct(values.type):
            return without(batch, faults)
        records = RecordColumn.of(values)
        added = []
        for name, header in self._pairs:
            member = records.find(name)
            if member is None and not is_schemaless(described):
                faults += faults_of(rows_present(records), f"Field does not exist: {name}")
            if member is None:
                added.append((header, pa.nulls(len(batch), pa.binary())))
                continue
            encoded = self._converter.encode(batch.topic, plain(member.values), member.field.with_name(header))
            faults += _unencoded(encoded.faults, header)
            added.append((header, encoded.data))
        if self._move:
            moved = {name for name, _ in self._pairs}
            kept = records.with_members(each for each in records.members if each.field.name not in moved)
            batch = with_column(batch, self._side, kept.array(), described)
        return without(with_headers(batch, added), faults)


def _unencoded(faults: Sequence[RecordFault], header: str) -> list[RecordFault]:
    return [fault(each.row, f"Header {header}: {each.message}", each.exception) for each in faults]

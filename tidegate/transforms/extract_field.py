"""ExtractField: one field in place of the whole record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.field_path import SYNTAX_VERSION, steps, syntax_version
from tidegate.transforms.record_column import plain
from tidegate.transforms.side import is_schemaless, schemaless
from tidegate.transforms.sided_transform import (
    Changed,
    SidedTransform,
    not_records,
    present,
    replace_null_with_default,
)
from tidegate.transforms.transformed import faults_of


class ExtractField(SidedTransform):
    """Takes a field out of the record."""

    name: ClassVar[str] = "ExtractField"
    doc: ClassVar[str] = "Puts one field of the record in its place. Nulls pass unchanged."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.ExtractField",)
    config_def: ClassVar[ConfigDef] = syntax_version(
        replace_null_with_default(
            ConfigDef().define("field", Type.STRING, REQUIRED, Importance.MEDIUM, "Name of the field to extract.")
        )
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        try:
            steps(config["field"], config[SYNTAX_VERSION])
        except ValueError as error:
            return [ConfigProblem("field", str(error))]
        return ()

    def read(self, config: Config) -> None:
        """See the base class."""
        self._path: str = config["field"]
        self._steps = steps(self._path, config[SYNTAX_VERSION])

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        loose = is_schemaless(described)
        current, found, faults = values, described, []
        for step in self._steps:
            if not pa.types.is_struct(current.type):
                purpose = "field extraction" if current is values else "nested field access"
                faults += not_records(current, purpose, nulls=False)
                current, found = pa.nulls(len(values)), pa.field(step, pa.null())
                break
            index = current.type.get_field_index(step)
            if index < 0:
                if not loose:
                    faults += faults_of(present(values), f"Unknown field: {self._path}", "IllegalArgumentException")
                current, found = pa.nulls(len(values)), pa.field(step, pa.null())
                break
            found = current.type.field(index)
            current = plain(pc.struct_field(current, index))
        return Changed(current, schemaless(found) if loose else found, faults)

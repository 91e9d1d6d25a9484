"""HoistField: the whole key or value becomes one field of a record."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from tidegate.records.envelope import SCHEMALESS, Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import Member, struct_array
from tidegate.transforms.side import is_schemaless, schemaless
from tidegate.transforms.sided_transform import Changed, SidedTransform


class HoistField(SidedTransform):
    """Wraps data in a record of one field."""

    name: ClassVar[str] = "HoistField"
    doc: ClassVar[str] = "Wraps the key or value in a record with a single field. A null becomes a null field."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.HoistField",)
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "field", Type.STRING, REQUIRED, Importance.MEDIUM, "Name of the field that is created."
    )

    def read(self, config: Config) -> None:
        """See the base class."""
        self._field: str = config["field"]

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        metadata = {key: text for key, text in (described.metadata or {}).items() if key != SCHEMALESS}
        inner = pa.field(self._field, values.type, metadata=metadata or None)
        none_missing = pa.array([False] * len(values))
        outer = pa.field(self._field, pa.struct([inner]))
        hoisted = struct_array([Member(inner, values)], none_missing)
        return Changed(hoisted, schemaless(outer) if is_schemaless(described) else outer)

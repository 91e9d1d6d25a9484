"""Keys and headers as columns beside the fields of the value."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from tidegate.records.envelope import HEADERS, Batch
from tidegate.sdk.config_def import Config


@dataclass(frozen=True, slots=True)
class EnvelopeColumns:
    """Which columns to add.

    Args:
        key: name of the column of keys; None for none.
        headers: name of the column of headers; None for none.
    """

    key: str | None
    headers: str | None

    @classmethod
    def from_config(cls, config: Config) -> EnvelopeColumns:
        """What a sink's configuration asks for."""
        return cls(
            *(
                config[f"{switch}.column"] if config[switch] and not config[f"{part}.format.class"] else None
                for part, switch in (("keys", "store.kafka.keys"), ("headers", "store.kafka.headers"))
            )
        )

    def taken(self, kind: pa.DataType) -> str | None:
        """Why the columns can not stand beside values of a type; None if they can."""
        names = [name for name in (self.key, self.headers) if name is not None]
        if names and not pa.types.is_struct(kind):
            return f"the value is {kind}, not a record, so that no column {names[0]!r} can stand beside it"
        for name in names:
            if kind.get_field_index(name) >= 0:
                return f"the record has a field {name!r} of its own: choose another name for the column"
        return None

    def added(self, batch: Batch) -> pa.Array:
        """The values of a batch, none of them null, with the columns."""
        value = batch.value
        fields, columns = self._columns(batch)
        if not fields:
            return value
        kept = [value.field(index) for index in range(value.type.num_fields)]
        return pa.StructArray.from_arrays([*kept, *columns], fields=[*value.type, *fields])

    def alone(self, batch: Batch) -> pa.Array | None:
        """The columns of records without a value; None without a column of keys."""
        if self.key is None:
            return None
        fields, columns = self._columns(batch)
        return pa.StructArray.from_arrays(columns, fields=fields)

    def _columns(self, batch: Batch) -> tuple[list[pa.Field], list[pa.Array]]:
        fields: list[pa.Field] = []
        columns: list[pa.Array] = []
        if self.key is not None:
            fields.append(pa.field(self.key, batch.key.type, metadata=batch.key_field.metadata))
            columns.append(batch.key)
        if self.headers is not None:
            fields.append(pa.field(self.headers, HEADERS))
            columns.append(batch.records.column("headers"))
        return fields, columns

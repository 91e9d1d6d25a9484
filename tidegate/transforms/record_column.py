"""A column of records taken apart into its fields, and put together again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a column of records.

    Args:
        field: name, type, nullability, metadata.
        values: one value a record; null where the record is.
    """

    field: pa.Field
    values: pa.Array

    def renamed(self, name: str) -> Member:
        """The same under another name."""
        return Member(self.field.with_name(name), self.values)


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """A struct column's fields.

    Args:
        members: in order.
        missing: which records are null.
    """

    members: tuple[Member, ...]
    missing: pa.BooleanArray

    @classmethod
    def of(cls, column: pa.StructArray) -> RecordColumn:
        """Takes a struct column apart."""
        fields = list(column.type)
        return cls(tuple(map(Member, fields, column.flatten())), column.is_null())

    def find(self, name: str) -> Member | None:
        """The field of that name."""
        return next((member for member in self.members if member.field.name == name), None)

    def with_members(self, members: Iterable[Member]) -> RecordColumn:
        """The same records with other fields."""
        return RecordColumn(tuple(members), self.missing)

    def array(self) -> pa.StructArray:
        """The struct column."""
        return struct_array(self.members, self.missing)


def struct_array(members: Iterable[Member], missing: pa.BooleanArray) -> pa.StructArray:
    """A struct column of fields.

    Args:
        members: its fields, perhaps none.
        missing: which of the n records are null; as long as the fields' values.
    """
    given = list(members)
    if not given:
        return pa.array([None if null else {} for null in missing.to_pylist()], pa.struct([]))
    mask = missing if pc.any(missing).as_py() else None
    return pa.StructArray.from_arrays(
        [member.values for member in given], fields=[member.field for member in given], mask=mask
    )


def plain(column: pa.Array) -> pa.Array:
    """The column as an array of its values' own type: dictionaries, runs and extension types aside.

    A UUID is a text, as it is in Kafka Connect.
    """
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.storage)
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    return column


def type_name(kind: pa.DataType) -> str:
    """A type's name for error sentences, in Kafka Connect's words where it has one."""
    types = pa.types
    for test, name in (
        (types.is_struct, "STRUCT"),
        (types.is_map, "MAP"),
        (types.is_nested, "ARRAY"),
        (types.is_boolean, "BOOLEAN"),
        (lambda one: types.is_string(one) or types.is_large_string(one), "STRING"),
        (lambda one: types.is_binary(one) or types.is_large_binary(one), "BYTES"),
    ):
        if test(kind):
            return name
    return str(kind).upper()

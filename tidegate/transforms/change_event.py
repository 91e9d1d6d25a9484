"""Change events in the form of Debezium: the row before and after a change, and what is told about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import SCHEMA_NAME
from tidegate.transforms.record_column import Member, RecordColumn, plain

_ENVELOPE = ".Envelope"
_OF_THE_EVENT = ("op", "ts_ms", "ts_us", "ts_ns")
_GROUPS = ("source", "transaction", "before", "after")


@dataclass(frozen=True, slots=True)
class AddedField:
    """Metadata of an event that is to be added to its record.

    Args:
        where: the group it stands in (``source``, ``transaction``); empty for the event itself.
        field: its name there.
        name: its name in the record.
    """

    where: str
    field: str
    name: str


def added_fields(given: Sequence[str], prefix: str) -> list[AddedField]:
    """What ``add.fields`` or ``add.headers`` names.

    A name without a group is of the event itself for ``op`` and ``ts_ms``, else of ``source``; its dots become ``_``.
    """
    found = []
    for one in given:
        path, _, renamed = one.partition(":")
        group, dot, field = path.partition(".")
        if not dot:
            group, field = ("" if path in _OF_THE_EVENT else "source"), path
        found.append(AddedField(group, field, prefix + (renamed or path.replace(".", "_"))))
    return found


@dataclass(frozen=True, slots=True)
class ChangeEvents:
    """A column of change events.

    Args:
        members: fields of the events.
        before: rows before the change; null where there is none.
        after: rows after the change.
        operations: ``c``, ``u``, ``d``, ``r`` or ``t``.
        row_field: type and metadata of the rows.
    """

    members: RecordColumn
    before: pa.Array
    after: pa.Array
    operations: pa.Array
    row_field: pa.Field

    @classmethod
    def of(cls, values: pa.Array, described: pa.Field) -> ChangeEvents | None:
        """The events of a column; None where it holds others.

        Args:
            values: the column.
            described: a name that does not end in ``.Envelope`` says that they are no change events.
        """
        if not pa.types.is_struct(values.type):
            return None
        name = (described.metadata or {}).get(SCHEMA_NAME)
        if name is not None and not name.decode().endswith(_ENVELOPE):
            return None
        members = RecordColumn.of(values)
        after, before, operations = members.find("after"), members.find("before"), members.find("op")
        if after is None or operations is None or not pa.types.is_string(plain(operations.values).type):
            return None
        rows = [each for each in (after, before) if each is not None and pa.types.is_struct(each.field.type)]
        if not rows:
            return None
        kind = rows[0].field.type
        sides = [_as(each, kind) if each is not None else pa.nulls(len(values), kind) for each in (before, after)]
        return cls(members, sides[0], sides[1], plain(operations.values), rows[0].field)

    def rows(self, side: np.ndarray) -> pa.StructArray:
        """For each event its row after (0) or before (1) the change."""
        if not side.any():
            return self.after
        size = len(self.after)
        return pa.concat_arrays([self.after, self.before]).take(pa.array(side * size + np.arange(size)))

    def find(self, wanted: AddedField) -> Member | None:
        """Metadata of the events; None where they have no such field."""
        if not wanted.where:
            return self.members.find(wanted.field)
        group = self.members.find(wanted.where)
        if group is None or not pa.types.is_struct(group.field.type):
            return None
        return RecordColumn.of(group.values).find(wanted.field)


def _as(member: Member, kind: pa.DataType) -> pa.Array:
    if member.field.type == kind:
        return member.values
    if pa.types.is_null(member.field.type):
        return pa.nulls(len(member.values), kind)
    return pc.cast(member.values, kind)

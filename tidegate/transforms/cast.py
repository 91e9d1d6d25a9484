"""Cast: fields, or the whole key or value, to another primitive type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.records.field_default import default_of, with_default
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.casting import TARGETS, cast_column
from tidegate.transforms.record_column import Member, RecordColumn, plain
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import Changed, SidedTransform, not_records, replace_null_with_default
from tidegate.transforms.transformed import fault


class Cast(SidedTransform):
    """Casts with Java's meaning: narrowing wraps around, text that is no number is a fault."""

    name: ClassVar[str] = "Cast"
    doc: ClassVar[str] = "Casts fields, or the entire key or value, to a specific type."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.Cast",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef().define(
            "spec",
            Type.LIST,
            REQUIRED,
            Importance.HIGH,
            "Fields and the types to cast them to, as field1:type,field2:type; or a single type to cast the entire key "
            "or value. Types are int8, int16, int32, int64, float32, float64, boolean and string.",
            validator=lambda value: _problem(value),
        )
    )

    def read(self, config: Config) -> None:
        """See the base class."""
        casts = _casts(config["spec"])
        self._whole = casts.pop(None, None)
        self._casts: dict[str, pa.DataType] = {name: kind for name, kind in casts.items() if name is not None}

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        if self._whole is not None:
            cast, faults = cast_column(values, self._whole)
            return Changed(cast, described, faults)
        if not pa.types.is_struct(values.type):
            return Changed(values, described, not_records(values, "cast types", nulls=False))
        records, faults = RecordColumn.of(values), []
        members: list[Member] = []
        for member in records.members:
            changed, found = self._cast(member)
            members.append(changed)
            faults += found
        if is_schemaless(described):
            absent = [name for name in self._casts if records.find(name) is None]
            members += [
                Member(pa.field(name, self._casts[name]), pa.nulls(len(values), self._casts[name])) for name in absent
            ]
        return Changed(records.with_members(members).array(), described, faults)

    def _cast(self, member: Member) -> tuple[Member, list[RecordFault]]:
        target = self._casts.get(member.field.name)
        if target is None:
            return member, []
        cast, found = cast_column(plain(member.values), target)
        faults = [fault(each.row, f"Field {member.field.name}: {each.message}") for each in found]
        return Member(
            _cast_default(member.field, pa.field(member.field.name, target, member.field.nullable)), cast
        ), faults


def _cast_default(before: pa.Field, after: pa.Field) -> pa.Field:
    """The field with the default it had before, cast as its values are; without one that can not be cast."""
    default = default_of(before)
    if default is None:
        return after
    cast, faults = cast_column(default, after.type)
    return after if faults else with_default(after, cast)


def _casts(spec: Sequence[str]) -> dict[str | None, pa.DataType]:
    """Types by field; None is the whole key or value."""
    casts: dict[str | None, pa.DataType] = {}
    for one in spec:
        name, separator, kind = one.rpartition(":")
        casts[name.strip() if separator else None] = TARGETS[kind.strip().lower()]
    return casts


def _problem(spec: Any) -> str | None:
    if not spec:
        return "is empty: name at least one field and its type, such as price:float64"
    for one in spec:
        name, separator, kind = one.rpartition(":")
        if ":" in name or (separator and not name):
            return f"{one!r} is not a field and a type: write field:type"
        if kind.strip().lower() not in TARGETS:
            return f"{kind.strip()!r} is no type to cast to: use one of {', '.join(TARGETS)}"
        if not separator and len(spec) > 1:
            return f"{one!r} casts the entire value, so nothing else may be given: remove it or write field:{one}"
    return None

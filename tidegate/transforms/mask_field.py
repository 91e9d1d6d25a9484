"""MaskField: fields lose their values, or get the same one in each record."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, non_empty
from tidegate.transforms.record_column import Member, RecordColumn, plain, type_name
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import ChangedRecords, RecordTransform, present, replace_null_with_default
from tidegate.transforms.transformed import faults_of

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LARGEST_EXPONENT = 400


class MaskField(RecordTransform):
    """Masks fields with the null value of their type (0, false, an empty text) or a replacement."""

    name: ClassVar[str] = "MaskField"
    doc: ClassVar[str] = (
        "Masks fields with a valid null value of their type: 0, false, an empty text or list. Numbers and texts may "
        "get a replacement instead. Nulls stay null."
    )
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.MaskField",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define("fields", Type.LIST, REQUIRED, Importance.HIGH, "Names of the fields to mask.", validator=non_empty)
        .define(
            "replacement",
            Type.STRING,
            None,
            Importance.LOW,
            "What stands in all of these fields instead; numbers and texts only.",
            validator=non_empty,
        )
    )
    purpose: ClassVar[str] = "mask fields"
    needs_record: ClassVar[bool] = True

    def read(self, config: Config) -> None:
        """See the base class."""
        self._fields: list[str] = list(dict.fromkeys(config["fields"]))
        self._replacement: str | None = config["replacement"]

    def change_records(self, records: RecordColumn, described: pa.Field, batch: Batch) -> ChangedRecords:
        """See the base class."""
        loose = is_schemaless(described)
        members, faults = [], list[RecordFault]()
        for member in records.members:
            if member.field.name not in self._fields:
                members.append(member)
                continue
            values = plain(member.values)
            try:
                masked = self._masked(values, loose)
            except ValueError as error:
                faults += faults_of(present(values), f"Field {member.field.name}: {error}")
                masked = values
            members.append(Member(member.field.with_type(masked.type), masked))
        if loose:
            absent = [name for name in self._fields if records.find(name) is None]
            members += [Member(pa.field(name, pa.null()), pa.nulls(len(batch))) for name in absent]
        return ChangedRecords(records.with_members(members), described, faults)

    def _masked(self, values: pa.Array, loose: bool) -> pa.Array:
        kind = values.type
        if pa.types.is_null(kind):
            return values
        if self._replacement is not None:
            return _filled(values, pa.scalar(_replacement(self._replacement, kind), kind))
        if loose and pa.types.is_struct(kind):
            return pa.array([{} if valid else None for valid in values.is_valid().to_pylist()], pa.struct([]))
        if pa.types.is_nested(kind) and not pa.types.is_struct(kind):
            return pa.array([[] if valid else None for valid in values.is_valid().to_pylist()], kind)
        return _filled(values, pa.scalar(_nothing(kind), kind))


def _filled(values: pa.Array, value: pa.Scalar) -> pa.Array:
    return pc.if_else(values.is_valid(), value, pa.scalar(None, values.type))


def _nothing(kind: pa.DataType) -> Any:
    types = pa.types
    if types.is_boolean(kind):
        return False
    if types.is_integer(kind) or (types.is_temporal(kind) and not types.is_interval(kind)):
        return 0
    if types.is_floating(kind):
        return 0.0
    if types.is_decimal(kind):
        return Decimal(0)
    if types.is_string(kind) or types.is_large_string(kind):
        return ""
    raise ValueError(f"Cannot mask value of type {type_name(kind)}.")


def _replacement(text: str, kind: pa.DataType) -> Any:
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return text
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        raise ValueError(f"Cannot mask value of type {type_name(kind)} with custom replacement.")
    if not _NUMBER.fullmatch(text) or abs(Decimal(text).adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"Unable to convert {text} to a number.")
    number = Decimal(text)
    if types.is_floating(kind):
        return float(number)
    if types.is_decimal(kind):
        try:
            return pa.scalar(number, kind).as_py()
        except pa.ArrowException:
            raise ValueError(f"{text} does not fit {kind}.") from None
    half = 1 << kind.bit_width - 1
    # As Java narrows a number: what does not fit is cut off.
    return (int(number) + half) % (2 * half) - half

"""TimestampConverter: timestamps from one form into another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.java.date_format import DateFormat
from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, one_of
from tidegate.transforms.record_column import Member, RecordColumn, plain, type_name
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import (
    Changed,
    SidedTransform,
    not_records,
    replace_null_with_default,
)
from tidegate.transforms.timestamps import PRECISIONS, TARGETS, instants, known, target_type, written
from tidegate.transforms.transformed import fault, faults_of
from tidegate.transforms.unique_names import rows_present


def format_problem(value: Any) -> str | None:
    """What is wrong with a pattern of ``SimpleDateFormat``, or None."""
    try:
        DateFormat(value)
    except ValueError as error:
        return str(error)
    return None


class TimestampConverter(SidedTransform):
    """Converts between text, Unix time and the types Date, Time and Timestamp; UTC."""

    name: ClassVar[str] = "TimestampConverter"
    doc: ClassVar[str] = (
        "Converts timestamps between text, Unix time and the types Date, Time and Timestamp: of a field, or of the "
        "entire key or value. What is finer than a millisecond is cut off."
    )
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.TimestampConverter",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define("field", Type.STRING, "", Importance.HIGH, "The field; empty where the entire value is a timestamp.")
        .define(
            "target.type",
            Type.STRING,
            REQUIRED,
            Importance.HIGH,
            "The form wanted: string, unix, Date, Time or Timestamp.",
            validator=one_of(*TARGETS),
            recommended=TARGETS,
        )
        .define(
            "format",
            Type.STRING,
            "",
            Importance.MEDIUM,
            "Pattern of Java's SimpleDateFormat, to write text with and to read it.",
            validator=format_problem,
        )
        .define(
            "unix.precision",
            Type.STRING,
            "milliseconds",
            Importance.LOW,
            "Unit of Unix times, written and read: seconds, milliseconds, microseconds or nanoseconds.",
            validator=one_of(*PRECISIONS),
            recommended=tuple(PRECISIONS),
        )
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        if config["target.type"] == "string" and not config["format"].strip():
            return [ConfigProblem("format", "missing: target.type=string needs a pattern such as yyyy-MM-dd")]
        return ()

    def read(self, config: Config) -> None:
        """See the base class."""
        self._field: str = config["field"]
        self._target: str = config["target.type"]
        self._format = DateFormat(config["format"]) if config["format"].strip() else None
        self._precision: str = config["unix.precision"]

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        if not self._field:
            converted, faults = self._converted(values)
            return Changed(converted, described, faults)
        if not pa.types.is_struct(values.type):
            return Changed(values, described, not_records(values, "converting timestamp formats", nulls=False))
        loose = is_schemaless(described)
        records, faults = RecordColumn.of(values), []
        members: list[Member] = []
        for member in records.members:
            if member.field.name != self._field:
                members.append(member)
                continue
            inner = plain(member.values)
            if not loose and not known(inner.type):
                message = (
                    f"Field {self._field}: the type {type_name(inner.type)} does not correspond to a known timestamp "
                    "type format."
                )
                faults += faults_of(rows_present(records), message, "ConnectException")
                members.append(member)
                continue
            converted, found = self._converted(inner)
            faults += [fault(each.row, f"Field {self._field}: {each.message}", each.exception) for each in found]
            members.append(Member(pa.field(self._field, converted.type, member.field.nullable), converted))
        if loose and records.find(self._field) is None:
            kind = target_type(self._target)
            members.append(Member(pa.field(self._field, kind), pa.nulls(len(batch), kind)))
        return Changed(records.with_members(members).array(), described, faults)

    def _converted(self, values: pa.Array) -> tuple[pa.Array, list[RecordFault]]:
        moments, faults = instants(values, self._format, self._precision)
        return written(moments, self._target, self._format, self._precision), faults

"""InsertField: the record's topic, partition, offset, timestamp or a fixed text as fields of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import TIMESTAMP, Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import Member, RecordColumn
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import ChangedRecords, RecordTransform, replace_null_with_default
from tidegate.transforms.transformed import faults_of
from tidegate.transforms.unique_names import duplicate, last_of_each, rows_present

_SOURCES = ("topic", "partition", "offset", "timestamp", "static")
_OPTIONAL = "Behind the name, ! makes it a required field and ? an optional one (the default)."


@dataclass(frozen=True, slots=True)
class _Insertion:
    source: str
    name: str
    optional: bool


class InsertField(RecordTransform):
    """Adds fields told by the record's metadata or by the configuration."""

    name: ClassVar[str] = "InsertField"
    doc: ClassVar[str] = "Inserts fields with attributes of the record's metadata, or a fixed text."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.InsertField",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define(
            "topic.field", Type.STRING, None, Importance.MEDIUM, f"Name of the field for the Kafka topic. {_OPTIONAL}"
        )
        .define(
            "partition.field",
            Type.STRING,
            None,
            Importance.MEDIUM,
            f"Name of the field for the Kafka partition; null in sources. {_OPTIONAL}",
        )
        .define(
            "offset.field",
            Type.STRING,
            None,
            Importance.MEDIUM,
            f"Name of the field for the Kafka offset; for sinks only. {_OPTIONAL}",
        )
        .define(
            "timestamp.field",
            Type.STRING,
            None,
            Importance.MEDIUM,
            f"Name of the field for the record's timestamp. {_OPTIONAL}",
        )
        .define(
            "static.field", Type.STRING, None, Importance.MEDIUM, f"Name of the field for a fixed text. {_OPTIONAL}"
        )
        .define("static.value", Type.STRING, None, Importance.MEDIUM, "The fixed text.")
    )
    purpose: ClassVar[str] = "field insertion"

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        if all(config[f"{source}.field"] is None for source in _SOURCES):
            keys = ", ".join(f"{source}.field" for source in _SOURCES)
            return [ConfigProblem("topic.field", f"no field is to be inserted: give at least one of {keys}")]
        if config["static.field"] is not None and config["static.value"] is None:
            return [ConfigProblem("static.value", f"missing: give the text for field {config['static.field']!r}")]
        return ()

    def read(self, config: Config) -> None:
        """See the base class."""
        self._insertions = [
            _insertion(source, config[f"{source}.field"])
            for source in _SOURCES
            if config[f"{source}.field"] is not None
        ]
        self._static: str = config["static.value"] or ""

    def change_records(self, records: RecordColumn, described: pa.Field, batch: Batch) -> ChangedRecords:
        """See the base class."""
        loose = is_schemaless(described)
        rows, size = rows_present(records), len(batch)
        members, faults = list(records.members), list[RecordFault]()
        for insertion in self._insertions:
            values = self._values(insertion.source, batch)
            if values is None and insertion.source == "offset":
                faults += faults_of(rows, "Only records read from Kafka have an offset: use offset.field in sinks.")
            if values is None:
                values = pa.nulls(size, pa.int64() if insertion.source == "offset" else pa.int32())
            if loose and insertion.source == "timestamp":
                values = values.cast(pa.int64())
            if not insertion.optional and not loose and values.null_count:
                missing = np.intersect1d(rows, np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)))
                faults += faults_of(missing, f"Field {insertion.name} is required, and the record has no such value.")
            field = pa.field(insertion.name, values.type, nullable=loose or insertion.optional)
            members.append(Member(field, values))
        twice = duplicate(members)
        if twice is not None and not loose:
            sentence = f"Cannot create field because of field name duplication {twice}."
            faults += faults_of(rows, sentence, "SchemaBuilderException")
        return ChangedRecords(records.with_members(last_of_each(members)), described, faults)

    def _values(self, source: str, batch: Batch) -> pa.Array | None:
        match source:
            case "topic":
                return _repeated(batch.topic, len(batch))
            case "timestamp":
                return batch.records.column("timestamp").cast(TIMESTAMP)
            case "static":
                return _repeated(self._static, len(batch))
            case _:
                return batch.records.column(source) if source in batch.records.schema.names else None


def _insertion(source: str, text: str) -> _Insertion:
    if text.endswith(("?", "!")):
        return _Insertion(source, text[:-1], text.endswith("?"))
    return _Insertion(source, text, True)


def _repeated(text: str, size: int) -> pa.Array:
    return pa.array([text], pa.string()).take(pa.array(np.zeros(size, dtype=np.int64)))

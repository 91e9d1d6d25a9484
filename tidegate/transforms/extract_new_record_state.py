"""ExtractNewRecordState: the row of a change event in place of the event; Debezium's unwrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type, one_of
from tidegate.transforms.change_event import ChangeEvents, added_fields
from tidegate.transforms.headers import with_headers
from tidegate.transforms.record_column import Member, RecordColumn, plain
from tidegate.transforms.side import Side, is_schemaless, schemaless, with_column
from tidegate.transforms.sided_transform import replace_null_with_default
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Part, Rows, Transformed, faults_of, whole

Mask = npt.NDArray[np.bool_]
_DELETED = "__deleted"
_DELETE = b"d"
_MODES = ("tombstone", "drop", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")


class ExtractNewRecordState(Transform):
    """Unwraps change events with the fields ``before``, ``after`` and ``op``."""

    name: ClassVar[str] = "ExtractNewRecordState"
    doc: ClassVar[str] = (
        "Replaces a change event by the row after the change, so that sinks that know nothing of change events can "
        "take it. Records that are no change events pass unchanged."
    )
    aliases: ClassVar[tuple[str, ...]] = ("io.debezium.transforms.ExtractNewRecordState", "unwrap")
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define(
            "delete.tombstone.handling.mode",
            Type.STRING,
            "tombstone",
            Importance.MEDIUM,
            "What becomes of deletes and of the tombstones that follow them. tombstone and delete-to-tombstone make "
            "one tombstone of both; drop drops both; rewrite gives the row before the delete, with __deleted=true, and "
            "drops the tombstone; rewrite-with-tombstone keeps it.",
            validator=one_of(*_MODES),
            recommended=_MODES,
        )
        .define(
            "drop.tombstones",
            Type.BOOLEAN,
            None,
            Importance.LOW,
            "Key of Debezium 2: whether tombstones are dropped. With delete.handling.mode it stands for a "
            "delete.tombstone.handling.mode.",
        )
        .define(
            "delete.handling.mode",
            Type.STRING,
            None,
            Importance.LOW,
            "Key of Debezium 2: drop drops delete events, rewrite gives the row before them, with __deleted=true.",
            validator=lambda value: None if value is None else one_of("drop", "rewrite")(value),
        )
        .define(
            "add.fields",
            Type.LIST,
            [],
            Importance.LOW,
            "Metadata of the event to add as fields: op, ts_ms, table, lsn, source.db and so on, each perhaps with "
            "another name, as op:operation.",
        )
        .define("add.fields.prefix", Type.STRING, "__", Importance.LOW, "Stands before the names of added fields.")
        .define("add.headers", Type.LIST, [], Importance.LOW, "Metadata to add as headers, as in add.fields.")
        .define("add.headers.prefix", Type.STRING, "__", Importance.LOW, "Stands before the names of added headers.")
        .define(
            "route.by.field",
            Type.STRING,
            "",
            Importance.LOW,
            "Field of the row that holds the name of the topic the record is sent to.",
        )
    )

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._mode = _mode(config)
        self._fields = added_fields(config["add.fields"], config["add.fields.prefix"])
        self._headers = added_fields(config["add.headers"], config["add.headers.prefix"])
        self._route: str = config["route.by.field"]
        self._converter = context.header_converter

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        values = plain(batch.value)
        missing = values.is_null().to_numpy(zero_copy_only=False)
        tombstones = missing & (self._mode == "rewrite-with-tombstone")
        events = ChangeEvents.of(values, batch.value_field)
        if events is None:
            return _kept(batch, ~missing | tombstones, [])
        deleted = ~missing & events.after.is_null().to_numpy(zero_copy_only=False)
        truncated = ~missing & pc.fill_null(pc.equal(events.operations, "t"), False).to_numpy(zero_copy_only=False)
        kept = tombstones | (~missing & ~truncated & ~(deleted & (self._mode == "drop")))
        state = events.rows(np.where(deleted, 1, 0).astype(np.int64))
        rows = RecordColumn.of(state)
        if not self._rewrites:
            rows = RecordColumn(rows.members, pa.array(missing | deleted))
        unwrapped = with_column(
            self._with_headers(batch, events, missing),
            Side.VALUE,
            self._with_fields(rows, events, deleted).array(),
            _row_field(events.row_field, batch.value_field),
        )
        if not self._route:
            return _kept(unwrapped, kept, [])
        return self._routed(unwrapped, kept, RecordColumn.of(state))

    @property
    def _rewrites(self) -> bool:
        return self._mode.startswith("rewrite")

    def _with_headers(self, batch: Batch, events: ChangeEvents, missing: Mask) -> Batch:
        """The batch with the headers that can be told; of a tombstone that is the operation alone."""
        of_events, of_tombstones = [], []
        for one in self._headers:
            found = events.find(one)
            if found is None:
                continue
            encoded = self._converter.encode(batch.topic, found.values, found.field).data
            of_events.append((one.name, encoded))
            if (one.where, one.field) == ("", "op"):
                of_tombstones.append((one.name, pa.array([_DELETE] * len(batch), pa.binary())))
        return _with_some_headers(_with_some_headers(batch, of_events, ~missing), of_tombstones, missing)

    def _with_fields(self, records: RecordColumn, events: ChangeEvents, deleted: Mask) -> RecordColumn:
        members = list(records.members)
        if self._rewrites:
            members.append(Member(pa.field(_DELETED, pa.string()), pa.array(np.where(deleted, "true", "false"))))
        for one in self._fields:
            found = events.find(one)
            if found is not None:
                members.append(Member(found.field.with_name(one.name).with_nullable(True), found.values))
        return records.with_members(members)

    def _routed(self, batch: Batch, kept: Mask, state: RecordColumn) -> Transformed:
        field = state.find(self._route)
        present = ~state.missing.to_numpy(zero_copy_only=False)
        if field is None or not pa.types.is_string(plain(field.values).type):
            message = f"Field {self._route}, which names the topic, is no text field of the record."
            return _kept(batch, kept, faults_of(np.flatnonzero(present & kept), message))
        topics = np.array([topic or batch.topic for topic in plain(field.values).to_pylist()], dtype=object)
        return Transformed(
            [
                part if topic == batch.topic else Part(part.batch.routed(topic), part.rows)
                for topic in dict.fromkeys(topics[kept].tolist())
                for part in _kept(batch, kept & (topics == topic), []).parts
            ]
        )


def _mode(config: Config) -> str:
    """The handling mode, told by the keys of Debezium 2 where they are given."""
    tombstones, deletes = config["drop.tombstones"], config["delete.handling.mode"]
    given: str = config["delete.tombstone.handling.mode"]
    if tombstones is None and deletes is None:
        return given
    drops = tombstones is None or tombstones
    if deletes == "rewrite":
        return "rewrite" if drops else "rewrite-with-tombstone"
    return "drop" if drops else "tombstone"


def _kept(batch: Batch, kept: Mask, faults: Sequence[RecordFault]) -> Transformed:
    bad = {fault.row for fault in faults if kept[fault.row]}
    chosen = kept & ~np.isin(np.arange(len(batch)), list(bad))
    first = {fault.row: fault for fault in reversed(faults) if fault.row in bad}
    if chosen.all():
        return Transformed(whole(batch).parts, [])
    rows: Rows = np.flatnonzero(chosen).astype(np.int64)
    parts = [Part(batch.take(pa.array(rows)), rows)] if len(rows) else []
    return Transformed(parts, [first[row] for row in sorted(first)])


def _row_field(row: pa.Field, event: pa.Field) -> pa.Field:
    """The rows' field; rows of events without a schema have none either."""
    return schemaless(row) if is_schemaless(event) else row


def _with_some_headers(batch: Batch, added: Sequence[tuple[str, pa.Array]], chosen: Mask) -> Batch:
    """The batch with headers added to some of its records."""
    if not added or not chosen.any():
        return batch
    headed = with_headers(batch, added)
    if chosen.all():
        return headed
    headers = pc.if_else(pa.array(chosen), headed.records.column("headers"), batch.records.column("headers"))
    index = batch.records.schema.get_field_index("headers")
    return batch.with_records(batch.records.set_column(index, batch.records.schema.field(index), headers))

"""EventRouter: events of an outbox table, each to the topic of its aggregate; Debezium's outbox event router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.errors import ConfigProblem, FatalError
from tidegate.java.regex import expand, java_pattern
from tidegate.records.envelope import SCHEMA_VERSION, TIMESTAMP, Batch
from tidegate.records.faults import RecordFault
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type, one_of
from tidegate.telemetry.logging import get_logger
from tidegate.transforms.change_event import ChangeEvents
from tidegate.transforms.headers import with_headers
from tidegate.transforms.json_payload import expanded
from tidegate.transforms.record_column import Member, RecordColumn, plain, struct_array
from tidegate.transforms.regex_problem import regex_problem
from tidegate.transforms.side import Side, with_column
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Part, Rows, Transformed, faults_of, whole

log = get_logger(__name__)

_PAYLOAD = "payload"
_PLACEMENTS = ("header", "envelope")
_BEHAVIOURS = ("warn", "error", "fatal")
_NULLS = ("ignore", "optional_bytes")


@dataclass(frozen=True, slots=True)
class PlacedField:
    """A column of the outbox table that goes along with the payload.

    Args:
        field: the column.
        placement: ``header`` or ``envelope``.
        name: what it is called there.
    """

    field: str
    placement: str
    name: str


def placed_fields(given: Sequence[str]) -> list[PlacedField]:
    """What ``table.fields.additional.placement`` names: ``column:placement`` or ``column:placement:alias``.

    Raises:
        ValueError: an entry has another form.
    """
    found = []
    for one in given:
        parts = [part.strip() for part in one.split(":")]
        if not 2 <= len(parts) <= 3 or not parts[0] or parts[1].lower() not in _PLACEMENTS:
            raise ValueError(f"{one!r} is not of the form column:header:alias or column:envelope:alias")
        found.append(PlacedField(parts[0], parts[1].lower(), parts[-1] if len(parts) == 3 else parts[0]))
    return found


class EventRouter(Transform):
    """Makes messages of rows inserted into an outbox table."""

    name: ClassVar[str] = "EventRouter"
    doc: ClassVar[str] = (
        "Makes a message of each row that is inserted into an outbox table: the payload is its value, the aggregate's "
        "id its key, the event's id a header, and the aggregate's type names its topic. Deletes and tombstones are "
        "dropped; records that are no change events pass unchanged."
    )
    aliases: ClassVar[tuple[str, ...]] = ("io.debezium.transforms.outbox.EventRouter", "outbox")
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("table.field.event.id", Type.STRING, "id", Importance.LOW, "Column of the event's id.")
        .define("table.field.event.key", Type.STRING, "aggregateid", Importance.MEDIUM, "Column of the message's key.")
        .define("table.field.event.payload", Type.STRING, _PAYLOAD, Importance.LOW, "Column of the message's value.")
        .define(
            "table.field.event.timestamp",
            Type.STRING,
            None,
            Importance.MEDIUM,
            "Timestamp column of the message's time; without it that is when the change was captured.",
        )
        .define(
            "table.field.event.schema.version",
            Type.STRING,
            None,
            Importance.LOW,
            "Column of the schema's version; events of different versions are batches of their own.",
        )
        .define(
            "table.fields.additional.placement",
            Type.LIST,
            [],
            Importance.MEDIUM,
            "Columns that go along, as column:header:alias or column:envelope:alias; with one in the envelope the "
            "value is a record of them and of the payload.",
        )
        .define(
            "table.fields.additional.error.on.missing",
            Type.BOOLEAN,
            True,
            Importance.LOW,
            "Whether an event without such a column is halted rather than passed without it.",
        )
        .define(
            "table.op.invalid.behavior",
            Type.STRING,
            "warn",
            Importance.LOW,
            "What an update of an outbox row does: warn or error logs and drops it, fatal halts it.",
            validator=one_of(*_BEHAVIOURS),
            recommended=_BEHAVIOURS,
        )
        .define(
            "table.expand.json.payload",
            Type.BOOLEAN,
            False,
            Importance.MEDIUM,
            "Whether a payload that is the text of a JSON object or array becomes a record or an array with the schema "
            "its values tell; other texts stay what they are.",
        )
        .define(
            "table.json.payload.null.behavior",
            Type.STRING,
            "ignore",
            Importance.LOW,
            "What a null in such a payload is: ignore leaves the field out, optional_bytes makes it one of bytes.",
            validator=one_of(*_NULLS),
            recommended=_NULLS,
        )
        .define("route.by.field", Type.STRING, "aggregatetype", Importance.MEDIUM, "Column that chooses the topic.")
        .define(
            "route.topic.regex",
            Type.STRING,
            "(?<routedByValue>.*)",
            Importance.LOW,
            "Regular expression, Java's, for that column's value.",
            validator=regex_problem,
        )
        .define(
            "route.topic.replacement",
            Type.STRING,
            "outbox.event.${routedByValue}",
            Importance.HIGH,
            "The topic's name, with groups of the expression.",
        )
        .define(
            "route.tombstone.on.empty.payload",
            Type.BOOLEAN,
            False,
            Importance.MEDIUM,
            "Whether an event with an empty payload becomes a tombstone.",
        )
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        try:
            placed_fields(config["table.fields.additional.placement"])
        except ValueError as error:
            return [ConfigProblem("table.fields.additional.placement", str(error))]
        return ()

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._id: str = config["table.field.event.id"]
        self._key: str = config["table.field.event.key"]
        self._payload: str = config["table.field.event.payload"]
        self._timestamp: str | None = config["table.field.event.timestamp"]
        self._version: str | None = config["table.field.event.schema.version"]
        self._placed = placed_fields(config["table.fields.additional.placement"])
        self._strict: bool = config["table.fields.additional.error.on.missing"]
        self._invalid: str = config["table.op.invalid.behavior"]
        self._route: str = config["route.by.field"]
        self._pattern = java_pattern(config["route.topic.regex"])
        self._replacement: str = config["route.topic.replacement"]
        self._expands: bool = config["table.expand.json.payload"]
        self._keeps_nulls: bool = config["table.json.payload.null.behavior"] == "optional_bytes"
        self._empties: bool = config["route.tombstone.on.empty.payload"]
        self._converter = context.header_converter

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        values = plain(batch.value)
        events = ChangeEvents.of(values, batch.value_field)
        present = values.is_valid().to_numpy(zero_copy_only=False)
        if events is None:
            return _rows(batch, np.flatnonzero(present)) if not present.all() else whole(batch)
        operations = pc.fill_null(events.operations, "")
        updates = np.flatnonzero(present & pc.equal(operations, "u").to_numpy(zero_copy_only=False))
        faults = self._updated(batch, updates)
        known = pc.is_in(operations, value_set=pa.array(["c", "r"])).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(present & known & events.after.is_valid().to_numpy(zero_copy_only=False)).astype(np.int64)
        if not len(rows):
            return Transformed([], faults)
        members = RecordColumn.of(events.after.take(pa.array(rows)))
        missing = self._missing(members)
        if missing:
            return Transformed([], [*faults, *faults_of(rows, missing)])
        routed, unrouted = self._topics(members, rows)
        parts: list[Part] = []
        if not self._expands:
            message = self._message(batch.take(pa.array(rows)), members, events, rows)
            for topic, places in routed.items():
                parts += self._versions(message.take(pa.array(places)).routed(topic), members, places, rows)
        for topic, places in routed.items() if self._expands else ():
            for run, payload in self._shapes(members, places):
                row = RecordColumn.of(events.after.take(pa.array(rows[run])))
                message = self._message(batch.take(pa.array(rows[run])), row, events, rows[run], payload)
                parts += self._versions(message.routed(topic), members, run, rows)
        return Transformed(parts, sorted([*faults, *unrouted], key=lambda fault: fault.row))

    def _updated(self, batch: Batch, rows: Rows) -> list[RecordFault]:
        if not len(rows):
            return []
        if self._invalid == "fatal":
            return faults_of(rows, "An outbox row was updated, and table.op.invalid.behavior is fatal.")
        tell = log.warning if self._invalid == "warn" else log.error
        tell("event_router.update_dropped", topic=batch.topic, rows=len(rows))
        return []

    def _missing(self, row: RecordColumn) -> str:
        """What is wrong with the table, if anything is."""
        wanted = [self._id, self._payload, self._route]
        wanted += [name for name in (self._timestamp, self._version) if name is not None]
        if self._strict:
            wanted += [one.field for one in self._placed]
        for name in wanted:
            if row.find(name) is None:
                return f"The outbox row has no field {name}."
        return ""

    def _topics(self, row: RecordColumn, rows: Rows) -> tuple[dict[str, Rows], list[RecordFault]]:
        member = row.find(self._route)
        assert member is not None
        places: dict[str, list[int]] = {}
        faults: list[RecordFault] = []
        names: dict[str, str] = {}
        for place, value in enumerate(plain(member.values).to_pylist()):
            if value is None:
                faults += faults_of([int(rows[place])], f"Field {self._route}, which chooses the topic, is null.")
                continue
            text = str(value)
            if text not in names:
                match = self._pattern.fullmatch(text)
                names[text] = text if match is None else expand(self._replacement, match)
            places.setdefault(names[text], []).append(place)
        return {topic: np.array(each, np.int64) for topic, each in places.items()}, faults

    def _shapes(self, row: RecordColumn, places: Rows) -> list[tuple[Rows, Member]]:
        """Places in runs of payloads with one schema, each with its payloads expanded."""
        payload = row.find(self._payload)
        assert payload is not None
        values = plain(payload.values.take(pa.array(places)))
        if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type):
            return [(places, Member(payload.field, values))]
        told = [expanded(text, keep_nulls=self._keeps_nulls) for text in values.to_pylist()]
        found: list[tuple[Rows, Member]] = []
        start = 0
        for end in range(1, len(told) + 1):
            kind = told[start][0]
            if end < len(told) and told[end][0] == kind:
                continue
            if kind is None:
                member = Member(payload.field, values.slice(start, end - start))
            else:
                records = pa.array([value for _, value in told[start:end]], kind)
                member = Member(pa.field(payload.field.name, kind), records)
            found.append((places[start:end], member))
            start = end
        return found

    def _message(
        self, batch: Batch, row: RecordColumn, events: ChangeEvents, rows: Rows, payload: Member | None = None
    ) -> Batch:
        payload = payload or row.find(self._payload)
        assert payload is not None
        value, described = payload.values, payload.field
        extra = [(one, row.find(one.field)) for one in self._placed]
        enveloped = [found.renamed(one.name) for one, found in extra if found and one.placement == "envelope"]
        if enveloped:
            value = struct_array([payload.renamed(_PAYLOAD), *enveloped], pa.array(np.zeros(len(value), np.bool_)))
            described = pa.field("value", value.type)
        if self._empties:
            value = pc.if_else(_empty(payload.values), pa.scalar(None, value.type), value)
        message = with_column(batch, Side.VALUE, value, described)
        key = row.find(self._key)
        if key is None:
            message = with_column(message, Side.KEY, pa.nulls(len(value)), pa.field("key", pa.null()))
        else:
            message = with_column(message, Side.KEY, key.values, key.field)
        headers = [(self._id, "id"), *((one.field, one.name) for one in self._placed if one.placement == "header")]
        added = []
        for field, name in headers:
            found = row.find(field)
            if found is not None:
                added.append((name, self._converter.encode(batch.topic, found.values, found.field).data))
        return _timed(with_headers(message, added), self._times(row, events, rows))

    def _times(self, row: RecordColumn, events: ChangeEvents, rows: Rows) -> pa.Array:
        captured = events.members.find("ts_ms")
        times = (
            pa.nulls(len(rows), TIMESTAMP)
            if captured is None
            else captured.values.take(pa.array(rows)).cast(pa.int64()).cast(TIMESTAMP)
        )
        member = row.find(self._timestamp) if self._timestamp is not None else None
        if member is None:
            return times
        kind = member.field.type
        if not pa.types.is_timestamp(kind):
            raise FatalError(
                f"Field {self._timestamp} is {kind}, no timestamp.",
                remedy="Set table.field.event.timestamp to a column of type timestamp.",
            )
        told = member.values.cast(pa.timestamp(kind.unit, "UTC")).cast(TIMESTAMP, safe=False)
        return pc.coalesce(told, times)

    def _versions(self, batch: Batch, row: RecordColumn, places: Rows, rows: Rows) -> list[Part]:
        """The batch, cut by the schema's version where there is one."""
        member = row.find(self._version) if self._version is not None else None
        if member is None:
            return [Part(batch, rows[places])]
        versions = member.values.take(pa.array(places)).to_pylist()
        parts, start = [], 0
        for place in range(1, len(versions) + 1):
            if place < len(versions) and versions[place] == versions[start]:
                continue
            piece = batch.slice(start, place - start)
            if versions[start] is not None:
                metadata = {**(piece.value_field.metadata or {}), SCHEMA_VERSION: str(versions[start]).encode()}
                piece = with_column(piece, Side.VALUE, piece.value, piece.value_field.with_metadata(metadata))
            parts.append(Part(piece, rows[places[start:place]]))
            start = place
        return parts


def _rows(batch: Batch, rows: Rows) -> Transformed:
    return Transformed([Part(batch.take(pa.array(rows)), rows.astype(np.int64))] if len(rows) else [])


def _empty(values: pa.Array) -> pa.Array:
    """Which payloads are null or blank."""
    missing = values.is_null()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pc.or_(missing, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), False))
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return pc.or_(missing, pc.fill_null(pc.equal(pc.binary_length(values), 0), False))
    return missing


def _timed(batch: Batch, times: pa.Array) -> Batch:
    index = batch.records.schema.get_field_index("timestamp")
    return batch.with_records(batch.records.set_column(index, batch.records.schema.field(index), times))

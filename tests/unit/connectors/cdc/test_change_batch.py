"""Row changes become the records Debezium makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.cdc.change_batch import NEW_KEY, OLD_KEY, Changes, EventShape, change_batch, with_changes_only
from tidegate.records.envelope import Batch

ROW = [pa.field("id", pa.int32(), nullable=False), pa.field("name", pa.string())]
KEY = [ROW[0]]
SOURCE = pa.field("source", pa.struct([pa.field("table", pa.string())]), nullable=False)
SHAPE = EventShape("p.s.t", ROW, "p.s.t.Value", KEY, "p.s.t.Key", "p.s.t.Envelope", SOURCE)

Row = dict[str, Any] | None


def batch_of(*events: tuple[str, Row, Row], tombstones: bool = True, shape: EventShape = SHAPE) -> Batch:
    """Events as (op, before, after)."""
    return change_batch(shape, changes_of(*events, shape=shape), tombstones=tombstones)


def changes_of(*events: tuple[str, Row, Row], shape: EventShape = SHAPE) -> Changes:
    """Events as (op, before, after)."""
    before = [event[1] for event in events]
    after = [event[2] for event in events]

    def keys(rows: list[Row]) -> pa.StructArray:
        return pa.array([None if row is None else {"id": row["id"]} for row in rows], pa.struct(KEY))

    return Changes(
        np.frombuffer("".join(event[0] for event in events).encode(), np.uint8),
        pa.array(before, pa.struct(ROW)),
        pa.array(after, pa.struct(ROW)),
        keys(before),
        keys(after) if shape.key else None,
        pa.array([{"table": "t"}] * len(events), SOURCE.type),
    )


def told(batch: Batch) -> list[tuple[Any, ...]]:
    """Records as (key, op, before, after), or (key,) for a tombstone."""
    records = batch.records.to_pylist()
    return [
        (record["key"] and record["key"]["id"],)
        if record["value"] is None
        else (record["key"] and record["key"]["id"], *(record["value"][name] for name in ("op", "before", "after")))
        for record in records
    ]


A, B = {"id": 1, "name": "a"}, {"id": 2, "name": "b"}


def test_updates_that_change_nothing_are_left_out() -> None:
    other: Row = {"id": 1, "name": "b"}
    nothing: Row = {"id": 1, "name": None}
    same: list[tuple[str, Row, Row]] = [("u", A, A), ("u", nothing, nothing)]
    others: list[tuple[str, Row, Row]] = [
        ("c", None, A),
        ("u", A, other),
        ("u", None, A),
        ("u", A, nothing),
        ("d", A, None),
        ("u", A, B),
    ]
    left = with_changes_only(changes_of(*same, *others))
    assert left.before is not None
    assert list(zip(map(chr, left.op), left.before.to_pylist(), left.after.to_pylist(), strict=True)) == others


def test_a_delete_is_followed_by_a_tombstone() -> None:
    batch = batch_of(("c", None, A), ("d", A, None), ("c", None, B))
    assert told(batch) == [(1, "c", None, A), (1, "d", A, None), (1,), (2, "c", None, B)]


def test_without_tombstones_a_delete_is_one_record() -> None:
    assert told(batch_of(("d", A, None), tombstones=False)) == [(1, "d", A, None)]


def test_another_key_is_a_delete_and_a_create_that_name_each_other() -> None:
    batch = batch_of(("u", A, B))
    assert told(batch) == [(1, "d", A, None), (1,), (2, "c", None, B)]
    headers = batch.records.column("headers").to_pylist()
    assert headers == [[{"key": NEW_KEY, "value": b'{"id":2}'}], None, [{"key": OLD_KEY, "value": b'{"id":1}'}]]


def test_another_key_without_tombstones_is_two_records() -> None:
    assert told(batch_of(("u", A, B), tombstones=False)) == [(1, "d", A, None), (2, "c", None, B)]


def test_a_table_without_a_key_has_no_tombstones() -> None:
    shape = EventShape("p.s.t", ROW, "p.s.t.Value", [], "p.s.t.Key", "p.s.t.Envelope", SOURCE)
    assert told(batch_of(("d", A, None), shape=shape)) == [(None, "d", A, None)]


def test_types_carry_debeziums_names() -> None:
    batch = batch_of(("c", None, A))
    names = {
        "key": batch.key_field.metadata,
        "value": batch.value_field.metadata,
        "after": batch.value_field.type.field("after").metadata,
    }
    assert [name[b"tidegate.schema.name"] for name in names.values()] == [
        b"p.s.t.Key",
        b"p.s.t.Envelope",
        b"p.s.t.Value",
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Row, Row]]:
    """Changes that a table can undergo, with the rows before them known."""
    table: dict[int, dict[str, Any]] = {}
    events: list[tuple[str, Row, Row]] = []
    for number in range(draw(st.integers(1, 12))):
        key = draw(st.integers(0, 3))
        old = table.get(key)
        new: dict[str, Any] = {"id": draw(st.integers(0, 3)), "name": str(number)}
        if old is None:
            new["id"] = key
            events.append(("c", None, new))
            table[key] = new
        elif draw(st.booleans()):
            events.append(("d", old, None))
            del table[key]
        elif new["id"] == key or new["id"] not in table:
            events.append(("u", old, new))
            del table[key]
            table[new["id"]] = new
    return events


@given(histories(), st.booleans())
def test_the_records_rebuild_the_table(events: list[tuple[str, Row, Row]], tombstones: bool) -> None:
    table: dict[int, Row] = {}
    for _, before, after in events:
        if before is not None:
            table.pop(before["id"])
        if after is not None:
            table[after["id"]] = after
    rebuilt: dict[int, Row] = {}
    for key, *value in told(batch_of(*events, tombstones=tombstones)):
        if value and value[2] is not None:
            rebuilt[key] = value[2]
        else:
            rebuilt.pop(key, None)
    assert rebuilt == table

"""Row changes as the records Debezium makes of them: envelopes with the row before and after, keys and tombstones."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import HEADERS, SCHEMA_NAME, TIMESTAMP, Batch

CREATE, UPDATE, DELETE, READ, TRUNCATE = (ord(op) for op in "cudrt")
NEW_KEY, OLD_KEY = "__debezium.newkey", "__debezium.oldkey"

TRANSACTION_BLOCK = pa.struct(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("total_order", pa.int64(), nullable=False),
        pa.field("data_collection_order", pa.int64(), nullable=False),
    ]
)
_TRANSACTION_FIELD = pa.field("transaction", TRANSACTION_BLOCK, metadata={SCHEMA_NAME: b"event.block"})
_NANOS_PER_MICRO, _NANOS_PER_MILLI = 1_000, 1_000_000

Operations = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EventShape:
    """How the records of one table look, with one schema.

    Args:
        topic: of its records.
        row: fields of ``before`` and ``after``; a column that is NOT NULL is a field that is not nullable.
        row_name: full name of the rows' type, such as ``prefix.public.orders.Value``.
        key: fields of the key; none for a table without one.
        key_name: full name of the key's type.
        envelope_name: full name of the records' type.
        source: the ``source`` block's field.
    """

    topic: str
    row: Sequence[pa.Field]
    row_name: str
    key: Sequence[pa.Field]
    key_name: str
    envelope_name: str
    source: pa.Field


@dataclass(frozen=True, slots=True)
class Changes:
    """n changes of one table with one schema, in order.

    Args:
        op: for each one of ``c``, ``u``, ``d``, ``r``, ``t``, as its character code.
        before: struct array of n rows before the change; null where they are not known. None for all null.
        after: struct array of n rows after the change; null for ``d`` and ``t``.
        key_before: struct array of n keys before the change; null where the key has not changed and the row is not
            deleted. None for all null.
        key_after: struct array of n keys after the change; null for ``d`` and ``t``. None for a table without a key.
        source: struct array of n ``source`` blocks.
        transaction: struct array of n blocks of type :data:`TRANSACTION_BLOCK`; None where it is not provided. An
            update that changes the key takes two numbers, of which it has the first.
    """

    op: Operations
    before: pa.StructArray | None
    after: pa.StructArray
    key_before: pa.StructArray | None
    key_after: pa.StructArray | None
    source: pa.StructArray
    transaction: pa.StructArray | None = None

    def __len__(self) -> int:
        return len(self.op)

    def take(self, rows: Rows) -> Changes:
        """Some of them, by their places, in the order of these."""
        wanted = pa.array(rows)

        def taken(column: pa.StructArray | None) -> pa.StructArray | None:
            return None if column is None else column.take(wanted)

        return Changes(
            self.op[rows],
            taken(self.before),
            self.after.take(wanted),
            taken(self.key_before),
            taken(self.key_after),
            self.source.take(wanted),
            taken(self.transaction),
        )


def change_batch(shape: EventShape, changes: Changes, *, tombstones: bool) -> Batch:
    """The records of some changes.

    A deleted row gives its delete event and, where ``tombstones``, a record without a value after it. An update that
    changes the key gives a delete event and a tombstone for the old key and a create event for the new one, which name
    each other's key in a header, as Debezium has it.

    Args:
        shape: of the table's records.
        changes: n changes.
        tombstones: ``tombstones.on.delete``; only keyed records have tombstones.
    """
    plan = _Plan.of(changes, tombstones=tombstones and bool(shape.key))
    op = changes.op if plan.rows is None else np.where(plan.as_delete, DELETE, changes.op[plan.rows])
    if plan.rows is not None:
        op = np.where(plan.as_create, CREATE, op)
    ones = len(op)
    nanos = time.time_ns()
    row = pa.struct(list(shape.row))
    before = pa.nulls(ones, row) if changes.before is None else plan.taken(changes.before, plan.without_before)
    value = pa.StructArray.from_arrays(
        [
            before.cast(row) if before.type != row else before,
            plan.taken(changes.after, plan.without_after),
            plan.taken(changes.source, None),
            _transactions(changes, plan, ones),
            _codes(op),
            _constant(nanos // _NANOS_PER_MILLI, ones),
            _constant(nanos // _NANOS_PER_MICRO, ones),
            _constant(nanos, ones),
        ],
        fields=envelope_fields(shape),
        mask=pa.array(plan.tombstone) if plan.rows is not None and plan.tombstone.any() else None,
    )
    key = _keys(shape, changes, plan)
    schema = pa.schema(
        [
            pa.field("key", key.type, metadata={SCHEMA_NAME: shape.key_name.encode()} if shape.key else None),
            pa.field("value", value.type, metadata={SCHEMA_NAME: shape.envelope_name.encode()}),
            pa.field("headers", HEADERS),
            pa.field("timestamp", TIMESTAMP),
        ]
    )
    columns = [key, value, _headers(changes, plan, ones), pa.nulls(ones, TIMESTAMP)]
    return Batch(shape.topic, pa.RecordBatch.from_arrays(columns, schema=schema))


def envelope_fields(shape: EventShape) -> list[pa.Field]:
    """The fields of a table's records."""
    row = pa.struct(list(shape.row))
    named = {SCHEMA_NAME: shape.row_name.encode()}
    return [
        pa.field("before", row, metadata=named),
        pa.field("after", row, metadata=named),
        shape.source,
        _TRANSACTION_FIELD,
        pa.field("op", pa.string(), nullable=False),
        pa.field("ts_ms", pa.int64()),
        pa.field("ts_us", pa.int64()),
        pa.field("ts_ns", pa.int64()),
    ]


def key_changed(before: pa.StructArray, after: pa.StructArray) -> npt.NDArray[np.bool_]:
    """Which of n updates have another key (or row) than before, given both; false where either is null."""
    changed = np.zeros(len(after), np.bool_)
    for index in range(after.type.num_fields):
        old, new = before.field(index), after.field(index)
        if pa.types.is_nested(new.type):
            differs = pa.array([a != b for a, b in zip(old.to_pylist(), new.to_pylist(), strict=True)], pa.bool_())
        else:
            either = pc.xor(old.is_null(), new.is_null())
            differs = pc.or_(either, pc.fill_null(pc.not_equal(old, new), False))
        changed |= differs.to_numpy(zero_copy_only=False)
    known = pc.and_(before.is_valid(), after.is_valid())
    changed &= known.to_numpy(zero_copy_only=False)
    return changed


def with_changes_only(changes: Changes) -> Changes:
    """Without updates of rows that are before as they are after; those of which that is not known are left."""
    updates = changes.op == UPDATE
    if changes.before is None or not updates.any():
        return changes
    known = pc.and_(changes.before.is_valid(), changes.after.is_valid()).to_numpy(zero_copy_only=False)
    same = updates & known & ~key_changed(changes.before, changes.after)
    if changes.key_before is not None and changes.key_after is not None:
        same &= ~key_changed(changes.key_before, changes.key_after)
    return changes.take(np.flatnonzero(~same)) if same.any() else changes


class _Plan:
    """Which records come of which changes.

    ``rows`` is None where each change is one record as it is.
    """

    def __init__(self, rows: Rows | None, place: Rows, deleted: npt.NDArray[np.bool_], split: npt.NDArray[np.bool_]):
        self.rows = rows
        self.as_delete = (deleted | split) & (place == 0)
        self.tombstone = (deleted | split) & (place == 1)
        self.as_create = split & (place == 2)
        self.without_before = self.as_create
        self.without_after = self.as_delete | self.tombstone
        self.old_key = self.as_delete | self.tombstone
        self.split = split

    @classmethod
    def of(cls, changes: Changes, *, tombstones: bool) -> _Plan:
        deleted = changes.op == DELETE
        split = np.zeros(len(changes), np.bool_)
        if changes.key_before is not None and changes.key_after is not None and (changes.op == UPDATE).any():
            split = (changes.op == UPDATE) & key_changed(changes.key_before, changes.key_after)
        if not split.any() and not (tombstones and deleted.any()):
            none = np.zeros(len(changes), np.bool_)
            return cls(None, np.zeros(len(changes), np.int64), deleted, none)
        counts = np.ones(len(changes), np.int64)
        if tombstones:
            counts[deleted] = 2
        counts[split] = 3
        rows = np.repeat(np.arange(len(changes)), counts)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        deleted, split = deleted[rows], split[rows]
        if tombstones or not split.any():
            return cls(rows, place, deleted, split)
        kept = ~(split & (place == 1))
        return cls(rows[kept], place[kept], deleted[kept], split[kept])

    def taken(self, column: pa.Array, missing: npt.NDArray[np.bool_] | None) -> pa.Array:
        """The column's values for the records, null where they have none."""
        if self.rows is None:
            return column
        if missing is None or not missing.any():
            return column.take(pa.array(self.rows))
        return column.take(pa.array(self.rows, mask=missing))


def _transactions(changes: Changes, plan: _Plan, ones: int) -> pa.Array:
    """The ``transaction`` blocks; the create event of a changed key comes after its delete event."""
    if changes.transaction is None:
        return pa.nulls(ones, TRANSACTION_BLOCK)
    blocks = plan.taken(changes.transaction, None)
    if plan.rows is None or not plan.as_create.any():
        return blocks
    later = pa.array(plan.as_create.astype(np.int64))
    names, *orders = blocks.flatten()
    columns = [names, *(pc.add(order, later) for order in orders)]
    return pa.StructArray.from_arrays(columns, fields=list(TRANSACTION_BLOCK))


def _keys(shape: EventShape, changes: Changes, plan: _Plan) -> pa.Array:
    ones = len(changes) if plan.rows is None else len(plan.rows)
    if not shape.key or changes.key_after is None:
        return pa.nulls(ones)
    after, before = changes.key_after, changes.key_before
    if before is None or not plan.old_key.any():
        return plan.taken(after, None)
    size = len(changes)
    rows = np.arange(size) if plan.rows is None else plan.rows
    both = pa.concat_arrays([after, before.cast(after.type) if before.type != after.type else before])
    return both.take(pa.array(np.where(plan.old_key, size + rows, rows)))


def _headers(changes: Changes, plan: _Plan, ones: int) -> pa.Array:
    if plan.rows is None or not plan.split.any():
        return pa.nulls(ones, HEADERS)
    assert changes.key_before is not None and changes.key_after is not None
    headers: list[list[dict[str, Any]] | None] = [None] * ones
    for place in np.flatnonzero((plan.as_delete | plan.as_create) & plan.split):
        row = int(plan.rows[place])
        deleted = bool(plan.as_delete[place])
        key = (changes.key_after if deleted else changes.key_before)[row].as_py()
        headers[place] = [{"key": NEW_KEY if deleted else OLD_KEY, "value": _json(key)}]
    return pa.array(headers, HEADERS)


def _json(key: Mapping[str, Any]) -> bytes:
    return json.dumps(key, default=str, ensure_ascii=False, separators=(",", ":")).encode()


def _codes(op: Operations) -> pa.Array:
    codes = np.ascontiguousarray(op, np.uint8)
    offsets = np.arange(len(codes) + 1, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(codes)])


def _constant(value: int, rows: int) -> pa.Array:
    return pa.array(np.full(rows, value, np.int64))

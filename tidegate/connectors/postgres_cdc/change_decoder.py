"""From frames of a replication stream to batches of change events, transaction after transaction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.postgres import types

from tidegate.connectors.cdc.change_batch import (
    TRANSACTION_BLOCK,
    TRUNCATE,
    UPDATE,
    Changes,
    Operations,
    change_batch,
    with_changes_only,
)
from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.cdc.transactions import EventCounts, TransactionMark, transaction_batch
from tidegate.connectors.cdc.unseen import unseen
from tidegate.connectors.postgres_cdc import frames as message
from tidegate.connectors.postgres_cdc.column_types import placeholder
from tidegate.connectors.postgres_cdc.frames import Frames, TupleCells, tuple_cells
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.relation import parse_relation
from tidegate.connectors.postgres_cdc.row_values import (
    NullInRequiredError,
    RowValues,
    keys_struct,
    row_values,
    rows_struct,
)
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_book import TableBook
from tidegate.connectors.postgres_cdc.table_schema import TableSchema
from tidegate.connectors.postgres_values.cells import Bytes, Cells, Mask, Positions
from tidegate.connectors.postgres_values.decoders import decoder
from tidegate.connectors.postgres_values.moments import EPOCH_MICROS
from tidegate.errors import FatalError
from tidegate.records.envelope import Batch

_TEXT = decoder(types["text"].oid, pa.string())
_OPERATIONS = np.zeros(256, np.uint8)
_OPERATIONS[[message.INSERT, message.UPDATE, message.DELETE, message.TRUNCATE]] = [ord(op) for op in "cudt"]
# Looked up by the byte: of the few messages of a small piece, numpy's isin takes several times as long.
_IS_CHANGE = np.zeros(256, np.bool_)
_IS_CHANGE[[message.INSERT, message.UPDATE, message.DELETE]] = True
_IS_CUT = np.zeros(256, np.bool_)
_IS_CUT[[message.RELATION, message.TRUNCATE]] = True
_AFTER_OID = 4

Kinds = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
KeysRead = Callable[[TableSchema, Sequence[ReadUpTo], Sequence[KeyText]], Numbers]
"""For keys of a table, the boundary of the snapshot in which each was read."""


@dataclass(frozen=True, slots=True)
class EventRules:
    """What a configuration says of all events.

    Args:
        skipped: codes of operations that give no event.
        tombstones: ``tombstones.on.delete``.
        transactions: ``provide.transaction.metadata``.
        unavailable: ``unavailable.value.placeholder``.
        changes_only: ``skip.messages.without.change``.
    """

    skipped: frozenset[int] = frozenset()
    tombstones: bool = True
    transactions: bool = False
    unavailable: str = "__debezium_unavailable_value"
    changes_only: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """What some frames gave.

    Args:
        batches: of events, each table's in order.
        halted: changes that can not be made into events: topic, raw values, reason.
        position: after the last frame.
        idle_end: place in the log before which there is nothing else, as the last keepalive between transactions told.
        micros: when the last transaction was committed; 0 for none.
    """

    batches: Sequence[Batch]
    halted: Sequence[tuple[str, bytes, str]]
    position: Position
    idle_end: int
    micros: int

    def seconds_late(self, now: float) -> float | None:
        """How long ago its last transaction was committed; 0 where the log has nothing after it, None for not known.

        Args:
            now: seconds since 1970.
        """
        if self.idle_end and self.idle_end >= self.position.lsn_commit:
            return 0.0
        return max(0.0, now - self.micros / 1_000_000) if self.micros else None


@dataclass(slots=True)
class _Transaction:
    """The transaction that the next frame is of."""

    commit: int
    micros: int
    tx_id: int
    first: int = 0
    """Where its first change is in the log."""
    passed: int = 0
    """Events before the next frame, whatever becomes of them."""
    captured: EventCounts = field(default_factory=EventCounts)


@dataclass(frozen=True, slots=True)
class _Context:
    """For each frame of a chunk what its transaction is."""

    which: Numbers
    """Number of the transaction among those of the chunk; 0 is the one that was open before."""
    commit: Numbers
    micros: Numbers
    tx_id: Numbers
    first: Numbers
    last_commit: Numbers
    number: Numbers
    """Number of the event within its transaction, from 0."""
    order: Numbers
    """Number of the event among those of its transaction that are captured, from 1."""
    table_order: Numbers


@dataclass(slots=True)
class _Group:
    """Changes of one table with one schema."""

    schema: TableSchema
    parts: list[Positions] = field(default_factory=list)

    @property
    def rows(self) -> Positions:
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)


class ChangeDecoder:
    """Decodes a stream that begins at a position.

    Args:
        book: the tables.
        blocks: makes ``source`` blocks.
        names: of topics.
        rules: of events.
        position: where the stream begins.
        keys_read: asked for changes that an earlier snapshot may show.
    """

    def __init__(
        self,
        book: TableBook,
        blocks: SourceBlocks,
        names: TopicNames,
        rules: EventRules,
        position: Position,
        keys_read: KeysRead,
    ) -> None:
        self._book = book
        self._blocks = blocks
        self._names = names
        self._rules = rules
        self._position = position
        self._keys_read = keys_read
        self._open: _Transaction | None = None
        # The transaction that was passed in part comes again, whole.
        self._resumed = (position.open_commit, position.events)
        # Where the last transaction ended; 0 before the first one, for where a snapshot was taken is no such place.
        self._committed = position.lsn_commit if position.lsn else 0

    @property
    def position(self) -> Position:
        """After the last frame that was decoded."""
        return self._position

    def remember(self, incremental: Incremental) -> None:
        """Keeps with the position how far incremental snapshots have come."""
        self._position = replace(self._position, incremental=incremental)

    def decode(self, frames: Frames) -> Decoded:
        """Decodes what was received.

        Raises:
            FatalError: the server sent what is no such stream.
            RetriableError: the catalogue can not be asked.
        """
        try:
            return self._decode(frames)
        except ValueError as error:
            raise FatalError(f"The server sent what can not be read: {error}.") from error

    def _decode(self, frames: Frames) -> Decoded:
        kinds = frames.kinds
        context = self._transactions(frames, kinds)
        groups = self._groups(frames, kinds)
        counts = self._count(frames, context, kinds, groups) if self._rules.transactions else []
        batches: list[Batch] = []
        halted: list[tuple[str, bytes, str]] = []
        for group in groups:
            batch = self._events(frames, kinds, group, context, halted)
            if batch is not None and len(batch):
                batches.append(batch)
        marks = self._marks(kinds, context, counts)
        if marks:
            batches.append(transaction_batch(self._names, marks))
        idle_end = self._advance(frames, kinds, context, counts)
        ends = context.micros[context.micros > 0]
        return Decoded(batches, halted, self._position, idle_end, int(ends[-1]) if len(ends) else 0)

    # Transactions.

    def _transactions(self, frames: Frames, kinds: Kinds) -> _Context:
        begins = np.flatnonzero(kinds == message.BEGIN)
        commits = np.flatnonzero(kinds == message.COMMIT)
        opened = self._open or _Transaction(0, 0, 0)
        which = np.cumsum(kinds == message.BEGIN)
        commit_at = np.concatenate([[opened.commit], frames.longs(begins, 0)])
        micros = np.concatenate([[opened.micros], frames.longs(begins, 8) + EPOCH_MICROS])
        tx_id = np.concatenate([[opened.tx_id], frames.ints(begins, 16)])
        first = np.concatenate([[opened.first], frames.lsn(begins)])
        # Each transaction's predecessor ended where the last commit before its beginning did.
        ends = np.concatenate([[self._committed], frames.longs(commits, 9)])
        last = ends[np.searchsorted(commits, np.concatenate([[-1], begins]))]
        events = self._is_event(kinds)
        so_far: Numbers = np.cumsum(events) - events
        base = np.concatenate([[-opened.passed], so_far[begins]])
        none = np.zeros(len(kinds), np.int64)
        number = so_far - base[which]
        return _Context(
            which, commit_at[which], micros[which], tx_id[which], first[which], last[which], number, none, none.copy()
        )

    @staticmethod
    def _is_event(kinds: Kinds) -> Mask:
        is_event: Mask = _OPERATIONS[kinds] != 0
        return is_event

    def _count(self, frames: Frames, context: _Context, kinds: Kinds, groups: Sequence[_Group]) -> list[EventCounts]:
        """Numbers the captured events within their transactions; gives how many each transaction has had.

        The first of them is the transaction that was open before the frames.
        """
        transactions = int(context.which[-1]) + 1
        counts = [EventCounts() for _ in range(transactions)]
        if self._open is not None:
            counts[0] = self._open.captured
        events = np.zeros(len(kinds), np.int64)
        by_table: dict[str, Numbers] = {}
        for group in groups:
            rows = self._told(kinds, group.rows)
            made = np.ones(len(rows), np.int64)
            if len(rows) and (kinds[rows] == message.UPDATE).any():
                # An update that moves a row to another key is two events.
                made += _Tuples.of(frames, kinds, group.schema, rows).key_moved(group.schema)
            events[rows] += made
            by_table.setdefault(group.schema.relation.table.name, np.zeros(len(kinds), np.int64))[rows] += made
        context.order[:] = _order(events, context.which, counts[0].total)
        for name, some in by_table.items():
            rows = np.flatnonzero(some)
            context.table_order[rows] = _order(some, context.which, counts[0].tables.get(name, 0))[rows]
            added = np.bincount(context.which, some, transactions).astype(np.int64)
            for which in np.flatnonzero(added):
                counts[which].total += int(added[which])
                counts[which].tables[name] = counts[which].tables.get(name, 0) + int(added[which])
        return counts

    def _told(self, kinds: Kinds, rows: Positions) -> Positions:
        """Those of some rows whose operation is not skipped."""
        if not self._rules.skipped:
            return rows
        return rows[~np.isin(_OPERATIONS[kinds[rows]], list(self._rules.skipped))]

    def _marks(self, kinds: Kinds, context: _Context, counts: Sequence[EventCounts]) -> list[TransactionMark]:
        """The beginnings and ends of transactions with captured events."""
        marks: list[TransactionMark] = []
        resumed_commit, resumed_events = self._resumed
        for which, count in enumerate(counts):
            rows = np.flatnonzero(context.which == which)
            if not count.total or not len(rows):
                continue
            events = rows[(context.table_order[rows] > 0) & (context.order[rows] == 1)]
            first = int(rows[0])
            name, millis = _transaction_id(context, first), int(context.micros[first]) // 1000
            again = (
                len(events) and context.commit[first] == resumed_commit and context.number[events[0]] < resumed_events
            )
            if len(events) and not again:
                marks.append(TransactionMark(name, millis))
            if (kinds[rows] == message.COMMIT).any():
                marks.append(TransactionMark(name, millis, dict(count.tables)))
        return marks

    def _advance(self, frames: Frames, kinds: Kinds, context: _Context, counts: Sequence[EventCounts]) -> int:
        """Moves the position past the frames; gives the log's end where a keepalive told it between transactions."""
        begins, commits = np.flatnonzero(kinds == message.BEGIN), np.flatnonzero(kinds == message.COMMIT)
        events = np.flatnonzero(self._is_event(kinds))
        idle_end = self._idle_end(frames, kinds)
        is_open = self._open is not None if not len(begins) else True
        if len(commits) and (not len(begins) or commits[-1] > begins[-1]):
            is_open = False
        position = self._position
        if len(events):
            last = int(events[-1])
            position = replace(
                position,
                lsn=int(frames.lsn(events[-1:])[0]),
                tx_id=int(context.tx_id[last]),
                ts_usec=int(context.micros[last]),
            )
        if len(commits):
            self._committed = int(frames.longs(commits[-1:], 9)[0])
            position = replace(position, lsn_commit=self._committed, open_commit=0, events=0)
        self._open = self._opened(begins, kinds, context, counts) if is_open else None
        if self._open is not None:
            passed = self._open.passed
            resumed_commit, resumed_events = self._resumed
            if self._open.commit == resumed_commit:
                passed = max(passed, resumed_events)
            position = replace(position, open_commit=self._open.commit if passed else 0, events=passed)
        self._position = position.after_snapshots()
        return idle_end

    def _opened(
        self, begins: Positions, kinds: Kinds, context: _Context, counts: Sequence[EventCounts]
    ) -> _Transaction:
        """The transaction that is open after the frames."""
        if len(begins):
            first = int(begins[-1])
            opened = _Transaction(
                int(context.commit[first]),
                int(context.micros[first]),
                int(context.tx_id[first]),
                int(context.first[first]),
            )
        else:
            first = 0
            assert self._open is not None
            opened = self._open
        opened.passed += int(self._is_event(kinds[first:]).sum())
        if counts:
            opened.captured = counts[-1]
        return opened

    def _idle_end(self, frames: Frames, kinds: Kinds) -> int:
        keepalives = np.flatnonzero(kinds == message.KEEPALIVE)
        if not len(keepalives):
            return 0
        depth = np.cumsum((kinds == message.BEGIN).astype(np.int64) - (kinds == message.COMMIT))
        depth += self._open is not None
        idle = keepalives[depth[keepalives] == 0]
        return frames.keepalive_end(int(idle[-1])) if len(idle) else 0

    # Events.

    def _groups(self, frames: Frames, kinds: Kinds) -> list[_Group]:
        """The changes of each captured table while it has one schema, each table's in order."""
        changes = np.flatnonzero(_IS_CHANGE[kinds])
        oids = frames.ints(changes, 0)
        # Between these, no table changes its schema and none is emptied.
        cuts = np.flatnonzero(_IS_CUT[kinds])
        edges = [0, *np.searchsorted(changes, cuts).tolist(), len(changes)]
        open_groups: dict[int, _Group] = {}
        groups: list[_Group] = []
        for part, (start, end) in enumerate(itertools.pairwise(edges)):
            if part:
                groups += self._cut(frames, kinds, int(cuts[part - 1]), open_groups)
            for schema, rows in self._by_table(changes[start:end], oids[start:end]):
                group = open_groups.get(schema.relation.oid)
                if group is None or group.schema is not schema:
                    group = open_groups[schema.relation.oid] = _Group(schema)
                    groups.append(group)
                group.parts.append(rows)
        return groups

    def _cut(self, frames: Frames, kinds: Kinds, row: int, open_groups: dict[int, _Group]) -> list[_Group]:
        body = frames.body(row)
        if kinds[row] == message.RELATION:
            self._book.put(parse_relation(body))
            return []
        count = int.from_bytes(body[:4], "big")
        found = []
        for at in range(5, 5 + 4 * count, 4):
            schema = self._described(int.from_bytes(body[at : at + 4], "big"))
            open_groups.pop(schema.relation.oid, None)
            if self._book.rules.capture.table(schema.relation.table):
                found.append(_Group(schema, [np.array([row])]))
        return found

    def _by_table(self, rows: Positions, oids: Numbers) -> list[tuple[TableSchema, Positions]]:
        found = []
        for oid in np.unique(oids).tolist():
            schema = self._described(oid)
            if self._book.rules.capture.table(schema.relation.table):
                found.append((schema, rows[oids == oid]))
        return found

    def _described(self, oid: int) -> TableSchema:
        schema = self._book.schema(oid)
        if schema is None:
            raise FatalError(f"The server sent a change of table {oid} without its description.")
        return schema

    def _events(
        self, frames: Frames, kinds: Kinds, group: _Group, context: _Context, halted: list[tuple[str, bytes, str]]
    ) -> Batch | None:
        schema, rows = group.schema, self._told(kinds, group.rows)
        resumed_commit, resumed_events = self._resumed
        if resumed_commit:
            rows = rows[(context.commit[rows] != resumed_commit) | (context.number[rows] >= resumed_events)]
        if not len(rows):
            return None
        if kinds[rows[0]] == message.TRUNCATE:
            return self._truncation(frames, schema, rows, context)
        tuples = _Tuples.of(frames, kinds, schema, rows)
        while True:
            try:
                changes, problems = self._changes(frames, schema, rows, tuples, context)
                break
            except NullInRequiredError as error:
                schema = self._book.widen(schema, error.columns)
        changes, left = self._unread(schema, rows, tuples, context, changes)
        if problems:
            for row, problem in sorted(problems.items()):
                if left[row]:
                    halted.append((schema.shape.topic, tuples.raw(row), problem))
                    left[row] = False
        changes = changes if left.all() else changes.take(np.flatnonzero(left))
        if self._rules.changes_only:
            changes = with_changes_only(changes)
        return change_batch(schema.shape, changes, tombstones=self._rules.tombstones) if len(changes) else None

    def _truncation(self, frames: Frames, schema: TableSchema, rows: Positions, context: _Context) -> Batch | None:
        ranges = self._position.ranges_of(schema.relation.table.name)
        if (context.commit[rows] < max(one.boundary for one in ranges)).any():
            return None
        nothing = pa.nulls(len(rows), pa.struct(list(schema.shape.row)))
        keys = pa.nulls(len(rows), pa.struct(list(schema.shape.key))) if schema.key else None
        transaction = self._transaction_blocks(rows, context) if self._rules.transactions else None
        op = np.full(len(rows), TRUNCATE, np.uint8)
        changes = Changes(op, None, nothing, None, keys, self._sources(frames, schema, rows, context), transaction)
        return change_batch(schema.shape, changes, tombstones=False)

    def _sources(self, frames: Frames, schema: TableSchema, rows: Positions, context: _Context) -> pa.StructArray:
        return self._blocks.changes(
            schema.relation.table,
            micros=context.micros[rows],
            tx_id=context.tx_id[rows],
            lsn=frames.lsn(rows),
            last_commit=context.last_commit[rows],
        )

    def _changes(
        self, frames: Frames, schema: TableSchema, rows: Positions, tuples: _Tuples, context: _Context
    ) -> tuple[Changes, Mapping[int, str]]:
        new, old = tuples.new_values(schema, self._rules.unavailable), tuples.old_values(schema)
        count = len(rows)
        after = _spread(rows_struct(schema, new, len(tuples.new_rows), fill=False), tuples.new_rows, count)
        key = keys_struct(schema, new)
        key_after = None if key is None else _spread(key, tuples.new_rows, count)
        before = key_before = None
        if len(tuples.old_rows):
            before = _spread(rows_struct(schema, old, len(tuples.old_rows), fill=True), tuples.old_rows, count)
            key = keys_struct(schema, old)
            key_before = None if key is None else _spread(key, tuples.old_rows, count)
        problems = {int(tuples.new_rows[row]): text for row, text in new.problems.items()}
        problems |= {int(tuples.old_rows[row]): text for row, text in old.problems.items()}
        source = self._sources(frames, schema, rows, context)
        transaction = self._transaction_blocks(rows, context) if self._rules.transactions else None
        return Changes(tuples.op, before, after, key_before, key_after, source, transaction), problems

    def _transaction_blocks(self, rows: Positions, context: _Context) -> pa.StructArray:
        names = pc.binary_join_element_wise(
            pa.array(context.tx_id[rows]).cast(pa.string()), pa.array(context.first[rows]).cast(pa.string()), ":"
        )
        columns = [names, pa.array(context.order[rows]), pa.array(context.table_order[rows])]
        return pa.StructArray.from_arrays(columns, fields=list(TRANSACTION_BLOCK))

    def _unread(
        self, schema: TableSchema, rows: Positions, tuples: _Tuples, context: _Context, changes: Changes
    ) -> tuple[Changes, Mask]:
        """The changes as far as snapshots have not shown them already, and which are left."""
        everything = self._position.ranges_of(schema.relation.table.name)
        commit = context.commit[rows]
        left = np.ones(len(rows), np.bool_)
        if not (commit < max(one.boundary for one in everything)).any():
            return changes, left
        has_old = np.isin(np.arange(len(rows)), tuples.old_rows)
        has_new = np.isin(np.arange(len(rows)), tuples.new_rows)
        seen_new = self._seen(schema, everything, tuples.new_keys(schema), tuples.new_rows, commit)
        seen_old = self._seen(schema, everything, tuples.old_keys(schema), tuples.old_rows, commit)
        moved = tuples.key_moved(schema) & has_old & has_new
        return unseen(changes, seen_old, seen_new, moved, has_new)

    def _seen(
        self,
        schema: TableSchema,
        ranges: Sequence[ReadUpTo],
        keys: Sequence[KeyText],
        rows: Positions,
        commit: Numbers,
    ) -> Mask:
        """Which changes a snapshot shows, by the key of each of some rows."""
        seen = np.zeros(len(commit), np.bool_)
        if not len(rows):
            return seen
        if len(ranges) == 1 or not schema.key:
            seen[rows] = commit[rows] < ranges[-1].boundary
        else:
            seen[rows] = commit[rows] < self._keys_read(schema, ranges, keys)
        return seen


@dataclass(frozen=True, slots=True)
class _Tuples:
    """The tuples of some changes of one table.

    Args:
        data: the buffer.
        op: n codes of operations.
        new_rows: which changes have a tuple after.
        new: its cells by column.
        old_rows: which changes have a tuple before.
        old: its cells.
        full: which of the tuples before have all columns.
    """

    data: Bytes
    op: Operations
    new_rows: Positions
    new: Sequence[TupleCells]
    old_rows: Positions
    old: Sequence[TupleCells]
    full: Mask

    @classmethod
    def of(cls, frames: Frames, kinds: Kinds, schema: TableSchema, rows: Positions) -> _Tuples:
        at = frames.position(rows, _AFTER_OID)
        marker = frames.data[at]
        count = len(schema.relation.columns)
        has_old = (marker == ord("K")) | (marker == ord("O"))
        old_rows = np.flatnonzero(has_old)
        old: list[TupleCells] = []
        if len(old_rows):
            old, end = tuple_cells(frames.data, at[old_rows] + 1, count)
            at = at.copy()
            at[old_rows] = end
        new_rows = np.flatnonzero(kinds[rows] != message.DELETE)
        new, _ = tuple_cells(frames.data, at[new_rows] + 1, count)
        full = marker[old_rows] == ord("O")
        if len(old_rows):
            place = np.minimum(np.searchsorted(old_rows, new_rows), len(old_rows) - 1)
            same = old_rows[place] == new_rows
            for index, column in enumerate(schema.relation.columns):
                # A key that is stored apart and has not changed is told before only, as is any value with FULL.
                told = same if column.identity else same & full[place]
                new[index] = new[index].completed(old[index], place, told)
        return cls(frames.data, _OPERATIONS[kinds[rows]], new_rows, new, old_rows, old, full)

    def text(self, cells: TupleCells) -> pa.Array:
        """The values of a column as text."""
        assert _TEXT is not None
        return _TEXT.decode(Cells(self.data, cells.start, cells.length))[0]

    def old_values(self, schema: TableSchema) -> RowValues:
        """The rows before."""
        if not len(self.old_rows):
            return RowValues({})
        wanted = schema.columns if self.full.any() else [i for i, one in schema.columns.items() if one.identity]
        return row_values(schema, {index: self.text(self.old[index]) for index in wanted})

    def new_values(self, schema: TableSchema, unavailable: str) -> RowValues:
        """The rows after; what has not changed and was not told has a placeholder."""
        found = row_values(schema, {index: self.text(self.new[index]) for index in schema.columns})
        for index in schema.columns:
            unchanged = self.new[index].unchanged
            if unchanged is not None:
                found.columns[index] = self._held_place(schema, index, found, unchanged, unavailable)
        return found

    def _held_place(
        self, schema: TableSchema, index: int, found: RowValues, unchanged: Mask, unavailable: str
    ) -> pa.Array:
        column = schema.columns[index]
        values = found.columns[index]
        stand_in = placeholder(column.type.type, unavailable)
        parts = [values, pa.array([stand_in], column.type.type)]
        places = np.where(unchanged, len(values), np.arange(len(values)))
        if stand_in is None:
            for place in np.flatnonzero(places == len(values)):
                found.problems[int(place)] = (
                    f"column {column.field.name!r}: the value has not changed, the server did not tell it, and its "
                    "type has no room for a placeholder; ALTER TABLE ... REPLICA IDENTITY FULL makes the server tell it"
                )
        return pa.concat_arrays(parts).take(pa.array(places))

    def new_keys(self, schema: TableSchema) -> list[KeyText]:
        """The keys after, as text."""
        return _keys([self.text(self.new[index]) for index in schema.key])

    def old_keys(self, schema: TableSchema) -> list[KeyText]:
        """The keys before, as text."""
        return _keys([self.text(self.old[index]) for index in schema.key]) if len(self.old_rows) else []

    def key_moved(self, schema: TableSchema) -> Mask:
        """Which updates have another key than before."""
        moved = np.zeros(len(self.op), np.bool_)
        if not len(self.old_rows) or not schema.key:
            return moved
        new = dict(zip(self.new_rows.tolist(), self.new_keys(schema), strict=True))
        for row, key in zip(self.old_rows.tolist(), self.old_keys(schema), strict=True):
            moved[row] = self.op[row] == UPDATE and new[row] != key
        return moved

    def raw(self, row: int) -> bytes:
        """What was received of a change, as text, for people."""
        found = np.flatnonzero(self.new_rows == row)
        cells, place = (
            (self.new, int(found[0])) if len(found) else (self.old, int(np.flatnonzero(self.old_rows == row)[0]))
        )
        values = []
        for each in cells:
            start, length = int(each.start[place]), int(each.length[place])
            values.append(b"\\N" if length < 0 else self.data[start : start + length].tobytes())
        return b"\t".join(values)


def _order(events: Numbers, which: Numbers, before: int) -> Numbers:
    """The number within its transaction, from 1, of the first event of each frame.

    Args:
        events: how many events each frame makes.
        which: number of its transaction, ascending from 0.
        before: how many events transaction 0 has had before.
    """
    earlier = np.cumsum(events) - events
    first = np.searchsorted(which, np.arange(which[-1] + 1))
    base = earlier[first]
    base[0] -= before
    order: Numbers = earlier - base[which] + 1
    return order


def _transaction_id(context: _Context, row: int) -> str:
    return f"{context.tx_id[row]}:{context.first[row]}"


def _keys(columns: Sequence[pa.Array]) -> list[KeyText]:
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def _spread(values: pa.StructArray, rows: Positions, count: int) -> pa.StructArray:
    """The values at their rows of ``count``, null elsewhere."""
    if len(rows) == count:
        return values
    places = np.full(count, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))

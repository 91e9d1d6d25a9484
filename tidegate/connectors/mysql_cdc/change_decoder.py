"""From events of the log to batches of change events, transaction after transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.cdc.change_batch import (
    DELETE,
    TRANSACTION_BLOCK,
    TRUNCATE,
    UPDATE,
    Changes,
    Operations,
    change_batch,
    key_changed,
    with_changes_only,
)
from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.cdc.transactions import EventCounts, TransactionMark, transaction_batch
from tidegate.connectors.cdc.unseen import unseen
from tidegate.connectors.mysql_cdc import ddl
from tidegate.connectors.mysql_cdc import events as log
from tidegate.connectors.mysql_cdc.column_types import placeholder
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.gtid import Gtids, MariaDbGtids, MySqlGtids
from tidegate.connectors.mysql_cdc.key_order import key_texts
from tidegate.connectors.mysql_cdc.position import Position, place_of
from tidegate.connectors.mysql_cdc.row_images import Image, RowImages, locate
from tidegate.connectors.mysql_cdc.schema_book import SchemaBook
from tidegate.connectors.mysql_cdc.schema_changes import SchemaChange, schema_change_batch
from tidegate.connectors.mysql_cdc.source_block import Places, SourceBlocks
from tidegate.connectors.mysql_cdc.statement import Statement, parse_statement
from tidegate.connectors.mysql_cdc.table_map import TableMap, parse_table_map
from tidegate.connectors.mysql_cdc.table_schema import TableSchema, apart
from tidegate.connectors.postgres_values.cells import Cells, Mask, Positions
from tidegate.errors import FatalError
from tidegate.records.envelope import Batch
from tidegate.telemetry.logging import get_logger

logger = get_logger(__name__)

Numbers = npt.NDArray[np.int64]
KeysRead = Callable[[TableSchema, Sequence[ReadUpTo], Sequence[KeyText]], Numbers]
"""For keys of a table, the boundary of the snapshot in which each was read."""

_NO_ROWS = np.zeros(0, np.int64)
_MOST_MAPS = 50_000
_STANDALONE = 1
_ROW_STATEMENTS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD"})
_WORD = re.compile(r"[\w$]+")
_GTID_FLAGS = 12
_FILE_BEGIN = 4
_COMMIT_MOMENTS, _MOMENT_BYTES = 42, 7
_OTHER_MOMENT_FOLLOWS = 1 << 55


@dataclass(frozen=True, slots=True)
class EventRules:
    """What a configuration says of all events.

    Args:
        skipped: codes of operations that give no event.
        tombstones: ``tombstones.on.delete``.
        transactions: ``provide.transaction.metadata``.
        unavailable: ``unavailable.value.placeholder``.
        changes_only: ``skip.messages.without.change``.
        queries: ``include.query``.
        schema_changes: ``include.schema.changes``.
    """

    skipped: frozenset[int] = frozenset()
    tombstones: bool = True
    transactions: bool = False
    unavailable: str = "__debezium_unavailable_value"
    changes_only: bool = False
    queries: bool = False
    schema_changes: bool = True


@dataclass(frozen=True, slots=True)
class Decoded:
    """What some events gave.

    Args:
        batches: of change events, each table's in order.
        halted: changes that can not be made into events: topic, raw values, reason.
        position: after the last event.
        seconds: when the last change was written; 0 for none.
    """

    batches: Sequence[Batch]
    halted: Sequence[tuple[str, bytes, str]]
    position: Position
    seconds: int


@dataclass(slots=True)
class _Transaction:
    """The transaction that the next event is of."""

    name: str
    passed: int = 0
    """Row events before the next event, whatever becomes of them."""
    standalone: bool = False
    begun: bool = False
    thread: int = 0
    gtid: str | None = None
    captured: EventCounts = field(default_factory=EventCounts)
    pos: int = 0
    micros: int = 0
    """When it was committed, in microseconds since 1970; 0 where the log tells only when its events were written."""
    begin_told: bool = False
    """Whether the record of its beginning is in Kafka."""


@dataclass(slots=True)
class _Context:
    """For each event of a chunk what its transaction is."""

    which: Numbers
    """Number of the transaction among those of the chunk; 0 is the one that was open before."""
    transactions: list[_Transaction]
    number: Numbers
    """Number of the row event within its transaction, from 0."""
    gtid: pa.Array
    begin: Numbers
    """By transaction, where its first event ends in the log."""
    query: pa.Array
    """Statements, and for each event the place of its own."""
    query_at: Numbers | None


@dataclass(slots=True)
class _Part:
    """Changes of one table, of one kind, with the same columns told."""

    schema: TableSchema
    op: int
    events: Positions
    rows: RowImages
    file: str
    order: Numbers = field(default_factory=lambda: _NO_ROWS)
    table_order: Numbers = field(default_factory=lambda: _NO_ROWS)
    piece: _Piece | None = None

    @property
    def event(self) -> Positions:
        """For each row the number of its event in the chunk."""
        return self.events[self.rows.event]

    @property
    def weights(self) -> Numbers:
        """How many change events each row is: an update of the key is two."""
        ones = np.ones(len(self.rows.event), np.int64)
        changes = None if self.piece is None else self.piece.changes
        if changes is None or self.op != UPDATE or changes.key_before is None or changes.key_after is None:
            return ones
        weights: Numbers = ones + key_changed(changes.key_before, changes.key_after)
        return weights


class ChangeDecoder:
    """Decodes a log that begins at a position.

    Args:
        book: the tables.
        blocks: makes ``source`` blocks.
        names: of topics.
        rules: of events.
        position: where the log begins.
        keys_read: asked for changes that an earlier snapshot may show.
        mariadb: whether MariaDB writes the log.
    """

    def __init__(
        self,
        book: SchemaBook,
        blocks: SourceBlocks,
        names: TopicNames,
        rules: EventRules,
        position: Position,
        keys_read: KeysRead,
        *,
        mariadb: bool,
    ) -> None:
        self._book = book
        self._blocks = blocks
        self._names = names
        self._rules = rules
        self._position = position
        self._keys_read = keys_read
        self._mariadb = mariadb
        self._gtids: Gtids = MariaDbGtids(position.gtids) if mariadb else MySqlGtids(position.gtids)
        # Begun in the midst, a set of MySQL's would not hold what came before.
        self._counts_gtids = mariadb or bool(position.gtids)
        self._file = position.file
        self._read = (position.file, position.pos)
        self._open: _Transaction | None = None
        # The transaction that was passed in part comes again, whole.
        self._resumed = (position.open_gtid, position.events)
        self._maps: dict[bytes, int] = {}
        self._described: list[TableMap] = []
        self._bound: dict[int, int] = {}
        self._query: str | None = None

    @property
    def position(self) -> Position:
        """After the last event that was decoded."""
        return self._position

    @property
    def read_to(self) -> tuple[str, int]:
        """File and place before which there is nothing left to be told, also where a file begins or ends."""
        return (self._position.file, self._position.pos) if self._open is not None else self._read

    @property
    def seen_to(self) -> int:
        """The place of the last change that was decoded, or one after it in its transaction."""
        return self._position.place if self._open is None else max(self._position.place, place_of(*self._read))

    def remember(self, incremental: Incremental) -> None:
        """Keeps with the position how far incremental snapshots have come."""
        self._position = replace(self._position, incremental=incremental)

    def decode(self, events: Events) -> Decoded:
        """Decodes what was received.

        Raises:
            FatalError: the server sent what is no such log, or what can not be followed.
            RetriableError: the server can not be asked.
        """
        try:
            return self._decode(events.unpacked())
        except (ValueError, IndexError) as error:
            raise FatalError(
                f"The log can not be read in {self._file} after position {self._position.pos}: {error}."
            ) from error

    def _decode(self, events: Events) -> Decoded:
        kinds = events.kinds
        if (kinds == log.PARTIAL_UPDATE).any():
            raise FatalError(
                "The log tells only parts of JSON documents.",
                remedy="Set binlog_row_value_options='' on the server.",
            )
        context = self._transactions(events)
        described = self._describe(events)
        parts: list[_Part] = []
        ends = (kinds == log.XID) | (kinds == log.XA_PREPARE)
        files: list[tuple[int, str]] = [(0, self._file)]
        special = np.flatnonzero(
            (kinds == log.QUERY) | (kinds == log.QUERY_COMPRESSED) | (kinds == log.ROTATE) | (kinds == log.INCIDENT)
        )
        done = 0
        halted: list[tuple[str, bytes, str]] = []
        batches: list[Batch] = []
        for index in special.tolist():
            kind = int(kinds[index])
            if kind == log.INCIDENT:
                raise FatalError(
                    "The server says that its log misses changes (an incident event).",
                    remedy="Take a new snapshot: reset the connector's offsets, or set snapshot.mode=when_needed.",
                )
            if kind == log.ROTATE:
                parts += self._parts(events, described, context, done, index)
                done = index
                self._file = events.body(index)[8:].decode()
                files.append((index, self._file))
                continue
            transaction = context.transactions[int(context.which[index])]
            statement = parse_statement(events.body(index), compressed=kind == log.QUERY_COMPRESSED)
            word = statement.word
            if statement.begins:
                transaction.begun = True
                transaction.thread = statement.thread
                continue
            ends[index] = statement.ends or transaction.standalone or not (transaction.begun or self._mariadb)
            if word in _ROW_STATEMENTS:
                self._refuse(statement)
            if word not in ("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "SET"):
                continue
            if self._seen_statement(context, index):
                continue
            parts += self._parts(events, described, context, done, index)
            done = index
            others = self._statement(events, context, index, statement)
            if others:
                # What comes before a statement about a table is told before it.
                self._number(events, context, parts)
                batches += self._told(events, context, parts, halted)
                parts = []
                batches += others
        parts += self._parts(events, described, context, done, len(events))
        self._number(events, context, parts)
        batches += self._told(events, context, parts, halted)
        if self._rules.transactions:
            marks = self._marks(events, context, ends)
            if marks:
                batches.append(transaction_batch(self._names, marks))
        self._advance(events, context, ends, files)
        # What is in no file has no place; the events before the last file's are in another one.
        places = events.end_pos[files[-1][0] + (len(files) > 1) :]
        file, pos = self._read
        # A stream begins with the name of the file, also in the midst of it.
        begin = pos if file == self._file else _FILE_BEGIN
        self._read = (self._file, max(int(places.max(initial=0)), begin))
        rows = np.flatnonzero(log.OPERATIONS[kinds])
        seconds = int(events.seconds[rows[-1]]) if len(rows) else 0
        return Decoded([one for one in batches if len(one)], halted, self._position, seconds)

    # Transactions.

    def _transactions(self, events: Events) -> _Context:
        begins = np.flatnonzero(log.IS_GTID[events.kinds])
        which = np.cumsum(log.IS_GTID[events.kinds], dtype=np.int64)
        opened = self._open or _Transaction("")
        transactions = [opened]
        transactions += self._begun(events, begins)
        is_row = log.OPERATIONS[events.kinds] != 0
        so_far = np.cumsum(is_row, dtype=np.int64) - is_row
        base = np.concatenate([[-opened.passed], so_far[begins]])
        begin = np.concatenate([[opened.pos], events.end_pos[begins]])
        gtids = pa.array([one.gtid for one in transactions], pa.string())
        query, query_at = self._queries(events)
        return _Context(which, transactions, so_far - base[which], gtids, begin, query, query_at)

    def _begun(self, events: Events, begins: Positions) -> list[_Transaction]:
        found = []
        if self._mariadb:
            cells = Cells(events.data, events.start[begins], 8)
            sequence = cells.gather("<u8").tolist()
            domain = cells.gather("<u4", 8).tolist()
            flags = cells.gather("u1", _GTID_FLAGS).tolist()
            server = events.server_id[begins].tolist()
            ends = events.end_pos[begins].tolist()
            for number, where, flag, origin, pos in zip(sequence, domain, flags, server, ends, strict=True):
                gtid = f"{where}-{origin}-{number}"
                found.append(_Transaction(gtid, standalone=bool(flag & _STANDALONE), gtid=gtid, pos=pos))
            return found
        for index in begins.tolist():
            pos = int(events.end_pos[index])
            if events.kinds[index] == log.ANONYMOUS_GTID:
                found.append(_Transaction(f"{self._file}:{pos - int(events.length[index])}", pos=pos))
                continue
            if events.kinds[index] == log.GTID_TAGGED:
                raise FatalError(
                    "The log has tagged GTIDs, which are not known here.",
                    remedy="Set gtid_next=AUTOMATIC without a tag in the sessions that write.",
                )
            body = events.body(index)
            gtid = _mysql_gtid(body)
            found.append(_Transaction(gtid, gtid=gtid, pos=pos, micros=_commit_micros(body)))
        return found

    def _queries(self, events: Events) -> tuple[pa.Array, Numbers | None]:
        """The statements that rows are of, where they are wanted."""
        if not self._rules.queries:
            return pa.nulls(1, pa.string()), None
        marks = np.flatnonzero(
            (events.kinds == log.ANNOTATE_ROWS) | (events.kinds == log.ROWS_QUERY) | log.IS_GTID[events.kinds]
        )
        texts: list[str | None] = [self._query]
        for index in marks.tolist():
            kind = events.kinds[index]
            if log.IS_GTID[kind]:
                texts.append(None)
            else:
                texts.append(events.body(index)[0 if kind == log.ANNOTATE_ROWS else 1 :].decode("utf-8", "replace"))
        self._query = texts[-1]
        return pa.array(texts, pa.string()), np.searchsorted(marks, np.arange(len(events)), side="right")

    def _number(self, events: Events, context: _Context, parts: Sequence[_Part]) -> None:
        """Numbers captured changes within their transactions, and counts them."""
        counts = [one.captured for one in context.transactions]
        told = [part for part in parts if part.op not in self._rules.skipped and len(part.rows.event)]
        if not told or not self._rules.transactions:
            return
        for part in told:
            part.piece = self._changes(events, context, part)
        for part, order in zip(told, _orders(context, told, [one.total for one in counts]), strict=True):
            part.order = order
        by_table: dict[str, list[_Part]] = {}
        for part in told:
            by_table.setdefault(part.schema.definition.table.name, []).append(part)
        for name, of_table in by_table.items():
            before = [one.tables.get(name, 0) for one in counts]
            for part, order in zip(of_table, _orders(context, of_table, before), strict=True):
                part.table_order = order
        for name, of_table in by_table.items():
            which = np.concatenate([context.which[part.event] for part in of_table])
            numbers = np.bincount(which, np.concatenate([part.weights for part in of_table]), len(counts))
            for count, number in zip(counts, numbers.astype(int).tolist(), strict=True):
                if number:
                    count.total += number
                    count.tables[name] = count.tables.get(name, 0) + number
        for part in told:
            for which in np.unique(context.which[part.event[~self._fresh(context, part.event)]]).tolist():
                context.transactions[which].begin_told = True

    def _marks(self, events: Events, context: _Context, ends: Mask) -> list[TransactionMark]:
        """The beginnings and ends of transactions with captured changes."""
        marks: list[TransactionMark] = []
        ended = set(context.which[ends].tolist())
        first_event = np.searchsorted(context.which, np.arange(len(context.transactions))).tolist()
        for which, transaction in enumerate(context.transactions):
            counts, first = transaction.captured, first_event[which]
            if not counts.total or first == len(events) or context.which[first] != which:
                continue
            millis = int(events.seconds[first]) * 1000
            if not transaction.begin_told:
                marks.append(TransactionMark(transaction.name, millis))
                transaction.begin_told = True
            if which in ended:
                marks.append(TransactionMark(transaction.name, millis, dict(counts.tables)))
        return marks

    def _advance(self, events: Events, context: _Context, ends: Mask, files: Sequence[tuple[int, str]]) -> None:
        """Moves the position past the events."""
        last = np.flatnonzero(ends)
        position = self._position
        if len(last):
            end = int(last[-1])
            which = int(context.which[end])
            file = next(name for first, name in reversed(files) if first <= end)
            names = [one.gtid for one in context.transactions[: which + 1] if one.gtid is not None]
            if self._counts_gtids:
                self._pass(names)
            position = replace(
                position,
                file=file,
                pos=int(events.end_pos[end]),
                gtids=str(self._gtids),
                open_gtid="",
                events=0,
                server_id=int(events.server_id[end]),
                ts_sec=int(events.seconds[end]),
            )
            if which == len(context.transactions) - 1:
                self._open = None
                self._position = position.after_snapshots()
                return
        self._open = self._opened(events, context)
        if self._open is not None and self._open.name:
            passed = self._open.passed
            resumed, resumed_events = self._resumed
            if self._open.name == resumed:
                passed = max(passed, resumed_events)
            position = replace(position, open_gtid=self._open.name if passed else "", events=passed)
        self._position = position.after_snapshots()

    def _pass(self, names: Sequence[str]) -> None:
        if self._mariadb:
            # Only the last one of each domain counts.
            names = list({name.partition("-")[0]: name for name in names}.values())
        for name in names:
            self._gtids.add(name)

    def _opened(self, events: Events, context: _Context) -> _Transaction | None:
        """The transaction that is open after the events."""
        opened = context.transactions[-1]
        if opened is self._open or len(context.transactions) > 1:
            first = int(np.searchsorted(context.which, len(context.transactions) - 1))
            opened.passed += int((log.OPERATIONS[events.kinds[first:]] != 0).sum())
            return opened
        return self._open

    # Statements.

    def _refuse(self, statement: Statement) -> None:
        """Fails where a statement may have changed rows of a captured table, which it does not tell."""
        words = set(_WORD.findall(statement.text.lower()))
        for table in self._book.tables:
            if table.table.lower() in words and self._book.captures(table):
                raise FatalError(
                    f"The log holds a statement instead of the rows it changed, perhaps of {table.name}: "
                    f"{statement.text[:200]!r}.",
                    remedy="Set binlog_format=ROW, also in the sessions that write; for what is in the log already, "
                    "reset the connector's offsets.",
                )

    def _seen_statement(self, context: _Context, index: int) -> bool:
        """Whether a statement was followed before the last start: its transaction was passed in part."""
        resumed, passed = self._resumed
        return context.transactions[int(context.which[index])].name == resumed and passed > 0

    def _statement(self, events: Events, context: _Context, index: int, statement: Statement) -> list[Batch]:
        how = statement.context(lambda name: self._book.databases.get(name), int(events.seconds[index]))
        try:
            found = ddl.changes(statement.text, how)
        except ddl.DdlError as error:
            # Whatever it did to a table is noticed when the log describes that table.
            logger.warning("mysql_cdc.statement_not_followed", statement=statement.text[:200], reason=str(error))
            return []
        batches: list[Batch] = []
        for change in found:
            if isinstance(change, ddl.Truncate):
                batches += self._truncation(events, context, index, change)
        if found and all(isinstance(change, ddl.Truncate) for change in found):
            return batches
        before = dict(self._book.tables)
        tables = [table for change in found for table in self._book.apply(change)]
        if self._rules.schema_changes:
            told = [
                SchemaChange(table, before.get(table), self._book.tables.get(table))
                for table in tables
                if self._book.captures(table)
            ]
            databases = [one for one in found if isinstance(one, (ddl.DatabaseChange, ddl.DropDatabase))]
            if told or any(self._book.captures_database(one.database) for one in databases):
                places = self._places(events, context, np.array([index]), _NO_ROWS[:0], self._file)
                batches.append(
                    schema_change_batch(self._names, self._blocks, places, statement.database, statement.text, told)
                )
        return batches

    def _truncation(self, events: Events, context: _Context, index: int, change: ddl.Truncate) -> list[Batch]:
        definition = self._book.tables.get(change.table)
        if definition is None or TRUNCATE in self._rules.skipped or not self._book.captures(change.table):
            return []
        schema = self._book.rules.schema(definition)
        ranges = self._position.ranges_of(definition.table.name)
        if self._place(context, np.array([index]), self._file)[0] <= max(one.boundary for one in ranges):
            return []
        nothing = pa.nulls(1, pa.struct(list(schema.shape.row)))
        keys = pa.nulls(1, pa.struct(list(schema.shape.key))) if schema.key else None
        places = self._places(events, context, np.array([index]), _NO_ROWS[:0], self._file)
        source = self._blocks.changes(change.table, places)
        op = np.full(1, TRUNCATE, np.uint8)
        changes = Changes(op, None, nothing, None, keys, source)
        if self._rules.transactions:
            transaction = context.transactions[int(context.which[index])]
            counts, name = transaction.captured, change.table.name
            counts.total += 1
            counts.tables[name] = counts.tables.get(name, 0) + 1
            block = {"id": transaction.name, "total_order": counts.total, "data_collection_order": counts.tables[name]}
            changes = replace(changes, transaction=pa.array([block], TRANSACTION_BLOCK))
        return [change_batch(schema.shape, changes, tombstones=False)]

    # Rows.

    def _describe(self, events: Events) -> Numbers:
        """For each event the number of the description of its table; -1 for none."""
        found = np.full(len(events), -1, np.int64)
        maps = np.flatnonzero(events.kinds == log.TABLE_MAP)
        rows = np.flatnonzero(log.OPERATIONS[events.kinds])
        if len(self._described) > _MOST_MAPS:
            self._maps, self._described, self._bound = {}, [], {}
        numbers = np.array([self._map(events.body(index)) for index in maps.tolist()], np.int64)
        ids = _table_ids(events, maps)
        row_ids = _table_ids(events, rows)
        for table_id in np.unique(row_ids).tolist():
            own = maps[ids == table_id]
            own_numbers = np.concatenate([[self._bound.get(table_id, -1)], numbers[ids == table_id]])
            mine = rows[row_ids == table_id]
            found[mine] = own_numbers[np.searchsorted(own, mine)]
        for table_id in np.unique(ids).tolist():
            self._bound[table_id] = int(numbers[ids == table_id][-1])
        return found

    def _map(self, body: bytes) -> int:
        number = self._maps.get(body)
        if number is None:
            number = len(self._described)
            self._described.append(parse_table_map(body, mariadb=self._mariadb))
            self._maps[body] = number
        return number

    def _parts(self, events: Events, described: Numbers, context: _Context, first: int, last: int) -> list[_Part]:
        """The changes of captured tables among some events."""
        rows = first + np.flatnonzero(log.OPERATIONS[events.kinds[first:last]])
        if not len(rows):
            return []
        if not self._rules.transactions:
            rows = rows[self._fresh(context, rows)]
        found: list[_Part] = []
        numbers = described[rows]
        for number in _in_order(numbers):
            if number < 0:
                continue
            table = self._described[number]
            schema = self._book.schema(table)
            if schema is None:
                continue
            found += self._of_table(events, schema, rows[numbers == number])
        return found

    def _fresh(self, context: _Context, rows: Positions) -> Mask:
        """Which row events are not in Kafka already."""
        resumed, passed = self._resumed
        if not passed:
            return np.ones(len(rows), np.bool_)
        names = np.array([one.name == resumed for one in context.transactions])
        fresh: Mask = ~names[context.which[rows]] | (context.number[rows] >= passed)
        return fresh

    def _of_table(self, events: Events, schema: TableSchema, rows: Positions) -> list[_Part]:
        count = len(schema.described)
        width = (count + 7) // 8
        second = log.SECOND_LAYOUT[events.kinds[rows]]
        head = events.start[rows] + 8
        if second.any():
            extra = events.data[head].astype(np.int64) | events.data[head + 1].astype(np.int64) << 8
            head = head + np.where(second, extra, 0)
        head = head + (1 if count < 0xFB else 3)
        operations = log.OPERATIONS[events.kinds[rows]]
        found = []
        for op in _in_order(operations):
            if op in self._rules.skipped:
                continue
            mine = np.flatnonzero(operations == op)
            masks = 2 if op == UPDATE else 1
            bits = events.data[head[mine][:, None] + np.arange(width * masks)]
            for told in np.unique(bits, axis=0):
                same = mine[(bits == told).all(axis=1)]
                sides = [
                    np.unpackbits(told[side * width : (side + 1) * width], bitorder="little")[:count].astype(np.bool_)
                    for side in range(masks)
                ]
                located = locate(
                    events.data, head[same] + width * masks, events.end[rows[same]], schema.described, told=sides
                )
                found.append(_Part(schema, int(op), rows[same], located, self._file))
        return found

    # Change events.

    def _told(
        self, events: Events, context: _Context, parts: Sequence[_Part], halted: list[tuple[str, bytes, str]]
    ) -> list[Batch]:
        by_schema: dict[int, list[_Part]] = {}
        for part in parts:
            if part.op not in self._rules.skipped and len(part.rows.event):
                by_schema.setdefault(id(part.schema), []).append(part)
        batches = []
        for of_schema in by_schema.values():
            batch = self._of_schema(events, context, of_schema, halted)
            if batch is not None:
                batches.append(batch)
        return batches

    def _of_schema(
        self, events: Events, context: _Context, parts: Sequence[_Part], halted: list[tuple[str, bytes, str]]
    ) -> Batch | None:
        schema = parts[0].schema
        pieces = [self._changes(events, context, part) if part.piece is None else part.piece for part in parts]
        event = np.concatenate([part.event for part in parts])
        row = np.concatenate([part.rows.row for part in parts])
        changes = _joined([piece.changes for piece in pieces])
        if self._rules.transactions:
            blocks = [self._transaction_blocks(context, part) for part in parts]
            changes = replace(changes, transaction=pa.concat_arrays(blocks))
        problems: dict[int, str] = {}
        base = 0
        for piece in pieces:
            problems |= {base + place: text for place, text in piece.problems.items()}
            base += len(piece.changes)
        left = self._fresh(context, event) if self._rules.transactions else np.ones(len(event), np.bool_)
        place = np.concatenate([self._place(context, part.event, part.file) for part in parts])
        changes, unread = self._unread(schema, place, changes)
        left &= unread
        for bad, problem in sorted(problems.items()):
            if left[bad]:
                halted.append((schema.shape.topic, _raw(parts, bad), problem))
                left[bad] = False
        kept = np.flatnonzero(left)
        if not len(kept):
            return None
        if len(parts) > 1:
            kept = kept[np.lexsort((row[kept], event[kept]))]
        if len(kept) < len(left) or len(parts) > 1:
            changes = changes.take(kept)
        if self._rules.changes_only:
            changes = with_changes_only(changes)
        return change_batch(schema.shape, changes, tombstones=self._rules.tombstones) if len(changes) else None

    def _changes(self, events: Events, context: _Context, part: _Part) -> _Piece:
        schema, count = part.schema, len(part.rows.event)
        images = part.rows.images
        problems: dict[int, str] = {}
        old = None if part.op == ord("c") else self._values(schema, images[0], problems)
        new = None if part.op == DELETE else self._values(schema, images[-1], problems)
        if new is not None:
            self._complete(schema, new, old, count, problems)
        key_before = None if old is None else schema.keys(self._with_keys(schema, old, new))
        key_after = None if new is None else schema.keys(new)
        before = None if old is None else schema.rows(old, count, fill=True)
        row_type = pa.struct(list(schema.shape.row))
        after = pa.nulls(count, row_type) if new is None else schema.rows(new, count, fill=bool(problems))
        if key_after is None and schema.key:
            key_after = pa.nulls(count, pa.struct(list(schema.shape.key)))
        source = self._blocks.changes(
            schema.definition.table, self._places(events, context, part.event, part.rows.row, part.file)
        )
        op = np.full(count, part.op, np.uint8)
        return _Piece(Changes(op, before, after, key_before, key_after, source), problems)

    def _values(self, schema: TableSchema, image: Image, problems: dict[int, str]) -> dict[int, pa.Array]:
        found = {}
        for index, column in schema.columns.items():
            cells = image.cells(index)
            if cells is None:
                continue
            try:
                found[index] = column.from_log(cells)
            except (ValueError, ArithmeticError, IndexError):
                found[index] = apart(column.from_log, cells, column.column.name, problems)
        return found

    @staticmethod
    def _with_keys(
        schema: TableSchema, old: Mapping[int, pa.Array], new: Mapping[int, pa.Array] | None
    ) -> Mapping[int, pa.Array]:
        """The rows before with the keys of those after where the log does not tell them: then they are the same."""
        missing = [index for index in schema.key if index not in old]
        if missing and new is None:
            raise FatalError(
                f"The log does not tell the key of rows deleted from {schema.definition.table.name}.",
                remedy="Set binlog_row_image=FULL on the server, or give the table a primary key.",
            )
        return old if not missing or new is None else {**old, **{index: new[index] for index in missing}}

    def _complete(
        self,
        schema: TableSchema,
        new: dict[int, pa.Array],
        old: Mapping[int, pa.Array] | None,
        count: int,
        problems: dict[int, str],
    ) -> None:
        """Fills in what the log leaves out after an update: as it was before, or a placeholder."""
        for index, column in schema.columns.items():
            if index in new:
                continue
            if old is not None and index in old:
                new[index] = old[index]
                continue
            if old is None:
                # An insert leaves out what has its default.
                new[index] = pa.nulls(count, column.type.type)
            else:
                stand_in = placeholder(column.type.type, self._rules.unavailable)
                new[index] = pa.array([stand_in] * count, column.type.type)
                if stand_in is not None:
                    continue
            if old is not None or not column.field.nullable:
                text = (
                    f"column {column.field.name!r}: the log does not tell its value, and its type has no room for a "
                    "placeholder; binlog_row_image=FULL makes the server tell it"
                )
                problems |= dict.fromkeys(range(count), text)

    def _places(self, events: Events, context: _Context, event: Positions, row: Numbers, file: str) -> Places:
        which = context.which[event]
        threads = np.array([one.thread for one in context.transactions], np.int64)[which]
        query = context.query.take(pa.array(context.query_at[event])) if context.query_at is not None else None
        committed = np.array([one.micros for one in context.transactions], np.int64)[which]
        return Places(
            np.where(committed, committed, events.seconds[event] * 1_000_000),
            events.server_id[event],
            context.gtid.take(pa.array(which)),
            file,
            events.end_pos[event] - events.length[event],
            row if len(row) == len(event) else np.zeros(len(event), np.int64),
            pa.array(threads, mask=threads == 0),
            pa.nulls(len(event), pa.string()) if query is None else query,
        )

    @staticmethod
    def _transaction_blocks(context: _Context, part: _Part) -> pa.StructArray:
        names = pa.array([one.name for one in context.transactions], pa.string())
        columns = [
            names.take(pa.array(context.which[part.event])),
            pa.array(part.order),
            pa.array(part.table_order),
        ]
        return pa.StructArray.from_arrays(columns, fields=list(TRANSACTION_BLOCK))

    # What snapshots have shown.

    @staticmethod
    def _place(context: _Context, event: Positions, file: str) -> Numbers:
        """Where the transactions of some events begin in the log."""
        return place_of(file, 0) + context.begin[context.which[event]]

    def _unread(self, schema: TableSchema, place: Numbers, changes: Changes) -> tuple[Changes, Mask]:
        """The changes as far as snapshots have not shown them already, and which are left."""
        everything = self._position.ranges_of(schema.definition.table.name)
        left = np.ones(len(place), np.bool_)
        if not (place <= max(one.boundary for one in everything)).any():
            return changes, left
        op = changes.op
        if len(everything) == 1 or not schema.key:
            return changes, place > everything[-1].boundary
        has_old, has_new = op != ord("c"), op != DELETE
        seen_new = self._seen(schema, everything, _key_texts(schema, changes.key_after, has_new), has_new, place)
        seen_old = self._seen(schema, everything, _key_texts(schema, changes.key_before, has_old), has_old, place)
        moved = np.zeros(len(op), np.bool_)
        if changes.key_before is not None and changes.key_after is not None:
            both = np.flatnonzero(has_old & has_new)
            old, new = changes.key_before, changes.key_after
            moved[both] = [old[row].as_py() != new[row].as_py() for row in both.tolist()]
        return unseen(changes, seen_old, seen_new, moved, has_new)

    def _seen(
        self, schema: TableSchema, ranges: Sequence[ReadUpTo], keys: Sequence[KeyText], has: Mask, place: Numbers
    ) -> Mask:
        """Which changes a snapshot shows, by the key of those that have one."""
        seen = np.zeros(len(place), np.bool_)
        rows = np.flatnonzero(has)
        if not len(rows):
            return seen
        seen[rows] = place[rows] <= self._keys_read(schema, ranges, keys)
        return seen


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a part gave."""

    changes: Changes
    problems: Mapping[int, str]


def _mysql_gtid(body: bytes) -> str:
    text = body[1:17].hex()
    number = int.from_bytes(body[17:25], "little")
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}:{number}"


def _commit_micros(body: bytes) -> int:
    """When a transaction was committed on the server where it was made, which MySQL tells from 8.0 on."""
    moments = body[_COMMIT_MOMENTS : _COMMIT_MOMENTS + 2 * _MOMENT_BYTES]
    here = int.from_bytes(moments[:_MOMENT_BYTES], "little")
    return int.from_bytes(moments[_MOMENT_BYTES:], "little") if here & _OTHER_MOMENT_FOLLOWS else here


def _table_ids(events: Events, rows: Positions) -> Numbers:
    cells = Cells(events.data, events.start[rows], 6)
    ids: Numbers = cells.gather("<u4").astype(np.int64) | cells.gather("<u2", 4).astype(np.int64) << 32
    return ids


def _in_order(values: npt.NDArray[Any]) -> list[int]:
    """The different values in the order of their first appearance."""
    found, first = np.unique(values, return_index=True)
    return [int(one) for one in found[np.argsort(first)]]


def _orders(context: _Context, parts: Sequence[_Part], before: Sequence[int]) -> list[Numbers]:
    """For each row of parts its number within its transaction, from 1 and on from how many there were before."""
    event = np.concatenate([part.event for part in parts])
    row = np.concatenate([part.rows.row for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    order = np.lexsort((row, event))
    which, weights = context.which[event[order]], weights[order]
    so_far = np.cumsum(weights) - weights
    numbers = np.empty(len(order), np.int64)
    numbers[order] = so_far - so_far[np.searchsorted(which, which)] + 1 + np.array(before, np.int64)[which]
    ends = np.cumsum([len(part.rows.event) for part in parts])
    return np.split(numbers, ends[:-1])


def _joined(parts: Sequence[Changes]) -> Changes:
    if len(parts) == 1:
        return parts[0]

    def joined(columns: Sequence[pa.StructArray | None]) -> pa.StructArray | None:
        known = next((one for one in columns if one is not None), None)
        if known is None:
            return None
        arrays = [
            pa.nulls(len(part), known.type) if one is None else one for part, one in zip(parts, columns, strict=True)
        ]
        return pa.concat_arrays(arrays)

    after = joined([part.after for part in parts])
    source = joined([part.source for part in parts])
    assert after is not None and source is not None
    op: Operations = np.concatenate([part.op for part in parts])
    return Changes(
        op,
        joined([part.before for part in parts]),
        after,
        joined([part.key_before for part in parts]),
        joined([part.key_after for part in parts]),
        source,
        joined([part.transaction for part in parts]),
    )


def _key_texts(schema: TableSchema, keys: pa.StructArray | None, has: Mask) -> list[KeyText]:
    """Keys as text, of those rows that have one."""
    if keys is None:
        return [()] * int(has.sum())
    return key_texts(schema, keys.take(pa.array(np.flatnonzero(has))))


def _raw(parts: Sequence[_Part], place: int) -> bytes:
    """What was received of a change, for people."""
    for part in parts:
        count = len(part.rows.event)
        if place < count:
            image = part.rows.images[-1]
            values = []
            for start, length in zip(image.start, image.length, strict=True):
                size = int(length[place])
                begin = int(start[place])
                values.append(b"\\N" if size < 0 else image.data[begin : begin + size].tobytes())
            return b"\t".join(values)
        place -= count
    return b""

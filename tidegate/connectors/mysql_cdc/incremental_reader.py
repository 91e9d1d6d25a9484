"""Incremental snapshots: reads chunks, and tells them at the right place in the stream.

A chunk shows its table as it was at one place in the log. Its rows are told once the stream has passed that place,
without those that changes after it were about; no marks are written to the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.connectors.cdc.filters import CaptureFilter
from tidegate.connectors.cdc.incremental import Incremental, Signal, WantedTable, signalled
from tidegate.connectors.cdc.snapshot_position import KeyText
from tidegate.connectors.cdc.snapshot_steps import Halted
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.catalogue import Catalogue
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.connection import Server, Session
from tidegate.connectors.mysql_cdc.key_order import key_texts, ordered_key
from tidegate.connectors.mysql_cdc.position import Position, place_of
from tidegate.connectors.mysql_cdc.read_events import read_events, read_keys
from tidegate.connectors.mysql_cdc.schema_book import SchemaBook
from tidegate.connectors.mysql_cdc.snapshot import ChunkSession, TextRows
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules, TableSchema
from tidegate.errors import FatalError, TidegateError
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


@dataclass(slots=True)
class _Chunk:
    """Rows that wait for their place in the stream.

    Args:
        wanted: their table.
        definition: of the table, by which they were read; None where there is no such table.
        place: the place in the log at which the table was so.
        schema: of the table; None where nothing was read.
        rows: as text.
        after: the last key; None where the table has no more rows.
        problem: why nothing was read; empty where it was.
        changed: keys that were changed after the place.
        emptied: whether the table was emptied after it.
    """

    wanted: WantedTable
    definition: TableDefinition | None
    place: int
    schema: TableSchema | None = None
    rows: Sequence[TextRows] = ()
    after: KeyText | None = None
    problem: str = ""
    changed: set[tuple[Any, ...]] = field(default_factory=set)
    emptied: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A chunk that is told.

    Args:
        batches: its events.
        halted: its rows that are no events.
        state: after it.
    """

    batches: Sequence[Batch]
    halted: Sequence[Halted]
    state: Incremental


class IncrementalReader:
    """Reads the tables that signals ask for, a chunk at a time.

    Args:
        server: to read from.
        asking: gives a session for questions.
        capture: what is captured, without the table of signals.
        book: the tables as they were where the stream is.
        rules: what the configuration says of tables.
        blocks: makes ``source`` blocks.
        config: the connector's.
    """

    def __init__(
        self,
        server: Server,
        asking: Callable[[], Session],
        capture: CaptureFilter,
        book: SchemaBook,
        rules: SchemaRules,
        blocks: SourceBlocks,
        config: Config,
    ) -> None:
        self._server = server
        self._asking = asking
        self._capture = capture
        self._book = book
        self._rules = rules
        self._blocks = blocks
        self._size: int = config["incremental.snapshot.chunk.size"]
        self._lock_seconds = max(1, config["snapshot.lock.timeout.ms"] // 1000)
        self._table = TableId(*config["signal.data.collection"].split(".", 1))
        self._topic = rules.names.data(self._table)
        self.hidden_topic = None if capture.table(self._table) else self._topic
        """Topic whose records are not told, for only signals are read from them."""
        self._session: ChunkSession | None = None
        self._chunk: _Chunk | None = None
        self._unsure: dict[str, set[tuple[Any, ...]]] = {}

    def take(self, batches: Sequence[Batch], state: Incremental, *, unsure: bool) -> Incremental:
        """Looks at what the stream told: signals, and changes of rows that wait.

        Args:
            batches: of changes.
            state: before them.
            unsure: whether some of the changes may not be seen in the tables yet.

        Raises:
            TidegateError: the server is away.
        """
        if not state.wanted:
            self._unsure.clear()
        for batch in batches:
            if "op" not in batch.value.type.names:
                continue
            self._mark_changed(batch, unsure=unsure)
            if batch.topic == self._topic:
                for record in batch.value.to_pylist():
                    if record is not None and record["op"] == "c":
                        state = self._signal(state, record["after"])
        return state

    def due(self, position: Position, *, seen: int, passed: int) -> Told | None:
        """A chunk whose place has been passed; reads the next one where none waits.

        Args:
            position: of the stream.
            seen: place of the last change that was told.
            passed: place before which there is nothing left to be told.

        Raises:
            TidegateError: the server is away.
        """
        state = position.incremental
        if self._chunk is None:
            self._chunk = self._read(position, seen)
        chunk = self._chunk
        if chunk is None:
            return None
        if passed < chunk.place:
            return None
        self._chunk = None
        if state.paused or not state.wanted or state.wanted[0] != chunk.wanted:
            return None
        if self._book.tables.get(_id(chunk.wanted)) != chunk.definition:
            # The table was changed between here and the chunk's place: it is read again as it is now.
            return None
        if chunk.problem or chunk.schema is None:
            log.warning("mysql_cdc.incremental_skipped", table=chunk.wanted.name, reason=chunk.problem)
            return Told((), (), state.told(None))
        if chunk.after is None:
            log.info("mysql_cdc.incremental_table_done", table=chunk.wanted.name)
        batches, halted = ([], []) if chunk.emptied else self._events(chunk, chunk.schema, position)
        return Told(batches, halted, state.told(chunk.after))

    def close(self) -> None:
        """Closes the connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _signal(self, state: Incremental, row: dict[str, Any]) -> Incremental:
        try:
            signal = Signal.of(row)
            catalogue = Catalogue(self._asking())
            tables = catalogue.table_names(list(catalogue.databases(self._capture.schema)))
            captured = sorted(table.name for table in tables if self._capture.table(table) and table != self._table)
            log.info("mysql_cdc.signal", id=signal.id, type=signal.type, data=str(dict(signal.data))[:500])
            return signalled(state, signal, captured)
        except ValueError as error:
            log.warning("mysql_cdc.signal_refused", reason=str(error))
            return state

    def _mark_changed(self, batch: Batch, *, unsure: bool) -> None:
        """Notes which rows of a chunk are older than the changes, or may be."""
        chunk = self._chunk
        waits = chunk is not None and chunk.schema is not None and batch.topic == chunk.schema.shape.topic
        if not waits and not unsure:
            return
        source = batch.value.field("source")
        files, pos = source.field("file").to_pylist(), source.field("pos").to_pylist()
        place = 0 if unsure or chunk is None else chunk.place
        later = [file is not None and place_of(file, at) >= place for file, at in zip(files, pos, strict=True)]
        operations = batch.value.field("op")
        changed: set[tuple[Any, ...]] = set()
        for row in np.flatnonzero(later).tolist():
            if operations[row].as_py() == "t":
                if waits and chunk is not None:
                    chunk.emptied = True
                continue
            key = batch.key[row].as_py()
            if key is not None:
                changed.add(tuple(key.values()))
        if waits and chunk is not None:
            chunk.changed |= changed
        if unsure:
            self._unsure.setdefault(batch.topic, set()).update(changed)

    def _read(self, position: Position, seen: int) -> _Chunk | None:
        state = position.incremental
        if not state.wanted or state.paused:
            return None
        wanted = state.wanted[0]
        definition = self._book.known(_id(wanted))
        schema = None if definition is None else self._rules.schema(definition)
        ordered = [] if schema is None else ordered_key(schema)
        if definition is None or schema is None or not ordered:
            why = "there is no such table" if definition is None else "it has no primary key whose text has an order"
            return _Chunk(wanted, definition, 0, problem=why)
        if self._session is None:
            self._session = ChunkSession(self._server.connect(), position.server, lock_seconds=self._lock_seconds)
        try:
            rows, end = self._session.chunk(definition, ordered, state.last_key, self._size, wanted.condition)
            keys = [read_keys(schema, each) for each in rows]
        except FatalError as error:
            # Perhaps the table was changed, and the stream has not come to that yet.
            self.close()
            end = Catalogue(self._asking()).log_end()
            return _Chunk(wanted, definition, place_of(end.file, end.pos), problem=str(error))
        except TidegateError:
            self.close()
            raise
        place = place_of(end.file, end.pos)
        if place < seen:
            # A change that has been told is not visible yet: the rows may be older than it.
            return None
        count = sum(len(each) for each in rows)
        after = key_texts(schema, keys[-1][-1:])[0] if count == self._size else None
        # What was told before the chunk was read may still not be seen in it.
        changed = self._unsure.get(schema.shape.topic, set())
        self._unsure = {}
        return _Chunk(wanted, definition, place, schema, rows, after, changed=changed)

    def _events(self, chunk: _Chunk, schema: TableSchema, position: Position) -> tuple[list[Batch], list[Halted]]:
        batches: list[Batch] = []
        halted: list[Halted] = []

        def source(count: int) -> pa.StructArray:
            return self._blocks.snapshot(
                schema.definition.table,
                pa.repeat(pa.scalar("incremental"), count),
                millis=position.ts_sec * 1000,
                file=position.file,
                pos=position.pos,
            )

        for rows in chunk.rows:
            batch, _, bad = read_events(schema, rows, source, chunk.changed)
            halted += bad
            if batch is not None:
                batches.append(batch)
        return batches, halted


def _id(wanted: WantedTable) -> TableId:
    return TableId(*wanted.name.split(".", 1))

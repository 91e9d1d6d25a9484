"""The snapshot: every captured table as events, resumed where an earlier one ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidegate.connectors.cdc.at_once import pieces_at_once
from tidegate.connectors.cdc.filters import Choice
from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo
from tidegate.connectors.cdc.snapshot_steps import Step, each_and_last, snapshot_marks, told_steps
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.connection import Session
from tidegate.connectors.mysql_cdc.key_order import key_texts, ordered_key
from tidegate.connectors.mysql_cdc.position import Position, place_of
from tidegate.connectors.mysql_cdc.read_events import read_events
from tidegate.connectors.mysql_cdc.snapshot import SnapshotSession, TextRows, read_rows
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules, TableSchema
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_BATCH_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class _Reading:
    """A table that is being read.

    Args:
        schema: its own.
        ordered: places of the columns of its order; none for any order.
        earlier: ranges that were read in earlier snapshots.
        opening: whether no rows have been told.
    """

    schema: TableSchema
    ordered: Sequence[int]
    earlier: Sequence[ReadUpTo]
    opening: bool


_Piece = tuple[_Reading, TextRows | None, bool]
"""Rows of a table, and whether they are its last."""


class SnapshotReader:
    """Reads the captured tables: those with an order, in order of their names where one is read at a time, then the
    others.

    Tables with a key are read in its order. What an earlier snapshot has read is not read again: the position tells
    which ranges of keys were read at which place in the log, and the stream leaves out the changes each has shown.
    Where there is no order, there is no position before the table's end: it is told whole or not at all. Such tables
    are read one after the other, so that it is one table that has to be whole.

    Args:
        session: sees the tables as they were.
        tables: as they are defined there.
        rules: what the configuration says of tables.
        blocks: makes ``source`` blocks.
        config: the connector's.
        base: where the stream will begin, perhaps in the midst of an earlier snapshot; None for where this one is.
        server: the server that is read.
    """

    def __init__(
        self,
        session: SnapshotSession,
        tables: Mapping[TableId, TableDefinition],
        rules: SchemaRules,
        blocks: SourceBlocks,
        *,
        config: Config,
        base: Position | None,
        server: str,
    ) -> None:
        self._session = session
        self._tables = tables
        self._rules = rules
        self._blocks = blocks
        self._rows: int = config["snapshot.fetch.size"]
        self._chosen = Choice(config["snapshot.include.collection.list"])
        self._end = session.end
        self._boundary = place_of(self._end.file, self._end.pos)
        self._millis = time.time_ns() // 1_000_000
        if base is None:
            base = Position(self._end.file, self._end.pos, self._end.gtids, server=server)
        self._position = base.resumed(self._boundary)
        self._unordered: list[_Reading] = []
        self._told = self._all()
        self._steps = told_steps(self._told)
        progress = self._position.snapshot
        done = len(progress.done) if progress else 0
        log.info("mysql_cdc.snapshot", file=self._end.file, pos=self._end.pos, gtids=self._end.gtids, tables_done=done)

    def next(self) -> Step[Position] | None:
        """The next events; None when all has been read. The last ones' position is that of the finished snapshot.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        return next(self._steps, None)

    @property
    def position(self) -> Position:
        """Where the stream begins, once all has been read."""
        return self._position.finished()

    def close(self) -> None:
        """Ends the reading and closes the sessions."""
        self._told.close()
        self._session.close()

    def _all(self) -> Generator[Step[Position]]:
        progress = self._position.snapshot
        assert progress is not None
        wanted = [
            definition
            for table, definition in sorted(self._tables.items())
            if self._rules.capture.table(table) and table.name in self._chosen and table.name not in progress.done
        ]
        first, ended = not progress.rows, 0
        with contextlib.closing(self._read(wanted)) as pieces:
            for reading, rows, final in pieces:
                ended += final
                step = self._step(reading, rows, final=final, first=first, last=final and ended == len(wanted))
                first &= step.batch is None
                yield step

    def _read(self, wanted: Sequence[TableDefinition]) -> Generator[_Piece]:
        sessions = self._session.sessions
        yield from pieces_at_once(sessions[: max(1, len(wanted))], wanted, self._ordered, self._pieces, Session.close)
        for reading in self._unordered:
            yield from self._pieces(sessions[0], reading)

    def _ordered(self, _: Session, definition: TableDefinition) -> list[_Reading]:
        """A table that is to be read now; one without an order is put off."""
        schema = self._rules.schema(definition)
        earlier = list(self._position.ranges.get(definition.table.name, ()))
        reading = _Reading(schema, ordered_key(schema), earlier, opening=not earlier)
        if reading.ordered:
            return [reading]
        self._unordered.append(reading)
        return []

    def _pieces(self, session: Session, reading: _Reading) -> Iterator[_Piece]:
        """A table's rows; one piece without rows where it has none."""
        after = reading.earlier[-1].key if reading.earlier and reading.ordered else None
        definition = reading.schema.definition
        some = False
        read = read_rows(session, definition, reading.ordered, after, rows=self._rows, nbytes=_BATCH_BYTES)
        for rows, final in each_and_last(read):
            some = True
            yield reading, rows, final
        if not some:
            yield reading, None, True

    def _step(
        self, reading: _Reading, rows: TextRows | None, *, final: bool, first: bool, last: bool
    ) -> Step[Position]:
        if rows is None:
            return Step(None, self._advanced(reading, 0, None, done=True))

        def source(count: int) -> pa.StructArray:
            marks = snapshot_marks(count, reading.opening, final, first, last)
            table, end = reading.schema.definition.table, self._end
            return self._blocks.snapshot(table, marks, millis=self._millis, file=end.file, pos=end.pos)

        batch, keys, halted = read_events(reading.schema, rows, source)
        reading.opening = False
        key = key_texts(reading.schema, keys[-1:])[0] if keys is not None and reading.ordered else None
        return Step(batch, self._advanced(reading, len(rows), key, done=final), halted)

    def _advanced(self, reading: _Reading, rows: int, key: KeyText | None, *, done: bool) -> Position | None:
        name = reading.schema.definition.table.name
        self._position = self._position.advanced(name, rows, reading.earlier, key, done=done)
        return self._position if done or reading.ordered else None

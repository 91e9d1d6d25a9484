"""The snapshot: every captured table as events, resumed where an earlier one ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tidegate.connectors.cdc.change_batch import READ, Changes, change_batch
from tidegate.connectors.cdc.filters import Choice
from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo, SnapshotProgress
from tidegate.connectors.cdc.snapshot_steps import Halted, Step, each_and_last, snapshot_marks, told_steps
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.key_order import key_texts, ordered_key
from tidegate.connectors.mysql_cdc.position import Position, place_of
from tidegate.connectors.mysql_cdc.snapshot import SnapshotSession, TextRows
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules, TableSchema, apart
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_BATCH_BYTES = 8 * 1024 * 1024


class SnapshotReader:
    """Reads the captured tables in order of their names.

    Tables with a key are read in its order. What an earlier snapshot has read is not read again: the position tells
    which ranges of keys were read at which place in the log, and the stream leaves out the changes each has shown.

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
        self._steps = told_steps(self._all())
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
        """Closes the session."""
        self._session.close()

    def _all(self) -> Iterator[Step[Position]]:
        progress = self._position.snapshot
        assert progress is not None
        tables = [
            definition
            for table, definition in sorted(self._tables.items())
            if self._rules.capture.table(table) and table.name in self._chosen
        ]
        wanted = [one for one in tables if one.table.name not in progress.done]
        first = not progress.rows
        for number, definition in enumerate(wanted):
            for step in self._table(definition, first=first, last=number == len(wanted) - 1):
                first &= step.batch is None
                yield step

    def _table(self, definition: TableDefinition, *, first: bool, last: bool) -> Iterator[Step[Position]]:
        name = definition.table.name
        schema = self._rules.schema(definition)
        earlier = list(self._position.ranges.get(name, ()))
        ordered = ordered_key(schema)
        after = earlier[-1].key if earlier and ordered else None
        opening = not earlier
        read = self._session.rows(definition, ordered, after, self._rows, _BATCH_BYTES)
        for rows, final in each_and_last(read):
            batch, key, halted = self._events(schema, rows, opening=opening, closing=final, first=first, last=last)
            opening = first = False
            yield Step(batch, self._advanced(name, len(rows), earlier, key if ordered else None, done=final), halted)
        if name not in (self._position.snapshot or SnapshotProgress()).done:
            yield Step(None, self._advanced(name, 0, earlier, None, done=True))

    def _advanced(
        self, table: str, rows: int, earlier: Sequence[ReadUpTo], key: KeyText | None, *, done: bool
    ) -> Position:
        self._position = self._position.advanced(table, rows, earlier, key, done=done)
        return self._position

    def _events(
        self, schema: TableSchema, rows: TextRows, *, opening: bool, closing: bool, first: bool, last: bool
    ) -> tuple[Batch | None, KeyText | None, Sequence[Halted]]:
        count = len(rows)
        problems: dict[int, str] = {}
        values = {}
        for index, column in schema.columns.items():
            cells = rows.cells(index)
            try:
                values[index] = column.from_text(cells)
            except (ValueError, ArithmeticError):
                values[index] = apart(column.from_text, cells, column.column.name, problems)
        after = schema.rows(values, count, fill=bool(problems))
        keys = schema.keys(values)
        key = None if keys is None else key_texts(schema, keys[-1:])[0]
        source = self._blocks.snapshot(
            schema.definition.table,
            snapshot_marks(count, opening, closing, first, last),
            millis=self._millis,
            file=self._end.file,
            pos=self._end.pos,
        )
        changes = Changes(np.full(count, READ, np.uint8), None, after, None, keys, source)
        if not problems:
            return change_batch(schema.shape, changes, tombstones=False), key, ()
        halted = [(schema.shape.topic, _raw(rows, row), problem) for row, problem in sorted(problems.items())]
        good = [row for row in range(count) if row not in problems]
        if not good:
            return None, key, halted
        return change_batch(schema.shape, changes.take(np.array(good)), tombstones=False), key, halted


def _raw(rows: TextRows, row: int) -> bytes:
    values = []
    for start, length in zip(rows.start, rows.length, strict=True):
        begin, size = int(start[row]), int(length[row])
        values.append(b"\\N" if size < 0 else rows.data[begin : begin + size].tobytes())
    return b"\t".join(values)

"""The snapshot: every captured table as events, resumed where an earlier one ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidegate.connectors.cdc.at_once import pieces_at_once
from tidegate.connectors.cdc.change_batch import READ, Changes, change_batch
from tidegate.connectors.cdc.filters import Choice
from tidegate.connectors.cdc.snapshot_position import KeyText
from tidegate.connectors.cdc.snapshot_steps import Halted, Step, each_and_last, snapshot_marks, told_steps
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.postgres_cdc.catalogue import Catalogue, TableSize
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.lsn import lsn_text
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.row_values import NullInRequiredError, keys_struct, row_values, rows_struct
from tidegate.connectors.postgres_cdc.slot import MadeSlot
from tidegate.connectors.postgres_cdc.snapshot import RowRange, SnapshotConnection
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_schema import SchemaRules, TableSchema
from tidegate.errors import TidegateError
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_PART_BYTES = 1024 * 1024
_PARTS_A_THREAD = 4

PublishedTable = tuple[int, TableId, str]
"""Number, name and replica identity of a table."""


@dataclass(slots=True)
class _Reading:
    """A table that is being read.

    Args:
        schema: its own.
        ordered: places of the columns of its order; none for any order.
        cuts: keys that cut a table of which nothing has been read into ranges.
        condition: of the rows that are published.
        begun: whether some of its rows were read earlier, or have been told.
        parts: how many of its parts have not been told to their end.
    """

    schema: TableSchema
    ordered: Sequence[int]
    cuts: Sequence[KeyText]
    condition: str
    begun: bool
    parts: int = 1


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a table that is read by one connection.

    Args:
        reading: the table.
        rows: which of its rows.
        alone: whether it is all that is read of the table.
    """

    reading: _Reading
    rows: RowRange
    alone: bool


_Piece = tuple[_Part, pa.Table | None, bool]
"""Rows of a part of a table, and whether they are its last."""


class SnapshotReader:
    """Reads the captured tables: those with a primary key, in order of their names where one is read at a time, then
    the others.

    Where there are several connections a large table is read in parts: by ranges of its key, or where it has none by
    blocks of its file. All connections see the same snapshot.

    Tables with a key are read in its order. What an earlier snapshot has read is not read again: the position tells
    which ranges of keys were read at which place in the log, and the stream leaves out the changes each has shown.
    Where there is no key, there is no position before the table's end: it is told whole or not at all. Such tables
    are read one after the other, so that it is one table that has to be whole.

    Args:
        server: where the database is.
        catalogue: asks it.
        rules: what the configuration says of tables.
        blocks: makes ``source`` blocks.
        config: the connector's.
        tables: number, name and replica identity of tables; those that are captured are read.
        made: a slot whose exported snapshot has not been imported yet.
        base: where the stream will begin; perhaps in the midst of an earlier snapshot.

    Raises:
        TidegateError: the server is away, or the snapshot is gone.
    """

    def __init__(
        self,
        server: Server,
        catalogue: Catalogue,
        rules: SchemaRules,
        blocks: SourceBlocks,
        *,
        config: Config,
        tables: Sequence[PublishedTable],
        made: MadeSlot,
        base: Position,
    ) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._blocks = blocks
        self._publication: str = config["publication.name"]
        self._rows: int = config["snapshot.fetch.size"]
        self._chosen = Choice(config["snapshot.include.collection.list"])
        self._boundary = made.start
        self._tables = [one for one in tables if rules.capture.table(one[1]) and one[1].name in self._chosen]
        self._micros = time.time_ns() // 1000
        self._position = base.resumed(made.start)
        self._version = catalogue.version()
        self._most_threads: int = config["snapshot.max.threads"]
        self._sizes = catalogue.sizes([one[0] for one in self._tables]) if self._most_threads > 1 else {}
        threads = max(1, min(self._most_threads, sum(self._wanted_parts(one[0]) for one in self._tables)))
        self._connections: list[SnapshotConnection] = []
        try:
            for _ in range(threads):
                self._connections.append(SnapshotConnection(server, made.snapshot))
        except TidegateError:
            for connection in self._connections:
                connection.close()
            raise
        self._unordered: list[_Reading] = []
        self._told = self._all()
        self._steps = told_steps(self._told)
        self._log_start()

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
        """Ends the reading and closes the connections."""
        self._told.close()
        for connection in self._connections:
            connection.close()

    def _log_start(self) -> None:
        progress = self._position.snapshot
        done = len(progress.done) if progress else 0
        log.info("postgres_cdc.snapshot", lsn=lsn_text(self._boundary), tables_done=done)

    def _all(self) -> Generator[Step[Position]]:
        progress = self._position.snapshot
        assert progress is not None
        wanted = [one for one in self._tables if one[1].name not in progress.done]
        first, ended = not progress.rows, 0
        with contextlib.closing(self._read(wanted)) as pieces:
            for part, rows, final in pieces:
                part.reading.parts -= final
                done = final and not part.reading.parts
                ended += done
                step = self._step(part, rows, final=final, first=first, last=done and ended == len(wanted))
                first &= step.batch is None
                yield step

    def _read(self, wanted: Sequence[PublishedTable]) -> Generator[_Piece]:
        connections, cancel = self._connections, SnapshotConnection.cancel
        yield from pieces_at_once(connections, wanted, self._ranges, self._pieces, cancel)
        for reading in self._unordered:
            yield from pieces_at_once(connections, [reading], self._blocks_of_file, self._pieces, cancel)

    def _wanted_parts(self, oid: int) -> int:
        """Into how many parts a table is to be cut."""
        size = self._sizes.get(oid)
        if size is None or self._most_threads == 1:
            return 1
        return max(1, min(self._most_threads * _PARTS_A_THREAD, size.nbytes // _PART_BYTES))

    def _ranges(self, connection: SnapshotConnection, table: PublishedTable) -> list[_Part]:
        """The ranges of its key in which what is left of a table is read; one without a key is put off."""
        reading = self._reading(connection, table)
        if not reading.ordered:
            self._unordered.append(reading)
            return []
        name = table[1].name
        position = self._position.divided(name, reading.cuts) if reading.cuts else self._position
        return _parts(reading, [RowRange(reading.ordered, after, end) for after, end in position.unread(name)])

    def _blocks_of_file(self, _: SnapshotConnection, reading: _Reading) -> list[_Part]:
        oid = reading.schema.relation.oid
        wanted, blocks = self._wanted_parts(oid), self._sizes.get(oid, TableSize(0, 0)).blocks
        edges = [blocks * part // wanted for part in range(wanted)]
        ends = [*edges[1:], None]
        return _parts(
            reading, [RowRange(first_block=first, end_block=end) for first, end in zip(edges, ends, strict=True)]
        )

    def _pieces(self, connection: SnapshotConnection, part: _Part) -> Iterator[_Piece]:
        """The rows of a part of a table; one piece without rows where it has none."""
        reading = part.reading
        relation = reading.schema.relation
        if not part.alone:
            connection.lock(relation.table, wait=False)
        some = False
        for piece, final in each_and_last(connection.tables(relation, part.rows, reading.condition, self._rows)):
            some = True
            yield part, piece, final
        if not some:
            yield part, None, True

    def _reading(self, connection: SnapshotConnection, table: PublishedTable) -> _Reading:
        oid, name, identity = table
        connection.lock(name)
        relation, condition = self._catalogue.published_table(oid, name, identity, self._publication, self._version)
        facts = self._catalogue.facts(oid)
        schema = self._rules.schema(relation, facts, self._catalogue.type)
        # Only the order of a unique key without nulls tells how far the table has been read: that of the primary key,
        # or of the index that is the replica identity.
        key = [relation.columns[index].name for index in schema.key]
        identifying = [column.name for column in relation.columns if column.identity]
        ordered = schema.key if key and key in (list(facts.primary_key), identifying) else ()
        begun = bool(ordered and self._position.ranges.get(name.name))
        parts = 1 if begun or not ordered else self._wanted_parts(oid)
        cuts = []
        if parts > 1:
            cuts = connection.cuts(relation, ordered, condition, parts=parts, nbytes=self._sizes[oid].nbytes)
        return _Reading(schema, ordered, cuts, condition, begun)

    def _step(self, part: _Part, rows: pa.Table | None, *, final: bool, first: bool, last: bool) -> Step[Position]:
        reading = part.reading
        name = reading.schema.relation.table.name
        if reading.cuts:
            self._position, reading.cuts = self._position.divided(name, reading.cuts), ()
        if rows is None:
            return Step(None, self._advanced(part, 0, None, final=True))
        opening, reading.begun = not reading.begun, True
        closing = final and not reading.parts
        reading.schema, batch, halted = self._events(
            reading.schema, rows, opening=opening, closing=closing, first=first, last=last
        )
        key = tuple(rows.column(index)[-1].as_py() for index in reading.ordered)
        return Step(batch, self._advanced(part, rows.num_rows, key, final=final), halted)

    def _advanced(self, part: _Part, rows: int, key: KeyText | None, *, final: bool) -> Position | None:
        name = part.reading.schema.relation.table.name
        if part.reading.ordered:
            self._position = self._position.advanced_within(name, rows, part.rows.end, key, done=final)
            return self._position
        done = not part.reading.parts
        self._position = self._position.advanced(name, rows, (), None, done=done)
        return self._position if done else None

    def _events(
        self, schema: TableSchema, rows: pa.Table, *, opening: bool, closing: bool, first: bool, last: bool
    ) -> tuple[TableSchema, Batch | None, Sequence[Halted]]:
        count = rows.num_rows
        texts = {index: rows.column(index).combine_chunks() for index in schema.columns}
        values = row_values(schema, texts)
        while True:
            try:
                after = rows_struct(schema, values, count, fill=False)
                key = keys_struct(schema, values)
                break
            except NullInRequiredError as error:
                facts = self._catalogue.facts(schema.relation.oid)
                schema = self._rules.schema(schema.relation, facts, self._catalogue.type, error.columns)
        source = self._blocks.snapshot(
            schema.relation.table,
            snapshot_marks(count, opening, closing, first, last),
            micros=self._micros,
            lsn=self._boundary,
        )
        changes = Changes(np.full(count, READ, np.uint8), None, after, None, key, source)
        if not values.problems:
            return schema, change_batch(schema.shape, changes, tombstones=False), ()
        halted = [
            (schema.shape.topic, _raw(rows.slice(row, 1)), problem) for row, problem in sorted(values.problems.items())
        ]
        good = [row for row in range(count) if row not in values.problems]
        if not good:
            return schema, None, halted
        return schema, change_batch(schema.shape, changes.take(np.array(good)), tombstones=False), halted


def _parts(reading: _Reading, rows: Sequence[RowRange]) -> list[_Part]:
    reading.parts = len(rows)
    return [_Part(reading, each, len(rows) == 1) for each in rows]


def _raw(row: pa.Table) -> bytes:
    return "\t".join("\\N" if one is None else str(one) for one in row.to_pylist()[0].values()).encode()

"""Incremental snapshots: reads chunks, and tells them at the right place in the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.connectors.cdc.change_batch import READ, Changes, change_batch
from tidegate.connectors.cdc.incremental import Incremental, Signal, WantedTable, signalled
from tidegate.connectors.cdc.snapshot_position import KeyText
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.incremental import Visible
from tidegate.connectors.postgres_cdc.lsn import parse_lsn
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.relation import Relation
from tidegate.connectors.postgres_cdc.row_values import NullInRequiredError, keys_struct, row_values, rows_struct
from tidegate.connectors.postgres_cdc.snapshot import ChunkConnection
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_schema import SchemaRules, TableSchema
from tidegate.errors import TidegateError
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_RECENT = 20_000


@dataclass(slots=True)
class _Chunk:
    """Rows that wait for their place in the stream.

    Args:
        topic: theirs.
        schema: theirs.
        rows: as text.
        keys: of the rows, as values.
        visible: which transactions the rows show.
        place: a place in the log that all of these are committed before.
        after: the last key; None where the table has no more rows.
        changed: keys that transactions it does not show have changed since.
    """

    topic: str
    schema: TableSchema
    rows: pa.Table
    keys: list[tuple[Any, ...]]
    visible: Visible
    place: int
    after: KeyText | None
    changed: set[tuple[Any, ...]]
    emptied: bool = False


class IncrementalReader:
    """Reads the tables that signals ask for, a chunk at a time.

    Args:
        server: where the database is.
        catalogue: asks it.
        rules: what the configuration says of tables.
        blocks: makes ``source`` blocks.
        config: the connector's.
    """

    def __init__(
        self, server: Server, catalogue: Catalogue, rules: SchemaRules, blocks: SourceBlocks, config: Config
    ) -> None:
        self._server = server
        self._catalogue = catalogue
        self._rules = rules
        self._blocks = blocks
        self._publication: str = config["publication.name"]
        self._size: int = config["incremental.snapshot.chunk.size"]
        self._signals: str | None = config["signal.data.collection"]
        self._connection: ChunkConnection | None = None
        self._chunk: _Chunk | None = None
        self._recent: deque[int] = deque(maxlen=_RECENT)

    def is_signal_table(self, table: TableId) -> bool:
        """Whether a table is the one signals are written to."""
        return self._signals is not None and self._signals.lower() in (table.name.lower(), f".{table.name}".lower())

    def take(self, batches: Sequence[Batch], state: Incremental) -> Incremental:
        """Looks at what the stream told: signals, and changes of rows that wait.

        Raises:
            TidegateError: the server is away.
        """
        for batch in batches:
            value = batch.value
            if "source" not in value.type.names:
                continue
            source = value.field("source")
            tx_ids = source.field("txId").fill_null(0).to_numpy(zero_copy_only=False)
            self._recent.extend(dict.fromkeys(tx_ids.tolist()))
            self._mark_changed(batch, tx_ids)
            if self._signals is not None and len(batch):
                names = source.slice(0, 1).to_pylist()[0] or {}
                if self.is_signal_table(TableId(names.get("schema") or "", names.get("table") or "")):
                    for record in value.to_pylist():
                        if record is not None and record["op"] == "c":
                            state = self._signal(state, record["after"])
        return state

    def due(self, position: Position, idle_end: int, state: Incremental) -> tuple[Batch | None, Incremental] | None:
        """A chunk whose place has been reached, and the state after it; reads the next one where none waits.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        if self._chunk is None:
            self._read(state)
            if self._chunk is None:
                return None
        chunk = self._chunk
        if max(position.lsn_commit, position.open_commit, idle_end) < chunk.place:
            return None
        self._chunk = None
        if not state.wanted or state.wanted[0].name != chunk.schema.relation.table.name:
            return None, state
        after = state.told(chunk.after)
        if chunk.after is None:
            log.info("postgres_cdc.incremental_table_done", table=state.wanted[0].name)
        return self._told(chunk, position), after

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()

    def _signal(self, state: Incremental, row: dict[str, Any]) -> Incremental:
        try:
            signal = Signal.of(row)
            captured = [
                table.name
                for _, table, _ in self._catalogue.published(self._publication)
                if self._rules.capture.table(table) and not self.is_signal_table(table)
            ]
            log.info("postgres_cdc.signal", id=signal.id, type=signal.type, data=str(dict(signal.data))[:500])
            return signalled(state, signal, captured)
        except ValueError as error:
            log.warning("postgres_cdc.signal_refused", reason=str(error))
            return state

    def _mark_changed(self, batch: Batch, tx_ids: Any) -> None:
        chunk = self._chunk
        if chunk is None or batch.topic != chunk.topic:
            return
        unseen = ~chunk.visible.sees(tx_ids.astype(np.int64))
        operations = batch.value.field("op").to_pylist()
        for row in np.flatnonzero(unseen):
            if operations[row] == "t":
                chunk.emptied = True
                continue
            key = batch.key[int(row)].as_py()
            if key is not None:
                chunk.changed.add(tuple(key.values()))

    def _read(self, state: Incremental) -> None:
        if not state.wanted or state.paused:
            return
        wanted = state.wanted[0]
        found = next((one for one in self._catalogue.published(self._publication) if one[1].name == wanted.name), None)
        schema, published = (None, "") if found is None else self._described(*found)
        if schema is None or not schema.key:
            log.warning("postgres_cdc.incremental_skipped", table=wanted.name, reason="no such table, or no key")
            self._chunk = _nothing(wanted)
            return
        condition = " AND ".join(f"({each})" for each in (wanted.condition, published) if each)
        if self._connection is None or self._connection.closed:
            self._connection = ChunkConnection(self._server)
        try:
            rows, snapshot, place = self._connection.chunk(
                schema.relation, schema.key, state.last_key, self._size, condition
            )
        except TidegateError:
            self._connection.close()
            raise
        visible = Visible.of(snapshot)
        if self._recent and not visible.sees(np.array(self._recent, np.int64)).all():
            # A transaction whose changes have been told already is not visible yet: the rows may be older than it.
            return
        self._recent.clear()
        last = tuple(rows.column(index)[-1].as_py() for index in schema.key) if rows.num_rows else ()
        schema, keys = self._keys(schema, rows)
        self._chunk = _Chunk(
            schema.shape.topic,
            schema,
            rows,
            keys,
            visible,
            parse_lsn(place),
            last if rows.num_rows == self._size else None,
            set(),
        )

    def _described(self, oid: int, table: TableId, identity: str) -> tuple[TableSchema, str]:
        """A table's schema, and the condition of its rows that are published."""
        version = self._catalogue.version()
        relation, condition = self._catalogue.published_table(oid, table, identity, self._publication, version)
        return self._rules.schema(relation, self._catalogue.facts(oid), self._catalogue.type), condition

    def _keys(self, schema: TableSchema, rows: pa.Table) -> tuple[TableSchema, list[tuple[Any, ...]]]:
        values = row_values(schema, {index: rows.column(index).combine_chunks() for index in schema.key})
        keys = keys_struct(schema, values)
        assert keys is not None
        return schema, [tuple(key.values()) for key in keys.to_pylist()]

    def _told(self, chunk: _Chunk, position: Position) -> Batch | None:
        if chunk.emptied:
            return None
        rows = [row for row, key in enumerate(chunk.keys) if key not in chunk.changed]
        if not rows:
            return None
        kept = chunk.rows.take(rows) if len(rows) < len(chunk.keys) else chunk.rows
        schema, count = chunk.schema, len(rows)
        values = row_values(schema, {index: kept.column(index).combine_chunks() for index in schema.columns})
        while True:
            try:
                after, keys = (
                    rows_struct(schema, values, count, fill=bool(values.problems)),
                    keys_struct(schema, values),
                )
                break
            except NullInRequiredError as error:
                facts = self._catalogue.facts(schema.relation.oid)
                schema = self._rules.schema(schema.relation, facts, self._catalogue.type, error.columns)
        source = self._blocks.snapshot(
            schema.relation.table,
            pa.repeat(pa.scalar("incremental"), count),
            micros=position.ts_usec,
            lsn=position.lsn_commit,
        )
        changes = Changes(np.full(count, READ, np.uint8), None, after, None, keys, source)
        return change_batch(schema.shape, changes, tombstones=False)


def _nothing(wanted: WantedTable) -> _Chunk:
    """A chunk of a table that can not be read: it ends the table."""
    table = TableId(*wanted.name.split(".", 1)) if "." in wanted.name else TableId("", wanted.name)
    schema: Any = _Unread(Relation(0, table, "d", ()))
    return _Chunk("", schema, pa.table({}), [], Visible(0, 0), 0, None, set())


@dataclass(frozen=True, slots=True)
class _Unread:
    relation: Relation

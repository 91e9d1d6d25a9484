"""The task of the MySQL and MariaDB change data capture source: a snapshot where one is due, then the stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from tidegate.connectors.cdc.filters import CaptureFilter
from tidegate.connectors.cdc.heartbeat import Heartbeat
from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.keys import current_snapshot_mode
from tidegate.connectors.cdc.masking import ColumnMasks
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.snapshot_steps import WHOLE_TABLE_TIMEOUT_MS
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.mysql_cdc.binlog_stream import BinlogStream
from tidegate.connectors.mysql_cdc.catalogue import BUILTIN_DATABASES, Catalogue
from tidegate.connectors.mysql_cdc.change_decoder import ChangeDecoder, EventRules
from tidegate.connectors.mysql_cdc.column_types import Modes
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.committed_log import CommittedLog
from tidegate.connectors.mysql_cdc.connection import Server, Session
from tidegate.connectors.mysql_cdc.earlier_log import EarlierLog
from tidegate.connectors.mysql_cdc.incremental_reader import IncrementalReader
from tidegate.connectors.mysql_cdc.key_order import KeyOrder
from tidegate.connectors.mysql_cdc.keys import DEBEZIUM
from tidegate.connectors.mysql_cdc.position import Position, bytes_behind, place_of
from tidegate.connectors.mysql_cdc.schema_book import SchemaBook
from tidegate.connectors.mysql_cdc.server_check import server_problems
from tidegate.connectors.mysql_cdc.snapshot import SnapshotSession
from tidegate.connectors.mysql_cdc.snapshot_reader import SnapshotReader
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules, versioned_error
from tidegate.errors import FatalError, TidegateError
from tidegate.records.envelope import Batch, SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceContext, SourceTask
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_CHUNK_WAIT_SECONDS = 0.01
_LAG_LOOK_SECONDS = 10.0
_LAG_WARNING_SECONDS = 60.0


class MySqlCdcTask(SourceTask):
    """Captures a server's changes. One task a connector: the log has one order."""

    transaction_timeout_ms = WHOLE_TABLE_TIMEOUT_MS

    def __init__(self) -> None:
        self._session: Session | None = None
        self._stream: CommittedLog | None = None
        self._snapshot: SnapshotReader | None = None
        self._incremental: IncrementalReader | None = None
        self._polling = threading.Lock()

    def start(self, config: Config, context: SourceContext) -> None:
        self._config, self._context = config, context
        DEBEZIUM.warn(config.originals)
        self._server = Server(config)
        self._session = self._server.connect()
        self._catalogue = Catalogue(self._session)
        self._names = TopicNames.from_config(config)
        self._partition = {"server": self._names.prefix}
        self._blocks = SourceBlocks(self._names.prefix, self._catalogue.connector)
        self._capture = CaptureFilter.from_config(config, level="database", builtin=BUILTIN_DATABASES)
        self._rules = SchemaRules(
            self._capture,
            ColumnMasks(config.originals),
            MessageKeys(config["message.key.columns"]),
            self._names,
            Modes.from_config(config),
            self._blocks.field,
        )
        collations = self._catalogue.charset_of_collations()
        signals = config["signal.data.collection"]
        # The table of signals is read in the stream, whether or not it is captured.
        self._followed = self._capture if signals is None else self._capture.with_table(TableId(*signals.split(".", 1)))
        of_stream = replace(self._rules, capture=self._followed)
        self._book = SchemaBook(self._names.prefix, of_stream, self._tracked, collations.get, self._current)
        self._heartbeat = Heartbeat(self._names, config["heartbeat.interval.ms"])
        self._nothing = envelope(self._names.prefix, pa.nulls(0, pa.struct([])))
        self._wait: float = min(config["poll.interval.ms"], 1000) / 1000
        self._most_bytes: int = config["max.batch.bytes"]
        self._keep_every: float = config["position.commit.interval.ms"] / 1000
        self._keep_due = time.monotonic() + self._keep_every
        self._lag_due = 0.0
        self._bytes_due = 0.0
        kept = context.offset(self._partition)
        position = None if kept is None else Position.of(kept)
        self._sent = position
        for problem in server_problems(self._catalogue):
            raise FatalError(f"The {self._server.name} can not be captured: {problem.message}.")
        known = self._book.load(context.offset)
        self._begin(position, known=known)

    def poll(self) -> Sequence[SourceBatch]:
        with self._polling:
            return self._poll()

    def stop(self) -> None:
        # A poll in another thread has the connections until it ends.
        with self._polling:
            for one in (self._snapshot, self._incremental, self._stream, self._session):
                if one is not None:
                    one.close()

    # Where to begin.

    def _tracked(self, table: TableId) -> bool:
        if self._config["schema.history.internal.store.only.captured.tables.ddl"] and table.table:
            return self._followed.table(table)
        return self._followed.schema(table.schema)

    def _current(self, table: TableId) -> TableDefinition | None:
        return Catalogue(self._asking()).tables([table.schema], table).get(table)

    def _asking(self) -> Session:
        """The session for questions, anew where it was lost."""
        assert self._session is not None
        try:
            self._session.run("SELECT 1")
        except TidegateError:
            self._session.close()
            self._session = self._server.connect()
        return self._session

    def _begin(self, position: Position | None, *, known: bool) -> None:
        mode = current_snapshot_mode(self._config["snapshot.mode"])
        if position is not None and position.snapshot is not None and self._moved(position):
            raise FatalError(
                f"A snapshot was begun on another server than the {self._server.name}.",
                remedy="Point the connector at the server it began on, or reset its offsets to begin anew.",
            )
        if position is not None and not known:
            log.warning("mysql_cdc.no_schemas_kept")
        unfinished = position is not None and position.snapshot is not None
        wanted = mode == "always" or unfinished or (position is None and mode not in ("never", "no_data"))
        if not wanted:
            if position is None:
                position = self._without_data()
            self._after_snapshot(position)
            return
        self._read_tables(position if unfinished else None)

    def _moved(self, position: Position) -> bool:
        return bool(position.server) and position.server != self._catalogue.server_id()

    def _without_data(self) -> Position:
        """The end of the log, with the tables as they are defined there."""
        session = self._snapshot_session()
        try:
            self._take_definitions(session.catalogue)
            end = session.end
            # Kept as soon as may be: a start after a crash must not begin later.
            self._keep_due = 0.0
            return Position(end.file, end.pos, end.gtids, server=self._catalogue.server_id())
        finally:
            session.close()

    def _snapshot_session(self) -> SnapshotSession:
        seconds = max(1, self._config["snapshot.lock.timeout.ms"] // 1000)
        return SnapshotSession(self._server.connect(), self._config["snapshot.locking.mode"], lock_seconds=seconds)

    def _take_definitions(self, catalogue: Catalogue) -> Mapping[TableId, TableDefinition]:
        databases = catalogue.databases(self._followed.schema)
        tables = catalogue.tables(sorted(databases))
        for table in filter(self._capture.table, catalogue.versioned(sorted(databases))):
            raise versioned_error(table)
        self._book.begin(tables, databases)
        return tables

    def _read_tables(self, base: Position | None) -> None:
        session = self._snapshot_session()
        try:
            session.join(self._server.connect, self._config["snapshot.max.threads"] - 1)
            if base is None:
                tables = self._take_definitions(session.catalogue)
            else:
                # The log is read from where the first snapshot was: its definitions stay.
                tables = session.catalogue.tables(sorted(session.catalogue.databases(self._capture.schema)))
            session.unlock()
            self._snapshot = SnapshotReader(
                session,
                tables,
                self._rules,
                self._blocks,
                config=self._config,
                base=base,
                server=self._catalogue.server_id(),
            )
        except BaseException:
            session.close()
            raise

    def _after_snapshot(self, position: Position) -> None:
        """Begins to stream, or rests where only a snapshot is wanted."""
        if self._config["snapshot.mode"] == "initial_only":
            log.info("mysql_cdc.snapshot_only_done")
            return
        config = self._config
        rules = EventRules(
            frozenset(ord(one) for one in config["skipped.operations"] if one != "none"),
            config["tombstones.on.delete"],
            config["provide.transaction.metadata"],
            config["unavailable.value.placeholder"],
            config["skip.messages.without.change"],
            config["include.query"],
            config["include.schema.changes"],
        )
        lost = self._lost(position)
        if lost is not None:
            if config["snapshot.mode"] != "when_needed":
                raise lost
            log.warning("mysql_cdc.log_lost", reason=lost.message)
            self._read_tables(None)
            return
        server = self._catalogue.server_id()
        order = KeyOrder(self._asking)
        self._decoder = ChangeDecoder(
            self._book,
            self._blocks,
            self._names,
            rules,
            replace(position, server=server),
            order.boundaries,
            mariadb=self._catalogue.mariadb,
        )
        if config["signal.data.collection"]:
            self._incremental = IncrementalReader(
                self._server, self._asking, self._capture, self._book, self._rules, self._blocks, config
            )
        stream = BinlogStream(
            self._server.connect(),
            self._catalogue,
            position,
            server_id=config["database.server.id"],
            annotate=config["include.query"],
        )
        earlier = EarlierLog(
            self._reopened, lambda: [*Catalogue(self._asking()).log_files()], self._context.stopping, self._most_bytes
        )
        self._stream = CommittedLog(stream, earlier, file=position.file, held_bytes=self._most_bytes)
        log.info("mysql_cdc.streaming", file=position.file, pos=position.pos, gtids=position.gtids)

    def _reopened(self, file: str, pos: int) -> BinlogStream:
        """The log at a place that has been passed."""
        catalogue = Catalogue(self._asking())
        place = Position(file, pos)
        return BinlogStream(
            self._server.connect(), catalogue, place, server_id=0, annotate=self._config["include.query"]
        )

    def _lost(self, position: Position) -> FatalError | None:
        """That the server has not what is to be read next, as far as names of files and transactions tell."""
        if position.gtids:
            # MariaDB finds out for itself; MySQL sends what it has, also where that is another history.
            lacking = "" if self._catalogue.mariadb else self._catalogue.lacking(position.gtids)
            if not lacking:
                return None
            missing = f"it never had the transactions {lacking}"
        elif position.file not in self._catalogue.log_files():
            missing = f"the file {position.file}"
        else:
            return None
        return FatalError(
            f"The {self._server.name} has not the log any more that is to be read next: {missing}.",
            remedy="Set snapshot.mode=when_needed to read the tables anew, or reset the connector's offsets; keep the "
            "log for longer than the connector may stand still (binlog_expire_logs_seconds, expire_logs_days), and "
            "fail over to replicas that have everything.",
        )

    # Polling.

    def _poll(self) -> Sequence[SourceBatch]:
        if self._snapshot is not None:
            return self._next_step(self._snapshot)
        if self._stream is None:
            self._context.stopping.wait(self._wait)
            return self._kept(None, [])
        waits = bool(self._decoder.position.incremental.wanted) and not self._decoder.position.incremental.paused
        try:
            events = self._stream.take(_CHUNK_WAIT_SECONDS if waits else self._wait, self._most_bytes)
        except FatalError as error:
            return self._anew(error)
        batches: list[Batch] = []
        halted = False
        if events is not None:
            decoded = self._decoder.decode(events)
            for topic, raw, message in decoded.halted:
                self._context.halt(topic, raw, message)
                halted = True
            batches += self._visible(decoded.batches)
            if decoded.seconds:
                self._look_at_lag(decoded.seconds)
        else:
            self._context.lag(seconds=0.0)
        halted |= self._chunk(batches)
        batches += self._beat()
        position = self._decoder.position
        kept = Incremental() if self._sent is None else self._sent.incremental
        self._look_at_bytes()
        due = time.monotonic() >= self._keep_due
        due &= position != self._sent
        if not batches and not halted and not due and position.incremental == kept:
            return self._kept(None, [])
        return self._kept(position, batches)

    def _visible(self, batches: Sequence[Batch]) -> list[Batch]:
        """The batches that are told: those of the table of signals are only where it is captured by itself."""
        reader = self._incremental
        if reader is None:
            return list(batches)
        assert self._stream is not None
        state = self._decoder.position.incremental
        self._decoder.remember(reader.take(batches, state, unsure=self._stream.completes_prepared))
        return [batch for batch in batches if batch.topic != reader.hidden_topic]

    def _chunk(self, batches: list[Batch]) -> bool:
        """Adds a chunk of an incremental snapshot whose place has come; whether some of it is halted."""
        if self._incremental is None:
            return False
        passed = place_of(*self._decoder.read_to)
        told = self._incremental.due(self._decoder.position, seen=self._decoder.seen_to, passed=passed)
        if told is None:
            return False
        self._decoder.remember(told.state)
        for topic, raw, message in told.halted:
            self._context.halt(topic, raw, message)
        batches += told.batches
        return bool(told.halted)

    def _kept(self, position: Position | None, batches: Sequence[Batch]) -> Sequence[SourceBatch]:
        """The batches with what is to be kept after them: definitions first, so that none is kept without the other."""
        if position is None:
            return ()
        self._sent = position
        self._keep_due = time.monotonic() + self._keep_every
        # A batch without records holds what is kept; it is written only when all before it can be.
        nothing = batches[-1].slice(0, 0) if batches else self._nothing
        found = [SourceBatch(batch, self._partition, None) for batch in batches]
        found += [SourceBatch(nothing, partition, kept) for partition, kept in self._book.take_kept()]
        return [*found, SourceBatch(nothing, self._partition, position.offset())]

    def _next_step(self, snapshot: SnapshotReader) -> Sequence[SourceBatch]:
        step = snapshot.next()
        if step is None:
            snapshot.close()
            self._snapshot = None
            log.info("mysql_cdc.snapshot_done")
            position = snapshot.position
            self._after_snapshot(position)
            # Also where there was nothing to read, the place it began at is kept.
            return self._kept(position, [])
        for topic, raw, message in step.halted:
            self._context.halt(topic, raw, message)
        if step.position is None:
            return [SourceBatch(self._nothing if step.batch is None else step.batch, self._partition, None)]
        return self._kept(step.position, [] if step.batch is None else [step.batch])

    def _anew(self, error: FatalError) -> Sequence[SourceBatch]:
        """Reads the tables anew where the log is gone and that is wanted."""
        if self._config["snapshot.mode"] != "when_needed" or "has not the log any more" not in error.message:
            raise error
        log.warning("mysql_cdc.log_lost", reason=error.message)
        assert self._stream is not None
        self._stream.close()
        self._stream = None
        self._read_tables(None)
        return ()

    def _beat(self) -> list[Batch]:
        if not self._heartbeat.due:
            return []
        if self._config["heartbeat.action.query"]:
            self._asking().run(self._config["heartbeat.action.query"])
        return [self._heartbeat.record()]

    def _look_at_lag(self, seconds: int) -> None:
        most: int = self._config["lag.warning.seconds"]
        lag = max(0.0, time.time() - seconds)
        self._context.lag(seconds=lag)
        if most and lag > most and time.monotonic() >= self._lag_due:
            self._lag_due = time.monotonic() + _LAG_WARNING_SECONDS
            position: Mapping[str, Any] = self._decoder.position.offset()
            log.warning("mysql_cdc.lag", seconds=round(lag), file=position["file"], pos=position["pos"])

    def _look_at_bytes(self) -> None:
        if time.monotonic() < self._bytes_due:
            return
        self._bytes_due = time.monotonic() + _LAG_LOOK_SECONDS
        behind = bytes_behind(Catalogue(self._asking()).log_files(), *self._decoder.read_to)
        if behind is not None:
            self._context.lag(nbytes=behind)

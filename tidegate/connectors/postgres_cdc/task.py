"""The task of the PostgreSQL change data capture source: a snapshot where one is due, then the stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from tidegate.connectors.cdc.heartbeat import Heartbeat
from tidegate.connectors.cdc.incremental import Incremental
from tidegate.connectors.cdc.keys import current_snapshot_mode
from tidegate.connectors.cdc.snapshot_steps import WHOLE_TABLE_TIMEOUT_MS
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.change_decoder import ChangeDecoder, EventRules
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.incremental_reader import IncrementalReader
from tidegate.connectors.postgres_cdc.key_order import KeyOrder
from tidegate.connectors.postgres_cdc.keys import DEBEZIUM, QUEUE_BYTES
from tidegate.connectors.postgres_cdc.lsn import lsn_text
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.receiver import Receiver
from tidegate.connectors.postgres_cdc.slot import MadeSlot, Slot, ensure_publication
from tidegate.connectors.postgres_cdc.snapshot_reader import SnapshotReader
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_book import TableBook
from tidegate.connectors.postgres_cdc.table_schema import schema_rules
from tidegate.errors import FatalError, TidegateError
from tidegate.records.envelope import Batch, SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceContext, SourceTask
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_START_SECONDS = 60.0
_CHUNK_WAIT_SECONDS = 0.02
_LAG_LOOK_SECONDS = 10.0
_LAG = """
SELECT pg_wal_lsn_diff(last, confirmed_flush_lsn), pg_wal_lsn_diff(last, restart_lsn), wal_status
FROM pg_replication_slots,
    (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS last) AS log
WHERE slot_name = %s
"""


class PostgresCdcTask(SourceTask):
    """Captures a database's changes. One task a connector: a slot has one reader."""

    transaction_timeout_ms = WHOLE_TABLE_TIMEOUT_MS

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._receiver: Receiver | None = None
        self._snapshot: SnapshotReader | None = None
        self._incremental: IncrementalReader | None = None
        self._hidden_topic = ""
        self._polling = threading.Lock()

    def start(self, config: Config, context: SourceContext) -> None:
        self._config, self._context = config, context
        DEBEZIUM.warn(config.originals)
        self._server = Server(config, application=f"tidegate {context.connector}")
        self._catalogue = Catalogue(self._server)
        self._names = TopicNames.from_config(config)
        self._partition = {"server": self._names.prefix}
        self._rules = schema_rules(config)
        self._blocks = SourceBlocks(self._names.prefix, config["database.dbname"])
        self._heartbeat = Heartbeat(self._names, config["heartbeat.interval.ms"])
        self._slot = Slot(self._catalogue, config, self._server.application)
        self._wait: float = min(config["poll.interval.ms"], 1000) / 1000
        self._lag_due = 0.0
        self._idle_end = 0
        self._idle_told_at = 0.0
        self._idle_seconds: float = config["status.update.interval.ms"] / 1000
        kept = context.offset(self._partition)
        position = None if kept is None else Position.of(kept)
        self._sent = self._acknowledged = position
        self._check_server()
        ensure_publication(self._catalogue, config, self._published)
        self._slot.free(stopped=context.stopping.wait)
        if context.stopping.is_set():
            return
        self._begin(position)

    def poll(self) -> Sequence[SourceBatch]:
        with self._polling:
            return self._poll()

    def committed(self, partition: Mapping[str, Any], offset: Mapping[str, Any]) -> None:
        self._acknowledged = Position.of(offset)
        self._confirm()

    def stop(self) -> None:
        # A poll in another thread has the connections until it ends.
        with self._polling:
            if self._snapshot is not None:
                self._snapshot.close()
            if self._receiver is not None:
                self._receiver.close()
            if self._incremental is not None:
                self._incremental.close()
            if self._catalogue is not None:
                self._drop_slot()
                self._catalogue.close()

    # Where to begin.

    def _check_server(self) -> None:
        assert self._catalogue is not None
        if self._catalogue.setting("wal_level") != "logical":
            raise FatalError(
                f"The {self._server.name} has not wal_level=logical, so its log tells no changes.",
                remedy="Set wal_level=logical in postgresql.conf (rds.logical_replication=1 on RDS) and restart it.",
            )

    def _published(self, table: TableId) -> bool:
        return self._rules.capture.table(table) or table.name == self._config["signal.data.collection"]

    def _begin(self, position: Position | None) -> None:
        mode = current_snapshot_mode(self._config["snapshot.mode"])
        state = self._slot.state()
        why_lost = self._slot.why_lost(state, position)
        if position is not None and why_lost:
            if mode != "when_needed":
                raise self._slot.lost_error(why_lost)
            log.warning("postgres_cdc.slot_lost", slot=self._slot.name, reason=why_lost)
            position = None
        if state is not None and why_lost:
            self._slot.drop()
            state = None
        unfinished = position is not None and position.snapshot is not None
        wanted = mode == "always" or unfinished or (position is None and mode not in ("never", "no_data"))
        if not wanted:
            if position is None:
                position = Position(self._made().start if state is None else state.confirmed)
            self._after_snapshot(position)
            return
        start = None if position is None else position.lsn_commit
        replication = self._server.replication()
        stopped = self._context.stopping.is_set
        made = (
            self._slot.make(replication, stopped=stopped)
            if state is None
            else self._slot.passing(replication, stopped=stopped)
        )
        if start is None:
            start = made.start if state is None else state.confirmed
        assert self._catalogue is not None
        try:
            self._snapshot = SnapshotReader(
                self._server,
                self._catalogue,
                self._rules,
                self._blocks,
                config=self._config,
                tables=self._catalogue.published(self._config["publication.name"]),
                made=made,
                base=Position(start) if position is None else position,
            )
        finally:
            # The snapshot has been imported: it does not need the session that exported it any more.
            replication.close()

    def _made(self) -> MadeSlot:
        replication = self._server.replication()
        try:
            return self._slot.make(replication, stopped=self._context.stopping.is_set)
        finally:
            replication.close()

    def _after_snapshot(self, position: Position) -> None:
        """Begins to stream, or rests where only a snapshot is wanted."""
        if self._config["snapshot.mode"] == "initial_only":
            log.info("postgres_cdc.snapshot_only_done")
            return
        self._stream(position)

    def _stream(self, position: Position) -> None:
        config = self._config
        assert self._catalogue is not None
        skipped = frozenset(ord(one) for one in config["skipped.operations"] if one != "none")
        rules = EventRules(
            skipped,
            config["tombstones.on.delete"],
            config["provide.transaction.metadata"],
            config["unavailable.value.placeholder"],
            config["skip.messages.without.change"],
        )
        rules_of_tables = self._rules
        if config["signal.data.collection"]:
            self._incremental = IncrementalReader(self._server, self._catalogue, self._rules, self._blocks, config)
            table = TableId(*config["signal.data.collection"].rsplit(".", 2)[-2:])
            if not self._rules.capture.table(table):
                self._hidden_topic = self._names.data(table)
                rules_of_tables = replace(self._rules, capture=self._rules.capture.with_table(table))
        book = TableBook(self._catalogue, rules_of_tables)
        self._decoder = ChangeDecoder(
            book, self._blocks, self._names, rules, position, KeyOrder(self._catalogue).boundaries
        )
        replication = self._server.replication()
        publication = '"' + config["publication.name"].replace('"', '""').replace("'", "''") + '"'
        options = f"proto_version '1', publication_names '{publication}'"
        try:
            self._slot.keep_on_standbys(replication)
            replication.start(
                f'START_REPLICATION SLOT "{self._slot.name}" LOGICAL {lsn_text(position.lsn_commit)} ({options})',
                deadline=_START_SECONDS,
            )
        except TidegateError:
            replication.close()
            why_lost = self._slot.why_lost(self._slot.state(), position)
            if why_lost:
                raise self._slot.lost_error(why_lost) from None
            raise
        self._receiver = Receiver(
            replication,
            position.lsn_commit,
            status_seconds=config["status.update.interval.ms"] / 1000,
            most_bytes=config["max.queue.size.in.bytes"] or QUEUE_BYTES,
            most_messages=config["max.batch.size"],
        )
        self._receiver.start()
        log.info("postgres_cdc.streaming", slot=self._slot.name, lsn=lsn_text(position.lsn_commit))

    # Polling.

    def _poll(self) -> Sequence[SourceBatch]:
        if self._snapshot is not None:
            return self._next_step(self._snapshot)
        if self._receiver is None:
            self._context.stopping.wait(self._wait)
            return ()
        reader = self._incremental
        waits = reader is not None and bool(self._decoder.position.incremental.wanted)
        frames = self._receiver.take(_CHUNK_WAIT_SECONDS if waits else self._wait)
        batches: list[Batch] = []
        halted = False
        if frames is not None:
            decoded = self._decoder.decode(frames)
            for topic, raw, message in decoded.halted:
                self._context.halt(topic, raw, message)
                halted = True
            batches += self._visible(decoded.batches)
            self._idle_end = max(self._idle_end, decoded.idle_end)
            self._context.lag(seconds=decoded.seconds_late(time.time()))
        batches += self._chunk()
        batches += self._beat()
        self._look_at_lag()
        position = self._decoder.position.idled(self._idle_end)
        sent = Incremental() if self._sent is None else self._sent.incremental
        if not batches and not halted and position.incremental == sent and not self._idle_due(position):
            return ()
        self._sent, self._idle_told_at = position, time.monotonic()
        return self._at(position, batches)

    def _idle_due(self, position: Position) -> bool:
        """Whether it is time to keep that the log has moved on without anything to tell.

        Only what is kept in Kafka is confirmed to the server: so a slot that is beyond what is kept is not the one
        this connector has read.
        """
        if self._sent is not None and position.done <= self._sent.done:
            return False
        return time.monotonic() >= self._idle_told_at + self._idle_seconds

    def _at(self, position: Position | None, batches: Sequence[Batch]) -> list[SourceBatch]:
        """Batches and the position after them, if there is one; where there are none, an empty one that carries it."""
        some = batches or [envelope(self._names.heartbeat, pa.nulls(0, pa.string()))]
        return [
            *(SourceBatch(batch, self._partition, None) for batch in some[:-1]),
            SourceBatch(some[-1], self._partition, None if position is None else position.offset()),
        ]

    def _visible(self, batches: Sequence[Batch]) -> list[Batch]:
        """The batches without those of the signal table, where that is not captured by itself; signals are taken."""
        reader = self._incremental
        if reader is None:
            return list(batches)
        self._decoder.remember(reader.take(batches, self._decoder.position.incremental))
        return [batch for batch in batches if batch.topic != self._hidden_topic]

    def _chunk(self) -> list[Batch]:
        reader = self._incremental
        if reader is None or not self._decoder.position.incremental.wanted:
            return []
        found = reader.due(self._decoder.position, self._idle_end, self._decoder.position.incremental)
        if found is None:
            return []
        batch, state = found
        self._decoder.remember(state)
        return [] if batch is None else [batch]

    def _next_step(self, snapshot: SnapshotReader) -> Sequence[SourceBatch]:
        self._look_at_lag()
        step = snapshot.next()
        if step is None:
            snapshot.close()
            self._snapshot = None
            log.info("postgres_cdc.snapshot_done", slot=self._slot.name)
            self._after_snapshot(snapshot.position)
            return ()
        for topic, raw, message in step.halted:
            self._context.halt(topic, raw, message)
        self._sent = step.position or self._sent
        return self._at(step.position, [] if step.batch is None else [step.batch])

    def _confirm(self) -> None:
        """Tells the server what it may forget: nothing that is not in Kafka."""
        if self._receiver is not None and self._acknowledged is not None:
            self._receiver.flushed(self._acknowledged.done)

    def _beat(self) -> list[Batch]:
        if not self._heartbeat.due:
            return []
        assert self._catalogue is not None
        if self._config["heartbeat.action.query"]:
            self._catalogue.ask(self._config["heartbeat.action.query"])
        return [self._heartbeat.record()]

    def _look_at_lag(self) -> None:
        if time.monotonic() < self._lag_due:
            return
        self._lag_due = time.monotonic() + _LAG_LOOK_SECONDS
        assert self._catalogue is not None
        rows = self._catalogue.ask(_LAG, [self._slot.name])
        if not rows or rows[0][0] is None:
            return
        behind, held = int(rows[0][0]), int(rows[0][1])
        self._context.lag(nbytes=max(behind, 0))
        most: int = self._config["lag.warning.bytes"]
        if most and held > most:
            log.warning("postgres_cdc.lag", slot=self._slot.name, bytes=held, limit=most)
        if rows[0][2] == "unreserved":
            log.warning("postgres_cdc.slot_in_danger", slot=self._slot.name, bytes=held)

    def _drop_slot(self) -> None:
        if not self._config["slot.drop.on.stop"] or not self._context.stopping.is_set():
            return
        try:
            self._slot.free(stopped=threading.Event().wait)
            self._slot.drop()
        except TidegateError as error:
            log.warning("postgres_cdc.slot_not_dropped", slot=self._slot.name, reason=str(error))

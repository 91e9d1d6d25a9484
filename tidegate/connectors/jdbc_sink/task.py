"""The task of the JDBC sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.url import parse_url
from tidegate.connectors.jdbc_sink.catalogue import Catalogue
from tidegate.connectors.jdbc_sink.collapse import Rows
from tidegate.connectors.jdbc_sink.databases import database_from_config, dialect_of
from tidegate.connectors.jdbc_sink.gate import judge
from tidegate.connectors.jdbc_sink.offsets import OffsetStore
from tidegate.connectors.jdbc_sink.options import Options
from tidegate.connectors.jdbc_sink.record_columns import RecordColumns, RecordsRefusedError, record_columns
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table import Table
from tidegate.connectors.jdbc_sink.table_id import table_id
from tidegate.connectors.jdbc_sink.writing import Writing
from tidegate.errors import RecordHaltedError, RetriableError
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext, SinkTask
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_MOST_RETRY_SECONDS = 30.0


class JdbcSinkTask(SinkTask):
    """Writes records to tables, with their offsets, in one database transaction a ``put``.

    Records are read from the offset that is committed in Kafka, which may lie before the one in the database: what the
    table has already is passed over, and what was halted there is halted again, for only the commit in Kafka brings it
    into the dead letter queue.
    """

    _database: Database | None = None

    def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._options = Options.from_config(config)
        self._format: str = config["table.name.format"]
        self._retries: int = config["max.retries"]
        self._backoff: float = config["retry.backoff.ms"] / 1000
        self._from_end = config.originals.get("consumer.override.auto.offset.reset") == "latest"
        self._database = database_from_config(config)
        self._database_name = parse_url(config["connection.url"]).database
        self._dialect = dialect_of(self._database.backend, config)
        self._catalogue = Catalogue(self._dialect, self._options)
        self._offsets = OffsetStore(self._dialect, context.connector, context.epoch)
        self._next: dict[TopicPartition, int] = {}
        self._halted: dict[TopicPartition, dict[int, str]] = {}
        self._unsure = False
        self._ahead: dict[TopicPartition, int] = {}
        with self._session() as session:
            self._offsets.make(session)

    def open(self, committed: Mapping[TopicPartition, SinkOffset | None]) -> Mapping[TopicPartition, int]:
        resumed: dict[TopicPartition, int] = {}
        with self._session() as session, session.transaction():
            for where, offset in sorted(committed.items()):
                in_kafka = None if offset is None else offset.offset
                position = self._offsets.claim(session, where, in_kafka)
                self._halted[where] = {}
                self._next[where] = in_kafka or 0
                if position is None:
                    continue
                self._next[where] = position.next_offset
                known = position.committed if in_kafka is None else in_kafka
                if known is not None:
                    self._offsets.forget_halted(session, where, known)
                    resumed[where] = min(known, position.next_offset)
                elif self._from_end:
                    resumed[where] = position.next_offset
                self._halted[where] = self._offsets.halted(session, where)
        return resumed

    def put(self, batch: Batch) -> None:
        if not len(batch):
            return
        work = _Work(batch, self._options)
        give_up = time.monotonic() + _MOST_RETRY_SECONDS
        for attempt in range(self._retries + 1):
            try:
                self._put(work)
            except RetriableError as error:
                late = time.monotonic() + self._backoff > give_up
                if attempt == self._retries or late or self._context.stopping.wait(self._backoff):
                    raise
                log.warning("transaction_retried", connector=self._context.connector, reason=str(error))
            else:
                return

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        ahead = {where: position for where, position in positions.items() if position > self._next[where]}
        if ahead:
            # The last records of these partitions were halted before they came here.
            with self._session() as session, self._transaction(session):
                self._advance(session, ahead)
        return {where: SinkOffset(position) for where, position in positions.items()}

    def committed(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:
        places = {where: offset.offset for where, offset in offsets.items()}
        with self._session() as session, session.transaction():
            self._offsets.committed(session, places)
        for where, offset in places.items():
            self._halted[where] = {row: why for row, why in self._halted[where].items() if row >= offset}

    def stop(self) -> None:
        if self._database is not None:
            self._database.close()

    def _put(self, work: _Work) -> None:
        """Writes a batch; where a record ends the task, what is before it."""
        limit, halted = len(work.batch), None
        with self._session() as session:
            while True:
                try:
                    self._write(session, work, limit)
                except _HaltedAtError as error:
                    limit, halted = error.row, error.halted
                except _OutdatedError:
                    continue
                else:
                    break
        if halted is not None:
            raise halted

    def _write(self, session: Session, work: _Work, limit: int) -> None:
        """Writes the records before ``limit`` that are not in the database, in one transaction."""
        self._make_sure(session)
        fresh, again, ahead = work.divide(limit, self._next, self._halted)
        if not len(fresh):
            self._report(work, again)
            return
        faults, writing = self._prepare(session, work, fresh)
        with self._transaction(session):
            self._advance(session, ahead)
            refused = writing.run() if writing is not None else {}
            if refused and writing is not None:
                self._check_outdated(session, work, writing.table)
            halted = faults | refused
            self._report(work, again | halted)
            self._offsets.halt(session, [(*work.place(row), why) for row, why in sorted(halted.items())])
        for row, why in halted.items():
            where, offset = work.place(row)
            self._halted[where][offset] = why

    def _prepare(self, session: Session, work: _Work, fresh: Rows) -> tuple[dict[int, str], Writing | None]:
        """Finds the table and judges the records by it, by its newest form before one is halted.

        Returns:
            Those that are halted with the reason, and the others ready to be written.
        """
        rows = fresh.tolist()
        known = {row: work.reported[row] for row in rows if row in work.reported}
        if work.columns is None:
            return dict.fromkeys(rows, work.refusal) | known, None
        id_ = table_id(self._format, work.batch.topic, database=self._database_name)
        table = self._catalogue.table(session, id_, work.columns)
        passage = judge(work.columns, table, self._options, backend=self._dialect.backend)
        if any(row in passage.faults for row in rows) and work.refresh():
            table = self._catalogue.refresh(session, id_) or table
            passage = judge(work.columns, table, self._options, backend=self._dialect.backend)
        faults = {row: passage.faults[row] for row in rows if row in passage.faults} | known
        sound = fresh[~np.isin(fresh, np.array(list(faults), dtype=np.int64))]
        if not len(sound):
            return faults, None
        writing = Writing(session, self._dialect, table, passage, work.columns, self._options, sound)
        return faults, writing

    def _check_outdated(self, session: Session, work: _Work, table: Table) -> None:
        """Begins again when the table is another than the rows were refused by."""
        if work.refresh() and self._catalogue.refresh(session, table.id) != table:
            raise _OutdatedError

    def _report(self, work: _Work, halted: Mapping[int, str]) -> None:
        for row, why in sorted(halted.items()):
            if row in work.reported:
                continue
            try:
                self._context.report(work.batch, row, why)
            except RecordHaltedError as error:
                raise _HaltedAtError(row, error) from error
            work.reported[row] = why

    def _advance(self, session: Session, ahead: Mapping[TopicPartition, int]) -> None:
        for where, offset in sorted(ahead.items()):
            self._offsets.advance(session, where, self._next[where], offset)
        self._ahead = dict(ahead)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        assert self._database is not None
        with self._database.connection() as connection:
            session = Session(connection, self._dialect)
            self._dialect.prepare(session)
            yield session

    @contextmanager
    def _transaction(self, session: Session) -> Iterator[None]:
        """A transaction that moves positions; when it fails, the database is asked how it ended."""
        self._make_sure(session)
        self._unsure, self._ahead = True, {}
        with session.transaction():
            yield
        self._next.update(self._ahead)
        self._unsure = False

    def _make_sure(self, session: Session) -> None:
        if self._unsure:
            for where in self._next:
                self._next[where] = self._offsets.read(session, where)
                self._halted[where] = self._offsets.halted(session, where)
            self._unsure = False


class _HaltedAtError(Exception):
    """A record ends the task.

    Args:
        row: its index in the batch.
        halted: what the context raised.
    """

    def __init__(self, row: int, halted: RecordHaltedError) -> None:
        super().__init__(str(halted))
        self.row = row
        self.halted = halted


class _OutdatedError(Exception):
    """The table has changed since its catalogue was read."""


class _Work:
    """A batch while it is put, through any number of tries.

    Args:
        batch: the batch.
        options: the connector's.
    """

    def __init__(self, batch: Batch, options: Options) -> None:
        self.batch = batch
        self.columns: RecordColumns | None = None
        self.refusal = ""
        self.reported: dict[int, str] = {}
        """Records the context has been told of: once told, they stay halted."""
        self._refreshed = False
        self._partitions = batch.records.column("partition").to_numpy()
        self._offsets = batch.records.column("offset").to_numpy()
        try:
            self.columns = record_columns(batch, options)
        except RecordsRefusedError as error:
            self.refusal = str(error)

    def place(self, row: int) -> tuple[TopicPartition, int]:
        """Topic partition and offset of a record."""
        return TopicPartition(self.batch.original_topic, int(self._partitions[row])), int(self._offsets[row])

    def divide(
        self, limit: int, next_offsets: Mapping[TopicPartition, int], halted: Mapping[TopicPartition, dict[int, str]]
    ) -> tuple[Rows, dict[int, str], dict[TopicPartition, int]]:
        """Sorts the records before ``limit``.

        Returns:
            Those that are not in the database; those that were halted there, with the reason; and the next offsets.
        """
        partitions, offsets = self._partitions[:limit], self._offsets[:limit]
        fresh = np.zeros(limit, dtype=np.bool_)
        again: dict[int, str] = {}
        ahead: dict[TopicPartition, int] = {}
        for partition in np.unique(partitions).tolist():
            where = TopicPartition(self.batch.original_topic, partition)
            here = partitions == partition
            new = here & (offsets >= next_offsets[where])
            fresh |= new
            if new.any():
                ahead[where] = int(offsets[new].max()) + 1
            if halted[where]:
                rows = np.flatnonzero(here & ~new).tolist()
                again.update(
                    {row: halted[where][offset] for row in rows if (offset := int(offsets[row])) in halted[where]}
                )
        return np.flatnonzero(fresh).astype(np.int64), again, ahead

    def refresh(self) -> bool:
        """Whether to read the catalogue anew: once a batch."""
        first, self._refreshed = not self._refreshed, True
        return first

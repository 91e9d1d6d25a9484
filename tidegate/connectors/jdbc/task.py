"""The task of the JDBC source."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from tidegate.connectors.jdbc.columns import Columns, Reading
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import TASK_TABLES
from tidegate.connectors.jdbc.reader import Page, Reader
from tidegate.connectors.jdbc.readers import reader
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.table_watch import Change, TableWatch, watches
from tidegate.connectors.jdbc.tables import chosen_tables, configured_query, identifier_quoting, query_relation
from tidegate.errors import FatalError, RetriableError
from tidegate.records.envelope import SourceBatch, envelope
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceContext, SourceTask
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_WAIT_SECONDS = 1.0


class JdbcSourceTask(SourceTask):
    """Reads its tables in turn, one page a poll; a table that gave all it had rests for ``poll.interval.ms``.

    A table in mode bulk, which holds a connection from its first page to its last, is read to its end before the next.
    """

    def __init__(self) -> None:
        self._database: Database | None = None
        self._watch: TableWatch | None = None
        self._turns: list[_Turn] = []
        self._polling = threading.Lock()

    def start(self, config: Config, context: SourceContext) -> None:
        self._context = context
        self._config = config
        self._prefix: str = config["topic.prefix"]
        self._keys: Sequence[str] = config["message.key.columns"] or ()
        self._interval: float = config["poll.interval.ms"] / 1000
        self._granularity: str = config["timestamp.granularity"].lower()
        self._database = Database.from_config(config, wait=context.stopping.wait)
        self._watch = TableWatch(self._database, config) if watches(config) else None
        self._next = 0
        self._attempts: int = config["query.retry.attempts"]
        self._pause: float = config["connection.backoff.ms"] / 1000
        self._failures = 0
        for relation in self._relations(config):
            self._add(relation)

    def poll(self) -> Sequence[SourceBatch]:
        with self._polling:
            return self._poll()

    def stop(self) -> None:
        # A poll in another thread has the connection until it ends.
        with self._polling:
            for turn in self._turns:
                turn.reader.close()
            if self._database is not None:
                self._database.close()

    def _poll(self) -> Sequence[SourceBatch]:
        # A table that is read through one query to its end leaves no connection for anything else.
        if self._watch is not None and not any(turn.busy for turn in self._turns):
            self._apply(self._watch.look(self._tables()))
        for _ in range(len(self._turns)):
            index, self._next = self._next, (self._next + 1) % len(self._turns)
            turn = self._turns[index]
            if time.monotonic() < turn.due or self._context.stopping.is_set():
                continue
            try:
                page = turn.reader.next_page()
            except FatalError:
                if not self._is_gone(turn):
                    raise
                return ()
            except RetriableError as error:
                self._rest_after(error)
                return ()
            self._failures = 0
            turn.busy = turn.reader.holds_connection and page is not None and page.more
            if page is None or not page.more:
                turn.due = time.monotonic() + self._interval
            elif turn.busy:
                self._next = index
            if page is not None:
                return [self._batch(turn.reader, page)]
        due = [turn.due for turn in self._turns] + ([self._watch.due] if self._watch is not None else [])
        wait = min(due, default=time.monotonic() + _WAIT_SECONDS) - time.monotonic()
        self._context.stopping.wait(max(0.0, min(wait, _WAIT_SECONDS)))
        return ()

    def _rest_after(self, error: RetriableError) -> None:
        """Waits before a query is tried again, as often as ``query.retry.attempts`` says."""
        if self._attempts < 0:
            raise error
        self._failures += 1
        if self._failures > self._attempts:
            raise FatalError(
                f"{error.message} It was tried {self._failures} times.",
                remedy="Restart the task when the database answers, or set query.retry.attempts=-1.",
            ) from error
        log.warning("jdbc.query_failed", attempt=self._failures, error=str(error))
        self._context.stopping.wait(self._pause)

    def _relations(self, config: Config) -> list[Relation]:
        if configured_query(config):
            return [query_relation(config)]
        assert self._database is not None
        tables = config.originals.get(TASK_TABLES)
        if tables is None:
            return chosen_tables(self._database, config)
        quote = identifier_quoting(config)
        return [Relation(table, schema, quote=quote) for schema, table in orjson.loads(tables)]

    def _tables(self) -> list[Relation]:
        return [turn.reader.relation for turn in self._turns]

    def _add(self, relation: Relation) -> None:
        assert self._database is not None
        offset = self._context.offset(relation.partition)
        try:
            self._turns.append(_Turn(reader(self._database, relation, self._config, offset)))
        except FatalError as error:
            if self._watch is None or not self._watch.may_be_left_out(relation):
                raise
            log.warning("jdbc.table_left_out", table=relation.name, reason=str(error))

    def _apply(self, change: Change) -> None:
        for relation in change.new:
            log.info("jdbc.table_added", table=relation.name)
            self._add(relation)
        for turn in [turn for turn in self._turns if turn.reader.relation in change.gone]:
            log.warning("jdbc.table_gone", table=turn.reader.relation.name)
            turn.reader.close()
            self._turns.remove(turn)
            self._next = 0

    def _is_gone(self, turn: _Turn) -> bool:
        """Whether a table that could not be read is one no more, and such that the others go on without it."""
        if self._watch is None:
            return False
        self._apply(self._watch.look(self._tables(), now=True))
        return turn not in self._turns

    def _batch(self, source: Reader, page: Page) -> SourceBatch:
        topic = source.relation.topic(self._prefix)
        columns = page.columns
        reading = columns.read(page.rows)
        if reading.problems:
            columns = source.reread(columns)
            reading = columns.read(page.rows)
        reading = reading.with_granularity(self._granularity)
        for row, problem in sorted(reading.problems.items()):
            self._context.halt(topic, _raw(columns, page.rows.row(row)), problem)
        value = reading.sound()
        batch = envelope(
            topic,
            value,
            key=self._key(reading, columns, value),
            value_name=source.relation.record_name,
            key_name=f"{source.relation.record_name}.Key" if self._keys else None,
        )
        return SourceBatch(batch, source.relation.partition, page.offset)

    def _key(self, reading: Reading, columns: Columns, value: pa.StructArray) -> pa.Array | None:
        if not self._keys:
            return None
        positions = [columns.index(name) for name in self._keys]
        return pa.StructArray.from_arrays(
            [value.field(position) for position in positions],
            fields=[reading.fields[position] for position in positions],
        )


class _Turn:
    """A reader, and when it is to be asked again."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.due = 0.0
        self.busy = False


def _raw(columns: Columns, row: Sequence[Any]) -> bytes:
    values = dict(zip((field.name for field in columns.fields), row, strict=True))
    try:
        return orjson.dumps(values, default=str)
    except TypeError:
        # Of integers over 64 bits and times with a zone it makes nothing.
        return orjson.dumps({name: None if value is None else str(value) for name, value in values.items()})

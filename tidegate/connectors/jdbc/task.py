"""The task of the JDBC source."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import TASK_TABLES
from tidegate.connectors.jdbc.reader import Page, Reader, reader
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.tables import chosen_tables
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
        self._readers: list[Reader] = []
        self._polling = threading.Lock()

    def start(self, config: Config, context: SourceContext) -> None:
        self._context = context
        self._prefix: str = config["topic.prefix"]
        self._keys: Sequence[str] = config["message.key.columns"] or ()
        self._interval: float = config["poll.interval.ms"] / 1000
        self._database = Database.from_config(config)
        self._readers = [
            reader(self._database, relation, config, context.offset(relation.partition))
            for relation in self._relations(config)
        ]
        self._due = [0.0] * len(self._readers)
        self._next = 0

    def poll(self) -> Sequence[SourceBatch]:
        with self._polling:
            return self._poll()

    def stop(self) -> None:
        # A poll in another thread has the connection until it ends.
        with self._polling:
            for each in self._readers:
                each.close()
            if self._database is not None:
                self._database.close()

    def _poll(self) -> Sequence[SourceBatch]:
        for _ in self._readers:
            index, self._next = self._next, (self._next + 1) % len(self._readers)
            if time.monotonic() < self._due[index] or self._context.stopping.is_set():
                continue
            current = self._readers[index]
            page = current.next_page()
            if page is None or not page.more:
                self._due[index] = time.monotonic() + self._interval
            elif current.holds_connection:
                self._next = index
            if page is not None:
                return [self._batch(current, page)]
        wait = min(self._due, default=time.monotonic() + _WAIT_SECONDS) - time.monotonic()
        self._context.stopping.wait(max(0.0, min(wait, _WAIT_SECONDS)))
        return ()

    def _relations(self, config: Config) -> list[Relation]:
        if config["query"]:
            return [Relation(query=config["query"])]
        tables = config.originals.get(TASK_TABLES)
        if tables is not None:
            return [Relation(table, schema) for schema, table in orjson.loads(tables)]
        assert self._database is not None
        return chosen_tables(self._database, config)

    def _batch(self, source: Reader, page: Page) -> SourceBatch:
        topic = source.relation.topic(self._prefix)
        columns = page.columns
        reading = columns.read(page.rows)
        if reading.problems:
            columns = source.reread(columns)
            reading = columns.read(page.rows)
        for row, problem in sorted(reading.problems.items()):
            self._context.halt(topic, _raw(columns, page.rows.row(row)), problem)
        value = reading.sound()
        batch = envelope(
            topic,
            value,
            key=self._key(columns, value),
            value_name=source.relation.record_name,
            key_name=f"{source.relation.record_name}.Key" if self._keys else None,
        )
        return SourceBatch(batch, source.relation.partition, page.offset)

    def _key(self, columns: Columns, value: pa.StructArray) -> pa.Array | None:
        if not self._keys:
            return None
        positions = [columns.index(name) for name in self._keys]
        return pa.StructArray.from_arrays(
            [value.field(position) for position in positions],
            fields=[columns.fields[position] for position in positions],
        )


def _raw(columns: Columns, row: Sequence[Any]) -> bytes:
    values = dict(zip((field.name for field in columns.fields), row, strict=True))
    try:
        return orjson.dumps(values, default=str)
    except TypeError:
        # Of integers over 64 bits and times with a zone it makes nothing.
        return orjson.dumps({name: None if value is None else str(value) for name, value in values.items()})

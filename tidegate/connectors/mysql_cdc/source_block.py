"""The ``source`` block of events: where a change is from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.cdc.table_id import TableId
from tidegate.records.envelope import SCHEMA_NAME, SEMANTIC_TYPE

_BLOCK = pa.struct(
    [
        pa.field("version", pa.string(), nullable=False),
        pa.field("connector", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("ts_ms", pa.int64(), nullable=False),
        pa.field("snapshot", pa.string(), metadata={SEMANTIC_TYPE: b"io.debezium.data.Enum"}),
        pa.field("db", pa.string(), nullable=False),
        pa.field("sequence", pa.string()),
        pa.field("ts_us", pa.int64()),
        pa.field("ts_ns", pa.int64()),
        pa.field("table", pa.string()),
        pa.field("server_id", pa.int64(), nullable=False),
        pa.field("gtid", pa.string()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("pos", pa.int64(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("thread", pa.int64()),
        pa.field("query", pa.string()),
    ]
)
VERSION = "0.1.0"
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Where n changes are in the log.

    Args:
        micros: when each was committed or, where that is not known, written, in microseconds since 1970.
        server_id: of the server that wrote it.
        gtid: its transaction; null where there is none.
        file: the log file.
        pos: where its event begins in it.
        row: its number within the event.
        thread: the session that wrote it; null where that is not known.
        query: the statement that made it; null where that is not known.
    """

    micros: Numbers
    server_id: Numbers
    gtid: pa.Array
    file: str
    pos: Numbers
    row: Numbers
    thread: pa.Array
    query: pa.Array


class SourceBlocks:
    """Makes the blocks of one connector.

    Args:
        name: ``topic.prefix``.
        connector: ``mysql`` or ``mariadb``.
    """

    def __init__(self, name: str, connector: str) -> None:
        self._name = name
        self._connector = connector
        self.is_mariadb = connector == "mariadb"
        self.field = pa.field(
            "source",
            _BLOCK,
            nullable=False,
            metadata={SCHEMA_NAME: f"io.debezium.connector.{connector}.Source".encode()},
        )

    def changes(self, table: TableId | None, places: Places, *, database: str = "") -> pa.StructArray:
        """The blocks of n changes from the log; without a table, of changes of the schema of a database."""
        marks = pa.repeat(pa.scalar("false"), len(places.pos))
        return self._blocks(table, marks, places, database)

    def snapshot(self, table: TableId, marks: pa.Array, *, millis: int, file: str, pos: int) -> pa.StructArray:
        """The blocks of rows of a snapshot.

        Args:
            table: whose.
            marks: for each row its place in the snapshot.
            millis: when the snapshot was made, in milliseconds since 1970.
            file: the log file it shows the state at.
            pos: where in it.
        """
        rows = len(marks)
        zeros = np.zeros(rows, np.int64)
        nothing = pa.nulls(rows, pa.string())
        places = Places(
            np.full(rows, millis * 1000, np.int64),
            zeros,
            nothing,
            file,
            np.full(rows, pos, np.int64),
            zeros,
            pa.nulls(rows, pa.int64()),
            nothing,
        )
        return self._blocks(table, marks, places, "")

    def _blocks(self, table: TableId | None, marks: pa.Array, places: Places, database: str) -> pa.StructArray:
        rows = len(marks)

        def always(text: str | None) -> pa.Array:
            return pa.repeat(pa.scalar(text, pa.string()), rows)

        columns = [
            always(VERSION),
            always(self._connector),
            always(self._name),
            pa.array(places.micros // 1000),
            marks,
            always(database if table is None else table.schema),
            always(None),
            pa.array(places.micros),
            pa.array(places.micros * 1000),
            always(None if table is None else table.table),
            pa.array(places.server_id),
            places.gtid,
            always(places.file),
            pa.array(places.pos),
            pa.array(places.row.astype(np.int32)),
            places.thread,
            places.query,
        ]
        return pa.StructArray.from_arrays(columns, fields=list(_BLOCK))

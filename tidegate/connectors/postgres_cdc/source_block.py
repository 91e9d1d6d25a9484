"""The ``source`` block of events: where a change is from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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
        pa.field("schema", pa.string(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("txId", pa.int64()),
        pa.field("lsn", pa.int64()),
        pa.field("xmin", pa.int64()),
    ]
)
SOURCE = pa.field("source", _BLOCK, nullable=False, metadata={SCHEMA_NAME: b"io.debezium.connector.postgresql.Source"})
VERSION = "0.1.0"
CONNECTOR = "postgresql"
Numbers = npt.NDArray[np.int64]


class SourceBlocks:
    """Makes the blocks of one connector.

    Args:
        name: ``topic.prefix``.
        database: whose changes they are.
    """

    def __init__(self, name: str, database: str) -> None:
        self._name = name
        self._database = database

    def changes(
        self, table: TableId, *, micros: Numbers, tx_id: Numbers, lsn: Numbers, last_commit: Numbers
    ) -> pa.StructArray:
        """The blocks of n changes from the stream.

        Args:
            table: whose.
            micros: when each was committed, in microseconds since 1970.
            tx_id: its transaction.
            lsn: where it is in the log.
            last_commit: where the transaction before it ended; 0 where that is not known.
        """
        last, here = (pa.array(places).cast(pa.string()) for places in (last_commit, lsn))
        sequence = pc.binary_join_element_wise('["', last, '","', here, '"]', "")
        unknown = last_commit == 0
        if unknown.any():
            alone = pc.binary_join_element_wise('[null,"', here, '"]', "")
            sequence = pc.if_else(pa.array(unknown), alone, sequence)
        marks = pa.repeat(pa.scalar("false"), len(micros))
        return self._blocks(table, marks, micros, pa.array(tx_id), pa.array(lsn), sequence)

    def snapshot(self, table: TableId, marks: pa.Array, *, micros: int, lsn: int) -> pa.StructArray:
        """The blocks of rows of a snapshot.

        Args:
            table: whose.
            marks: for each row its place in the snapshot, or ``incremental``.
            micros: when the snapshot was made, in microseconds since 1970.
            lsn: the place in the log that it shows.
        """
        rows = len(marks)
        places = np.full(rows, lsn, np.int64)
        sequence = pa.repeat(pa.scalar(f'[null,"{lsn}"]'), rows)
        nothing = pa.nulls(rows, pa.int64())
        return self._blocks(table, marks, np.full(rows, micros, np.int64), nothing, pa.array(places), sequence)

    def _blocks(
        self, table: TableId, marks: pa.Array, micros: Numbers, tx_id: pa.Array, lsn: pa.Array, sequence: pa.Array
    ) -> pa.StructArray:
        rows = len(micros)

        def always(text: str) -> pa.Array:
            return pa.repeat(pa.scalar(text), rows)

        columns = [
            always(VERSION),
            always(CONNECTOR),
            always(self._name),
            pa.array(micros // 1000),
            marks,
            always(self._database),
            sequence,
            pa.array(micros),
            pa.array(micros * 1000),
            always(table.schema),
            always(table.table),
            tx_id,
            lsn,
            pa.nulls(rows, pa.int64()),
        ]
        return pa.StructArray.from_arrays(columns, fields=list(_BLOCK))

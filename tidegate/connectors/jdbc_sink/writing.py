"""Writing the sound records of a batch: collapsed by key where that is right, the refused ones apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tidegate.connectors.jdbc_sink.collapse import Rows, collapse, key_numbers, others_of_their_keys
from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.gate import Passage, takes_text_as_number
from tidegate.connectors.jdbc_sink.isolation import isolate
from tidegate.connectors.jdbc_sink.options import INSERT, Options
from tidegate.connectors.jdbc_sink.record_columns import RecordColumns
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table import Table
from tidegate.records.reason import Reason, Rule


class Writing:
    """One batch against one table. Made outside of the transaction that it is run in.

    Args:
        session: the connection.
        dialect: the database's.
        table: the table.
        passage: the batch's columns as they go into the table's.
        records: the batch's columns.
        options: the connector's.
        rows: the records to write.
    """

    def __init__(
        self,
        session: Session,
        dialect: Dialect,
        table: Table,
        passage: Passage,
        records: RecordColumns,
        options: Options,
        rows: Rows,
    ) -> None:
        self.table = table
        self._rows = rows
        self._size = options.batch_size
        self._inserting = options.insert_mode == INSERT
        self._tombstones = records.tombstones.to_numpy(zero_copy_only=False)
        self._keys = [bound.array for bound in passage.keys]
        self._from_text = {
            bound.column.name for bound in passage.columns if takes_text_as_number(bound.array.type, bound.column)
        }
        self._writer = dialect.writer(
            session, table.id, passage.columns, options.insert_mode, deletes=bool(self._tombstones[rows].any())
        )

    def run(self) -> dict[int, str]:
        """Writes.

        Returns:
            The records that the database refuses, with the reason.
        """
        refused = self._one_by_one() if self._inserting else self._by_key()
        return {row: self._judged(why) for row, why in refused.items()}

    def _judged(self, why: Reason) -> Reason:
        """The database only says that a text is no number; that the type is another one is known here."""
        if why.rule is Rule.VALUE and why.path in self._from_text:
            return Reason(why, Rule.TYPE_CHANGED, why.path)
        return why

    def _one_by_one(self) -> dict[int, Reason]:
        """Every record counts, in their order."""
        refused: dict[int, Reason] = {}
        for rows in self._segments():
            act = self._writer.delete if self._tombstones[rows[0]] else self._writer.write
            refused |= isolate(rows, self._size, act)
        return refused

    def _by_key(self) -> dict[int, Reason]:
        """The last record of each key counts; if it is refused, the one before it."""
        numbers = key_numbers(self._keys)
        refused: dict[int, Reason] = {}
        rows = self._rows
        while len(rows):
            chosen = collapse(numbers, self._tombstones, rows)
            newly = isolate(chosen.deletes, self._size, self._writer.delete)
            newly |= isolate(chosen.upserts, self._size, self._writer.write)
            refused |= newly
            bad = np.array(sorted(newly), dtype=np.int64)
            left = rows[~np.isin(rows, np.array(sorted(refused), dtype=np.int64))]
            rows = others_of_their_keys(numbers, left, bad)
        return refused

    def _segments(self) -> Iterator[Rows]:
        """Stretches of tombstones only or of other records only."""
        edges = np.flatnonzero(np.diff(self._tombstones[self._rows].astype(np.int8))) + 1
        yield from (part for part in np.split(self._rows, edges) if len(part))

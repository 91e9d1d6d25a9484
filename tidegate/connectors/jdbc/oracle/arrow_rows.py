"""Rows that the driver gives as Arrow columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from tidegate.connectors.jdbc.rows import Column, Rows
from tidegate.connectors.jdbc.stream import Stream


class ArrowRows(Rows):
    """Rows of a table in memory.

    Args:
        table: its columns have the types that were asked for.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.nbytes = table.nbytes

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def columns(self, fields: Sequence[pa.Field]) -> Iterator[Column]:
        for field, column in zip(fields, self._table.columns, strict=True):
            array = column.combine_chunks()
            # A time without zone was asked for in UTC.
            yield array if array.type == field.type else array.cast(field.type), {}

    def row(self, index: int) -> Sequence[Any]:
        return [column[index].as_py() for column in self._table.columns]

    def head(self, count: int) -> ArrowRows:
        return ArrowRows(self._table.slice(0, count))


class ArrowStream(Stream):
    """Rows as the driver's data frames.

    Args:
        frames: things with the Arrow PyCapsule interface.
        schema: what they have.
    """

    def __init__(self, frames: Iterator[Any], schema: pa.Schema) -> None:
        self._frames = frames
        self._schema = schema
        self._held = schema.empty_table()

    def read(self, rows: int, nbytes: int) -> ArrowRows:
        found, count, size = [self._held], len(self._held), self._held.nbytes
        while count < rows and size < nbytes:
            frame = next(self._frames, None)
            if frame is None:
                self.finished = True
                break
            table = pa.table(frame).cast(self._schema)
            found.append(table)
            count += table.num_rows
            size += table.nbytes
        together = pa.concat_tables(found)
        self._held = together.slice(rows)
        if len(self._held):
            self.finished = False
        return ArrowRows(together.slice(0, rows))

    def close(self) -> None:
        """Nothing to give back: the driver closes its cursor with the last reference to it."""
        self._frames = iter(())

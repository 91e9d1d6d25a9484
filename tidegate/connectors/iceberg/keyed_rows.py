"""Keyed rows: the last row of each key, and which rows have one of many keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_ROW = "__tidegate_row"
_CHANGE = "__tidegate_change"


def keys_of(rows: pa.StructArray, columns: Sequence[str]) -> pa.Table:
    """The key columns of rows."""
    return pa.table({name: pc.struct_field(rows, [rows.type.get_field_index(name)]) for name in columns})


def last_of_each(keys: pa.Table) -> pa.Array:
    """The row numbers of the last row of each key, ascending."""
    numbered = keys.append_column(_ROW, pa.array(range(keys.num_rows), pa.int64()))
    found: Any = numbered.group_by(keys.column_names).aggregate([(_ROW, "max")])[f"{_ROW}_max"].combine_chunks()
    return found.take(pc.array_sort_indices(found))


class KeySet:
    """Keys to look rows up by, each with the number of the last change that has it.

    Args:
        parts: numbers of changes with tables of the same key columns.
    """

    def __init__(self, parts: Iterable[tuple[int, pa.Table]]) -> None:
        numbered = [
            part.append_column(_CHANGE, pa.array([number] * part.num_rows, pa.int64()))
            for number, part in parts
            if part.num_rows
        ]
        self.keys: pa.Table | None = None
        self._last: Any = None
        if numbered:
            merged = pa.concat_tables(numbered, promote_options="permissive")
            names = [name for name in merged.column_names if name != _CHANGE]
            grouped = merged.group_by(names).aggregate([(_CHANGE, "max")])
            self.keys = grouped.select(names)
            self._last = grouped[f"{_CHANGE}_max"].combine_chunks()

    def __len__(self) -> int:
        return 0 if self.keys is None else int(self.keys.num_rows)

    def matches(self, rows: pa.Table, after: int = -1) -> pa.Array:
        """For each row of key columns whether a change after one has its key.

        Args:
            rows: n keys.
            after: number of the change the rows are of; less than any for rows that no change brought.
        """
        if self.keys is None or not rows.num_rows:
            return pa.array([False] * rows.num_rows, pa.bool_())
        names = self.keys.column_names
        numbers = pa.array(range(rows.num_rows), pa.int64())
        if len(names) == 1:
            column = _whole(rows[names[0]])
            places = pc.index_in(column, value_set=_whole(self.keys[names[0]]).cast(column.type))
            return pc.fill_null(pc.greater(self._last.take(places), after), False)
        later = self.keys.filter(pc.greater(self._last, after))
        schema = pa.schema([rows.schema.field(name) for name in names])
        numbered = rows.select(names).append_column(_ROW, numbers)
        joined = numbered.join(later.cast(schema), keys=names, join_type="left semi")
        return pc.is_in(numbers, value_set=_whole(joined[_ROW]))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()

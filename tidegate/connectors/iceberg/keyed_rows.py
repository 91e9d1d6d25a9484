"""Keyed rows: the last row of each key, and which rows have one of many keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_ROW = "__tidegate_row"


def keys_of(rows: pa.StructArray, columns: Sequence[str]) -> pa.Table:
    """The key columns of rows."""
    return pa.table({name: pc.struct_field(rows, [rows.type.get_field_index(name)]) for name in columns})


def last_of_each(keys: pa.Table) -> pa.Array:
    """The row numbers of the last row of each key, ascending."""
    numbered = keys.append_column(_ROW, pa.array(range(keys.num_rows), pa.int64()))
    found: Any = numbered.group_by(keys.column_names).aggregate([(_ROW, "max")])[f"{_ROW}_max"].combine_chunks()
    return found.take(pc.array_sort_indices(found))


class KeySet:
    """Keys to look rows up by.

    Args:
        parts: tables of the same key columns, in any number.
    """

    def __init__(self, parts: Iterable[pa.Table]) -> None:
        tables = [part for part in parts if part.num_rows]
        merged = pa.concat_tables(tables, promote_options="permissive") if tables else None
        self.keys = None if merged is None else merged.group_by(merged.column_names).aggregate([])

    def __len__(self) -> int:
        return 0 if self.keys is None else int(self.keys.num_rows)

    def matches(self, rows: pa.Table) -> pa.Array:
        """For each row of key columns whether its key is in the set."""
        if self.keys is None or not rows.num_rows:
            return pa.array([False] * rows.num_rows, pa.bool_())
        names = self.keys.column_names
        if len(names) == 1:
            column = rows[names[0]]
            found = pc.is_in(column, value_set=self.keys[names[0]].combine_chunks().cast(column.type))
            return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
        schema = pa.schema([rows.schema.field(name) for name in names])
        numbered = rows.select(names).append_column(_ROW, pa.array(range(rows.num_rows), pa.int64()))
        joined = numbered.join(self.keys.select(names).cast(schema), keys=names, join_type="left semi")
        return pc.is_in(pa.array(range(rows.num_rows), pa.int64()), value_set=joined[_ROW].combine_chunks())

"""Rows and keys of a table, made of PostgreSQL's text of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tidegate.connectors.postgres_cdc.column_types import zero
from tidegate.connectors.postgres_cdc.table_schema import CapturedColumn, TableSchema


class NullInRequiredError(Exception):
    """A column that the catalogue says is NOT NULL holds a null: the catalogue is newer or older than the row.

    Args:
        columns: names of such columns.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = frozenset(columns)


@dataclass(slots=True)
class RowValues:
    """n rows.

    Args:
        columns: values by place in the relation, masks not yet applied.
        problems: by row what is wrong with a value; such a value is null.
    """

    columns: dict[int, pa.Array]
    problems: dict[int, str] = field(default_factory=dict)


def row_values(schema: TableSchema, texts: Mapping[int, pa.Array]) -> RowValues:
    """The values of n rows.

    Args:
        schema: their table.
        texts: string arrays by place in the relation.
    """
    found = RowValues({})
    for index, text in texts.items():
        column = schema.columns[index]
        try:
            found.columns[index] = column.type.read(text)
        except (ValueError, ArithmeticError):
            found.columns[index], problems = _apart(column, text)
            found.problems |= problems
    return found


def _apart(column: CapturedColumn, text: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    problems: dict[int, str] = {}
    good: list[str | None] = text.to_pylist()
    for row, value in enumerate(good):
        try:
            column.type.read(pa.array([value], pa.string()))
        except (ValueError, ArithmeticError) as error:
            problems[row] = f"column {column.field.name!r}: {str(error) or type(error).__name__}"
            good[row] = None
    return column.type.read(pa.array(good, pa.string())), problems


def rows_struct(schema: TableSchema, values: RowValues, count: int, *, fill: bool) -> pa.StructArray:
    """Rows as a struct array.

    Args:
        schema: their table.
        values: their values.
        count: how many.
        fill: whether a required column's missing value is its type's zero; else it is an error.

    Raises:
        NullInRequiredError: see ``fill``; rows with problems aside.
    """
    arrays, broken = [], []
    for index in schema.row:
        column = schema.columns[index]
        array = values.columns.get(index)
        if array is None:
            array = pa.nulls(count, column.type.type)
        if array.null_count and not column.field.nullable:
            if fill or values.problems:
                array = filled(array)
            else:
                broken.append(schema.relation.columns[index].name)
        if column.mask is not None:
            array = column.mask(array)
        arrays.append(array)
    if broken:
        raise NullInRequiredError(broken)
    if not arrays:
        return pa.array([{}] * count, pa.struct([]))
    return pa.StructArray.from_arrays(arrays, fields=list(schema.shape.row))


def keys_struct(schema: TableSchema, values: RowValues) -> pa.StructArray | None:
    """Keys as a struct array; None for a table without a key.

    Raises:
        NullInRequiredError: a key has a null.
    """
    if not schema.key:
        return None
    arrays, broken = [], []
    for index, one in zip(schema.key, schema.shape.key, strict=True):
        array = values.columns[index]
        if array.null_count and not one.nullable:
            if values.problems:
                array = filled(array)
            else:
                broken.append(schema.relation.columns[index].name)
        arrays.append(array)
    if broken:
        raise NullInRequiredError(broken)
    return pa.StructArray.from_arrays(arrays, fields=list(schema.shape.key))


def filled(array: pa.Array) -> pa.Array:
    """The array with its type's zero in place of nulls."""
    if not array.null_count:
        return array
    nothing = pa.array([zero(array.type)], array.type)
    places = [len(array) if missing else row for row, missing in enumerate(array.is_null().to_pylist())]
    return pa.concat_arrays([array, nothing]).take(pa.array(places, pa.int64()))

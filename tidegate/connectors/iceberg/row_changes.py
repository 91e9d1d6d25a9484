"""Row changes: what each record does to its table, and the row it does it with."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.iceberg.faults import null_faults
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.projection import project
from tidegate.records.envelope import Batch

_WRITES = ("c", "r", "i", "u", "create", "read", "insert", "update", "upsert")
_DELETES = ("d", "delete")


@dataclass(frozen=True, slots=True)
class RowChanges:
    """Records as rows of a table.

    Args:
        faults: row of the batch to the reason why it can not be written.
        rows: rows of the layout's columns, those of faulty records left out.
        deleted: for each whether it deletes the row of its key.
    """

    faults: dict[int, str]
    rows: pa.StructArray
    deleted: pa.Array


def appended(batch: Batch, layout: Layout, *, ignore_nulls: bool, ignore_case: bool) -> RowChanges:
    """Records as rows to append.

    Args:
        batch: n records.
        layout: the table's.
        ignore_nulls: leave out tombstones rather than halting them.
        ignore_case: whether names are the same in any case.
    """
    faults: dict[int, str] = {}
    valid = batch.value.is_valid()
    if batch.value.null_count and not ignore_nulls:
        why = "the value is null (a tombstone), and rows are only appended: set behavior.on.null.values=ignore"
        faults = dict.fromkeys(pc.indices_nonzero(pc.invert(valid)).to_pylist(), why)
    numbers = pc.indices_nonzero(valid).cast(pa.int64())
    sound, rows = _projected(batch.value, numbers, layout, ignore_case, faults)
    _add(faults, null_faults(rows), sound)
    rows, _ = _without(faults, rows, sound)
    return RowChanges(faults, rows, pa.array([False] * len(rows), pa.bool_()))


def keyed(
    batch: Batch, layout: Layout, id_columns: tuple[str, ...], operation: str | None, *, ignore_case: bool
) -> RowChanges:
    """Records as rows that replace or delete the row of their key.

    Args:
        batch: n records.
        layout: the table's.
        id_columns: of the key.
        operation: field that says what a record does, ``a.b`` for one within another; None where all write.
        ignore_case: whether names are the same in any case.
    """
    faults: dict[int, str] = {}
    tombs = batch.value.is_null()
    deletes = _deletes(batch.value, operation, faults) if operation else pa.array([False] * len(batch), pa.bool_())
    parts = []
    if batch.value.null_count < len(batch):
        numbers = pc.indices_nonzero(pc.invert(tombs)).cast(pa.int64())
        sound, rows = _projected(batch.value, numbers, layout, ignore_case, faults)
        gone = deletes.take(sound)
        written, kept = sound.filter(pc.invert(gone)), rows.filter(pc.invert(gone))
        _add(faults, null_faults(kept, id_columns), written)
        _add(faults, _key_faults(rows.filter(gone), id_columns), sound.filter(gone))
        parts.append((sound, rows, gone))
    if batch.value.null_count:
        numbers = pc.indices_nonzero(tombs).cast(pa.int64())
        keys = _key_rows(batch.key, id_columns)
        if keys is None:
            why = f"the value is null (a tombstone), and the record key does not hold {', '.join(id_columns)}"
            faults.update(dict.fromkeys(numbers.to_pylist(), why))
        else:
            sound, rows = _projected(keys, numbers, layout, ignore_case, faults)
            _add(faults, _key_faults(rows, id_columns), sound)
            parts.append((sound, rows, pa.array([True] * len(rows), pa.bool_())))
    if not parts:
        return RowChanges(faults, pa.array([], layout.columns), pa.array([], pa.bool_()))
    sound, rows, gone = (pa.concat_arrays([part[index] for part in parts]) for index in range(3))
    order = pc.array_sort_indices(sound)
    sound, rows, gone = sound.take(order), rows.take(order), gone.take(order)
    rows, keep = _without(faults, rows, sound)
    return RowChanges(faults, rows, gone if keep is None else gone.filter(keep))


def _projected(
    values: pa.Array, numbers: pa.Array, layout: Layout, ignore_case: bool, faults: dict[int, str]
) -> tuple[pa.Array, pa.StructArray]:
    """The row numbers that fit, and their rows; the others become faults one by one."""
    if not len(numbers):
        return numbers, pa.array([], layout.columns)
    chosen = values if len(numbers) == len(values) else values.take(numbers)
    try:
        return numbers, project(chosen, layout.columns, ignore_case=ignore_case)
    except pa.ArrowException:
        sound, rows = [], []
        for place, number in enumerate(numbers.to_pylist()):
            try:
                rows.append(project(chosen.slice(place, 1), layout.columns, ignore_case=ignore_case))
                sound.append(number)
            except pa.ArrowException as error:
                faults[number] = f"a value does not fit its column: {error}"
        return pa.array(sound, pa.int64()), pa.concat_arrays(rows) if rows else pa.array([], layout.columns)


def _deletes(values: pa.Array, operation: str, faults: dict[int, str]) -> pa.Array:
    column = values
    for name in operation.split("."):
        index = column.type.get_field_index(name) if pa.types.is_struct(column.type) else -1
        if index < 0:
            column = pa.nulls(len(values), pa.string())
            break
        column = pc.struct_field(column, [index])
    lowered = pc.utf8_lower(column.cast(pa.string()))
    deletes = pc.is_in(lowered, value_set=pa.array(_DELETES))
    known = pc.or_(deletes, pc.is_in(lowered, value_set=pa.array(_WRITES)))
    for row in pc.indices_nonzero(pc.and_(pc.invert(known), values.is_valid())).to_pylist():
        faults[row] = (
            f"field {operation!r} is {lowered[row].as_py()!r}, which is no operation: it has to be c, r, i, u or d"
        )
    return deletes


def _key_rows(key: pa.Array, id_columns: tuple[str, ...]) -> pa.Array | None:
    if pa.types.is_struct(key.type):
        return key if all(key.type.get_field_index(name) >= 0 for name in id_columns) else None
    if len(id_columns) != 1 or pa.types.is_null(key.type):
        return None
    return pa.StructArray.from_arrays([key], names=list(id_columns))


def _key_faults(rows: pa.StructArray, id_columns: tuple[str, ...]) -> dict[int, str]:
    if not len(rows):
        return {}
    fields = [rows.type.field(rows.type.get_field_index(name)).with_nullable(True) for name in id_columns]
    columns = [pc.struct_field(rows, [rows.type.get_field_index(name)]) for name in id_columns]
    return null_faults(pa.StructArray.from_arrays(columns, fields=fields), id_columns)


def _add(faults: dict[int, str], found: dict[int, str], numbers: pa.Array) -> None:
    for place, why in found.items():
        faults.setdefault(numbers[place].as_py(), why)


def _without(faults: dict[int, str], rows: pa.StructArray, numbers: pa.Array) -> tuple[pa.StructArray, pa.Array | None]:
    if not faults:
        return rows, None
    keep = pc.invert(pc.is_in(numbers, value_set=pa.array(list(faults), pa.int64())))
    return rows.filter(keep), keep

"""The gate: how a batch's columns go into a table's, and which records the table can not take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.jdbc_sink.fit import UnfitError, fit
from tidegate.connectors.jdbc_sink.options import UPDATE, Options
from tidegate.connectors.jdbc_sink.record_columns import RecordColumns
from tidegate.connectors.jdbc_sink.table import Column, Kind, Table
from tidegate.records.reason import Reason, Rule


@dataclass(frozen=True, slots=True)
class Bound:
    """A column of the table with values for it.

    Args:
        column: the table's column.
        array: one fitted value a record; see :class:`tidegate.connectors.jdbc_sink.fit.Fitted`.
        key: whether it is of the primary key.
    """

    column: Column
    array: pa.Array
    key: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """What the gate let through.

    Args:
        columns: the key's first.
        faults: record to the reason it is halted for.
    """

    columns: Sequence[Bound]
    faults: dict[int, str]

    @property
    def keys(self) -> list[Bound]:
        """The columns of the primary key."""
        return [bound for bound in self.columns if bound.key]


def missing_fields(records: RecordColumns, table: Table) -> list[pa.Field]:
    """Fields the table has no column for."""
    return [field for field in records.fields if table.find(field.name) is None]


def lacking_columns(records: RecordColumns, table: Table) -> list[Column]:
    """Columns that a new row needs and the records have no field for."""
    have = {table.find(field.name) for field in records.fields}
    return [column for column in table.columns.values() if column.required and column not in have]


def judge(records: RecordColumns, table: Table, options: Options, *, backend: str) -> Passage:
    """Holds records against a table.

    Args:
        records: columns of n records.
        table: the table, as its catalogue has it.
        options: the connector's.
        backend: kind of database.
    """
    tombstones = records.tombstones.to_numpy(zero_copy_only=False)
    faults: dict[int, str] = {}
    if not options.delete_enabled:
        why = (
            "the value is null (a tombstone): set delete.enabled=true with pk.mode=record_key to delete the row of its "
            "key, or filter such records out"
        )
        faults.update(dict.fromkeys(np.flatnonzero(tombstones).tolist(), why))
    judging = _Judging(table, tombstones, faults)
    if options.insert_mode != UPDATE:
        for lacking in lacking_columns(records, table):
            judging.refuse(
                ~tombstones,
                Reason(
                    f"column {lacking.name!r} of table {table.id} is NOT NULL without a default, and the record has no "
                    f"field for it{_renamed(records, table)}: give the column a default, or the record the field",
                    Rule.MISSING_FIELD,
                    lacking.name,
                ),
            )
    bound: list[Bound] = []
    for field, array in zip(records.fields, records.arrays, strict=True):
        key = field in records.keys
        column = table.find(field.name)
        if column is None and options.project and not key:
            continue
        if column is None:
            judging.refuse(
                None if key else ~tombstones,
                Reason(
                    f"field {field.name!r} has no column in table {table.id}: add the column, set drift.policy to "
                    "evolve or project, or choose the fields to write with fields.whitelist",
                    Rule.UNKNOWN_FIELD,
                    field.name,
                ),
            )
            continue
        if column.generated:
            judging.refuse(
                ~tombstones,
                f"column {column.name!r} of table {table.id} is computed by the database and takes no value: leave "
                f"field {field.name!r} out with fields.whitelist",
            )
            continue
        try:
            fitted = fit(field, array, column, zone=options.zone, backend=backend)
        except UnfitError as error:
            valid = array.is_valid().to_numpy(zero_copy_only=False)
            judging.refuse(None if key else valid, _at(field, column, table, error, Rule.TYPE_CHANGED))
            continue
        rule = Rule.TYPE_CHANGED if takes_text_as_number(array.type, column) else Rule.VALUE
        for row, why in fitted.faults.items():
            faults.setdefault(row, _at(field, column, table, why, rule))
        nulls = array.is_null().to_numpy(zero_copy_only=False)
        if key:
            judging.refuse(
                nulls,
                Reason(
                    f"field {field.name!r} of the primary key is null: a row without its key can not be found again",
                    Rule.NULL,
                    field.name,
                ),
            )
        elif not column.nullable:
            judging.refuse(
                nulls & ~tombstones,
                Reason(
                    f"field {field.name!r} is null and column {column.name!r} of table {table.id} is NOT NULL: give "
                    "the field a value, or let the column be null",
                    Rule.NULL,
                    field.name,
                ),
            )
        bound.append(Bound(column, fitted.array, key))
    return Passage(bound, faults)


def takes_text_as_number(type_: pa.DataType, column: Column) -> bool:
    """Whether texts go into a column of numbers or truth values: those that are none tell of a changed type."""
    text = pa.types.is_string(type_) or pa.types.is_large_string(type_)
    return bool(text) and column.kind in (Kind.INTEGER, Kind.REAL, Kind.DECIMAL, Kind.BOOLEAN)


@dataclass(slots=True)
class _Judging:
    table: Table
    tombstones: npt.NDArray[np.bool_]
    faults: dict[int, str]

    def refuse(self, rows: npt.NDArray[np.bool_] | None, why: str) -> None:
        chosen = range(len(self.tombstones)) if rows is None else np.flatnonzero(rows).tolist()
        for row in chosen:
            self.faults.setdefault(row, why)


def _at(field: pa.Field, column: Column, table: Table, why: object, rule: Rule) -> Reason:
    return Reason(
        f"field {field.name!r} ({field.type}), column {column.name!r} of table {table.id} ({column.type_text}): {why}",
        rule,
        field.name,
    )


def _renamed(records: RecordColumns, table: Table) -> str:
    unknown = [field.name for field in missing_fields(records, table)]
    return f" (it has {', '.join(map(repr, unknown))}, which the table has not; renamed?)" if unknown else ""

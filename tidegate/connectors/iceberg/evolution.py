"""Evolution: what a table's schema lacks to take records of a type, and what no change could mend. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from tidegate.connectors.iceberg.column_types import UnstorableTypeError, iceberg_type, widened
from tidegate.records.reason import Reason, Rule

Path = tuple[str, ...]


@dataclass(slots=True)
class Evolution:
    """Changes of a table's schema.

    Args:
        added: new optional columns.
        widened: columns and their wider types.
        relaxed: required columns that become optional.
        refusals: sentences, each naming a field and a rule; the records can not be written at all.
    """

    added: list[tuple[Path, IcebergType]] = field(default_factory=list)
    widened: list[tuple[Path, IcebergType]] = field(default_factory=list)
    relaxed: list[Path] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def needed(self) -> bool:
        """Whether the table has to change."""
        return bool(self.added or self.widened or self.relaxed)


def evolution(schema: Schema, record: pa.StructType, *, ignore_case: bool = False) -> Evolution:
    """Compares a table's schema with the type of records.

    A column that is required stays so for records that lack the field: a field that went missing is more often renamed
    than given up, and its records are halted. Columns of the key are never made optional.

    Args:
        schema: the table's.
        record: of the records.
        ignore_case: whether names are the same in any case.
    """
    found = Evolution()
    keys = frozenset(schema.identifier_field_ids)
    _compare_struct(schema.as_struct(), record, (), found, keys, ignore_case)
    return found


def children(type_: pa.StructType, ignore_case: bool) -> Mapping[str, pa.Field]:
    """The fields of a struct by the name they are looked up with."""
    return {child.name.lower() if ignore_case else child.name: child for child in type_}


def _compare_struct(
    known: StructType, new: pa.StructType, path: Path, found: Evolution, keys: frozenset[int], ignore_case: bool
) -> None:
    arriving = dict(children(new, ignore_case))
    extra = {name: child for name, child in arriving.items() if not _has(known, name, ignore_case)}
    for column in known.fields:
        name = ".".join((*path, column.name))
        other = arriving.get(column.name.lower() if ignore_case else column.name)
        if other is None:
            if column.required:
                hint = f" (new in it: {', '.join(repr(c.name) for c in extra.values())}; renamed?)" if extra else ""
                why = f"column {name!r} is required and missing in the record{hint}"
                found.refusals.append(Reason(why, Rule.MISSING_FIELD, name))
            continue
        _compare(column, other.type, (*path, column.name), found, keys, ignore_case)
        if column.required and other.nullable and column.field_id not in keys:
            found.relaxed.append((*path, column.name))
    for child in extra.values():
        try:
            type_ = iceberg_type(child.type, itertools.count(1), optional=True)
        except UnstorableTypeError as error:
            found.refusals.append(f"field {'.'.join((*path, child.name))!r}: {error}")
            continue
        if type_ is not None:
            found.added.append(((*path, child.name), type_))


def _compare(
    column: NestedField, new: pa.DataType, path: Path, found: Evolution, keys: frozenset[int], ignore_case: bool
) -> None:
    known = column.field_type
    name = ".".join(path)
    if pa.types.is_dictionary(new):
        new = new.value_type
    if pa.types.is_null(new):
        return
    match known:
        case StructType() if pa.types.is_struct(new):
            _compare_struct(known, new, path, found, keys, ignore_case)
        case ListType() if pa.types.is_list(new) or pa.types.is_large_list(new) or pa.types.is_fixed_size_list(new):
            _compare(known.element_field, new.value_type, (*path, "element"), found, keys, ignore_case)
            if known.element_required and new.value_field.nullable:
                found.relaxed.append((*path, "element"))
        case MapType() if pa.types.is_map(new):
            _compare(known.key_field, new.key_type, (*path, "key"), found, keys, ignore_case)
            _compare(known.value_field, new.item_type, (*path, "value"), found, keys, ignore_case)
            if known.value_required and new.item_field.nullable:
                found.relaxed.append((*path, "value"))
        case _:
            try:
                type_ = iceberg_type(new, itertools.count(1))
            except UnstorableTypeError as error:
                found.refusals.append(f"field {name!r}: {error}")
                return
            wider = None if type_ is None else widened(known, type_)
            if wider is None:
                why = f"field {name!r} is {new} and its column {known}: neither can be promoted to the other"
                found.refusals.append(Reason(why, Rule.TYPE_CHANGED, name))
            elif wider != known:
                found.widened.append((path, wider))


def _has(known: StructType, name: str, ignore_case: bool) -> bool:
    return any((column.name.lower() if ignore_case else column.name) == name for column in known.fields)

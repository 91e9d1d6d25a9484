"""A captured table: which of its columns make rows and keys, of which types, under which names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from tidegate.connectors.cdc.change_batch import EventShape
from tidegate.connectors.cdc.filters import CaptureFilter
from tidegate.connectors.cdc.masking import ColumnMasks, Mask
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.mysql_cdc import table_map as log
from tidegate.connectors.mysql_cdc.column_types import ColumnType, Modes, column_type, zero
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.log_values import LogReader, Values, log_reader
from tidegate.connectors.mysql_cdc.table_map import MapColumn, TableMap
from tidegate.connectors.postgres_values.cells import PADDING, Cells
from tidegate.errors import FatalError
from tidegate.records.field_default import with_default

_CODES: Mapping[str, frozenset[int]] = {
    "tinyint": frozenset({log.TINY}),
    "smallint": frozenset({log.SHORT}),
    "mediumint": frozenset({log.INT24}),
    "int": frozenset({log.LONG}),
    "bigint": frozenset({log.LONGLONG}),
    "float": frozenset({log.FLOAT}),
    "double": frozenset({log.DOUBLE}),
    "decimal": frozenset({log.NEWDECIMAL}),
    "date": frozenset({log.DATE, log.NEWDATE}),
    "time": frozenset({log.TIME, log.TIME2}),
    "datetime": frozenset({log.DATETIME, log.DATETIME2}),
    "timestamp": frozenset({log.TIMESTAMP, log.TIMESTAMP2}),
    "year": frozenset({log.YEAR}),
    "bit": frozenset({log.BIT}),
    "enum": frozenset({log.ENUM}),
    "set": frozenset({log.SET}),
    "char": frozenset({log.STRING}),
    "binary": frozenset({log.STRING}),
    "uuid": frozenset({log.STRING}),
    "inet4": frozenset({log.STRING}),
    "inet6": frozenset({log.STRING}),
    "varchar": frozenset({log.VARCHAR, log.VAR_STRING, log.VARCHAR_COMPRESSED}),
    "varbinary": frozenset({log.VARCHAR, log.VAR_STRING, log.VARCHAR_COMPRESSED}),
}
_BLOBS = frozenset(
    {
        log.BLOB,
        log.TINY_BLOB,
        log.MEDIUM_BLOB,
        log.LONG_BLOB,
        log.BLOB_COMPRESSED,
        log.JSON,
        log.GEOMETRY,
        log.VECTOR,
    }
)
_NAMES_OF_CODES = {
    log.TINY: "tinyint",
    log.SHORT: "smallint",
    log.INT24: "mediumint",
    log.LONG: "int",
    log.LONGLONG: "bigint",
    log.FLOAT: "float",
    log.DOUBLE: "double",
    log.NEWDECIMAL: "decimal",
    log.DATE: "date",
    log.NEWDATE: "date",
    log.TIME: "time",
    log.TIME2: "time",
    log.DATETIME: "datetime",
    log.DATETIME2: "datetime",
    log.TIMESTAMP: "timestamp",
    log.TIMESTAMP2: "timestamp",
    log.YEAR: "year",
    log.BIT: "bit",
    log.ENUM: "enum",
    log.SET: "set",
    log.JSON: "json",
    log.GEOMETRY: "geometry",
    log.VECTOR: "vector",
}


@dataclass(frozen=True, slots=True)
class CapturedColumn:
    """A column that is part of rows or keys.

    Args:
        index: its place in the table.
        column: as the table defines it.
        type: its type.
        field: its field in rows.
        mask: hides its values in rows.
        read_log: reads its values from the log; None where only queries are read.
    """

    index: int
    column: Column
    type: ColumnType
    field: pa.Field
    mask: Mask | None
    read_log: LogReader | None

    def from_log(self, cells: Cells) -> pa.Array:
        """Its values from the log."""
        assert self.read_log is not None
        return self._finished(self.read_log(cells))

    def from_text(self, cells: Cells) -> pa.Array:
        """Its values from a query."""
        return self._finished(self.type.read_text(cells))

    def _finished(self, values: Values) -> pa.Array:
        return self.type.finish(values, self.field.nullable)


@dataclass(frozen=True, slots=True, eq=False)
class TableSchema:
    """A table with one schema.

    Args:
        definition: of the table.
        columns: by their place in the table.
        row: places of the columns of rows.
        key: places of the columns of keys.
        shape: of its records.
        described: its columns as the log describes them.
    """

    definition: TableDefinition
    columns: dict[int, CapturedColumn]
    row: tuple[int, ...]
    key: tuple[int, ...]
    shape: EventShape
    described: Sequence[MapColumn] = ()

    def rows(self, values: Mapping[int, pa.Array], count: int, *, fill: bool) -> pa.StructArray:
        """Rows as a struct array.

        Args:
            values: by place in the table; those of columns that are missing are null.
            count: how many rows.
            fill: whether a required column's missing value is its type's zero.
        """
        arrays = []
        for index in self.row:
            column = self.columns[index]
            array = values.get(index)
            if array is None:
                array = pa.nulls(count, column.type.type)
            if fill and array.null_count and not column.field.nullable:
                array = filled(array)
            arrays.append(array if column.mask is None else column.mask(array))
        if not arrays:
            return pa.array([{}] * count, pa.struct([]))
        return pa.StructArray.from_arrays(arrays, fields=list(self.shape.row))

    def keys(self, values: Mapping[int, pa.Array]) -> pa.StructArray | None:
        """Keys as a struct array; None for a table without a key."""
        if not self.key:
            return None
        arrays = [filled(values[index]) for index in self.key]
        return pa.StructArray.from_arrays(arrays, fields=list(self.shape.key))


def filled(array: pa.Array) -> pa.Array:
    """The array with its type's zero in place of nulls."""
    if not array.null_count:
        return array
    nothing = pa.array([zero(array.type)], array.type)
    places = [len(array) if missing else row for row, missing in enumerate(array.is_null().to_pylist())]
    return pa.concat_arrays([array, nothing]).take(pa.array(places, pa.int64()))


def apart(read: Callable[[Cells], pa.Array], cells: Cells, name: str, problems: dict[int, str]) -> pa.Array:
    """The values one by one, those that can not be read as null."""
    assert not isinstance(cells.length, int)
    length = cells.length.copy()
    for row in range(len(cells)):
        try:
            read(Cells(cells.data, cells.start[row : row + 1], cells.length[row : row + 1]))
        except (ValueError, ArithmeticError, IndexError) as error:
            problems[row] = f"column {name!r}: {str(error) or type(error).__name__}"
            length[row] = -1
    return read(Cells(cells.data, cells.start, length))


@dataclass(frozen=True, slots=True)
class SchemaRules:
    """What a configuration says of all tables.

    Args:
        capture: tables and columns that are captured.
        masks: of columns.
        keys: other keys than the primary ones.
        names: of topics and record types.
        modes: of types with several forms.
        source: the field of the ``source`` block.
    """

    capture: CaptureFilter
    masks: ColumnMasks
    keys: MessageKeys
    names: TopicNames
    modes: Modes
    source: pa.Field

    def schema(self, definition: TableDefinition, described: TableMap | None = None) -> TableSchema:
        """The schema of a table.

        Args:
            definition: of the table.
            described: as the log describes it, which then says what may be null.
        """
        table, names = definition.table, definition.names
        key_names = self.keys.columns(table, definition.key, names)
        row = [index for index, name in enumerate(names) if self.capture.column(table, name)]
        key = [names.index(name) for name in key_names]
        columns = {}
        for index in sorted({*row, *key}):
            column = definition.columns[index]
            of_log = None if described is None else described.columns[index]
            kind = column_type(column, self.modes)
            nullable = (column.nullable if of_log is None else of_log.nullable) and index not in key
            mask = self.masks.mask(table, column.name) if pa.types.is_string(kind.type) else None
            field = kind.field(self.names.field(column.name), nullable=nullable)
            default = _default(column, kind, nullable=nullable)
            if default is not None:
                field = with_default(field, default if mask is None else mask(default))
            read = None if of_log is None else log_reader(column, of_log)
            columns[index] = CapturedColumn(index, column, kind, field, mask, read)
        shape = EventShape(
            self.names.data(table),
            [columns[index].field for index in row],
            self.names.record(table, "Value"),
            [columns[index].field for index in key],
            self.names.record(table, "Key"),
            self.names.record(table, "Envelope"),
            self.source,
        )
        return TableSchema(
            definition, columns, tuple(row), tuple(key), shape, () if described is None else described.columns
        )


def _default(column: Column, kind: ColumnType, *, nullable: bool) -> pa.Array | None:
    """An array of one value, a column's default; None where it has none, or one that its type can not hold."""
    if column.default is None or pa.types.is_struct(kind.type):
        return None
    try:
        raw = column.default.encode("latin-1" if column.is_bytes else "utf-8")
        data = np.frombuffer(raw + bytes(PADDING), np.uint8)
        cells = Cells(data, np.zeros(1, np.int64), np.array([len(raw)], np.int32))
        return kind.finish(kind.read_text(cells), nullable)
    except (ValueError, ArithmeticError, LookupError):
        return None


def versioned_error(table: TableId) -> FatalError:
    """What is said of a table whose old rows are in the log like rows of today."""
    return FatalError(
        f"The table {table.name} has system versioning, so that the log tells its old rows like rows of today.",
        remedy="Exclude the table (table.exclude.list), or ALTER TABLE ... DROP SYSTEM VERSIONING before it is read.",
    )


def is_versioned(definition: TableDefinition, described: TableMap) -> bool:
    """Whether the log describes a table with the two columns that system versioning adds behind the defined ones."""
    added = described.columns[len(definition.columns) :]
    return len(added) == 2 and all(one.type == log.TIMESTAMP2 and one.meta == 6 for one in added)


def mismatch(definition: TableDefinition, described: TableMap) -> str | None:
    """Why a definition can not be that of the table in the log; None where it can."""
    if len(definition.columns) != len(described.columns):
        return f"it has {len(described.columns)} columns in the log and {len(definition.columns)} as it was defined"
    names = described.names
    for index, (column, of_log) in enumerate(zip(definition.columns, described.columns, strict=True)):
        codes = _CODES.get(column.type, _BLOBS)
        if of_log.type not in codes:
            return (
                f"column {column.name!r} is {column.type_text} as it was defined and of type {of_log.type} in the log"
            )
        if column.type == "decimal" and (column.length or 10, column.scale or 0) != (
            of_log.meta >> 8,
            of_log.meta & 0xFF,
        ):
            return f"column {column.name!r} has other digits in the log than as it was defined"
        if names is not None and names[index] != column.name:
            return f"column {column.name!r} is {names[index]!r} in the log"
    return None


def told_definition(
    described: TableMap, known: TableDefinition | None, charset_of: Callable[[int], str | None]
) -> TableDefinition | None:
    """The definition of a table as the log alone tells it; None where it tells no names.

    Args:
        described: as the log describes it.
        known: an older definition, which tells of columns that are still there what the log does not.
        charset_of: the character set of a collation, by number.
    """
    names = described.names
    if names is None:
        return None
    earlier = {} if known is None else {column.name: column for column in known.columns}
    columns = []
    for name, of_log in zip(names, described.columns, strict=True):
        told = _told_column(name, of_log, charset_of)
        old = earlier.get(name)
        if old is not None and of_log.type in _CODES.get(old.type, _BLOBS):
            told = replace(old, nullable=told.nullable, unsigned=told.unsigned, values=told.values or old.values)
        columns.append(told)
    primary = tuple(names[index] for index in described.primary_key)
    unique = None if known is None else known.unique
    return TableDefinition(described.table, tuple(columns), primary, unique, None if known is None else known.charset)


def _told_column(name: str, of_log: MapColumn, charset_of: Callable[[int], str | None]) -> Column:
    charset = None if of_log.collation is None else charset_of(of_log.collation)
    is_binary = charset == "binary"
    kind = _NAMES_OF_CODES.get(of_log.type)
    length: int | None = None
    scale: int | None = None
    if kind is None:
        if of_log.type == log.STRING:
            kind, length = ("binary" if is_binary else "char"), of_log.meta
        elif of_log.type in (log.VARCHAR, log.VAR_STRING, log.VARCHAR_COMPRESSED):
            kind, length = ("varbinary" if is_binary else "varchar"), of_log.meta
        else:
            kind = "longblob" if is_binary else "longtext"
    elif kind == "decimal":
        length, scale = of_log.meta >> 8, of_log.meta & 0xFF
    elif kind in ("time", "datetime", "timestamp"):
        length = of_log.meta
    elif kind == "bit":
        length = (of_log.meta >> 8) * 8 + (of_log.meta & 0xFF)
    values = tuple(value.decode("utf-8", "replace") for value in of_log.values)
    return Column(
        name,
        kind,
        length,
        scale,
        bool(of_log.unsigned),
        None if is_binary else charset,
        values,
        of_log.nullable,
    )

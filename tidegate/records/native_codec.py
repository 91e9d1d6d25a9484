"""The Avro codec in Rust: the same bytes, values and faults as the columnar one, a row at a time without Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from tidegate.errors import FatalError
from tidegate.records.avro_resolution import resolving_decoder
from tidegate.records.avro_row_reader import DAY
from tidegate.records.avro_schema import AvroType
from tidegate.records.avro_to_arrow import arrow_type, union_fields
from tidegate.records.codec import ColumnDecoder, ColumnEncoder, DatumFault, DecodedColumn, EncodedColumn
from tidegate.records.columnar_decoder import ColumnarDecoder
from tidegate.records.columnar_encoder import ColumnarEncoder
from tidegate.records.native_plan import NoPlanError, encoding_plan

if TYPE_CHECKING:
    from types import ModuleType

_LARGER = "The records of a batch are over 2 GiB, more than a column holds."
_REMEDY = "Let the batches be smaller."


class NativeCodec:
    """Implements :class:`~tidegate.records.codec.AvroCodec`.

    Args:
        extension: the module ``tidegate._native``.
    """

    def __init__(self, extension: ModuleType) -> None:
        self._extension = extension

    def encoder(self, schema: AvroType, field: pa.Field) -> ColumnEncoder:
        """See the protocol."""
        columnar = ColumnarEncoder(schema, field)
        try:
            plan = encoding_plan(schema, field)
        except NoPlanError:
            return columnar
        return _NativeEncoder(self._extension.AvroEncoder(plan))

    def decoder(self, schema: AvroType, reader: AvroType | None = None) -> ColumnDecoder:
        """See the protocol."""
        return resolving_decoder(self._decoder(schema), schema, reader)

    def _decoder(self, schema: AvroType) -> ColumnDecoder:
        if "\0" in str(arrow_type(schema)):
            # Arrow's C interface, by which the type goes to the extension, ends a name at a zero.
            return ColumnarDecoder(schema)
        return _NativeDecoder(self._extension.AvroDecoder(native_type(schema)))


class _NativeEncoder:
    def __init__(self, native: object) -> None:
        self._encode = native.encode  # type: ignore[attr-defined]

    def encode(self, column: pa.Array, prefix: bytes = b"") -> EncodedColumn:
        """See the protocol."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        try:
            data, faults = self._encode(column, prefix)
        except OverflowError:
            raise FatalError(_LARGER, remedy=_REMEDY) from None
        return EncodedColumn(pa.array(data), _faults(faults))


class _NativeDecoder:
    def __init__(self, native: object) -> None:
        self._decode = native.decode  # type: ignore[attr-defined]

    def decode(self, data: pa.Array, skip: int = 0) -> DecodedColumn:
        """See the protocol."""
        try:
            rows, values, faults = self._decode(data, skip)
        except OverflowError:
            raise FatalError(_LARGER, remedy=_REMEDY) from None
        return DecodedColumn(pa.array(rows), pa.array(values), _faults(faults))


def _faults(faults: Sequence[tuple[int, str]]) -> list[DatumFault]:
    return [DatumFault(row, message) for row, message in faults]


@dataclass(frozen=True, slots=True)
class NativeType:
    """An Avro type with all that the native decoder needs.

    Args:
        kind: as in :class:`~tidegate.records.avro_schema.AvroType`.
        arrow: type of its values, nulls aside.
        name: full name of a named type.
        logical: logical type.
        size: bytes of a fixed type.
        precision: of a decimal.
        day: units in a day, of a logical type within one.
        symbols: of an enum.
        children: fields of a record, branches of a union (null has no name), items of an array, values of a map.
    """

    kind: str
    arrow: pa.DataType
    name: str
    logical: str
    size: int
    precision: int
    day: int | None
    symbols: tuple[str, ...]
    children: tuple[tuple[str, NativeType], ...]


def native_type(schema: AvroType) -> NativeType:
    """A type as the native decoder takes it."""
    return NativeType(
        schema.kind,
        arrow_type(schema),
        schema.name,
        schema.logical,
        schema.size,
        schema.precision,
        DAY.get(schema.logical),
        schema.symbols,
        tuple((name, native_type(child)) for name, child in _children(schema)),
    )


def _children(schema: AvroType) -> list[tuple[str, AvroType]]:
    if schema.kind == "record":
        return [(field.original_name, field.type) for field in schema.fields]
    if schema.kind == "union":
        names = iter([field.name for field in union_fields(schema)])
        return [("" if branch.kind == "null" else next(names), branch) for branch in schema.branches]
    return [] if schema.element is None else [("", schema.element)]

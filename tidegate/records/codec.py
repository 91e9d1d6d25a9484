"""What an Avro codec is: columns to Avro data and back, one datum a row.

Every implementation gives the same bytes, values and faults; the sentences of faults may differ in wording only.

- Bytes are the shortest Avro binary encoding: an array or map that is not empty is one block with a positive count.
- Values are of :func:`tidegate.records.avro_to_arrow.arrow_field` of the schema, whatever the column's own type was.
- A datum is decoded only if it is whole: nothing is missing, nothing follows it, every index, length, count and
  number is in range and every string is UTF-8. A datum that is not is a fault of its own row; the others go on.
- Encoding takes columns whose types fit the schema without losing anything; a value that would (a fraction of the
  unit, a number out of range) or that the schema does not admit (null, an unknown symbol) is a fault of its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tidegate.errors import FatalError
from tidegate.records.avro_schema import AvroType


class SchemaMismatchError(FatalError):
    """A column's type can not be written with a schema, whatever its values."""


class DatumError(FatalError):
    """One datum is not what its schema says.

    Args:
        path: the field's path, dots between names; empty for the datum as a whole.
        rule: what is wrong, as the rest of a sentence that begins with the field.
    """

    def __init__(self, path: str, rule: str) -> None:
        self.path = path
        self.rule = rule
        super().__init__(f"{f'Field {path}' if path else 'The record'} {rule}.")


@dataclass(frozen=True, slots=True)
class DatumFault:
    """Why one row has no datum, or one datum no row.

    Args:
        row: index in the input.
        message: one sentence that names field and rule.
    """

    row: int
    message: str


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """Avro data of a column.

    Args:
        data: binary array of n entries; null for null rows and faults.
        faults: rows that do not fit the schema, ascending.
    """

    data: pa.Array
    faults: Sequence[DatumFault] = ()


@dataclass(frozen=True, slots=True)
class DecodedColumn:
    """The good rows of a sequence of data.

    Args:
        rows: int32 array of m indexes into the input, ascending.
        values: m values; null where the input is.
        faults: the other rows, ascending.
    """

    rows: pa.Array
    values: pa.Array
    faults: Sequence[DatumFault] = ()


class ColumnEncoder(Protocol):
    """Writes columns of one type with one schema."""

    def encode(self, column: pa.Array, prefix: bytes = b"") -> EncodedColumn:
        """Encodes n values of the type the encoder was made for.

        Args:
            column: n values.
            prefix: bytes put before every datum, such as the wire format's header.
        """
        ...


class ColumnDecoder(Protocol):
    """Reads data of one schema into columns."""

    def decode(self, data: pa.Array, skip: int = 0) -> DecodedColumn:
        """Decodes n data.

        Args:
            data: binary array; null stays null.
            skip: how many bytes stand before every datum.
        """
        ...


class AvroCodec(Protocol):
    """Makes encoders and decoders; they are costly to make and worth keeping."""

    def encoder(self, schema: AvroType, field: pa.Field) -> ColumnEncoder:
        """An encoder of a column into a schema.

        Args:
            schema: what to write; fields are matched by name.
            field: type and metadata of the columns to come.

        Raises:
            SchemaMismatchError: the column's type can not be written with the schema.
        """
        ...

    def decoder(self, schema: AvroType, reader: AvroType | None = None) -> ColumnDecoder:
        """A decoder of data written with a schema.

        Args:
            schema: what the data was written with.
            reader: what the values are wanted as; the same if not given. Avro's rules of schema resolution apply.

        Raises:
            SchemaMismatchError: no datum of the one is one of the other.
        """
        ...

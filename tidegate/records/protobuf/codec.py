"""What a Protobuf codec is: columns to messages and back, one message a row.

Every implementation gives the same bytes, values and faults; what is unusual, all leave to Google's library.

- Messages are written as Google's library does: fields by number, nothing for what a field has by itself. Only the
  order of a map's entries is left open, as Protobuf itself leaves it.
- Values are of :func:`tidegate.records.protobuf.to_arrow.arrow_field`; the entries of a map are ordered by key.
- What can not be read or written is a fault of its own row; the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa
from google.protobuf.descriptor import Descriptor

from tidegate.records.codec import DecodedColumn, EncodedColumn

Run = tuple[int, int, bytes | None]
"""Rows from one up to another whose messages have the same indexes, and these as written; None if all are null."""


class MessageEncoder(Protocol):
    """Writes columns of one type as messages of one type."""

    def encode(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        """Encodes n values of the type the encoder was made for.

        Args:
            column: n values.
            prefix: put before every message: the wire format's header and message indexes.
        """
        ...


class MessageDecoder(Protocol):
    """Reads messages of one type into columns."""

    def decode(self, data: pa.Array, skip: int, indexes: bytes) -> DecodedColumn:
        """Decodes n messages.

        Args:
            data: binary array; null stays null.
            skip: how many bytes stand before every message's indexes.
            indexes: the message indexes that follow them; a message with others is a fault.
        """
        ...


class ProtobufCodec(Protocol):
    """Makes encoders and decoders; they are costly to make and worth keeping."""

    def runs(self, data: pa.Array, skip: int) -> Sequence[Run]:
        """Splits messages where their message indexes change.

        A null, or a message whose indexes can not be read, belongs to the run around it.

        Args:
            data: binary array.
            skip: how many bytes stand before every message's indexes.
        """
        ...

    def encoder(self, descriptor: Descriptor, field: pa.Field) -> MessageEncoder:
        """An encoder of a column as messages of a type.

        Raises:
            SchemaMismatchError: the type has no field for a column, or one of another kind.
        """
        ...

    def decoder(self, descriptor: Descriptor) -> MessageDecoder:
        """A decoder of messages of a type.

        Raises:
            UnusableSchemaError: the type contains itself, which no Arrow type does.
        """
        ...

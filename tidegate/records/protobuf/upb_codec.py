"""Messages by Google's own library, one by one: what the native codec leaves, and all of it where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, EncodeError, Message

from tidegate.records.codec import DatumError, DatumFault, DecodedColumn, EncodedColumn
from tidegate.records.protobuf.codec import Run
from tidegate.records.protobuf.rows import rows_of
from tidegate.records.protobuf.schema_file import message_class
from tidegate.records.protobuf.to_arrow import arrow_field, values_of
from tidegate.records.protobuf.write import filler
from tidegate.records.wire_format import WireFormatError, read_message_indexes


class UpbCodec:
    """Implements :class:`~tidegate.records.protobuf.codec.ProtobufCodec`."""

    def runs(self, data: pa.Array, skip: int) -> Sequence[Run]:
        """See the protocol."""
        runs: list[Run] = []
        start, current = 0, None
        for row, message in enumerate(data.to_pylist()):
            if message is None:
                continue
            body = message[skip:]
            try:
                indexes = body[: read_message_indexes(body)[1]]
            except WireFormatError:
                continue
            if current is not None and current != indexes:
                runs.append((start, row, current))
                start = row
            current = indexes
        return [*runs, (start, len(data), current)] if start < len(data) else runs

    def encoder(self, descriptor: Descriptor, field: pa.Field) -> UpbEncoder:
        """See the protocol."""
        return UpbEncoder(descriptor, field)

    def decoder(self, descriptor: Descriptor) -> UpbDecoder:
        """See the protocol."""
        return UpbDecoder(descriptor)


class UpbEncoder:
    """Implements :class:`~tidegate.records.protobuf.codec.MessageEncoder`."""

    def __init__(self, descriptor: Descriptor, field: pa.Field) -> None:
        self._kind: Any = message_class(descriptor)
        self._fill = filler(field, descriptor)

    def encode(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        """See the protocol."""
        data: list[bytes | None] = []
        faults: list[DatumFault] = []
        for row, value in enumerate(rows_of(column)):
            encoded = None
            if value is not None:
                message = self._kind()
                try:
                    self._fill(message, value)
                    encoded = prefix + message.SerializeToString(deterministic=True)
                except DatumError as error:
                    faults.append(DatumFault(row, str(error)))
                except (EncodeError, ValueError, TypeError, OverflowError) as error:
                    faults.append(DatumFault(row, f"The record does not fit the schema: {error}."))
            data.append(encoded)
        return EncodedColumn(pa.array(data, pa.binary()), faults)


class UpbDecoder:
    """Implements :class:`~tidegate.records.protobuf.codec.MessageDecoder`.

    Raises:
        UnusableSchemaError: the type contains itself.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._kind: Any = message_class(descriptor)
        self.type: pa.DataType = arrow_field(descriptor, "").type
        """Of the values."""

    def decode(self, data: pa.Array, skip: int, indexes: bytes) -> DecodedColumn:
        """See the protocol."""
        faults: list[DatumFault] = []
        rows: list[int] = []
        messages: list[Message | None] = []
        for row, datum in enumerate(data.to_pylist()):
            try:
                messages.append(None if datum is None else self._parsed(datum[skip:], indexes))
                rows.append(row)
            except (DatumError, WireFormatError) as error:
                faults.append(DatumFault(row, str(error)))
        try:
            values = values_of(self._descriptor, messages)
        except DatumError:
            good: list[int] = []
            for at, message in enumerate(messages):
                try:
                    values_of(self._descriptor, [message])
                    good.append(at)
                except DatumError as error:
                    faults.append(DatumFault(rows[at], str(error)))
            rows = [rows[at] for at in good]
            values = values_of(self._descriptor, [messages[at] for at in good])
        return DecodedColumn(pa.array(rows, pa.int32()), values, sorted(faults, key=lambda fault: fault.row))

    def _parsed(self, body: bytes, indexes: bytes) -> Message:
        if not body.startswith(indexes):
            read_message_indexes(body)
            raise DatumError("", "is of another message type than the records around it")
        message: Message = self._kind()
        try:
            message.ParseFromString(body[len(indexes) :])
        except DecodeError as error:
            raise DatumError("", f"is no message of type {self._descriptor.full_name}: {error}") from None
        return message

"""Confluent's wire format: a magic byte, the schema's id, the body.

Source: the section "Wire format" of Confluent's Schema Registry documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tidegate.errors import FatalError

MAGIC = 0
"""First byte of every framed message."""
HEADER_SIZE = 5
"""Bytes before the body: magic byte and big-endian 4-byte id."""

_HEADER = struct.Struct(">BI")
_MAX_ID = 2**31 - 1
_MAX_INDEXES = 1024


class WireFormatError(FatalError):
    """A message does not start as Confluent's serializers write it."""


def header(schema_id: int) -> bytes:
    """The five bytes before the body.

    Args:
        schema_id: the registry's global id, from 0 to 2**31 - 1.

    Raises:
        WireFormatError: the id does not fit.
    """
    if not 0 <= schema_id <= _MAX_ID:
        raise WireFormatError(f"Schema id {schema_id} does not fit the wire format: it must be from 0 to {_MAX_ID}.")
    return _HEADER.pack(MAGIC, schema_id)


def frame(schema_id: int, body: bytes) -> bytes:
    """A message: header and body.

    Raises:
        WireFormatError: the id does not fit.
    """
    return header(schema_id) + body


def unframe(message: bytes) -> tuple[int, bytes]:
    """Schema id and body of a message.

    Raises:
        WireFormatError: the message is empty, too short or does not start with the magic byte.
    """
    if len(message) < HEADER_SIZE or message[0] != MAGIC:
        raise WireFormatError(_problem(message))
    schema_id: int = _HEADER.unpack_from(message)[1]
    if schema_id > _MAX_ID:
        raise WireFormatError(f"The message names schema id {schema_id}, and ids end at {_MAX_ID}.")
    return schema_id, message[HEADER_SIZE:]


def _problem(message: bytes) -> str:
    if not message:
        return "The message is empty; a message with a schema starts with magic byte 0 and a 4-byte schema id."
    if message[0] != MAGIC:
        return (
            f"The message starts with byte 0x{message[0]:02x}, not with magic byte 0x00: "
            "it was not written by a serializer that uses the schema registry."
        )
    return f"The message ends after {len(message)} of the {HEADER_SIZE} bytes of magic byte and schema id."


def write_message_indexes(indexes: Sequence[int]) -> bytes:
    """The path to a Protobuf message type in its file, as it stands between header and body.

    Args:
        indexes: index of the top-level message, then of each nested one; ``[0]`` is written as a single zero byte.

    Raises:
        WireFormatError: there is no index, or a negative one.
    """
    if not indexes or min(indexes) < 0:
        raise WireFormatError(f"Message indexes {list(indexes)} name no message: give one or more, each from 0.")
    if list(indexes) == [0]:
        return b"\x00"
    return b"".join(varint(number << 1) for number in (len(indexes), *indexes))


def read_message_indexes(body: bytes) -> tuple[list[int], int]:
    """The path to a Protobuf message type, and where the datum starts in ``body``.

    Raises:
        WireFormatError: the indexes are cut off, negative or improbably many.
    """
    count, position = _read_zigzag(body, 0)
    if count == 0:
        return [0], position
    if not 0 < count <= _MAX_INDEXES:
        raise WireFormatError(f"The message has {count} message indexes; there must be from 1 to {_MAX_INDEXES}.")
    indexes = []
    for _ in range(count):
        index, position = _read_zigzag(body, position)
        if index < 0:
            raise WireFormatError(f"The message has message index {index}; indexes start from 0.")
        indexes.append(index)
    return indexes, position


def varint(rest: int) -> bytes:
    """A whole number from 0 on as Protobuf writes it: seven bits a byte, the low ones first."""
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _read_zigzag(body: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(body):
            raise WireFormatError("The message ends within its Protobuf message indexes.")
        if shift > 63:
            raise WireFormatError("A Protobuf message index of the message is longer than 10 bytes.")
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if value >> 64:
            raise WireFormatError("A Protobuf message index of the message has more than 64 bits.")
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), position
        shift += 7

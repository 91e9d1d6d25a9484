"""A datum decoded as far as it goes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegate.records.avro_row_reader import row_reader
from tidegate.records.avro_schema import AvroType
from tidegate.records.codec import DatumError
from tidegate.records.wire_format import HEADER_SIZE


@dataclass(frozen=True, slots=True)
class Partial:
    """What could be read of a datum.

    Args:
        values: fields in order, up to the one that is broken.
        fault: what is wrong, as a sentence; empty if nothing is.
        rest: the bytes that were not understood.
    """

    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    rest: bytes = b""


def decode_partially(schema: AvroType, message: bytes) -> Partial:
    """Reads an Avro record field by field until one is broken.

    Args:
        schema: a record's, or any other type, whose value is then called ``value``.
        message: with the wire format's header.
    """
    fields = (
        [(each.original_name, each.type) for each in schema.fields] if schema.kind == "record" else [("value", schema)]
    )
    values: dict[str, Any] = {}
    at, end = HEADER_SIZE, len(message)
    for name, type_ in fields:
        try:
            values[name], at = row_reader(type_, name)(message, at, end)
        except DatumError as error:
            return Partial(values, str(error), message[at:])
    if at < end:
        return Partial(values, f"{end - at} bytes follow that the schema does not explain.", message[at:])
    return Partial(values)

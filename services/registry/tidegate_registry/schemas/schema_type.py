"""The languages a schema may be written in."""

from __future__ import annotations

import enum


class SchemaType(enum.StrEnum):
    """A schema language, in Confluent's words."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"

"""Schemas as the registry's client sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SchemaType = Literal["AVRO", "JSON", "PROTOBUF"]


@dataclass(frozen=True)
class SchemaReference:
    """A registered schema that another one imports.

    Args:
        name: what it is imported by: a full name in Avro, a file in Protobuf, a URI in JSON Schema.
        subject: the subject it is registered under.
        version: its version there.
    """

    name: str
    subject: str
    version: int


@dataclass(frozen=True)
class Schema:
    """A schema's language, text and references.

    Args:
        type: its language.
        text: the schema as text.
        references: what it imports.
    """

    type: SchemaType
    text: str
    references: tuple[SchemaReference, ...] = ()


@dataclass(frozen=True)
class RegisteredSchema:
    """A schema under a subject.

    Args:
        subject: the subject.
        version: its version, from 1.
        id: its global id, which stands in front of every message.
        schema: the schema.
    """

    subject: str
    version: int
    id: int
    schema: Schema

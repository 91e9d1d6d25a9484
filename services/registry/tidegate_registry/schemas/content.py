"""What is registered: a schema's language, text and references."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tidegate_registry.schemas.json_value import compact_json
from tidegate_registry.schemas.schema_type import SchemaType

_SEPARATOR: Final = b"\x00"


@dataclass(frozen=True)
class Reference:
    """A schema that another one imports.

    Args:
        name: what it is imported by: a full name in Avro, a file in Protobuf, a URI in JSON Schema.
        subject: the subject it is registered under.
        version: its version there.
    """

    name: str
    subject: str
    version: int


@dataclass(frozen=True)
class SchemaContent:
    """A schema as text.

    Args:
        type: its language.
        text: the text.
        references: what it imports.
    """

    type: SchemaType
    text: str
    references: tuple[Reference, ...] = ()

    def digest(self) -> str:
        """SHA-256 over all of it, in hex: equal content and only that has an equal digest."""
        parts = [self.type.encode(), self.text.encode("utf-8", "surrogatepass")]
        parts += [compact_json([ref.name, ref.subject, ref.version]).encode() for ref in self.references]
        digest = hashlib.sha256()
        for part in parts:
            digest.update(str(len(part)).encode() + _SEPARATOR + part)
        return digest.hexdigest()

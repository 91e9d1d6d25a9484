"""Avro schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from tidegate_registry.schemas.avro_canonical import canonical_avro
from tidegate_registry.schemas.avro_compatibility import find_unreadable
from tidegate_registry.schemas.avro_parser import parse_avro
from tidegate_registry.schemas.avro_types import Named
from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.json_value import parse_json
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.schema_type import SchemaType


class AvroSchema(ParsedSchema):
    """A parsed Avro schema.

    Args:
        text: the schema.
        references: the schemas it imports.

    Raises:
        SchemaSyntaxError: it is no valid Avro schema.
    """

    def __init__(self, text: str, references: Sequence[AvroSchema] = ()) -> None:
        self._external = _merge(references)
        self.root, defined = parse_avro(text, self._external)
        self.named: Mapping[str, Named] = {**self._external, **defined}
        try:
            self._canonical = canonical_avro(self.root, self._external)
        except (ValueError, RecursionError):
            raise SchemaSyntaxError("the schema holds text that is not Unicode, or is nested too deeply.") from None
        self.codec_names = self._check_with_codec(references)

    @property
    def type(self) -> SchemaType:
        return SchemaType.AVRO

    def canonical(self, *, normalize: bool = False) -> str:
        return canonical_avro(self.root, self._external, sort_props=True) if normalize else self._canonical

    def find_unreadable(self, writer: ParsedSchema, sides: Sides) -> Sequence[Incompatibility]:
        assert isinstance(writer, AvroSchema)
        return find_unreadable(self.root, writer.root, sides)

    def _check_with_codec(self, references: Sequence[AvroSchema]) -> dict[str, Any]:
        """What our own codec can not use is better refused here than at the first record."""
        named: dict[str, Any] = {}
        for schema in references:
            named.update(schema.codec_names)
        try:
            fastavro.parse_schema(parse_json(self._canonical), named)
        except (SchemaParseException, UnknownType) as error:
            raise SchemaSyntaxError(f"the schema can not be used by an Avro codec: {error}.") from None
        return named


def _merge(references: Sequence[AvroSchema]) -> dict[str, Named]:
    merged: dict[str, Named] = {}
    for schema in references:
        merged.update(schema.named)
    return merged

"""Reads a schema of any language, with the schemas it refers to."""

from __future__ import annotations

from collections.abc import Callable

from tidegate_registry.schemas.avro import AvroSchema
from tidegate_registry.schemas.content import Reference, SchemaContent
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.json_schema import JsonSchema
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.protobuf import ProtobufSchema
from tidegate_registry.schemas.schema_type import SchemaType

Resolve = Callable[[Reference], SchemaContent]
"""Finds what a reference means; raises :class:`SchemaSyntaxError` if there is no such version."""


def parse_schema(content: SchemaContent, resolve: Resolve) -> ParsedSchema:
    """Parse a schema and, first, everything it refers to.

    Raises:
        SchemaSyntaxError: it or a reference is no valid schema, or a reference is of another language.
    """
    return _Parse(resolve).parse(content)


class _Parse:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._done: dict[tuple[str, int], ParsedSchema] = {}
        self._open: set[tuple[str, int]] = set()

    def parse(self, content: SchemaContent) -> ParsedSchema:
        found = {reference.name: self._referenced(reference, content.type) for reference in content.references}
        match content.type:
            case SchemaType.AVRO:
                return AvroSchema(content.text, [each for each in found.values() if isinstance(each, AvroSchema)])
            case SchemaType.JSON:
                return JsonSchema(content.text, {k: v for k, v in found.items() if isinstance(v, JsonSchema)})
            case SchemaType.PROTOBUF:
                return ProtobufSchema(content.text, {k: v for k, v in found.items() if isinstance(v, ProtobufSchema)})

    def _referenced(self, reference: Reference, language: SchemaType) -> ParsedSchema:
        key = reference.subject, reference.version
        if key in self._open:
            raise SchemaSyntaxError(f'the references lead back to version {key[1]} of subject "{key[0]}".')
        if key not in self._done:
            self._open.add(key)
            self._done[key] = self.parse(self._resolve(reference))
            self._open.discard(key)
        parsed = self._done[key]
        if parsed.type is not language:
            raise SchemaSyntaxError(
                f'the reference "{reference.name}" is {parsed.type}, and a schema in {language} can not import it.'
            )
        return parsed

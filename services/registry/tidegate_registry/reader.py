"""Reads schemas' texts: parsed forms and fingerprints, each made once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tidegate.registry_client.bounded_cache import BoundedCache
from tidegate_registry.errors import ErrorCode, RegistryError, invalid_schema
from tidegate_registry.schemas.content import Reference, SchemaContent
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.parse import parse_schema
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.schema_type import SchemaType
from tidegate_registry.state import RegistryState

MAX_TEXT_BYTES: Final = 1_000_000
"""etcd takes requests up to 1.5 MB."""

_PARSED_SCHEMAS: Final = 500
_FINGERPRINTS: Final = 20_000
_PARALLEL: Final = 2


class SchemaReader:
    """Parses schemas off the event loop, and remembers."""

    def __init__(self) -> None:
        self._parsed: BoundedCache[str, ParsedSchema] = BoundedCache(_PARSED_SCHEMAS)
        self._fingerprints: BoundedCache[tuple[str, bool], str] = BoundedCache(_FINGERPRINTS)
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def parse(self, content: SchemaContent, state: RegistryState) -> ParsedSchema:
        """The parsed form.

        Raises:
            RegistryError: it is no valid schema, or too long.
        """
        digest = content.digest()
        parsed = self._parsed.get(digest)
        if parsed is None:
            size = len(content.text.encode("utf-8", "surrogatepass"))
            if size > MAX_TEXT_BYTES:
                raise invalid_schema(f"it has {size:,} bytes; at most {MAX_TEXT_BYTES:,} can be stored. Split it up.")
            async with self._slots:
                try:
                    parsed = await asyncio.to_thread(parse_schema, content, _resolver(state))
                except SchemaSyntaxError as error:
                    raise invalid_schema(str(error)) from None
            self._parsed.put(digest, parsed)
        return parsed

    async def fingerprint(self, content: SchemaContent, normalize: bool, state: RegistryState) -> str:
        """What equal schemas share, however they are written.

        Raises:
            RegistryError: it is no valid schema.
        """
        key = content.digest(), normalize
        fingerprint = self._fingerprints.get(key)
        if fingerprint is None:
            parsed = await self.parse(content, state)
            canonical = await asyncio.to_thread(parsed.canonical, normalize=normalize)
            fingerprint = SchemaContent(content.type, canonical, content.references).digest()
            self._fingerprints.put(key, fingerprint)
        return fingerprint


def text_to_store(content: SchemaContent, parsed: ParsedSchema, normalize: bool) -> SchemaContent:
    """What is handed out later: the canonical text, as Confluent does; for Protobuf the text as given."""
    if content.type is SchemaType.PROTOBUF:
        return content
    return SchemaContent(content.type, parsed.canonical(normalize=normalize), content.references)


def find_content(state: RegistryState, reference: Reference) -> SchemaContent | None:
    """What a reference means, deleted or not; None if there is no such version."""
    subject = state.subjects.get(reference.subject)
    version = subject.find(reference.version) if subject else None
    schema = state.schemas.get(version.id) if version else None
    return schema.content if schema else None


def check_references(content: SchemaContent, state: RegistryState) -> None:
    """Demand that everything a schema refers to is there.

    Raises:
        RegistryError: a reference leads nowhere.
    """
    for reference in content.references:
        if find_content(state, reference) is None:
            raise RegistryError(
                ErrorCode.INVALID_SCHEMA,
                f'Invalid schema: its reference "{reference.name}" means version {reference.version} of subject'
                f" '{reference.subject}', which does not exist. Register that first.",
            )


def _resolver(state: RegistryState) -> Callable[[Reference], SchemaContent]:
    def resolve(reference: Reference) -> SchemaContent:
        content = find_content(state, reference)
        if content is None:
            raise SchemaSyntaxError(
                f'the reference "{reference.name}" means version {reference.version} of subject'
                f" '{reference.subject}', which does not exist."
            )
        return content

    return resolve

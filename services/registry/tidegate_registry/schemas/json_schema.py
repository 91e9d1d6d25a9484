"""JSON Schema documents, drafts 3 to 2020-12."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urldefrag, urljoin

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft7Validator, validator_for

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.json_compatibility import find_unreadable
from tidegate_registry.schemas.json_value import JsonValue, compact_json, parse_json
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.pointer import descend, shown
from tidegate_registry.schemas.schema_type import SchemaType

_META_SCHEMAS: Final = ("http://json-schema.org/", "https://json-schema.org/")
# Their members are values or names, not schemas.
_NO_SCHEMAS_IN: Final = frozenset({"enum", "const", "default", "examples", "required"})


class JsonSchema(ParsedSchema):
    """A parsed JSON Schema document; a draft is read by its ``$schema``, draft 7 where there is none.

    Args:
        text: the schema.
        references: the documents it imports, by the URI it imports them by.

    Raises:
        SchemaSyntaxError: it is no JSON, breaks the rules of its draft, or refers to what is not there.
    """

    def __init__(self, text: str, references: Mapping[str, JsonSchema] | None = None) -> None:
        try:
            self.document = parse_json(text)
            self._canonical = compact_json(self.document)
        except ValueError as error:
            raise SchemaSyntaxError(f"the schema is not JSON: {error}.") from None
        if not isinstance(self.document, dict | bool):
            raise SchemaSyntaxError("the schema is neither a JSON object nor true nor false.")
        self.imported: dict[str, JsonValue] = {}
        for name, schema in (references or {}).items():
            self.imported.update(schema.imported)
            self.imported[name] = schema.document
        try:
            if isinstance(self.document, dict):
                validator_for(self.document, default=Draft7Validator).check_schema(self.document)
        except SchemaError as error:
            path = shown(descend("", *error.absolute_path))
            raise SchemaSyntaxError(f"the schema breaks the rules of JSON Schema at {path}: {error.message}.") from None
        except RecursionError:
            raise SchemaSyntaxError("the schema is nested too deeply.") from None
        self._check_references()

    @property
    def type(self) -> SchemaType:
        return SchemaType.JSON

    def canonical(self, *, normalize: bool = False) -> str:
        return compact_json(self.document, sort_keys=True) if normalize else self._canonical

    def find_unreadable(self, writer: ParsedSchema, sides: Sides) -> Sequence[Incompatibility]:
        assert isinstance(writer, JsonSchema)
        return find_unreadable(self.document, writer.document, sides, self.target, writer.target)

    def target(self, reference: str) -> JsonValue | None:
        """What a ``$ref`` in this document points to; None for what lies outside it and its references."""
        url, fragment = urldefrag(reference)
        document = self.document if not url else self.imported.get(url, self.imported.get(reference))
        return document if not fragment else _at(document, unquote(fragment))

    def _check_references(self) -> None:
        own = {base for base in (_identifier(node) for _, node in _subschemas(self.document, "")) if base}
        root = _identifier(self.document) or ""
        for path, node in _subschemas(self.document, ""):
            reference = node.get("$ref")
            if not isinstance(reference, str) or reference.startswith(_META_SCHEMAS):
                continue
            url, fragment = urldefrag(reference)
            if not url:
                if fragment.startswith("/") and _at(self.document, unquote(fragment)) is None:
                    raise SchemaSyntaxError(f'{shown(path)} refers to "{reference}", which the schema does not hold.')
            elif {url, urljoin(root, url)}.isdisjoint(self.imported) and {url, urljoin(root, url)}.isdisjoint(own):
                raise SchemaSyntaxError(
                    f'{shown(path)} refers to "{reference}", which is not among the references: register that schema'
                    " and list it under this name."
                )


def _identifier(node: JsonValue) -> str | None:
    identifier = node.get("$id", node.get("id")) if isinstance(node, dict) else None
    return urldefrag(identifier).url if isinstance(identifier, str) else None


def _subschemas(node: JsonValue, path: str) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    pending = [(node, path)]
    while pending:
        current, at = pending.pop()
        if isinstance(current, dict):
            yield at, current
            pending.extend((value, descend(at, key)) for key, value in current.items() if key not in _NO_SCHEMAS_IN)
        elif isinstance(current, list):
            pending.extend((value, descend(at, index)) for index, value in enumerate(current))


def _at(document: JsonValue, pointer: str) -> JsonValue | None:
    node = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node

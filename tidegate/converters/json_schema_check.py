"""Whether a JSON value keeps the rules of a JSON Schema document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft7Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

from tidegate.records.schema_error import UnusableSchemaError

Check = Callable[[Any], str | None]
"""Takes a JSON value, gives a sentence about what is wrong with it, or None."""


def json_schema_check(document: Any, imported: Mapping[str, Any]) -> Check:
    """A check against a document.

    Args:
        document: the document.
        imported: the documents it refers to, by the URI it refers to them by.

    Raises:
        UnusableSchemaError: the document breaks the rules of JSON Schema itself.
    """
    resources = [(name, DRAFT7.create_resource(one)) for name, one in imported.items()]
    kind = validator_for(document, default=Draft7Validator)
    try:
        kind.check_schema(document)
    except SchemaError as error:
        raise UnusableSchemaError(f"The schema breaks the rules of JSON Schema: {error.message}.") from None
    validator = kind(document, registry=Registry().with_resources(resources))

    def check(value: Any) -> str | None:
        try:
            error = next(iter(validator.iter_errors(value)), None)
        except Unresolvable as unresolved:
            return f"The schema refers to what is not there: {unresolved.ref}."
        if error is None:
            return None
        path = ".".join(map(str, error.absolute_path))
        return f"{f'Field {path}' if path else 'The record'} breaks the schema: {error.message}."

    return check

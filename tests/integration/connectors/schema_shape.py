"""What two converters' schemas of the same records have to agree in."""

from __future__ import annotations

from typing import Any


def schema_shape(schema: dict[str, Any] | None) -> Any:
    """A schema's types, names, defaults and what is optional, of Connect's JSON."""
    if schema is None:
        return None
    return {
        "type": schema["type"],
        "optional": schema.get("optional", False),
        "name": schema.get("name"),
        "default": schema.get("default"),
        "fields": {one["field"]: schema_shape(one) for one in schema.get("fields", ())},
        "items": schema_shape(schema.get("items")),
    }

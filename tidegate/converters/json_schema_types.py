"""JSON Schema documents as Connect's schemas, where one stands for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urldefrag

from tidegate.records.schema_error import UnusableSchemaError

_CONNECT_TYPES = {
    "float32": "float",
    "float64": "double",
    **{name: name for name in ("boolean", "int8", "int16", "int32", "int64", "string", "bytes")},
}
_MAX_DEPTH = 64


class NoConnectSchemaError(UnusableSchemaError):
    """A document's values have no one type: alternatives, free objects, documents that contain themselves."""


class JsonSchemaTypes:
    """Reads a document.

    Args:
        document: the document.
        imported: the documents it refers to, by the URI it refers to them by.
    """

    def __init__(self, document: Any, imported: Mapping[str, Any]) -> None:
        self._document = document
        self._imported = imported

    def connect_schema(self) -> dict[str, Any]:
        """The schema of the document's values.

        Raises:
            NoConnectSchemaError: there is none.
        """
        return self._schema(self._document, self._document, 0)

    def _schema(self, node: Any, root: Any, depth: int) -> dict[str, Any]:
        if depth > _MAX_DEPTH:
            raise NoConnectSchemaError("The schema contains itself, or nests too deeply.")
        if not isinstance(node, dict):
            raise NoConnectSchemaError("The schema allows values of any type.")
        if isinstance(node.get("$ref"), str):
            target, owner = self._target(node["$ref"], root)
            return self._schema(target, owner, depth + 1)
        alternatives = _alternatives(node)
        if alternatives is not None:
            return self._nullable(node, alternatives, root, depth)
        return {**self._typed(node, root, depth), "optional": False, **_described(node)}

    def _nullable(self, node: dict[str, Any], alternatives: list[Any], root: Any, depth: int) -> dict[str, Any]:
        """Alternatives of which all but one are null."""
        proper = [one for one in alternatives if one != {"type": "null"}]
        if len(proper) != 1:
            raise NoConnectSchemaError("The schema has alternatives, which no column holds.")
        inner = self._schema(proper[0], root, depth + 1)
        return {**inner, "optional": inner["optional"] or len(proper) < len(alternatives), **_described(node)}

    def _typed(self, node: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
        connect = node.get("connect.type")
        kind = node.get("type")
        if kind is None and "enum" in node and all(isinstance(one, str) for one in node["enum"]):
            kind = "string"
        if kind is None and "properties" in node:
            kind = "object"
        match kind:
            case "object":
                return self._object(node, root, depth)
            case "array" if connect == "map":
                return self._pairs(node, root, depth)
            case "array":
                if not isinstance(node.get("items"), dict):
                    raise NoConnectSchemaError("The schema has an array whose items have no one type.")
                return {"type": "array", "items": self._schema(node["items"], root, depth + 1)}
            case "integer" | "number" | "string" | "boolean":
                plain = {"integer": "int64", "number": "double"}.get(kind, kind)
                return {"type": _CONNECT_TYPES.get(str(connect), plain)}
            case _:
                raise NoConnectSchemaError("The schema allows values of any type.")

    def _object(self, node: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
        properties = node.get("properties")
        if node.get("connect.type") != "map" and isinstance(properties, dict) and properties:
            required = node.get("required", [])
            ordered = sorted(properties.items(), key=lambda item: _index(item[1]))
            fields = []
            for name, child in ordered:
                schema = self._schema(child, root, depth + 1)
                fields.append({**schema, "field": name, "optional": schema["optional"] or name not in required})
            return {"type": "struct", "fields": fields}
        if isinstance(node.get("additionalProperties"), dict):
            values = self._schema(node["additionalProperties"], root, depth + 1)
            return {"type": "map", "keys": {"type": "string", "optional": False}, "values": values}
        if properties == {} and node.get("additionalProperties") is False:
            return {"type": "struct", "fields": []}
        raise NoConnectSchemaError("The schema has an object without properties.")

    def _pairs(self, node: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
        items = node.get("items")
        if isinstance(items, dict) and isinstance(items.get("properties"), dict):
            pair = [items["properties"].get("key"), items["properties"].get("value")]
        else:
            inner = items.get("items") if isinstance(items, dict) else None
            pair = inner if isinstance(inner, list) else []
        if len(pair) != 2:
            raise NoConnectSchemaError("The schema has a map whose entries are no pairs.")
        keys, values = (self._schema(one, root, depth + 1) for one in pair)
        return {"type": "map", "keys": keys, "values": values}

    def _target(self, reference: str, root: Any) -> tuple[Any, Any]:
        """What a reference leads to, and the document that is in."""
        url, fragment = urldefrag(reference)
        document = root if not url else self._imported.get(url, self._imported.get(reference))
        node = document
        for part in unquote(fragment).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        if node is None:
            raise UnusableSchemaError(f"The schema refers to {reference!r}, which is not there.")
        return node, document


def _alternatives(node: dict[str, Any]) -> list[Any] | None:
    for word in ("oneOf", "anyOf", "allOf"):
        if isinstance(node.get(word), list) and "properties" not in node:
            return list(node[word])
    if isinstance(node.get("type"), list):
        return [{"type": "null"} if one == "null" else {**node, "type": one} for one in node["type"]]
    return None


def _described(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(node.get("title"), str):
        found["name"] = node["title"]
    for ours, theirs in (("version", "connect.version"), ("parameters", "connect.parameters"), ("default", "default")):
        if node.get(theirs) is not None:
            found[ours] = node[theirs]
    return found


def _index(node: Any) -> int:
    place = node.get("connect.index") if isinstance(node, dict) else None
    return place if isinstance(place, int) else 0

"""Connect's schemas as JSON Schema documents, in the form of Confluent's JsonSchemaConverter.

What JSON Schema has no words for stands in properties that begin with ``connect.``, and a name in ``title``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES = {
    "boolean": ("boolean", None),
    "int8": ("integer", "int8"),
    "int16": ("integer", "int16"),
    "int32": ("integer", "int32"),
    "int64": ("integer", "int64"),
    "float": ("number", "float32"),
    "double": ("number", "float64"),
    "string": ("string", None),
    "bytes": ("string", "bytes"),
}
_DECIMAL = "org.apache.kafka.connect.data.Decimal"


def json_schema(schema: Mapping[str, Any], *, numeric_decimals: bool = False) -> dict[str, Any]:
    """The document for the values of a schema.

    Args:
        schema: as :func:`tidegate.converters.connect_schema.connect_schema` gives it.
        numeric_decimals: whether decimals are numbers rather than base64 text.
    """
    kind = schema["type"]
    node: dict[str, Any]
    if kind == "struct":
        node = {
            "type": "object",
            "properties": {
                child["field"]: _optional(child, index, numeric_decimals)
                for index, child in enumerate(schema["fields"])
            },
        }
        required = [child["field"] for child in schema["fields"] if not child["optional"]]
        if required:
            node["required"] = required
        if not schema["fields"]:
            node["additionalProperties"] = False
    elif kind == "array":
        node = {"type": "array", "items": _optional(schema["items"], None, numeric_decimals)}
    elif kind == "map":
        values = _optional(schema["values"], None, numeric_decimals)
        if schema["keys"]["type"] == "string":
            node = {"type": "object", "connect.type": "map", "additionalProperties": values}
        else:
            keys = json_schema(schema["keys"], numeric_decimals=numeric_decimals)
            node = {"type": "array", "connect.type": "map", "items": {"type": "array", "items": [keys, values]}}
    else:
        name, connect = _TYPES[kind]
        if schema.get("name") == _DECIMAL and numeric_decimals:
            name = "number"
        node = {"type": name, **({"connect.type": connect} if connect else {})}
    if schema.get("name"):
        node["title"] = schema["name"]
    for ours, theirs in (("version", "connect.version"), ("parameters", "connect.parameters")):
        if schema.get(ours) is not None:
            node[theirs] = schema[ours]
    if "default" in schema:
        node["default"] = schema["default"]
    return node


def _optional(schema: Mapping[str, Any], index: int | None, numeric_decimals: bool) -> dict[str, Any]:
    node = json_schema(schema, numeric_decimals=numeric_decimals)
    place = {} if index is None else {"connect.index": index}
    return {"oneOf": [{"type": "null"}, node], **place} if schema["optional"] else {**node, **place}

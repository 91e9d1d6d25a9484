"""Hypothesis strategies: Avro schemas and changes of them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
WIDER = {"int": ("long", "float", "double"), "long": ("float", "double"), "float": ("double",), "string": ("bytes",)}
DEFAULTS: dict[str, Any] = {
    "null": None, "boolean": True, "int": 1, "long": 2, "float": 1.5, "double": 2.5, "bytes": "\u00ff", "string": "s",
}  # fmt: skip

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def avro_records(draw: Draw) -> dict[str, Any]:
    """A record of any types, nested a few levels; named types are defined where they are used."""
    record: dict[str, Any] = _record(draw, itertools.count(), 3)
    return record


def _type(draw: Draw, names: Iterator[int], depth: int) -> Any:
    kinds = ["primitive", "enum", "fixed", "decimal"]
    if depth:
        kinds += ["array", "map", "record", "union"]
    match draw(st.sampled_from(kinds)):
        case "enum":
            symbols = draw(st.lists(st.sampled_from("ABCDEF"), min_size=1, unique=True))
            return {"type": "enum", "name": f"E{next(names)}", "symbols": symbols}
        case "fixed":
            return {"type": "fixed", "name": f"F{next(names)}", "size": draw(st.integers(1, 4))}
        case "decimal":
            return {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": draw(st.integers(0, 3))}
        case "array":
            return {"type": "array", "items": _type(draw, names, depth - 1)}
        case "map":
            return {"type": "map", "values": _type(draw, names, depth - 1)}
        case "record":
            return _record(draw, names, depth - 1)
        case "union":
            return draw(st.lists(st.sampled_from(PRIMITIVES), min_size=1, max_size=4, unique=True))
        case _:
            return draw(st.sampled_from(PRIMITIVES))


def _record(draw: Draw, names: Iterator[int], depth: int) -> dict[str, Any]:
    fields = [{"name": f"f{next(names)}", "type": _type(draw, names, depth)} for _ in range(draw(st.integers(0, 4)))]
    return {"type": "record", "name": f"R{next(names)}", "fields": fields}


@st.composite
def changed(draw: Draw, schema: dict[str, Any]) -> dict[str, Any]:
    """The same record after some changes, good and bad ones."""
    result = copy.deepcopy(schema)
    for number in range(draw(st.integers(1, 3))):
        record = draw(st.sampled_from(list(_records_in(result))))
        _change(draw, record, f"n{number}")
    return result


def _change(draw: Draw, record: dict[str, Any], fresh: str) -> None:
    fields = record["fields"]
    kinds = ["add", "add with default"]
    if fields:
        kinds += ["drop", "rename", "rename with alias", "widen", "make nullable", "retype", "reorder", "symbols"]
    kind = draw(st.sampled_from(kinds))
    if kind.startswith("add"):
        primitive = draw(st.sampled_from(PRIMITIVES))
        field: dict[str, Any] = {"name": fresh, "type": primitive}
        if "default" in kind:
            field["default"] = DEFAULTS[primitive]
        fields.insert(draw(st.integers(0, len(fields))), field)
        return
    field = draw(st.sampled_from(fields))
    match kind:
        case "drop":
            fields.remove(field)
        case "rename":
            field["name"] = fresh
        case "rename with alias":
            field["aliases"] = [field["name"]]
            field["name"] = fresh
        case "widen":
            if isinstance(field["type"], str) and field["type"] in WIDER:
                field["type"] = draw(st.sampled_from(WIDER[field["type"]]))
        case "make nullable":
            if not isinstance(field["type"], list) and field["type"] != "null":
                field["type"] = ["null", field["type"]]
        case "retype":
            field["type"] = draw(st.sampled_from(PRIMITIVES))
            field.pop("default", None)
        case "reorder":
            fields.reverse()
        case "symbols":
            if isinstance(field["type"], dict) and field["type"]["type"] == "enum":
                field["type"]["symbols"] = draw(st.lists(st.sampled_from("ABCDEFGH"), min_size=1, unique=True))
                if draw(st.booleans()):
                    field["type"]["default"] = field["type"]["symbols"][0]


def _records_in(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _records_in(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            yield schema
            for field in schema["fields"]:
                yield from _records_in(field["type"])
        for key in ("items", "values"):
            yield from _records_in(schema.get(key))

"""The canonical text of an Avro schema: what Avro's Java ``Schema.toString()`` writes, which Confluent dedupes by.

It is not the specification's Parsing Canonical Form: defaults, docs, aliases, logical types and custom attributes are
kept, because schemas that differ in them are different schemas to a registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate_registry.schemas.avro_types import (
    NO_DEFAULT,
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Union,
    type_name,
)
from tidegate_registry.schemas.json_value import JsonValue, compact_json


def canonical_avro(node: AvroType, external: Mapping[str, Named] | None = None, *, sort_props: bool = False) -> str:
    """Write a schema canonically.

    Args:
        node: the schema.
        external: named types of its references, which are referred to, not written.
        sort_props: order custom attributes by name: the registry's ``normalize=true``.

    Raises:
        ValueError: a string in it is no Unicode text.
    """
    writer = _Writer(set(external or {}), sort_props)
    return compact_json(writer.type(node, ""))


class _Writer:
    def __init__(self, written: set[str], sort_props: bool) -> None:
        self._written = written
        self._sort_props = sort_props

    def type(self, node: AvroType, namespace: str) -> JsonValue:
        match node:
            case Named():
                return self._named(node, namespace)
            case Primitive():
                return {"type": node.name, **self._props(node.props)} if node.props else node.name
            case Array():
                return {"type": "array", "items": self.type(node.items, namespace), **self._props(node.props)}
            case Map():
                return {"type": "map", "values": self.type(node.values, namespace), **self._props(node.props)}
            case Union():
                return [self.type(branch, namespace) for branch in node.branches]
        raise TypeError(type(node))

    def _named(self, node: Named, namespace: str) -> JsonValue:
        if node.fullname in self._written:
            return node.name if node.namespace == namespace else node.fullname
        self._written.add(node.fullname)
        written: dict[str, JsonValue] = {"type": type_name(node), "name": node.name}
        if node.namespace != namespace:
            written["namespace"] = node.namespace
        if node.doc is not None:
            written["doc"] = node.doc
        match node:
            case Record():
                written["fields"] = [self._field(field, node.namespace) for field in node.fields]
            case Enum():
                written["symbols"] = list(node.symbols)
                if node.default is not NO_DEFAULT:
                    written["default"] = node.default
            case Fixed():
                written["size"] = node.size
        written.update(self._props(node.props))
        if node.aliases:
            written["aliases"] = [_relative(alias, node.namespace) for alias in node.aliases]
        return written

    def _field(self, field: Field, namespace: str) -> JsonValue:
        written: dict[str, JsonValue] = {"name": field.name, "type": self.type(field.type, namespace)}
        if field.doc is not None:
            written["doc"] = field.doc
        if field.default is not NO_DEFAULT:
            written["default"] = field.default
        if field.order != "ascending":
            written["order"] = field.order
        if field.aliases:
            written["aliases"] = list(field.aliases)
        written.update(self._props(field.props))
        return written

    def _props(self, props: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        return dict(sorted(props.items())) if self._sort_props else dict(props)


def _relative(fullname: str, namespace: str) -> str:
    space, _, name = fullname.rpartition(".")
    return name if space == namespace else fullname

"""Mappings of an index from the schema of records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_KEYWORD_LIMIT = 256
_INTEGERS: Mapping[pa.DataType, str] = {
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.uint8(): "short",
    pa.uint16(): "integer",
    pa.uint32(): "long",
    pa.uint64(): "unsigned_long",
}

Properties = dict[str, Any]
"""Field name to its mapping."""


def properties(record: pa.StructType, *, compact_maps: bool = True) -> Properties:
    """The mappings of a record's fields; those whose type says nothing are left to the node.

    Args:
        record: type of the values.
        compact_maps: see :func:`tidegate.connectors.opensearch.json_texts.json_texts`.
    """
    found = {field.name: _field(field.type, compact_maps) for field in record}
    return {name: mapping for name, mapping in found.items() if mapping is not None}


def missing(wanted: Mapping[str, Any], existing: Mapping[str, Any]) -> Properties:
    """What of ``wanted`` an index has no mapping for; a field that it maps otherwise stays as it is."""
    found: Properties = {}
    for name, mapping in wanted.items():
        if name not in existing:
            found[name] = mapping
        elif "properties" in mapping and "properties" in existing[name]:
            inner = missing(mapping["properties"], existing[name]["properties"])
            if inner:
                found[name] = {"properties": inner}
    return found


def projected(record: pa.StructArray, existing: Mapping[str, Any]) -> pa.StructArray:
    """The records without the fields that an index has no mapping for; what it maps without saying how stays whole.

    Args:
        record: n records.
        existing: the index's mappings.
    """
    kept = [field for field in record.type if field.name in existing]
    arrays = []
    for number, field in enumerate(kept):
        array = record.field(field.name)
        inner = existing[field.name].get("properties")
        if inner is not None and pa.types.is_struct(field.type):
            array = projected(array, inner)
            kept[number] = field.with_type(array.type)
        arrays.append(array)
    mask = record.is_null()
    if not kept:
        return pa.array([None if null else {} for null in mask.to_pylist()], pa.struct([]))
    return pa.StructArray.from_arrays(arrays, fields=kept, mask=mask)


def _field(kind: pa.DataType, compact_maps: bool) -> dict[str, Any] | None:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _field(kind.storage_type, compact_maps)
    if types.is_dictionary(kind):
        return _field(kind.value_type, compact_maps)
    if types.is_struct(kind):
        return {"properties": properties(kind, compact_maps=compact_maps)}
    if types.is_map(kind):
        if compact_maps and (types.is_string(kind.key_type) or types.is_large_string(kind.key_type)):
            return {"type": "object"}
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return {"properties": properties(entry, compact_maps=compact_maps)}
    if _is_list(kind):
        # An array is of the type of its elements.
        return _field(kind.value_type, compact_maps)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        keyword = {"type": "keyword", "ignore_above": _KEYWORD_LIMIT}
        return {"type": "text", "fields": {"keyword": keyword}}
    name = _scalar(kind)
    return None if name is None else {"type": name}


def _scalar(kind: pa.DataType) -> str | None:
    types = pa.types
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind):
        return _INTEGERS[kind]
    if types.is_float64(kind) or types.is_decimal(kind):
        return "double"
    if types.is_floating(kind):
        return "float"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "date"
    if types.is_time(kind):
        return "keyword"
    if types.is_duration(kind):
        return "long"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "binary"
    return None


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))

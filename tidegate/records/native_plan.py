"""How the native encoder writes columns of one type with one schema, step by step.

The rules are those of :mod:`tidegate.records.columnar_encoder`, which refuses a column before a plan is made for it.
``native/src/avro/encoding_plan.rs`` reads the plan.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.avro_metadata import UNION
from tidegate.records.avro_row_reader import DAY
from tidegate.records.avro_schema import AvroType
from tidegate.records.avro_to_arrow import arrow_type, union_fields
from tidegate.records.avro_varint import encode_long
from tidegate.records.columnar_encoder import chosen_branch, default_bytes, words

Plan = tuple[Any, ...]
"""A step's name and what it needs."""
Branches = tuple[bytes | None, bytes]
"""What stands for null, None where the schema requires a value, and what stands before other values."""

_REQUIRED: Branches = (None, b"")
_DAY_MILLIS = 86_400_000
_NANOS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class NoPlanError(Exception):
    """The native encoder has no step for one of the columns."""


def encoding_plan(schema: AvroType, field: pa.Field) -> Plan:
    """The plan for columns of a field's type, which the schema takes.

    Raises:
        NoPlanError: the columnar encoder has to do it.
    """
    return _writer(schema, field, "")


def _writer(schema: AvroType, field: pa.Field, path: str) -> Plan:
    if schema.kind != "union":
        return _single(schema, field, path, _REQUIRED)
    null = None if schema.null_branch is None else encode_long(schema.null_branch)
    if null is not None and pa.types.is_null(field.type):
        return "constant", null
    if (field.metadata or {}).get(UNION) == b"true" and len(schema.value_branches) > 1:
        return "optional", path, null, b"", _union(schema, field, path)
    branch = chosen_branch(schema, field, path)
    return _single(branch, field, path, (null, encode_long(schema.branches.index(branch))))


def _single(schema: AvroType, field: pa.Field, path: str, branches: Branches) -> Plan:
    if schema.kind == "null":
        return "constant", b""
    if pa.types.is_null(field.type):
        return "optional", path, *branches, ("constant", b"")
    plain = _decoded(field.type)
    core = {"record": _record, "array": _array, "map": _map}.get(schema.kind, _leaf)
    return "optional", path, *branches, core(schema, field, plain, path)


def _decoded(type_: pa.DataType) -> pa.DataType:
    """The plain type below extensions and dictionaries."""
    inner = type_
    while True:
        if isinstance(inner, pa.BaseExtensionType):
            inner = inner.storage_type
        elif pa.types.is_dictionary(inner):
            inner = inner.value_type
        elif pa.types.is_run_end_encoded(inner):
            raise NoPlanError("run-end encoded columns")
        else:
            return storage_type(inner)


def _record(schema: AvroType, field: pa.Field, struct: pa.DataType, path: str) -> Plan:
    columns = {child.name: index for index, child in enumerate(struct)}
    steps: list[tuple[int | None, Plan]] = []
    for member in schema.fields:
        inner = f"{path}.{member.original_name}" if path else member.original_name
        index = columns.pop(member.original_name, None)
        if index is None:
            index = columns.pop(member.name, None)
        if index is None:
            steps.append((None, ("constant", default_bytes(member, inner))))
        else:
            steps.append((index, _writer(member.type, struct.field(index), inner)))
    return "record", steps


def _array(schema: AvroType, field: pa.Field, plain: pa.DataType, path: str) -> Plan:
    if pa.types.is_map(plain):
        entry = pa.field("item", pa.struct([plain.key_field.with_name("key"), plain.item_field.with_name("value")]))
        return "items", _writer(schema.items, entry, f"{path}[]")
    return "items", _writer(schema.items, plain.value_field, f"{path}[]")


def _map(schema: AvroType, field: pa.Field, plain: pa.DataType, path: str) -> Plan:
    key = _single(AvroType("string"), plain.key_field, f"{path}{{}}", _REQUIRED)
    return "items", ("record", [(0, key), (1, _writer(schema.items, plain.item_field, f"{path}{{}}"))])


def _union(schema: AvroType, field: pa.Field, path: str) -> Plan:
    known = {child.name: branch for child, branch in zip(union_fields(schema), schema.value_branches, strict=True)}
    branches = []
    for index, child in enumerate(field.type):
        branch = known[child.name]
        inner = _single(branch, child, f"{path}.{child.name}", _REQUIRED)
        branches.append((index, encode_long(schema.branches.index(branch)), inner))
    null = None if schema.null_branch is None else encode_long(schema.null_branch)
    return "union", path, null, branches


def _leaf(schema: AvroType, field: pa.Field, source: pa.DataType, path: str) -> Plan:
    types = pa.types
    match schema.kind:
        case "boolean":
            return ("boolean",)
        case "int" | "long":
            return _integer(schema, source, path)
        case "float" | "double" if types.is_floating(source):
            return (schema.kind,)
        case "enum":
            return "enum", path, schema.name, list(schema.symbols)
        case "string" if isinstance(field.type, pa.UuidType):
            return ("uuid-text",)
        case "string" if schema.logical == "uuid":
            return "uuid", path
        case "string":
            return ("sized",)
        case "bytes" if schema.logical != "decimal":
            return ("sized",)
        case "fixed" if schema.logical == "duration":
            return "duration", path
        case "fixed" if schema.logical != "decimal":
            return ("plain",)
    if (types.is_decimal128(source) or types.is_decimal256(source)) and source.scale == schema.scale:
        fixed = schema.size if schema.kind == "fixed" else None
        same = source == arrow_type(schema)
        return "decimal", path, words(schema), schema.precision, schema.scale, fixed, same
    raise NoPlanError(f"{source} as {words(schema)}")


def _integer(schema: AvroType, source: pa.DataType, path: str) -> Plan:
    multiply, divide = _factor(source, arrow_type(schema))
    limit = 1 << (31 if schema.kind == "int" else 63)
    day = (schema.logical, DAY[schema.logical]) if schema.logical in DAY else None
    return "integer", path, words(schema), multiply, divide, -limit, limit - 1, day


def _factor(source: pa.DataType, target: pa.DataType) -> tuple[int, int]:
    """What a number of one type is multiplied with and divided by, to be one of the other."""
    if source == pa.date64() and target == pa.date32():
        return 1, _DAY_MILLIS
    finer, coarser = (_NANOS.get(getattr(one, "unit", ""), 1) for one in (target, source))
    return max(1, coarser // finer), max(1, finer // coarser)

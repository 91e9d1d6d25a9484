"""Row shapes: Arrow types for rows given as dicts, learned as they come and kept so that schemas do not flap."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tidegate.errors import FatalError
from tidegate.records.json_columns import JsonColumns, read_declared

_MAX_SHAPES = 32
_UNTYPED = pa.null()
_LEAVES: Mapping[type, pa.DataType] = {
    type(None): _UNTYPED,
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    datetime.date: pa.date32(),
    datetime.time: pa.time64("us"),
}
# Python's types that go into a column as they are: Arrow itself makes 0 of 0.5, and 1.0 of True.
_EXACT: Mapping[pa.DataType, frozenset[type]] = {
    pa.bool_(): frozenset({bool, type(None)}),
    pa.int64(): frozenset({int, type(None)}),
    pa.float64(): frozenset({int, float, type(None)}),
    pa.string(): frozenset({str, type(None)}),
}


class TypeConflictError(FatalError):
    """Two values of one field have types that no column can hold together."""


@dataclass(frozen=True, slots=True)
class ShapeField:
    """One field of a shape: its type and whether every row so far had a value for it."""

    type: pa.DataType
    required: bool


@dataclass(slots=True)
class Shape:
    """The fields of rows that go together, in order of first appearance."""

    fields: dict[str, ShapeField] = field(default_factory=dict)

    def struct(self) -> pa.StructType:
        """The Arrow type; fields that have only been null or empty lists so far have no type yet and are left out."""
        typed = ((name, prune(found.type), found.required) for name, found in self.fields.items())
        return pa.struct([pa.field(name, type_, nullable=not required) for name, type_, required in typed if type_])

    def read_json(self, texts: pa.Array) -> JsonColumns | None:
        """JSON objects that fit the shape as it is.

        Args:
            texts: binary array.

        Returns:
            Columns of :meth:`struct` and the rows that do not fit; None if all have to be looked at one by one.
        """
        struct = self.struct()
        typed = set(struct.names)
        if any(name in typed and prune(found.type) != found.type for name, found in self.fields.items()):
            return None
        kinds = [pa.field(name, found.type, nullable=not found.required) for name, found in self.fields.items()]
        read = read_declared(texts, pa.struct(kinds))
        if read is None or struct == read.values.type:
            return read
        columns = [read.values.field(name) for name in struct.names]
        if not columns:
            return None
        return JsonColumns(pa.StructArray.from_arrays(columns, fields=list(struct)), read.left)


class RowShapes:
    """Groups rows by shape and makes columns of them.

    A field present and not null in every row of a shape so far is required. A row joins a known shape when it has all
    of its required fields or brings none that the shape lacks; a field it adds is nullable, for the rows before have
    none, and one it lacks becomes nullable. A row that lacks a required field and brings an unknown one (a renamed
    field), or whose types do not fit, begins a shape of its own. Types widen from int64 to float64 only.

    Args:
        state: what :meth:`state` gave before a restart.
    """

    def __init__(self, state: Sequence[Any] = ()) -> None:
        self._shapes = [_shape_from_json(shape) for shape in state]

    def state(self) -> list[Any]:
        """The shapes as JSON, to keep with the source offset."""
        return [
            [[name, _type_to_json(found.type), int(found.required)] for name, found in shape.fields.items()]
            for shape in self._shapes
        ]

    def sole(self) -> Shape | None:
        """The one shape, if there is just one: rows that fit it as it is leave it so."""
        return self._shapes[0] if len(self._shapes) == 1 else None

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, pa.StructArray]]:
        """Runs of consecutive rows of one shape.

        Yields:
            The index of the run's first row, and a struct array of its rows.

        Raises:
            TypeConflictError: a nested value mixes types within itself, or there are over 32 shapes.
        """
        start = 0
        while start < len(rows):
            whole = self._exact(rows) if start == 0 else None
            if whole is not None:
                yield 0, whole
                return
            current = self._assign(rows[start])
            end = start + 1
            while end < len(rows) and self._assign(rows[end]) == current:
                end += 1
            yield start, _column(rows[start:end], self._shapes[current].struct())
            start = end

    def _exact(self, rows: Sequence[Mapping[str, Any]]) -> pa.StructArray | None:
        """All rows at once, if they have exactly the fields of one known flat shape."""
        names = rows[0].keys()
        for shape in self._shapes:
            if (
                not names
                or shape.fields.keys() != names
                or any(found.type not in _EXACT for found in shape.fields.values())
            ):
                continue
            if any(row.keys() != names for row in rows):
                return None
            columns = [[row[name] for row in rows] for name in shape.fields]
            kinds = [found.type for found in shape.fields.values()]
            if any(not set(map(type, values)) <= _EXACT[kind] for values, kind in zip(columns, kinds, strict=True)):
                return None
            try:
                arrays = [pa.array(values, type=kind) for values, kind in zip(columns, kinds, strict=True)]
            except (pa.ArrowException, OverflowError):
                return None
            pairs = zip(arrays, shape.fields.values(), strict=True)
            if any(found.required and array.null_count for array, found in pairs):
                return None
            return pa.StructArray.from_arrays(arrays, fields=list(shape.struct()))
        return None

    def _assign(self, row: Mapping[str, Any]) -> int:
        types = {name: infer(value) for name, value in row.items()}
        order = sorted(range(len(self._shapes)), key=lambda index: self._shapes[index].fields.keys() != types.keys())
        for index in order:
            joined = _join(self._shapes[index], types)
            if joined is not None:
                self._shapes[index] = joined
                return index
        if len(self._shapes) == _MAX_SHAPES:
            raise TypeConflictError(
                f"The rows have over {_MAX_SHAPES} shapes that do not fit one another.",
                remedy="Split the input by kind of row.",
            )
        self._shapes.append(Shape({name: ShapeField(type_, row[name] is not None) for name, type_ in types.items()}))
        return len(self._shapes) - 1


def infer(value: Any) -> pa.DataType:
    """The Arrow type of one value; fields of nested objects and elements of lists are always nullable.

    Raises:
        TypeConflictError: a list mixes types, or the value is of a kind no column holds.
    """
    leaf = _LEAVES.get(type(value))
    if leaf is not None:
        return leaf
    if isinstance(value, Mapping):
        return pa.struct([pa.field(str(name), infer(item)) for name, item in value.items()])
    if isinstance(value, (list, tuple)):
        element = _UNTYPED
        for item in value:
            element = merge(element, infer(item))
        return pa.list_(element)
    if isinstance(value, decimal.Decimal):
        exponent = value.as_tuple().exponent
        return pa.decimal128(38, max(0, -exponent) if isinstance(exponent, int) else 0)
    try:
        return pa.scalar(value).type
    except pa.ArrowException:
        raise TypeConflictError(f"A value of type {type(value).__name__} fits no column.") from None


def merge(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    """The narrowest type that holds values of both.

    Raises:
        TypeConflictError: there is none.
    """
    if left.equals(right) or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if {left, right} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_decimal(left) and pa.types.is_decimal(right):
        return pa.decimal128(38, max(left.scale, right.scale))
    if pa.types.is_list(left) and pa.types.is_list(right):
        return pa.list_(merge(left.value_type, right.value_type))
    if pa.types.is_struct(left) and pa.types.is_struct(right):
        fields = {child.name: child.type for child in left}
        for child in right:
            fields[child.name] = merge(fields.get(child.name, _UNTYPED), child.type)
        return pa.struct(list(fields.items()))
    raise TypeConflictError(f"{left} and {right} fit no common column.")


def prune(type_: pa.DataType) -> pa.DataType | None:
    """The type without the parts that have no type yet; None when nothing is left."""
    if pa.types.is_null(type_):
        return None
    if pa.types.is_list(type_):
        element = prune(type_.value_type)
        return None if element is None else pa.list_(element)
    if pa.types.is_struct(type_):
        children = [(child.name, prune(child.type)) for child in type_]
        kept = [(name, child) for name, child in children if child is not None]
        return pa.struct(kept) if kept else None
    return type_


def _column(rows: Sequence[Any], type_: pa.DataType) -> pa.Array:
    try:
        return pa.array(rows, type=type_)
    except pa.ArrowInvalid:
        # An integer that no double is exactly is rounded in a column of doubles, as JSON's numbers are.
        return pa.array([_rounded(row, type_) for row in rows], type=type_)


def _rounded(value: Any, type_: pa.DataType) -> Any:
    if isinstance(value, int) and pa.types.is_float64(type_):
        return float(value)
    if isinstance(value, Mapping) and pa.types.is_struct(type_):
        return {child.name: _rounded(value[child.name], child.type) for child in type_ if child.name in value}
    if isinstance(value, (list, tuple)) and pa.types.is_list(type_):
        return [_rounded(item, type_.value_type) for item in value]
    return value


def _join(shape: Shape, types: Mapping[str, pa.DataType]) -> Shape | None:
    lacks = any(found.required and name not in types for name, found in shape.fields.items())
    brings = any(name not in shape.fields and prune(type_) is not None for name, type_ in types.items())
    if lacks and brings:
        return None
    fields: dict[str, ShapeField] = {}
    try:
        for name, found in shape.fields.items():
            seen = types.get(name, _UNTYPED)
            present = name in types and not pa.types.is_null(seen)
            fields[name] = ShapeField(merge(found.type, seen), found.required and present)
    except TypeConflictError:
        return None
    for name, type_ in types.items():
        fields.setdefault(name, ShapeField(type_, required=False))
    return Shape(fields)


def _type_to_json(type_: pa.DataType) -> Any:
    if pa.types.is_list(type_):
        return {"list": _type_to_json(type_.value_type)}
    if pa.types.is_struct(type_):
        return {"struct": [[child.name, _type_to_json(child.type)] for child in type_]}
    if pa.types.is_decimal(type_):
        return {"decimal": type_.scale}
    if pa.types.is_timestamp(type_):
        return {"timestamp": [type_.unit, type_.tz]}
    return "time64[us]" if pa.types.is_time64(type_) else str(type_)


def _type_from_json(data: Any) -> pa.DataType:
    match data:
        case {"list": element}:
            return pa.list_(_type_from_json(element))
        case {"struct": children}:
            return pa.struct([(name, _type_from_json(child)) for name, child in children])
        case {"decimal": scale}:
            return pa.decimal128(38, scale)
        case {"timestamp": [unit, zone]}:
            return pa.timestamp(unit, zone)
        case "date32[day]":
            return pa.date32()
        case "time64[us]":
            return pa.time64("us")
        case str(name):
            return pa.type_for_alias(name)
        case _:
            raise FatalError(f"{data!r} is not a type of a row shape.", remedy="Reset the connector's offsets.")


def _shape_from_json(data: Any) -> Shape:
    return Shape({name: ShapeField(_type_from_json(type_), bool(required)) for name, type_, required in data})

"""Avro encoding a column at a time, by Arrow kernels: no Python object a value.

A column becomes binary columns (pieces) that are joined row by row. A row whose piece is null has a fault; it is then
encoded again by itself, in explaining mode, where the first rule it breaks is raised with the field's path.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.avro_default import default_column
from tidegate.records.avro_metadata import SYMBOLS, UNION
from tidegate.records.avro_row_reader import DAY
from tidegate.records.avro_schema import NO_DEFAULT, AvroField, AvroType
from tidegate.records.avro_to_arrow import arrow_field, arrow_type, union_fields
from tidegate.records.avro_varint import encode_long, encode_longs
from tidegate.records.codec import DatumError, DatumFault, EncodedColumn, SchemaMismatchError
from tidegate.records.scatter import scatter

Piece = Any
"""A binary array, the bytes of every row, or a binary scalar, the same bytes for all rows."""
Branches = tuple[bytes, bytes] | None
"""What stands for null, and what stands before other values; None where null is not allowed."""
Leaf = Callable[[pa.Array, Branches, bool], list[Piece]]
"""Writes values, null among them; the last argument asks to raise at the first bad one."""
Body = Callable[[pa.Array, bool], list[Piece]]
"""Writes values without nulls."""

_NULL = pa.scalar(None, pa.binary())
_EMPTY = pa.scalar(b"", pa.binary())
_MAX_BYTES = 1 << 28
_UUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_MAX_UINT32 = 2**32 - 1


class ColumnarEncoder:
    """Implements :class:`~tidegate.records.codec.ColumnEncoder`.

    Args:
        schema: what to write.
        field: the columns to come.

    Raises:
        SchemaMismatchError: the column's type can not be written with the schema.
    """

    def __init__(self, schema: AvroType, field: pa.Field) -> None:
        self._write = _writer(schema, field, "")
        self._nullable = schema.nullable

    def encode(self, column: pa.Array, prefix: bytes = b"") -> EncodedColumn:
        """See the protocol."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if column.nbytes > _MAX_BYTES and len(column) > 1:
            return self._halves(column, prefix)
        present = pc.is_valid(column)
        values = column.drop_null() if column.null_count else column
        pieces: list[Piece] = [pa.scalar(prefix, pa.binary()), *self._write(values, False)]
        encoded = _join(pieces, len(values))
        faults: list[DatumFault] = []
        if encoded.null_count:
            rows = pc.indices_nonzero(present)
            bad = pc.indices_nonzero(pc.is_null(encoded)).to_pylist()
            faults = [DatumFault(rows[index].as_py(), self._reason(values.slice(index, 1))) for index in bad]
        if column.null_count:
            encoded = scatter(encoded, present)
        return EncodedColumn(encoded, faults)

    def _halves(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        middle = len(column) // 2
        first, second = self.encode(column.slice(0, middle), prefix), self.encode(column.slice(middle), prefix)
        shifted = [DatumFault(fault.row + middle, fault.message) for fault in second.faults]
        return EncodedColumn(pa.concat_arrays([first.data, second.data]), [*first.faults, *shifted])

    def _reason(self, value: pa.Array) -> str:
        try:
            self._write(value, True)
        except DatumError as error:
            return str(error)
        return "The record does not fit its schema."


def _writer(schema: AvroType, field: pa.Field, path: str) -> Body:
    """A writer of a column, nulls included, by the schema."""
    if schema.kind != "union":
        return _single(schema, field, path, None)
    null = schema.null_branch
    if null is not None and pa.types.is_null(field.type):
        return _constant(encode_long(null))
    values = schema.value_branches
    if (field.metadata or {}).get(UNION) == b"true" and len(values) > 1:
        return _optional(_union(schema, field, path), path, None if null is None else (encode_long(null), b""))
    branch = chosen_branch(schema, field, path)
    index = encode_long(schema.branches.index(branch))
    if null is not None:
        return _single(branch, field, path, (encode_long(null), index))
    return _after(index, _single(branch, field, path, None))


def chosen_branch(schema: AvroType, field: pa.Field, path: str) -> AvroType:
    """The first branch of a union that a column's values fit.

    Raises:
        SchemaMismatchError: they fit none.
    """
    problems: list[str] = []
    for branch in schema.value_branches:
        try:
            _single(branch, field, path, None)
        except SchemaMismatchError as error:
            problems.append(str(error))
        else:
            return branch
    raise SchemaMismatchError(problems[0] if problems else _mismatch(schema, field, path))


def _single(schema: AvroType, field: pa.Field, path: str, branches: Branches) -> Body:
    """A writer of a type that is no union, within a union with null or not."""
    if schema.kind in ("record", "array", "map"):
        core = {"record": _record, "array": _array, "map": _map}[schema.kind](schema, field, path)
        return _optional(core, path, branches)
    if schema.kind == "null":
        return _nothing(schema, field, path)
    leaf, target = _leaf(schema, path), arrow_type(schema)
    adapt = _adapter(schema, field, target, path)

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        if explain and branches is None and column.null_count:
            raise DatumError(path, "is null, but the schema requires a value")
        adapted, bad = adapt(column, explain)
        pieces = leaf(adapted, branches, explain)
        return pieces if bad is None else [pc.if_else(bad, _NULL, _EMPTY), *pieces]

    return write


def _optional(core: Body, path: str, branches: Branches) -> Body:
    """A writer that deals with the nulls of a nested type."""

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        before = [] if branches is None or not branches[1] else [pa.scalar(branches[1], pa.binary())]
        if not column.null_count:
            return [*before, *core(column, explain)]
        if explain and branches is None:
            raise DatumError(path, "is null, but the schema requires a value")
        present = pc.is_valid(column)
        values = column.drop_null()
        whole = scatter(_join([*before, *core(values, explain)], len(values)), present)
        return [whole if branches is None else pc.if_else(present, whole, pa.scalar(branches[0], pa.binary()))]

    return write


def _constant(data: bytes) -> Body:
    return lambda column, explain: [pa.scalar(data, pa.binary())]


def _after(before: bytes, write: Body) -> Body:
    return lambda column, explain: [pa.scalar(before, pa.binary()), *write(column, explain)]


def _nothing(schema: AvroType, field: pa.Field, path: str) -> Body:
    if not pa.types.is_null(field.type):
        raise SchemaMismatchError(_mismatch(schema, field, path))
    return _constant(b"")


def _record(schema: AvroType, field: pa.Field, path: str) -> Body:
    struct = storage_type(field.type)
    if not pa.types.is_struct(struct):
        raise SchemaMismatchError(_mismatch(schema, field, path))
    columns = {child.name: index for index, child in enumerate(struct)}
    writers: list[tuple[int, Body]] = []
    for member in schema.fields:
        inner = f"{path}.{member.original_name}" if path else member.original_name
        index = columns.pop(member.original_name, None)
        if index is None:
            index = columns.pop(member.name, None)
        if index is None:
            writers.append((-1, _constant(default_bytes(member, inner))))
        else:
            writers.append((index, _writer(member.type, struct.field(index), inner)))
    if columns:
        raise SchemaMismatchError(
            f"Field {path + '.' if path else ''}{next(iter(columns))} of the record is not in schema {schema.name}."
        )

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        column = _storage(column)
        pieces: list[Piece] = []
        for index, child in writers:
            pieces.extend(child(column if index < 0 else column.field(index), explain))
        return pieces

    return write


def default_bytes(member: AvroField, path: str) -> bytes:
    """The datum of a field's default.

    Raises:
        SchemaMismatchError: it has none, or one that is not of its type.
    """
    if member.default is NO_DEFAULT:
        raise SchemaMismatchError(
            f"Field {path} is in the schema without a default, and the records have no such field."
        )
    schema = member.type
    if schema.kind == "union":
        branch = next((one for one in schema.branches if (one.kind == "null") == (member.default is None)), None)
        if branch is None:
            raise SchemaMismatchError(f"The schema's default of field {path} fits no branch of its union.")
        index = encode_long(schema.branches.index(branch))
        return index + _default_datum(branch, member.default, path)
    return _default_datum(schema, member.default, path)


def _default_datum(schema: AvroType, default: Any, path: str) -> bytes:
    field = arrow_field(schema, "default")
    try:
        column = default_column(schema, default, field.type)
    except (pa.ArrowException, TypeError, ValueError, LookupError, OverflowError, AttributeError):
        raise SchemaMismatchError(f"The schema's default of field {path} is not of its type.") from None
    data = _join(_writer(schema, field, path)(column, False), 1)[0].as_py()
    if data is None:
        raise SchemaMismatchError(f"The schema's default of field {path} is not of its type.")
    return bytes(data)


def _array(schema: AvroType, field: pa.Field, path: str) -> Body:
    plain = storage_type(field.type)
    if pa.types.is_map(plain):
        entry = pa.field("item", pa.struct([plain.key_field.with_name("key"), plain.item_field.with_name("value")]))
    elif pa.types.is_list(plain):
        entry = plain.value_field
    else:
        raise SchemaMismatchError(_mismatch(schema, field, path))
    items = _writer(schema.items, entry, f"{path}[]")

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        column = _storage(column)
        if pa.types.is_map(column.type):
            keys, values = _entries(column)
            children = pa.StructArray.from_arrays([keys, values], fields=list(entry.type))
        else:
            children = column.flatten()
        return _blocks(column, _join(items(children, explain), len(children)))

    return write


def _map(schema: AvroType, field: pa.Field, path: str) -> Body:
    plain = storage_type(field.type)
    if not pa.types.is_map(plain):
        raise SchemaMismatchError(_mismatch(schema, field, path))
    write_key = _single(AvroType("string"), plain.key_field, f"{path}{{}}", None)
    write_value = _writer(schema.items, plain.item_field, f"{path}{{}}")

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        keys, values = _entries(_storage(column))
        pieces = [*write_key(keys, explain), *write_value(values, explain)]
        return _blocks(column, _join(pieces, len(keys)))

    return write


def _entries(column: pa.MapArray) -> tuple[pa.Array, pa.Array]:
    """Keys and values of a map column without nulls."""
    offsets = column.offsets
    first, last = offsets[0].as_py(), offsets[len(column)].as_py()
    return column.keys.slice(first, last - first), column.items.slice(first, last - first)


def _blocks(column: pa.Array, items: pa.Array) -> list[Piece]:
    """One block a row, then the end; for a row without items the end only."""
    counts = _lengths(column)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(counts)])
    bodies = pc.binary_join(pa.ListArray.from_arrays(offsets.cast(pa.int32()), items), b"")
    end = pc.if_else(pc.greater(counts, 0), pa.scalar(b"\x00", pa.binary()), _EMPTY)
    return [*encode_longs(counts), bodies, end]


def _lengths(column: pa.Array) -> pa.Array:
    if pa.types.is_map(column.type):
        offsets = column.offsets
        return pc.subtract(offsets.slice(1), offsets.slice(0, len(column))).cast(pa.int64())
    return pc.list_value_length(column).cast(pa.int64())


def _union(schema: AvroType, field: pa.Field, path: str) -> Body:
    """A union of several types, kept as a struct with a field a branch."""
    struct = field.type
    known = {child.name: branch for child, branch in zip(union_fields(schema), schema.value_branches, strict=True)}
    writers: list[Body] = []
    for child in struct:
        branch = known.get(child.name)
        if branch is None:
            raise SchemaMismatchError(f"Union branch {path}.{child.name} of the record is not in the schema.")
        index = encode_long(schema.branches.index(branch))
        writers.append(_after(index, _single(branch, child, f"{path}.{child.name}", None)))
    null = schema.null_branch
    absent = _NULL if null is None else pa.scalar(encode_long(null), pa.binary())

    def write(column: pa.Array, explain: bool) -> list[Piece]:
        out: Piece = pa.repeat(absent, len(column)) if absent.is_valid else pa.nulls(len(column), pa.binary())
        values = pa.repeat(0, len(column))
        for index, child in enumerate(writers):
            part = column.field(index)
            present = pc.is_valid(part)
            some = part.drop_null()
            whole = scatter(_join(child(some, explain), len(some)), present)
            out = pc.if_else(present, whole, out)
            values = pc.add(values, present.cast(pa.int64()))
        if explain and null is None and pc.min(values).as_py() == 0:
            raise DatumError(path, "has a value for none of its union's branches")
        if (pc.max(values).as_py() or 0) > 1:
            if explain:
                raise DatumError(path, "has values for more than one of its union's branches")
            out = pc.if_else(pc.greater(values, 1), _NULL, out)
        return [out]

    return write


def _leaf(schema: AvroType, path: str) -> Leaf:
    """A writer of columns that already are of the schema's canonical Arrow type."""
    match schema.kind:
        case "boolean":
            return lambda column, branches, explain: _lookup(column, [b"\x00", b"\x01"], branches)
        case "int" | "long" if schema.logical in DAY:
            return _time(schema, path)
        case "int" | "long":
            physical = pa.int32() if schema.kind == "int" else pa.int64()
            return lambda column, branches, explain: encode_longs(
                column.view(physical).cast(pa.int64()), branches=branches
            )
        case "float" | "double":
            width = 4 if schema.kind == "float" else 8
            return lambda column, branches, explain: _before(column.view(pa.binary(width)).cast(pa.binary()), branches)
        case "enum":
            return _enum(schema, path)
        case "string" if schema.logical == "uuid":
            return _uuid(path)
        case "string":
            return lambda column, branches, explain: _sized(column.view(pa.binary()), branches)
        case "bytes" if schema.logical != "decimal":
            return lambda column, branches, explain: _sized(column, branches)
        case "fixed" if schema.logical not in ("decimal", "duration"):
            return lambda column, branches, explain: _before(column.cast(pa.binary()), branches)
    if schema.logical == "duration":
        return _by_value(lambda column: column.to_pylist(), _interval, path)
    width = arrow_type(schema).byte_width
    to_bytes = _decimal_fixed if schema.kind == "fixed" else _decimal_bytes
    return _by_value(
        lambda column: column.view(pa.binary(width)).to_pylist(),
        lambda raw, where: to_bytes(int.from_bytes(raw, "little", signed=True), schema, where),
        path,
    )


def _time(schema: AvroType, path: str) -> Leaf:
    physical, day = (pa.int32() if schema.kind == "int" else pa.int64()), DAY[schema.logical]

    def write(column: pa.Array, branches: Branches, explain: bool) -> list[Piece]:
        numbers = column.view(physical).cast(pa.int64())
        pieces = encode_longs(numbers, branches=branches)
        outside = pc.or_(pc.less(numbers, 0), pc.greater_equal(numbers, day)).fill_null(False)
        if not pc.any(outside).as_py():
            return pieces
        if explain:
            raise DatumError(path, f"is {numbers.filter(outside)[0]}, which is no {schema.logical} within a day")
        return [pc.if_else(outside, _NULL, _EMPTY), *pieces]

    return write


def _lookup(indexes: pa.Array, values: Sequence[bytes], branches: Branches) -> list[Piece]:
    if branches is None:
        return [pa.array(values, pa.binary()).take(indexes.cast(pa.int32()))]
    table = pa.array([*(branches[1] + value for value in values), branches[0]], pa.binary())
    return [table.take(indexes.cast(pa.int32()).fill_null(len(values)))]


def _sized(column: pa.Array, branches: Branches) -> list[Piece]:
    lengths = pc.binary_length(column).cast(pa.int64())
    body = column if branches is None or not column.null_count else column.fill_null(b"")
    return [*encode_longs(lengths, branches=branches), body]


def _before(column: pa.Array, branches: Branches) -> list[Piece]:
    if branches is None:
        return [column]
    if not column.null_count:
        return [pa.scalar(branches[1], pa.binary()), column]
    before = pc.if_else(column.is_null(), *(pa.scalar(branch, pa.binary()) for branch in branches))
    return [before, column.fill_null(b"")]


def _enum(schema: AvroType, path: str) -> Leaf:
    symbols = pa.array(schema.symbols, pa.string())

    def write(column: pa.Array, branches: Branches, explain: bool) -> list[Piece]:
        indexes = pc.index_in(column, value_set=symbols)
        unknown = pc.and_(indexes.is_null(), column.is_valid())
        pieces = encode_longs(indexes.cast(pa.int64()), branches=branches)
        if not pc.any(unknown).as_py():
            return pieces
        if explain:
            symbol = column.filter(unknown)[0].as_py()
            raise DatumError(path, f"is {symbol!r}, which is not a symbol of enum {schema.name}")
        return [pc.if_else(unknown, _NULL, _EMPTY), *pieces]

    return write


def _uuid(path: str) -> Leaf:
    def write(column: pa.Array, branches: Branches, explain: bool) -> list[Piece]:
        wrong = pc.invert(pc.match_substring_regex(column, _UUID)).fill_null(False)
        pieces = _sized(column.view(pa.binary()), branches)
        if not pc.any(wrong).as_py():
            return pieces
        if explain:
            raise DatumError(path, f"is {_shown(column.filter(wrong)[0].as_py())}, which is not a UUID")
        return [pc.if_else(wrong, _NULL, _EMPTY), *pieces]

    return write


def _by_value(values: Callable[[pa.Array], list[Any]], encode: Callable[[Any, str], bytes], path: str) -> Leaf:
    """A writer that encodes each distinct value once, in Python."""

    def write(column: pa.Array, branches: Branches, explain: bool) -> list[Piece]:
        known: dict[Any, bytes | None] = {}
        bad = False
        rows = values(column)
        for value in set(rows):
            if value is None:
                continue
            try:
                known[value] = encode(value, path)
            except DatumError:
                if explain:
                    raise
                known[value] = None
                bad = True
        encoded = pa.array([known.get(value) for value in rows], pa.binary())
        if not bad:
            return _before(encoded, branches)
        wrong = pc.and_(column.is_valid(), encoded.is_null())
        return [pc.if_else(wrong, _NULL, _EMPTY), *_before(encoded, branches)]

    return write


def _interval(value: tuple[int, int, int], path: str) -> bytes:
    months, days, nanos = value
    millis, rest = divmod(nanos, 1_000_000)
    if min(months, days, millis) < 0 or millis > _MAX_UINT32 or rest:
        raise DatumError(
            path,
            f"is an interval of {months} months, {days} days, {nanos} nanoseconds; "
            f"an Avro duration has whole milliseconds and no part below 0 or above {_MAX_UINT32}",
        )
    return b"".join(part.to_bytes(4, "little") for part in (months, days, millis))


def _decimal_bytes(number: int, schema: AvroType, path: str) -> bytes:
    _check_precision(number, schema, path)
    body = number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)
    return encode_long(len(body)) + body


def _decimal_fixed(number: int, schema: AvroType, path: str) -> bytes:
    _check_precision(number, schema, path)
    return number.to_bytes(schema.size, "big", signed=True)


def _check_precision(number: int, schema: AvroType, path: str) -> None:
    if abs(number) >= 10**schema.precision:
        raise DatumError(path, f"has more than the {schema.precision} digits of its decimal type")


Adapter = Callable[[pa.Array, bool], tuple[pa.Array, pa.Array | None]]
"""Casts a column; also tells which rows did not fit."""


def _adapter(schema: AvroType, field: pa.Field, target: pa.DataType, path: str) -> Adapter:
    if isinstance(field.type, pa.UuidType) and schema.kind == "string":
        return lambda column, explain: (_uuid_text(column), None)
    if pa.types.is_null(field.type):
        return lambda column, explain: (pa.nulls(len(column), target), None)
    source = storage_type(field.type)
    if not fits(source, target):
        raise SchemaMismatchError(_mismatch(schema, field, path))

    def adapt(column: pa.Array, explain: bool) -> tuple[pa.Array, pa.Array | None]:
        column = _storage(column)
        if column.type == target:
            return column, None
        try:
            return column.cast(target), None
        except pa.ArrowInvalid as error:
            if explain and len(column) == 1:
                raise DatumError(path, f"is {_shown(column[0])}, which does not fit {words(schema)}") from error
            return _cast_each(column, target, schema, path, explain)

    return adapt


def _cast_each(
    column: pa.Array, target: pa.DataType, schema: AvroType, path: str, explain: bool
) -> tuple[pa.Array, pa.Array]:
    parts: list[pa.Array] = []
    bad: list[bool] = []
    for row in range(len(column)):
        one = column.slice(row, 1)
        try:
            parts.append(one.cast(target))
            bad.append(False)
        except pa.ArrowInvalid as error:
            if explain:
                raise DatumError(path, f"is {_shown(one[0])}, which does not fit {words(schema)}") from error
            parts.append(pa.nulls(1, target))
            bad.append(True)
    return pa.concat_arrays(parts), pa.array(bad)


def fits(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether values of one type can stand in columns of another, each as it is."""
    types = pa.types
    if source == target:
        return True
    if types.is_integer(source):
        return bool(types.is_integer(target) or types.is_floating(target) or types.is_decimal(target))
    if types.is_floating(source):
        return bool(types.is_floating(target) and source.bit_width <= target.bit_width)
    if types.is_timestamp(source) and types.is_timestamp(target):
        return (source.tz is None) == (target.tz is None)
    if types.is_binary(target):
        return bool(types.is_string(source) or types.is_fixed_size_binary(source))
    families = (types.is_decimal, types.is_date, types.is_time, types.is_duration)
    return any(family(source) and family(target) for family in families)


def _storage(column: pa.Array) -> pa.Array:
    """The column without extension, dictionary and run-end encoding."""
    if isinstance(column.type, pa.BaseExtensionType):
        return _storage(column.storage)
    if pa.types.is_run_end_encoded(column.type):
        return _storage(pc.run_end_decode(column))
    if pa.types.is_dictionary(column.type):
        return _storage(column.dictionary_decode())
    return column


def _uuid_text(column: pa.Array) -> pa.Array:
    raw = column.storage.to_pylist()
    return pa.array([None if one is None else str(uuid.UUID(bytes=one)) for one in raw], pa.string())


def _join(pieces: Sequence[Piece], rows: int) -> pa.Array:
    arrays = [piece for piece in pieces if isinstance(piece, pa.Array)]
    if not arrays:
        whole = b"".join(piece.as_py() for piece in pieces)
        return pa.repeat(pa.scalar(whole, pa.binary()), rows)
    if len(pieces) == 1:
        return arrays[0]
    return pc.binary_join_element_wise(*pieces, _EMPTY)


def _mismatch(schema: AvroType, field: pa.Field, path: str) -> str:
    where = f"Field {path}" if path else "The record"
    symbols = " (an enum)" if SYMBOLS in (field.metadata or {}) else ""
    return f"{where} is of type {field.type}{symbols}, which can not be written as {words(schema)}."


def words(schema: AvroType) -> str:
    """The schema as sentences name it."""
    kind = f"{schema.kind} {schema.name}" if schema.name else schema.kind
    if schema.logical == "decimal":
        return f"Avro decimal({schema.precision}, {schema.scale})"
    if schema.kind == "union":
        return f"Avro union of {json.dumps([branch.name or branch.kind for branch in schema.branches])}"
    return f"Avro {schema.logical or kind}"


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except (OverflowError, ValueError):
        text = str(value.value)
    return text if len(text) <= 60 else f"{text[:57]}..."

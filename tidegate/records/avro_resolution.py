"""Avro's schema resolution: data of a writer's schema as values of a reader's (Avro 1.12, "Schema Resolution").

Data is decoded with the writer's schema and its columns are then made into the reader's: so that every decoder resolves
alike, and columns that are the same are only passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.avro_row_reader import DAY
from tidegate.records.avro_schema import NO_DEFAULT, AvroField, AvroType
from tidegate.records.avro_to_arrow import arrow_field, arrow_type
from tidegate.records.codec import ColumnDecoder, DatumError, DatumFault, DecodedColumn, SchemaMismatchError
from tidegate.records.columnar_decoder import ColumnarDecoder
from tidegate.records.columnar_encoder import default_bytes, words
from tidegate.records.scatter import scatter

Faults = dict[int, DatumError]
"""Why some rows are no values of the reader's schema."""
Step = Callable[[pa.Array], tuple[pa.Array, Faults]]
"""Makes a column of the writer's type one of the reader's; takes no nulls, unless it says so."""

_PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
_RAW = {"int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64()}


def resolving_decoder(decoder: ColumnDecoder, writer: AvroType, reader: AvroType | None) -> ColumnDecoder:
    """A decoder of the reader's values.

    Args:
        decoder: of the writer's data.
        writer: its schema.
        reader: what is wanted; none for the writer's.

    Raises:
        SchemaMismatchError: no datum of the one is one of the other.
    """
    if reader is None or reader == writer:
        return decoder
    return _ResolvingDecoder(decoder, _nullable(writer, reader, ""))


class _ResolvingDecoder:
    def __init__(self, decoder: ColumnDecoder, step: Step) -> None:
        self._decoder = decoder
        self._step = step

    def decode(self, data: pa.Array, skip: int = 0) -> DecodedColumn:
        """See the protocol."""
        decoded = self._decoder.decode(data, skip)
        # A message that is null is no datum: no rule of a schema is about it.
        given = decoded.rows if not data.null_count else decoded.rows.filter(data.is_valid().take(decoded.rows))
        here = pc.is_in(decoded.rows, value_set=given)
        values, faults = self._step(decoded.values.filter(here))
        values = scatter(values, here)
        if not faults:
            return DecodedColumn(decoded.rows, values, decoded.faults)
        places = np.flatnonzero(here.to_numpy(zero_copy_only=False))
        bad = [int(places[row]) for row in sorted(faults)]
        more = [
            DatumFault(decoded.rows[at].as_py(), str(faults[row])) for at, row in zip(bad, sorted(faults), strict=True)
        ]
        kept = np.delete(np.arange(len(values)), bad)
        return DecodedColumn(
            decoded.rows.take(pa.array(kept)),
            values.take(pa.array(kept)),
            sorted([*decoded.faults, *more], key=lambda fault: fault.row),
        )


def _nullable(writer: AvroType, reader: AvroType, path: str) -> Step:
    """A step for a column of the writer's type with its nulls."""
    if writer == reader:
        return lambda column: (column, {})
    branches = writer.branches if writer.kind == "union" else (writer,)
    steps: list[tuple[AvroType, Step | None]] = []
    problems: list[str] = []
    for branch in branches:
        try:
            steps.append((branch, _to_reader(branch, reader, path)))
        except SchemaMismatchError as error:
            # A union's datum of another branch can be resolved all the same.
            steps.append((branch, None))
            problems.append(str(error))
    if not any(step for _, step in steps):
        raise SchemaMismatchError(problems[0])
    return _merged(writer, steps, reader, path)


def _merged(writer: AvroType, steps: Sequence[tuple[AvroType, Step | None]], reader: AvroType, path: str) -> Step:
    """Resolves every branch of the writer's by itself."""
    target = arrow_field(reader, "x").type
    general = len(writer.value_branches) > 1

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        parts: list[pa.Array] = []
        place = np.full(len(column), -1, dtype=np.int64)
        size = 0
        faults: Faults = {}
        number = 0
        for branch, inner in steps:
            if branch.kind == "null":
                chosen, part = column.is_null(), None
            else:
                part = column.field(number) if general else column
                number += 1
                # A branch's column is null by itself where another is chosen; the struct's own nulls are null's.
                chosen = pc.and_(part.is_valid(), column.is_valid())
            rows = np.flatnonzero(chosen.to_numpy(zero_copy_only=False))
            if not len(rows):
                continue
            if inner is None:
                error = DatumError(path, f"is of type {_name(branch)}, and the reader's schema wants {words(reader)}")
                faults |= {int(row): error for row in rows}
                continue
            values, bad = inner(pa.nulls(len(rows)) if part is None else part.filter(chosen))
            faults |= {int(rows[row]): error for row, error in bad.items()}
            parts.append(values)
            place[rows] = np.arange(size, size + len(rows))
            size += len(rows)
        if len(parts) == 1 and size == len(column):
            return parts[0], faults
        merged = pa.concat_arrays(parts) if parts else pa.nulls(0, target)
        return merged.take(pa.array(place, mask=place < 0)), faults

    return step


def _to_reader(writer: AvroType, reader: AvroType, path: str) -> Step:
    """A step from a type that is no union."""
    if reader.kind != "union":
        return _same_kind(writer, reader, path)
    branch = _reader_branch(writer, reader, path)
    inner = _same_kind(writer, branch, path)
    target = arrow_type(reader)
    if branch.kind == "null":
        return lambda column: (pa.nulls(len(column), target), {})
    if len(reader.value_branches) == 1:
        return inner
    number = reader.value_branches.index(branch)

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        values, faults = inner(column)
        children = [values if at == number else pa.nulls(len(column), kind.type) for at, kind in enumerate(target)]
        return pa.StructArray.from_arrays(children, fields=list(target)), faults

    return step


def _reader_branch(writer: AvroType, reader: AvroType, path: str) -> AvroType:
    """The branch that a type resolves to: the first of the very type, else, as in Java, the first it promotes to."""
    fitting = []
    for branch in reader.branches:
        try:
            _same_kind(writer, branch, path)
        except SchemaMismatchError:
            continue
        fitting.append(branch)
    if not fitting:
        raise _mismatch(writer, reader, path)
    return next((branch for branch in fitting if branch.kind == writer.kind and branch.name == writer.name), fitting[0])


def _same_kind(writer: AvroType, reader: AvroType, path: str) -> Step:
    """A step between types of which neither is a union."""
    if writer.kind != reader.kind and reader.kind not in _PROMOTIONS.get(writer.kind, ()):
        raise _mismatch(writer, reader, path)
    if reader.name and not _same_name(writer, reader):
        raise _mismatch(writer, reader, path)
    match reader.kind:
        case "null":
            return lambda column: (pa.nulls(len(column)), {})
        case "record":
            return _record(writer, reader, path)
        case "array":
            return _array(writer, reader, path)
        case "map":
            return _entries(AvroType("string"), writer.items, AvroType("string"), reader.items, reader, f"{path}{{}}")
        case "enum":
            return _enum(writer, reader, path)
        case "fixed" | "bytes" | "string":
            return _bytes(writer, reader, path)
        case "boolean":
            return lambda column: (column, {})
    return _number(writer, reader, path)


def _same_name(writer: AvroType, reader: AvroType) -> bool:
    """Whether simple names are equal, or an alias of the reader's is the writer's name."""
    simple = writer.name.rpartition(".")[2]
    return simple == reader.name.rpartition(".")[2] or writer.name in reader.aliases


def _record(writer: AvroType, reader: AvroType, path: str) -> Step:
    struct = arrow_type(reader)
    known = {field.name: index for index, field in enumerate(writer.fields)}
    steps: list[tuple[int, Step]] = []
    for field in reader.fields:
        inner = f"{path}.{field.original_name}" if path else field.original_name
        index = next((known[name] for name in (field.name, *field.aliases) if name in known), None)
        if index is None:
            steps.append((-1, _default(field, inner)))
        else:
            steps.append((index, _nullable(writer.fields[index].type, field.type, inner)))

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        if not steps:
            return pa.array([{}] * len(column), struct), {}
        faults: Faults = {}
        children = []
        for index, child in steps:
            values, bad = child(column if index < 0 else column.field(index))
            children.append(values)
            faults = {**bad, **faults}
        return pa.StructArray.from_arrays(children, fields=list(struct)), faults

    return step


def _default(field: AvroField, path: str) -> Step:
    if field.default is NO_DEFAULT:
        raise SchemaMismatchError(f"Field {path} of the reader's schema is not in the writer's, and has no default.")
    datum = pa.array([default_bytes(field, path)], pa.binary())
    value = ColumnarDecoder(field.type).decode(datum).values
    return lambda column: (value.take(pa.array(np.zeros(len(column), dtype=np.int64))), {})


def _array(writer: AvroType, reader: AvroType, path: str) -> Step:
    maps = [pa.types.is_map(arrow_type(one)) for one in (writer, reader)]
    if maps[0] != maps[1]:
        raise _mismatch(writer, reader, path)
    if all(maps):
        (key, value), (new_key, new_value) = ([field.type for field in one.items.fields] for one in (writer, reader))
        return _entries(key, value, new_key, new_value, reader, f"{path}[]")
    target = arrow_type(reader)
    inner = _nullable(writer.items, reader.items, f"{path}[]")

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        ends = _ends(pc.list_value_length(column))
        items, bad = inner(column.flatten())
        return pa.ListArray.from_arrays(pa.array(ends), items, type=target), _of_rows(bad, ends)

    return step


def _entries(
    key: AvroType, value: AvroType, new_key: AvroType, new_value: AvroType, reader: AvroType, path: str
) -> Step:
    target = arrow_type(reader)
    keys, values = _nullable(key, new_key, path), _nullable(value, new_value, path)

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        offsets = column.offsets
        first, last = offsets[0].as_py(), offsets[len(column)].as_py()
        ends = (offsets.to_numpy()[: len(column) + 1] - first).astype(np.int32)
        new_keys, bad_keys = keys(column.keys.slice(first, last - first))
        new_values, bad = values(column.items.slice(first, last - first))
        made = pa.MapArray.from_arrays(pa.array(ends), new_keys, new_values)
        return made.cast(target), _of_rows({**bad, **bad_keys}, ends)

    return step


def _ends(lengths: pa.Array) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths.to_numpy())]).astype(np.int32)


def _of_rows(faults: Faults, ends: np.ndarray) -> Faults:
    """Faults of items as faults of the rows that hold them: of each row, the first."""
    rows: Faults = {}
    for item in sorted(faults):
        rows.setdefault(int(np.searchsorted(ends, item, side="right")) - 1, faults[item])
    return rows


def _enum(writer: AvroType, reader: AvroType, path: str) -> Step:
    symbols = pa.array(reader.symbols, pa.string())

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        unknown = pc.invert(pc.is_in(column, value_set=symbols))
        if not pc.any(unknown).as_py():
            return column, {}
        if reader.default:
            return pc.if_else(unknown, reader.default, column), {}
        return column, {
            int(row): DatumError(path, f"is {column[row].as_py()!r}, which is not a symbol of enum {reader.name}")
            for row in np.flatnonzero(unknown.to_numpy(zero_copy_only=False))
        }

    return step


def _bytes(writer: AvroType, reader: AvroType, path: str) -> Step:
    shape, wanted = ((one.kind, one.size, one.precision, one.scale) for one in (writer, reader))
    logical = {one.logical for one in (writer, reader)} & {"decimal", "duration"}
    if logical and (shape != wanted or writer.logical != reader.logical):
        raise _mismatch(writer, reader, path)
    if writer.size != reader.size:
        raise _mismatch(writer, reader, path)
    if writer.kind == reader.kind:
        return lambda column: (column, {})
    if reader.kind == "bytes":
        return lambda column: (column.cast(pa.binary()), {})

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        try:
            return column.cast(pa.string()), {}
        except pa.ArrowInvalid:
            texts = [_text(raw) for raw in column.to_pylist()]
        error = DatumError(path, "is a string that is not valid UTF-8")
        return pa.array(texts, pa.string()), {row: error for row, text in enumerate(texts) if text is None}

    return step


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _number(writer: AvroType, reader: AvroType, path: str) -> Step:
    source, target = arrow_type(writer), arrow_type(reader)
    if source == target:
        return lambda column: (column, {})
    raw, wanted, day = _RAW[writer.kind], _RAW[reader.kind], DAY.get(reader.logical)

    def step(column: pa.Array) -> tuple[pa.Array, Faults]:
        # A whole number that a float does not hold becomes the nearest, as the specification has it.
        numbers = column.view(raw).cast(wanted, safe=False)
        faults: Faults = {}
        if day is not None:
            outside = pc.or_(pc.less(numbers, 0), pc.greater_equal(numbers, day))
            faults = {
                int(row): DatumError(path, f"is {numbers[row]}, which is no {reader.logical} within a day")
                for row in np.flatnonzero(outside.to_numpy(zero_copy_only=False))
            }
        return numbers.view(target), faults

    return step


def _mismatch(writer: AvroType, reader: AvroType, path: str) -> SchemaMismatchError:
    where = f"Field {path}" if path else "The record"
    return SchemaMismatchError(f"{where} was written as {words(writer)}, which can not be read as {words(reader)}.")


def _name(schema: AvroType) -> Any:
    return schema.name or schema.kind

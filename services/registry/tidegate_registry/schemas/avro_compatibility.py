"""Whether data written with one Avro schema can be read with another (specification 1.12, "Schema Resolution").

The rules' names are those of Avro's Java ``SchemaCompatibility``, which users know from other registries. Named types
match by unqualified name or by an alias of the reader's, as there. Beyond it, decimals must keep their scale and may
not lose precision: the bytes would be read as other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

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
    describe,
    type_name,
)
from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.pointer import descend, shown

_PROMOTIONS: Final = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


def find_unreadable(reader: AvroType, writer: AvroType, sides: Sides | None = None) -> list[Incompatibility]:
    """Every reason why data written with ``writer`` can not be read with ``reader``; empty if all of it can.

    Args:
        reader: the schema of the code that reads.
        writer: the schema the data was written with.
        sides: names for the messages.
    """
    return list(_Resolver(sides or Sides()).resolve(reader, writer, _Place()))


@dataclass(frozen=True)
class _Place:
    """Where the two walks are: the pointers in both schemas, and the nearest field's name."""

    reader: str = ""
    writer: str = ""
    field: str = ""

    def down(self, *keys: str | int) -> _Place:
        return replace(self, reader=descend(self.reader, *keys), writer=descend(self.writer, *keys))


class _Resolver:
    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._seen: set[tuple[int, int]] = set()

    def resolve(self, reader: AvroType, writer: AvroType, place: _Place) -> Iterator[Incompatibility]:
        if isinstance(writer, Union):
            yield from self._writer_union(reader, writer, place)
        elif isinstance(reader, Union):
            if not any(self._readable(branch, writer, place) for branch in reader.branches):
                yield self._reader_union_lacks(reader, writer, place)
        else:
            match reader, writer:
                case (Record(), Record()):
                    yield from self._records(reader, writer, place)
                case (Enum(), Enum()):
                    yield from self._enums(reader, writer, place)
                case (Fixed(), Fixed()):
                    yield from self._fixed(reader, writer, place)
                case (Array(), Array()):
                    yield from self.resolve(reader.items, writer.items, place.down("items"))
                case (Map(), Map()):
                    yield from self.resolve(reader.values, writer.values, place.down("values"))
                case (Primitive(), Primitive()) if reader.name == writer.name or reader.name in _PROMOTIONS.get(
                    writer.name, ()
                ):
                    pass
                case _:
                    yield self._type_mismatch(reader, writer, place)
                    return
            yield from self._decimals(reader, writer, place)

    def _readable(self, reader: AvroType, writer: AvroType, place: _Place) -> bool:
        # What a failed trial has walked is not proven readable elsewhere.
        seen = set(self._seen)
        found = next(self.resolve(reader, writer, place), None)
        if found is not None:
            self._seen = seen
        return found is None

    def _writer_union(self, reader: AvroType, writer: Union, place: _Place) -> Iterator[Incompatibility]:
        for index, branch in enumerate(writer.branches):
            below = replace(place, writer=descend(place.writer, index))
            if isinstance(reader, Union):
                yield from self.resolve(reader, branch, below)
            elif not self._readable(reader, branch, below):
                if (
                    isinstance(branch, Record | Enum | Fixed)
                    and type(branch) is type(reader)
                    and _same_name(reader, branch)
                ):
                    yield from self.resolve(reader, branch, below)
                else:
                    yield self._branch_unread(reader, branch, below)

    def _records(self, reader: Record, writer: Record, place: _Place) -> Iterator[Incompatibility]:
        if (id(reader), id(writer)) in self._seen:
            return
        self._seen.add((id(reader), id(writer)))
        yield from self._names(reader, writer, place)
        written = {field.name: (index, field) for index, field in enumerate(writer.fields)}
        taken = {field.name for field in reader.fields}
        absent: list[tuple[int, Field]] = []
        for index, field in enumerate(reader.fields):
            aliases = (alias for alias in field.aliases if alias in written and alias not in taken)
            name = field.name if field.name in written else next(aliases, None)
            if name is None:
                absent.append((index, field))
                continue
            taken.add(name)
            position, source = written[name]
            below = _Place(
                descend(place.reader, "fields", index, "type"),
                descend(place.writer, "fields", position, "type"),
                field.name,
            )
            yield from self.resolve(field.type, source.type, below)
        unread = [field for name, (_, field) in written.items() if name not in taken]
        for index, field in absent:
            if field.default is NO_DEFAULT:
                yield self._no_default(field, descend(place.reader, "fields", index), unread)

    def _names(self, reader: Named, writer: Named, place: _Place) -> Iterator[Incompatibility]:
        if not _same_name(reader, writer):
            yield self._found(
                "NAME_MISMATCH",
                place,
                f"{self._where(place)} is {describe(reader)} in {self._sides.reader} and {describe(writer)} in"
                f" {self._sides.writer}",
                f'add "{writer.fullname}" to its aliases, or keep the name'
                if self._sides.new_reads
                else "keep the name",
            )

    def _enums(self, reader: Enum, writer: Enum, place: _Place) -> Iterator[Incompatibility]:
        yield from self._names(reader, writer, place)
        missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if missing and reader.default is NO_DEFAULT:
            symbols = ", ".join(missing)
            yield self._found(
                "MISSING_ENUM_SYMBOLS",
                place.down("symbols"),
                f"{self._where(place)} is an enum that lacks the symbols {symbols} of {self._sides.writer} in"
                f" {self._sides.reader} and has no default there",
                "keep the symbols, or give the enum a default"
                if self._sides.new_reads
                else "do not add symbols to an enum whose readers have no default for them",
            )

    def _fixed(self, reader: Fixed, writer: Fixed, place: _Place) -> Iterator[Incompatibility]:
        yield from self._names(reader, writer, place)
        if reader.size != writer.size:
            yield self._found(
                "FIXED_SIZE_MISMATCH",
                place.down("size"),
                f"{self._where(place)} is fixed of {reader.size} bytes in {self._sides.reader} and of {writer.size} in"
                f" {self._sides.writer}",
                "keep the size, or add a new field",
            )

    def _decimals(self, reader: AvroType, writer: AvroType, place: _Place) -> Iterator[Incompatibility]:
        read, written = _decimal(reader), _decimal(writer)
        if read is None or written is None:
            return
        if read[1] != written[1] or read[0] < written[0]:
            yield self._found(
                "DECIMAL_MISMATCH",
                place,
                f"{self._where(place)} is decimal({read[0]}, {read[1]}) in {self._sides.reader} and"
                f" decimal({written[0]}, {written[1]}) in {self._sides.writer}, whose bytes would mean other numbers",
                "keep the scale and do not lower the precision, or add a new field"
                if self._sides.new_reads
                else "keep the scale and do not raise the precision, or add a new field",
            )

    def _no_default(self, field: Field, path: str, unread: list[Field]) -> Incompatibility:
        renamed = next((other.name for other in unread if _folded(other.name) == _folded(field.name)), None)
        if self._sides.new_reads:
            problem = (
                f'field "{field.name}" (path {path}) is in {self._sides.reader} without a default and absent from'
                f" {self._sides.writer}"
            )
            remedy = (
                f'if it is "{renamed}" under another name, add "{renamed}" to its aliases; otherwise add a default'
                if renamed
                else "add a default"
            )
        else:
            problem = (
                f'field "{field.name}" (path {path} of {self._sides.reader}) is absent from the new schema and has no'
                f" default in {self._sides.reader}, whose readers need it"
            )
            remedy = f'keep the field beside "{renamed}"' if renamed else "keep the field"
        return Incompatibility("READER_FIELD_MISSING_DEFAULT_VALUE", path, problem, remedy)

    def _type_mismatch(self, reader: AvroType, writer: AvroType, place: _Place) -> Incompatibility:
        return self._found(
            "TYPE_MISMATCH",
            place,
            f"{self._where(place)} is {describe(reader)} in {self._sides.reader} and {describe(writer)} in"
            f" {self._sides.writer}, and {type_name(writer)} can not be read as {type_name(reader)}",
            "keep the type, or add a new field",
        )

    def _reader_union_lacks(self, reader: Union, writer: AvroType, place: _Place) -> Incompatibility:
        return self._found(
            "MISSING_UNION_BRANCH",
            place,
            f"{self._where(place)} is {describe(reader)} in {self._sides.reader}, which has no branch for"
            f" {describe(writer)} of {self._sides.writer}",
            f"keep {type_name(writer)} in the union"
            if self._sides.new_reads
            else f"do not write {type_name(writer)} here",
        )

    def _branch_unread(self, reader: AvroType, branch: AvroType, place: _Place) -> Incompatibility:
        return self._found(
            "MISSING_UNION_BRANCH",
            place,
            f"{self._where(place)} may be {describe(branch)} in {self._sides.writer} but is {describe(reader)} in"
            f" {self._sides.reader}",
            f"keep a union with {type_name(branch)}" if self._sides.new_reads else f"do not allow {type_name(branch)}",
        )

    def _where(self, place: _Place) -> str:
        path = place.reader if self._sides.new_reads else place.writer
        return f'field "{place.field}" (path {shown(path)})' if place.field else f"the schema (path {shown(path)})"

    def _found(self, rule: str, place: _Place, problem: str, remedy: str) -> Incompatibility:
        path = place.reader if self._sides.new_reads else place.writer
        return Incompatibility(rule, shown(path), problem, remedy)


def _same_name(reader: AvroType, writer: AvroType) -> bool:
    if not isinstance(reader, Named) or not isinstance(writer, Named):
        return False
    return reader.name == writer.name or writer.fullname in reader.aliases


def _decimal(node: AvroType) -> tuple[int, int] | None:
    """Precision and scale; None if the node is no valid decimal."""
    if node.props.get("logicalType") != "decimal" or not (
        isinstance(node, Fixed) or (isinstance(node, Primitive) and node.name == "bytes")
    ):
        return None
    precision, scale = node.props.get("precision"), node.props.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision:
        return None
    return precision, scale


def _folded(name: str) -> str:
    return name.replace("_", "").lower()

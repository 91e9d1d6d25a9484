"""Avro's types as a graph of nodes; named types that refer to each other are the same objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegate_registry.schemas.json_value import JsonValue

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})

NO_DEFAULT: Final = object()
"""Marks a field or enum without a default; None is the default ``null``."""


@dataclass(eq=False)
class AvroType:
    """Base of all nodes.

    Args:
        props: attributes the specification gives no meaning for this type, ``logicalType`` among them, in order.
    """

    props: Mapping[str, JsonValue] = field(default_factory=dict, kw_only=True)


@dataclass(eq=False)
class Primitive(AvroType):
    """One of :data:`PRIMITIVES`."""

    name: str


@dataclass(eq=False)
class Array(AvroType):
    """A sequence of ``items``."""

    items: AvroType


@dataclass(eq=False)
class Map(AvroType):
    """String keys to ``values``."""

    values: AvroType


@dataclass(eq=False)
class Union(AvroType):
    """One of ``branches``."""

    branches: Sequence[AvroType]


@dataclass(eq=False)
class Named(AvroType):
    """A type with a full name: ``namespace.name``, or ``name`` in the null namespace.

    Args:
        fullname: the full name.
        aliases: full names it may also be known by to a reader.
        doc: documentation, None if there is none.
    """

    fullname: str
    aliases: tuple[str, ...] = ()
    doc: str | None = None

    @property
    def name(self) -> str:
        """The name without its namespace."""
        return self.fullname.rpartition(".")[2]

    @property
    def namespace(self) -> str:
        """The namespace; "" is the null namespace."""
        return self.fullname.rpartition(".")[0]


@dataclass(eq=False)
class Field:
    """A field of a record.

    Args:
        name: its name.
        type: its type.
        default: as written in the schema, or :data:`NO_DEFAULT`.
        aliases: names a writer may have used.
        doc: documentation, None if there is none.
        order: ``ascending``, ``descending`` or ``ignore``.
        props: further attributes, in order.
    """

    name: str
    type: AvroType
    default: JsonValue = NO_DEFAULT
    aliases: tuple[str, ...] = ()
    doc: str | None = None
    order: str = "ascending"
    props: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(eq=False)
class Record(Named):
    """A record; ``fields`` is filled while its fields, which may refer to it, are parsed."""

    fields: list[Field] = field(default_factory=list)
    is_error: bool = False


@dataclass(eq=False)
class Enum(Named):
    """One of ``symbols``; a reader takes ``default`` for a symbol it does not know."""

    symbols: tuple[str, ...] = ()
    default: JsonValue = NO_DEFAULT


@dataclass(eq=False)
class Fixed(Named):
    """``size`` bytes."""

    size: int = 0


def type_name(node: AvroType) -> str:
    """The word the specification has for the node's type."""
    match node:
        case Primitive():
            return node.name
        case Array():
            return "array"
        case Map():
            return "map"
        case Union():
            return "union"
        case Record():
            return "error" if node.is_error else "record"
        case Enum():
            return "enum"
        case _:
            return "fixed"


def describe(node: AvroType) -> str:
    """The type in words, for messages."""
    match node:
        case Named():
            return f'{type_name(node)} "{node.fullname}"'
        case Union():
            return "union of " + ", ".join(describe(branch) for branch in node.branches)
        case Primitive() if "logicalType" in node.props:
            return f"{node.name} ({node.props['logicalType']})"
        case Array():
            return f"array of {describe(node.items)}"
        case Map():
            return f"map of {describe(node.values)}"
        case _:
            return type_name(node)

"""Columns and tables as statements define them, kept while the log is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.connectors.cdc.table_id import TableId

BYTE_TYPES = frozenset({"bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
TEXT_TYPES = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: its name.
        type: its type in lower case, without synonyms: ``int``, ``varchar``, ``json``.
        length: what stands in parentheses after the type: characters, digits, decimals of a second.
        scale: decimals of a decimal.
        unsigned: whether it is.
        charset: character set of text; None for UTF-8 and for what is no text.
        values: of an enum or a set.
        nullable: whether it may be null.
        default: its default, where that is a constant and not null, as the text in which queries give values; of bytes
            a character for each.
    """

    name: str
    type: str
    length: int | None = None
    scale: int | None = None
    unsigned: bool = False
    charset: str | None = None
    values: tuple[str, ...] = ()
    nullable: bool = True
    default: str | None = None

    @property
    def is_bytes(self) -> bool:
        """Whether its values are bytes."""
        return self.type in BYTE_TYPES

    @property
    def is_text(self) -> bool:
        """Whether its values are text in some character set."""
        return self.type in TEXT_TYPES

    @property
    def type_text(self) -> str:
        """The type as a statement has it, such as ``decimal(10,2)``."""
        if self.length is None:
            return self.type
        return f"{self.type}({self.length})" if self.scale is None else f"{self.type}({self.length},{self.scale})"

    def kept(self) -> list[Any]:
        """As it is kept in Kafka; :meth:`of` reads it."""
        return [
            self.name,
            self.type,
            self.length,
            self.scale,
            int(self.unsigned),
            self.charset,
            list(self.values),
            int(self.nullable),
            *([] if self.default is None else [self.default]),
        ]

    @classmethod
    def of(cls, kept: Sequence[Any]) -> Column:
        """The column that was kept."""
        name, kind, length, scale, unsigned, charset, values, nullable, *default = kept
        return cls(name, kind, length, scale, bool(unsigned), charset, tuple(values), bool(nullable), *default)


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table.

    Args:
        table: its name.
        columns: in order.
        primary_key: names of the primary key's columns.
        unique: names of the columns of each unique index, by the index's name.
        charset: of its new columns.
    """

    table: TableId
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique: Mapping[str, tuple[str, ...]] | None = None
    charset: str | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key, or the first unique index without nulls; none where there is neither."""
        if self.primary_key:
            return self.primary_key
        required = {column.name for column in self.columns if not column.nullable}
        return next((names for names in (self.unique or {}).values() if set(names) <= required), ())

    def kept(self) -> dict[str, Any]:
        """As it is kept in Kafka."""
        return {
            "columns": [column.kept() for column in self.columns],
            "primary": list(self.primary_key),
            "unique": {name: list(columns) for name, columns in (self.unique or {}).items()},
            "charset": self.charset,
        }

    @classmethod
    def of(cls, table: TableId, kept: Mapping[str, Any]) -> TableDefinition:
        """The table that was kept."""
        return cls(
            table,
            tuple(Column.of(one) for one in kept["columns"]),
            tuple(kept["primary"]),
            {name: tuple(columns) for name, columns in kept["unique"].items()},
            kept["charset"],
        )

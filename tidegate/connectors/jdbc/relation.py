"""What is read: a table or a query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, quoted_name
from sqlalchemy.sql.expression import FromClause

from tidegate.records.avro_names import sanitized_full

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/"""
_COLONS = re.compile("(?s)" + _QUOTED + r"|(?<![:\w]):[A-Za-z_]\w*|:+")
_END = re.compile(r"[\s;]+\Z")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, or a query.

    Args:
        table: the table's name; empty for a query.
        schema: its schema; None for the connection's default.
        query: a SELECT instead of a table.
        parameters: values of the query's parameters, by name.
        quote: False where names are written as they are; None where they are quoted when it makes a difference.
    """

    table: str = ""
    schema: str | None = None
    query: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    quote: bool | None = None

    @property
    def name(self) -> str:
        """Qualified name, for people and offsets."""
        if self.query is not None:
            return "query"
        return ".".join(_told_apart(part) for part in (self.schema, self.table) if part)

    def qualified_names(self, database: str | None) -> Sequence[str]:
        """How its name may be written: with its schema, with the database before that, and alone.

        Args:
            database: the name of the database.
        """
        parts = [part for part in (database if self.schema != database else None, self.schema, self.table) if part]
        return [".".join(parts[start:]) for start in range(len(parts))]

    @property
    def partition(self) -> Mapping[str, Any]:
        """The source partition that offsets are kept under."""
        return {"query": "query"} if self.query is not None else {"table": self.name}

    @property
    def record_name(self) -> str:
        """Full name of the record type."""
        return sanitized_full("query" if self.query is not None else self.qualified_names(None)[0])

    def topic(self, prefix: str) -> str:
        """The topic of its records."""
        return prefix if self.query is not None else re.sub(r"[^A-Za-z0-9._-]", "_", prefix + self.table)

    def source(self) -> FromClause:
        """What comes after FROM."""
        if self.query is not None:
            # A comment at its end must not take in what comes after it.
            text = _COLONS.sub(self._escaped, _END.sub("", self.query)) + "\n"
            used = {name: value for name, value in self.parameters if name in self.named_parameters()}
            # Of no type: text in the database's own eyes, which it makes what it is compared with.
            values = [sa.bindparam(name, value, sa.types.NullType()) for name, value in used.items()]
            return sa.text(text).bindparams(*values).columns().subquery("tidegate_query")
        return sa.table(
            quoted_name(self.table, self.quote),
            schema=None if self.schema is None else quoted_name(self.schema, self.quote),
        )

    def named_parameters(self) -> set[str]:
        """The parameters in its query."""
        found = (match.group() for match in _COLONS.finditer(self.query or ""))
        return {text[1:] for text in found if text[0] == ":" and text.strip(":")}

    def _escaped(self, found: re.Match[str]) -> str:
        text = found.group()
        given = text[0] == ":" and text[1:] in dict(self.parameters)
        # Any other colon would begin a parameter of SQLAlchemy's.
        return text if given else text.replace(":", "\\:")

    def column(self, name: str) -> ColumnElement[Any]:
        """One of its columns, for use in a statement."""
        column: ColumnElement[Any] = sa.column(quoted_name(name, self.quote))
        return column


def _told_apart(part: str) -> str:
    """A part of a name, in quotes where its own dots would be taken for those between parts."""
    return '"' + part.replace('"', '""') + '"' if "." in part or '"' in part else part

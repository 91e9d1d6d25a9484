"""What is read: a table or a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import FromClause

from tidegate.records.avro_names import sanitized_full


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, or a query.

    Args:
        table: the table's name; empty for a query.
        schema: its schema; None for the connection's default.
        query: a SELECT instead of a table.
    """

    table: str = ""
    schema: str | None = None
    query: str | None = None

    @property
    def name(self) -> str:
        """Qualified name, for people and offsets."""
        if self.query is not None:
            return "query"
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def partition(self) -> Mapping[str, Any]:
        """The source partition that offsets are kept under."""
        return {"query": "query"} if self.query is not None else {"table": self.name}

    @property
    def record_name(self) -> str:
        """Full name of the record type."""
        return sanitized_full(self.name)

    def topic(self, prefix: str) -> str:
        """The topic of its records."""
        return prefix if self.query is not None else re.sub(r"[^A-Za-z0-9._-]", "_", prefix + self.table)

    def source(self) -> FromClause:
        """What comes after FROM."""
        if self.query is not None:
            # A colon would begin a bind parameter.
            escaped = self.query.strip().rstrip(";").replace(":", "\\:")
            return sa.text(escaped).columns().subquery("tidegate_query")
        return sa.table(self.table, schema=self.schema)

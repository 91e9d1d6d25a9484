"""The name of a table."""

from __future__ import annotations

from typing import NamedTuple


class TableId(NamedTuple):
    """A table in its database.

    Args:
        schema: what it stands in: PostgreSQL's schema, MySQL's database.
        table: its own name.
    """

    schema: str
    table: str

    @property
    def name(self) -> str:
        """As lists of tables, topics and offsets name it."""
        return f"{self.schema}.{self.table}"

    def column(self, name: str) -> str:
        """A column's full name, as lists of columns name it."""
        return f"{self.schema}.{self.table}.{name}"

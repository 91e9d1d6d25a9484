"""What the database's catalogue tells about one relation's columns, remembered while it holds."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from tidegate.connectors.jdbc.column_types import TypeMapping
from tidegate.connectors.jdbc.columns import Columns, Fingerprint, read_columns
from tidegate.connectors.jdbc.relation import Relation


class Catalogue:
    """Columns of a relation.

    Args:
        relation: whose.
        mapping: what becomes of types that have several equals in Arrow.
    """

    def __init__(self, relation: Relation, mapping: TypeMapping) -> None:
        self.relation = relation
        self._mapping = mapping
        self._columns: Columns | None = None

    def columns(self, connection: Connection, seen: Fingerprint) -> Columns | None:
        """The columns a cursor shows, or None when the relation has others by now.

        Raises:
            FatalError: the table is gone.
        """
        if self._columns is None or self._columns.seen != seen:
            self._columns = read_columns(connection, self.relation, seen, self._mapping)
        return self._columns

    def reread(self, connection: Connection, columns: Columns) -> Columns:
        """The columns as they are now, for what a cursor does not show: NOT NULL.

        Args:
            connection: to the database.
            columns: as known; given back when the relation has others by now.

        Raises:
            FatalError: the table is gone.
        """
        self._columns = read_columns(connection, self.relation, columns.seen, self._mapping)
        return self._columns or columns

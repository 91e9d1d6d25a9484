"""What the database's catalogue tells, under the names that the database itself has for things.

SQLAlchemy has its own for Oracle's, whose names are of capitals where they were not in quotes: it asks for them and
shows them in small letters. Users, drivers and other connectors know them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGInspector
from sqlalchemy.engine import Connection

from tidegate.connectors.jdbc.relation import Relation

_PARTITIONS = """\
SELECT relname, relispartition FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = COALESCE(CAST(:schema AS text), current_schema()) AND (relispartition OR relkind = 'p')"""


class Reflection:
    """A database's catalogue as one connection sees it; what was asked once is remembered.

    Args:
        connection: to the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inspector = sa.inspect(connection)
        self._dialect: Any = connection.dialect
        self._own_names = self._dialect.requires_name_normalize

    @property
    def default_schema(self) -> str | None:
        """The schema of names without one."""
        found = self._inspector.default_schema_name
        return None if found is None else self._shown(found)

    def schemas(self) -> Sequence[str]:
        """All schemas."""
        return [self._shown(name) for name in self._inspector.get_schema_names()]

    def tables(self, schema: str | None) -> Sequence[str]:
        """A schema's tables; without the partitions of tables that are partitioned, whose rows these have."""
        found = [self._shown(name) for name in self._inspector.get_table_names(self._asked(schema))]
        partitions = self._partitions(schema, partitioned=False)
        return [name for name in found if name not in partitions]

    def partitioned_tables(self, schema: str | None) -> Sequence[str]:
        """Those of a schema's tables that are partitioned, where the database is PostgreSQL."""
        return sorted(self._partitions(schema, partitioned=True))

    def foreign_tables(self, schema: str | None) -> Sequence[str]:
        """Tables of a schema that are another server's, where the database is PostgreSQL."""
        if not isinstance(self._inspector, PGInspector):
            return []
        return list(self._inspector.get_foreign_table_names(schema))

    def views(self, schema: str | None) -> Sequence[str]:
        """A schema's views."""
        return [self._shown(name) for name in self._inspector.get_view_names(self._asked(schema))]

    def materialized_views(self, schema: str | None) -> Sequence[str]:
        """A schema's materialized views, where the database has such a thing."""
        if self._dialect.name not in ("postgresql", "oracle"):
            return []
        return [self._shown(name) for name in self._inspector.get_materialized_view_names(self._asked(schema))]

    def has_table(self, table: str, schema: str | None) -> bool:
        """Whether there is a table or view of a name."""
        return bool(self._inspector.has_table(self._asked(table), self._asked(schema)))

    def columns(self, relation: Relation) -> Sequence[Mapping[str, Any]]:
        """A table's columns, each as SQLAlchemy describes one.

        Raises:
            sqlalchemy.exc.NoSuchTableError: there is no such table.
        """
        found = self._inspector.get_columns(self._asked(relation.table), self._asked(relation.schema))
        return [{**column, "name": self._shown(column["name"])} for column in found]

    def primary_key(self, relation: Relation) -> Sequence[str]:
        """The columns of a table's primary key, in its order; none where it has no key.

        Raises:
            sqlalchemy.exc.NoSuchTableError: there is no such table.
        """
        found = self._inspector.get_pk_constraint(self._asked(relation.table), self._asked(relation.schema))
        return [self._shown(name) for name in found.get("constrained_columns") or ()]

    def _partitions(self, schema: str | None, *, partitioned: bool) -> set[str]:
        if self._dialect.name != "postgresql":
            return set()
        rows = self._connection.execute(sa.text(_PARTITIONS), {"schema": schema})
        return {str(name) for name, is_partition in rows if is_partition != partitioned}

    def _shown(self, name: str) -> str:
        return str(self._dialect.denormalize_name(name)) if self._own_names else str(name)

    def _asked(self, name: Any) -> Any:
        return self._dialect.normalize_name(name) if self._own_names and name is not None else name

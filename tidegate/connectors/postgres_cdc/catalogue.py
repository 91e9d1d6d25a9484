"""What the connector asks the server's catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.postgres_cdc.column_types import PgType
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.constants import constant_text
from tidegate.connectors.postgres_cdc.relation import Relation, RelationColumn

_TYPE = """
SELECT typname, typtype::text, typbasetype, typtypmod, typelem, typsubscript::text, typcategory::text
FROM pg_type WHERE oid = %s
"""
# A missing value is kept as an array of one. Where its text has more, other signs than commas part it: that of box.
_COLUMNS = """
SELECT attname, atttypid, atttypmod, attnotnull, attgenerated::text,
    CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END,
    CASE WHEN atthasmissing AND cardinality(attmissingval::text::text[]) = 1 THEN (attmissingval::text::text[])[1] END
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_PRIMARY_KEY = """
SELECT a.attname
FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, place), pg_attribute a
WHERE i.indrelid = %s AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum
ORDER BY k.place
"""
_IDENTITY_INDEX = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
WHERE i.indrelid = %s AND i.indisreplident
"""
_PUBLISHED = """
SELECT c.oid, p.schemaname, p.tablename, c.relreplident::text
FROM pg_publication_tables p
JOIN pg_namespace n ON n.nspname = p.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = %s ORDER BY 2, 3
"""
# Not the view pg_publication_tables: it opens every table of the publication, and so waits for whoever alters one.
_PUBLISHED_PART = """
SELECT (SELECT array_agg(attname) FROM pg_attribute WHERE attrelid = r.prrelid AND attnum = ANY (r.prattrs::int2[])),
    CASE WHEN r.prqual IS NOT NULL THEN pg_get_expr(r.prqual, r.prrelid) END
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
WHERE p.pubname = %s AND c.oid = %s AND NOT p.puballtables
  AND NOT EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace)
"""
_GENERATED_PUBLISHED = "SELECT pubgencols = 's' FROM pg_publication WHERE pubname = %s"
_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND (%s OR NOT c.relispartition)
  AND NOT (%s AND c.relkind = 'p') ORDER BY 1, 2
"""
_PERMANENT = """
SELECT n.nspname, c.relname, c.oid, c.relreplident::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition ORDER BY 1, 2
"""
_SIZES = """
SELECT t.oid, coalesce(sum(pg_relation_size(p.relid)), pg_relation_size(t.oid))::bigint,
    coalesce(max(pg_relation_size(p.relid)), pg_relation_size(t.oid)) / current_setting('block_size')::bigint
FROM unnest(%s::oid[]) AS t (oid) LEFT JOIN LATERAL pg_partition_tree(t.oid) AS p ON true GROUP BY t.oid
"""
_COLUMN_LISTS_SINCE = 150000
_GENERATED_SINCE = 180000


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the replication stream does not tell of a table.

    Args:
        required: columns that are NOT NULL.
        primary_key: its columns in the key's order.
        defaults: by column the text of its default, in the form of values in the stream: of a constant, or else of what
            the rows got that were there when the column was added.
    """

    required: frozenset[str]
    primary_key: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is.

    Args:
        nbytes: of its rows, those of its partitions included.
        blocks: of its file, or of the largest of its partitions'.
    """

    nbytes: int
    blocks: int


class Catalogue:
    """Asks a server, each question with a deadline; a connection that is lost is made anew.

    Args:
        server: where it is.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] | None = None
        self._types: dict[int, PgType] = {}

    def ask(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query; none for a statement without rows.

        Raises:
            RetriableError: the server is away.
            FatalError: it refuses.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._server.connect()
        try:
            cursor = self._connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._server.translate(error) from error

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()

    def version(self) -> int:
        """The server's version, such as 150004."""
        return int(self.ask("SHOW server_version_num")[0][0])

    def setting(self, name: str) -> str:
        """A setting of the server."""
        return str(self.ask("SELECT current_setting(%s)", [name])[0][0])

    def type(self, oid: int) -> PgType:
        """A type by its number."""
        known = self._types.get(oid)
        if known is not None:
            return known
        rows = self.ask(_TYPE, [oid])
        if not rows:
            return PgType(oid, "unknown")
        name, kind, base, modifier, element, subscript, category = rows[0]
        is_array = category == "A" and element != 0 and subscript.endswith("array_subscript_handler")
        found = PgType(
            oid,
            name,
            kind,
            self.type(base) if kind == "d" else None,
            modifier,
            self.type(element) if is_array else None,
        )
        self._types[oid] = found
        return found

    def facts(self, oid: int) -> TableFacts:
        """What is to know of a table as it is now; nothing of one that is gone."""
        columns = self.ask(_COLUMNS, [oid])
        required = frozenset(row[0] for row in columns if row[3])
        defaults: dict[str, str] = {}
        for name, type_oid, _, _, _, expression, missing in columns:
            constant = None if expression is None else constant_text(expression, self.type(type_oid).plain.name)
            text = missing if constant is None else constant
            if text is not None:
                defaults[name] = text
        return TableFacts(required, tuple(row[0] for row in self.ask(_PRIMARY_KEY, [oid])), defaults)

    def published(self, publication: str) -> list[tuple[int, TableId, str]]:
        """The tables of a publication: number, name, replica identity."""
        return [
            (oid, TableId(schema, table), identity)
            for oid, schema, table, identity in self.ask(_PUBLISHED, [publication])
        ]

    def sizes(self, oids: Sequence[int]) -> dict[int, TableSize]:
        """How large some tables are; those that are gone are left out."""
        return {
            oid: TableSize(nbytes, blocks)
            for oid, nbytes, blocks in self.ask(_SIZES, [list(oids)])
            if nbytes is not None
        }

    def permanent(self) -> list[tuple[int, TableId, str]]:
        """All permanent tables without partitions: number, name, replica identity."""
        return [(oid, TableId(schema, table), identity) for schema, table, oid, identity in self.ask(_PERMANENT)]

    def published_table(
        self, oid: int, table: TableId, identity: str, publication: str, version: int
    ) -> tuple[Relation, str]:
        """A table as the replication stream would describe it now, and which of its rows are published.

        Returns:
            The table with its published columns, and the condition of the rows; empty for all rows.
        """
        found = self.ask(_PUBLISHED_PART, [publication, oid]) if version >= _COLUMN_LISTS_SINCE else []
        names, condition = found[0] if found else (None, None)
        stored = version >= _GENERATED_SINCE and self.ask(_GENERATED_PUBLISHED, [publication]) == [(True,)]
        by_index = identity == "i"
        identifying = {row[0] for row in self.ask(_IDENTITY_INDEX, [oid])} if by_index else set()
        columns = tuple(
            RelationColumn(name, type_oid, modifier, name in identifying)
            for name, type_oid, modifier, _, generated, *_ in self.ask(_COLUMNS, [oid])
            if (not generated or (stored and generated == "s") if names is None else name in names)
        )
        return Relation(oid, table, identity, columns), condition or ""

    def tables(self, *, roots: bool) -> list[TableId]:
        """All permanent tables.

        Args:
            roots: partitioned tables rather than their partitions.
        """
        return [TableId(schema, table) for schema, table in self.ask(_TABLES, [not roots, not roots])]

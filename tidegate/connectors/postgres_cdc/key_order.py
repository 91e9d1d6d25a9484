"""Which keys come before which: the server is asked, for only it knows its collations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from psycopg import sql

from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo
from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.table_schema import TableSchema

_COLUMN = """
SELECT format_type(a.atttypid, -1), n.nspname, c.collname
FROM pg_attribute a
LEFT JOIN pg_collation c ON c.oid = a.attcollation AND c.collname <> 'default'
LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE a.attrelid = %s AND a.attname = %s
"""


class KeyOrder:
    """Compares keys by the server.

    Args:
        catalogue: asks it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def boundaries(
        self, schema: TableSchema, ranges: Sequence[ReadUpTo], keys: Sequence[KeyText]
    ) -> npt.NDArray[np.int64]:
        """For each key the boundary of the range that it is in.

        Args:
            schema: the keys' table.
            ranges: ascending; the last one has no end.
            keys: n keys.
        """
        casts = [self._cast(schema, index) for index in schema.key]
        fields = [sql.Identifier(f"k{place}") for place in range(len(casts))]
        row = _row([cast.format(field) for cast, field in zip(casts, fields, strict=True)])
        cases = [
            sql.SQL("WHEN {} <= {} THEN {}").format(
                row,
                _row([cast.format(sql.Literal(text)) for cast, text in zip(casts, each.key, strict=True)]),
                sql.Literal(each.boundary),
            )
            for each in ranges
            if each.key is not None
        ]
        query = sql.SQL("SELECT CASE {} ELSE {} END FROM unnest({}) WITH ORDINALITY AS u({}, n) ORDER BY n").format(
            sql.SQL(" ").join(cases),
            sql.Literal(ranges[-1].boundary),
            sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(casts)),
            sql.SQL(", ").join(fields),
        )
        columns = [list(column) for column in zip(*keys, strict=True)]
        return np.array([row[0] for row in self._catalogue.ask(query.as_string(), columns)], np.int64)

    def _cast(self, schema: TableSchema, index: int) -> sql.SQL:
        rows = self._catalogue.ask(_COLUMN, [schema.relation.oid, schema.relation.columns[index].name])
        # A table that is gone has no order any more, but it has no rows to be told apart by either.
        name, namespace, collation = rows[0] if rows else ("text", None, None)
        # Without a length, character means one.
        text = "({}::" + ("bpchar" if name == "character" else str(name)) + ")"
        if collation is not None:
            text += " COLLATE " + sql.Identifier(namespace, collation).as_string()
        return sql.SQL(text)


def _row(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(parts))

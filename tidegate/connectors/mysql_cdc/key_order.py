"""The order of keys: the server's own, for it depends on collations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.cdc.snapshot_position import KeyText, ReadUpTo
from tidegate.connectors.mysql_cdc.columns import Column
from tidegate.connectors.mysql_cdc.connection import Session
from tidegate.connectors.mysql_cdc.snapshot import key_literal
from tidegate.connectors.mysql_cdc.table_schema import TableSchema

_ORDERED = frozenset(
    {
        "tinyint",
        "smallint",
        "mediumint",
        "int",
        "bigint",
        "decimal",
        "year",
        "char",
        "varchar",
        "binary",
        "varbinary",
        "date",
        "datetime",
        "timestamp",
        "uuid",
    }
)
_COLLATION = (
    "SELECT CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s"
)
_AT_ONCE = 1000


def ordered_key(schema: TableSchema) -> list[int]:
    """Places of the columns in whose order a table is read so that it can be resumed; none where there is none.

    The key has to be unique, and its values, as text, have to compare as they do in the table.
    """
    definition = schema.definition
    own = [definition.names.index(name) for name in definition.key]
    if list(schema.key) != own or any(definition.columns[index].type not in _ORDERED for index in own):
        return []
    return own


def key_texts(schema: TableSchema, keys: pa.StructArray) -> list[KeyText]:
    """Keys as text that compares as the columns do; of bytes, in hexadecimal after ``0x``."""
    columns = []
    for place, index in enumerate(schema.key):
        column, values = schema.definition.columns[index], keys.field(place)
        if pa.types.is_binary(values.type):
            columns.append(["0x" + value.hex() for value in values.to_pylist()])
        elif column.type == "bigint" and column.unsigned and pa.types.is_int64(values.type):
            columns.append([str(value % 2**64) for value in values.to_pylist()])
        elif column.type == "timestamp":
            columns.append([str(value).rstrip("Z").replace("T", " ") for value in values.to_pylist()])
        elif pa.types.is_nested(values.type):
            columns.append([str(value) for value in values.to_pylist()])
        else:
            columns.append(pc.cast(values, pa.string()).to_pylist())
    return list(zip(*columns, strict=True))


class KeyOrder:
    """Compares keys with the ends of ranges that were read.

    Args:
        session: gives a session to the server.
    """

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def boundaries(
        self, schema: TableSchema, ranges: Sequence[ReadUpTo], keys: Sequence[KeyText]
    ) -> npt.NDArray[np.int64]:
        """For each key the boundary of the range that it is in.

        Args:
            schema: the keys' table.
            ranges: ascending; the last one has no end.
            keys: n keys.
        """
        session = self._session()
        columns = [schema.definition.columns[index] for index in schema.key]
        forms = [self._form(session, schema, column) for column in columns]

        def row(texts: Sequence[str]) -> str:
            return f"({', '.join(form(text) for form, text in zip(forms, texts, strict=True))})"

        fields = row([f"k{place}" for place in range(len(columns))])

        def literals(key: KeyText) -> list[str]:
            return [key_literal(session, column, text) for column, text in zip(columns, key, strict=True)]

        cases = " ".join(
            f"WHEN {fields} <= {row(literals(each.key))} THEN {each.boundary}"
            for each in ranges
            if each.key is not None
        )
        found: list[int] = []
        for first in range(0, len(keys), _AT_ONCE):
            rows = " UNION ALL ".join(
                f"SELECT {number} n, " + ", ".join(f"{value} k{place}" for place, value in enumerate(literals(key)))
                for number, key in enumerate(keys[first : first + _AT_ONCE])
            )
            query = f"SELECT CASE {cases} ELSE {ranges[-1].boundary} END FROM ({rows}) u ORDER BY n"  # noqa: S608
            found += [int(one[0]) for one in session.run(query)]
        return np.array(found, np.int64)

    @staticmethod
    def _form(session: Session, schema: TableSchema, column: Column) -> Callable[[str], str]:
        match column.type:
            case "uuid":
                return lambda text: f"CAST({text} AS UUID)"
            case "date":
                return lambda text: f"CAST({text} AS DATE)"
            case "datetime" | "timestamp":
                return lambda text: f"CAST({text} AS DATETIME(6))"
        if not column.is_text:
            return lambda text: text
        rows = session.run(_COLLATION, [*schema.definition.table, column.name])
        # A table that is gone has no order any more, but it has no rows to be told apart by either.
        charset, collation = rows[0] if rows and rows[0][0] else ("utf8mb4", "utf8mb4_bin")
        return lambda text: f"CONVERT({text} USING {charset}) COLLATE {collation}"

"""Reading a whole table in chunks of its primary key, each a query of its own."""

from __future__ import annotations

import base64
import datetime
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, Select

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.reader import Page, QueryReader
from tidegate.connectors.jdbc.reflection import Reflection
from tidegate.connectors.jdbc.relation import Relation
from tidegate.errors import FatalError
from tidegate.sdk.config_def import Config


class ChunkReader(QueryReader):
    """The whole table at each round, page after page in the order of its primary key.

    The offset is the key of the last row, so that a round goes on where it was when the task is started anew. Rows that
    come or go behind that key while a round is under way are the next round's.

    Raises:
        FatalError: it is a query, or a table without a primary key, or its key is of a type without an order.
    """

    def __init__(
        self, database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None
    ) -> None:
        super().__init__(database, relation, config)
        self._key = self._key_columns()
        self._after = _restored(offset or {}, len(self._key))

    def next_page(self) -> Page | None:
        rows, columns, more = self._page(self._statement())
        if not len(rows):
            self._after = None
            return None
        last = rows.row(len(rows) - 1)
        values = [last[columns.index(name)] for name in self._key]
        self._after = values if more else None
        offset = {"key": [_stored(value) for value in values]} if more else {"complete": True}
        return Page(rows, columns, offset, more)

    def _statement(self) -> Select[Any]:
        columns = [self._column(name) for name in self._key]
        statement = self._everything().order_by(*columns)
        return statement if self._after is None else statement.where(_beyond(columns, self._after))

    def _key_columns(self) -> list[str]:
        if self.relation.query is None:
            with self.database.connection() as connection:
                reflection = Reflection(connection)
                names = list(reflection.primary_key(self.relation))
                self._refuse_listed(reflection, names)
            if names:
                return names
        raise FatalError(
            f"{self.relation.name} has no primary key to read it in chunks by.",
            remedy="Set bulk.chunks=false, or exclude it.",
        )

    def _refuse_listed(self, reflection: Reflection, names: Sequence[str]) -> None:
        for column in reflection.columns(self.relation):
            if column["name"] in names and type(column["type"]).__name__.upper() in ("ENUM", "SET"):
                raise FatalError(
                    f"Column {column['name']!r} in the key of {self.relation.name} is {column['type']}, whose order is "
                    "not that of its values.",
                    remedy="Set bulk.chunks=false, or exclude it.",
                )


def _beyond(columns: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows after a key. Spelled out: not all databases find rows after a tuple by an index, and some know none."""
    column, value = columns[0], sa.literal(values[0])
    if len(columns) == 1:
        return column > value
    return sa.and_(column >= value, sa.or_(column > value, _beyond(columns[1:], values[1:])))


def _stored(value: Any) -> Any:
    """A value of a key in JSON, with its type where JSON has none for it."""
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, uuid.UUID):
        return {"uuid": str(value)}
    if isinstance(value, datetime.datetime):
        return {"timestamp": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    raise FatalError(
        f"A key holds {type(value).__name__}, by which a table can not be read in chunks.",
        remedy="Set bulk.chunks=false.",
    )


_LOADED: Mapping[str, Callable[[str], Any]] = {
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "timestamp": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "bytes": base64.b64decode,
}


def _restored(offset: Mapping[str, Any], width: int) -> list[Any] | None:
    key = offset.get("key")
    if key is None:
        return None
    try:
        values = [_loaded(value) for value in key]
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        raise _malformed(offset, str(error)) from error
    if len(values) != width:
        raise _malformed(offset, f"the primary key has {width} columns")
    return values


def _loaded(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    [(kind, text)] = value.items()
    return _LOADED[kind](text)


def _malformed(offset: Mapping[str, Any], problem: str) -> FatalError:
    return FatalError(
        f"The stored offset {dict(offset)} is malformed: {problem}.",
        remedy='Alter it to {"key": [1]} with a value a column of the primary key, or reset it.',
    )

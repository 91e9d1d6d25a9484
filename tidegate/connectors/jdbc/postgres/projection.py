"""The columns a query asks PostgreSQL for: as they are where this connector reads their type, else as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from psycopg.postgres import types
from sqlalchemy.sql import ColumnElement

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.postgres_values.decoders import decoder

_TEXT = types["text"]


@dataclass(frozen=True, slots=True)
class Projection:
    """What to select for some columns.

    Args:
        expressions: one a column.
        oids: PostgreSQL's numbers of their types.
    """

    expressions: Sequence[ColumnElement[Any]]
    oids: Sequence[int]


def projection(columns: Columns, relation: Relation) -> Projection:
    """What to select for columns.

    Args:
        columns: as the catalogue has them; what a cursor showed of them has the types' numbers.
        relation: whose they are.
    """
    expressions, oids = [], []
    for field, (name, code, *_) in zip(columns.fields, columns.seen, strict=True):
        column = relation.column(name)
        oid = int(code)
        if decoder(oid, field.type) is None:
            if _is_list_of_text(field.type):
                column, oid = sa.cast(column, sa.ARRAY(sa.Text())), _TEXT.array_oid
            elif not pa.types.is_list(field.type):
                # Unlike a cast, which some types define otherwise, concat writes a value as a client would see it.
                text: ColumnElement[Any] = sa.func.concat(column)
                column, oid = sa.case((sa.func.num_nulls(column) == 0, text)), _TEXT.oid
        expressions.append(column.label(name))
        oids.append(oid)
    return Projection(expressions, oids)


def _is_list_of_text(type_: pa.DataType) -> bool:
    while pa.types.is_list(type_):
        type_ = type_.value_type
        if pa.types.is_string(type_):
            return True
    return False

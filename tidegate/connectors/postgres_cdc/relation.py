"""A table as the replication stream or the catalogue describes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tidegate.connectors.cdc.table_id import TableId

FULL = "f"
"""REPLICA IDENTITY FULL."""

_OID = struct.Struct(">I")
_COUNT = struct.Struct(">H")
_TYPE = struct.Struct(">Ii")


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column.

    Args:
        name: its name.
        type_oid: PostgreSQL's number of its type.
        modifier: of the type, such as a decimal's precision; -1 for none.
        identity: whether it is part of the replica identity.
    """

    name: str
    type_oid: int
    modifier: int
    identity: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table with its columns in order.

    Args:
        oid: PostgreSQL's number of the table.
        table: its name.
        replica_identity: ``d`` (default), ``n`` (nothing), ``f`` (full) or ``i`` (an index).
        columns: those that are published.
    """

    oid: int
    table: TableId
    replica_identity: str
    columns: tuple[RelationColumn, ...]


def parse_relation(body: bytes) -> Relation:
    """The table that a message of type ``R`` describes.

    Args:
        body: the message without its type byte; see "Logical Replication Message Formats" in PostgreSQL's manual.
    """
    (oid,) = _OID.unpack_from(body)
    namespace, at = _text(body, _OID.size)
    name, at = _text(body, at)
    identity = chr(body[at])
    (count,) = _COUNT.unpack_from(body, at + 1)
    at += 1 + _COUNT.size
    columns = []
    for _ in range(count):
        flags = body[at]
        column, at = _text(body, at + 1)
        type_oid, modifier = _TYPE.unpack_from(body, at)
        at += _TYPE.size
        columns.append(RelationColumn(column, type_oid, modifier, bool(flags & 1)))
    # The catalogue's own schema is sent as nothing.
    return Relation(oid, TableId(namespace or "pg_catalog", name), identity, tuple(columns))


def _text(body: bytes, at: int) -> tuple[str, int]:
    end = body.index(0, at)
    return body[at:end].decode(), end + 1

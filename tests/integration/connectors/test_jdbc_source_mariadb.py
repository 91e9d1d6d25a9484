"""The JDBC source on a real MariaDB: its types, and its modes through crashes."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase, mariadb_target
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.devstack import MariaDB

UTC = datetime.UTC


@pytest.fixture
def database(mariadb: MariaDB) -> Iterator[TargetDatabase]:
    found = mariadb_target(mariadb)
    yield found
    found.close()


def harness(database: TargetDatabase, *, tolerant: bool = False, **keys: str) -> SourceHarness:
    config = {**database.config, "topic.prefix": "db.", "poll.interval.ms": "1", "table.whitelist": "t"}
    config.update({key.replace("_", "."): value for key, value in keys.items()})
    return SourceHarness(JdbcSourceConnector(), config, tolerant=tolerant)


def incrementing(database: TargetDatabase, *, tolerant: bool = False) -> SourceHarness:
    return harness(database, tolerant=tolerant, mode="incrementing", incrementing_column_name="id")


WALL = datetime.datetime.fromisoformat("2026-02-28T01:02:03")
# The column's type, a literal, the field's type, and the value read.
TYPES: dict[str, tuple[str, str, pa.DataType, Any]] = {
    "u8": ("TINYINT UNSIGNED", "255", pa.int32(), 255),
    "u16": ("SMALLINT UNSIGNED", "65535", pa.int32(), 65535),
    "u24": ("MEDIUMINT UNSIGNED", "16777215", pa.int32(), 16777215),
    "u32": ("INT UNSIGNED", "4294967295", pa.int64(), 2**32 - 1),
    "u64": ("BIGINT UNSIGNED", "18446744073709551615", pa.decimal128(20, 0), Decimal(2**64 - 1)),
    "i8": ("TINYINT", "-128", pa.int16(), -128),
    "i64": ("BIGINT", "-9223372036854775808", pa.int64(), -(2**63)),
    "b": ("BOOLEAN", "TRUE", pa.bool_(), True),
    "d": (
        "DECIMAL(38,10)",
        "9999999999999999999999999999.0123456789",
        pa.decimal128(38, 10),
        Decimal("9999999999999999999999999999.0123456789"),
    ),
    "du": ("DECIMAL(5,2) UNSIGNED", "999.99", pa.decimal128(5, 2), Decimal("999.99")),
    "x": ("DOUBLE", "0.1", pa.float64(), 0.1),
    "dt0": ("DATETIME", "'2026-02-28 01:02:03'", pa.timestamp("us"), WALL),
    "dt3": ("DATETIME(3)", "'2026-02-28 01:02:03.004'", pa.timestamp("us"), WALL.replace(microsecond=4000)),
    "dt6": ("DATETIME(6)", "'2026-02-28 01:02:03.000004'", pa.timestamp("us"), WALL.replace(microsecond=4)),
    # The session that writes it is two hours ahead of UTC.
    "ts": (
        "TIMESTAMP(6) NULL",
        "'2026-02-28 01:02:03.000004'",
        pa.timestamp("us", "UTC"),
        (WALL - datetime.timedelta(hours=2)).replace(microsecond=4, tzinfo=UTC),
    ),
    "day": ("DATE", "'9999-12-31'", pa.date32(), datetime.date(9999, 12, 31)),
    "tm": ("TIME", "'23:59:59'", pa.string(), "23:59:59"),
    "long": ("TIME(6)", "'-25:59:59.000001'", pa.string(), "-25:59:59.000001"),
    "y": ("YEAR", "2155", pa.int32(), 2155),
    "bit1": ("BIT(1)", "b'1'", pa.bool_(), True),
    "bit12": ("BIT(12)", "b'101010101010'", pa.binary(), b"\x0a\xaa"),
    "e": ("ENUM('a','b,c')", "'b,c'", pa.string(), "b,c"),
    "s": ("SET('x','y')", "'y,x'", pa.string(), "x,y"),
    "j": ("JSON", "'{\"k\": [1, null]}'", pa.string(), '{"k": [1, null]}'),
    "txt": ("VARCHAR(20)", "'ä☃😀'", pa.string(), "ä☃😀"),
    "bin": ("VARBINARY(9)", "x'00ff'", pa.binary(), b"\x00\xff"),
    "fixed": ("BINARY(4)", "'ab'", pa.binary(), b"ab\x00\x00"),
    "bl": ("BLOB", "x'0001'", pa.binary(), b"\x00\x01"),
    "ip": ("INET6", "'::1'", pa.string(), "::1"),
}


def test_types_come_from_the_catalogue_not_from_the_data(database: TargetDatabase) -> None:
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute("SET time_zone = '+02:00'")
    columns = ", ".join(f"`{name}` {type_}" for name, (type_, _, _, _) in TYPES.items())
    cursor.execute(f"CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, {columns}) CHARACTER SET utf8mb4")
    cursor.execute("INSERT INTO t (id) VALUES (1)")
    cursor.execute(f"INSERT INTO t VALUES (2, {', '.join(literal for _, literal, _, _ in TYPES.values())})")
    connection.close()
    run = incrementing(database)
    run.start()
    run.drain(2)
    run.crash()
    [batch] = run.committed
    fields = batch.batch.value.type
    assert {field.name: field.type for field in fields if field.name != "id"} == {
        name: type_ for name, (_, _, type_, _) in TYPES.items()
    }
    assert not fields.field("id").nullable and fields.field("u8").nullable
    nulls, values = run.rows()
    assert set(nulls.values()) == {1, None}
    assert values == {"id": 2, **{name: value for name, (_, _, _, value) in TYPES.items()}}


def test_dates_that_are_none_are_halted_alone_with_their_column(database: TargetDatabase) -> None:
    database.run("SET sql_mode = ''")
    database.run("CREATE TABLE t (id BIGINT PRIMARY KEY, at DATETIME, day DATE)")
    database.run("INSERT INTO t VALUES (1, '2026-01-01', '2026-01-01'), (2, '0000-00-00', NULL)")
    database.run("INSERT INTO t VALUES (3, NULL, '2026-02-00'), (4, NULL, NULL)")
    run = incrementing(database, tolerant=True)
    run.start()
    run.drain(2)
    run.crash()
    assert [row["id"] for row in run.rows()] == [1, 4]
    assert ["'at'" in run.halted[0][2], "'day'" in run.halted[1][2]] == [True, True]


def test_timestamps_of_equal_time_are_never_parted(database: TargetDatabase) -> None:
    database.run("CREATE TABLE t (id INT PRIMARY KEY, changed DATETIME(6) NOT NULL)")
    expected: list[int] = []
    for group, size in enumerate([1, 5, 2, 9, 1, 12]):
        for _ in range(size):
            expected.append(len(expected))
            database.run(f"INSERT INTO t VALUES ({expected[-1]}, '2026-01-01 00:00:00.00000{group}')")
    run = harness(database, mode="timestamp", timestamp_column_name="changed", batch_max_rows="3")
    run.die_after_each_poll(40, commits=lambda step: step % 3 != 1)
    assert sorted(row["id"] for row in run.rows()) == expected
    database.run("UPDATE t SET changed = '2026-01-01 00:00:01' WHERE id = 3")
    run.start()
    run.drain(len(expected) + 1)
    run.crash()
    assert run.rows()[-1]["id"] == 3


def test_unsigned_keys_beyond_the_signed_range_go_on_after_a_crash(database: TargetDatabase) -> None:
    database.run("CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY)")
    ids = [2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
    for id_ in ids:
        database.run(f"INSERT INTO t VALUES ({id_})")
    run = harness(database, mode="incrementing", incrementing_column_name="id", batch_max_rows="1")
    run.die_after_each_poll(8, commits=lambda step: step % 2 == 0)
    assert [int(row["id"]) for row in run.rows()] == ids

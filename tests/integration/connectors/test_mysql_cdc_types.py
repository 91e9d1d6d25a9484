"""Every type of MariaDB, told by the snapshot and by the log: the same values, and those of Debezium's schemas."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.support.needs_mariadb import install_or_skip
from tidegate.connectors.mysql_cdc import MySqlCdcConnector
from tidegate.devstack import MariaDB

_WALL = datetime.datetime.fromisoformat("2026-02-28T01:02:03")
_EPOCH = datetime.date(1970, 1, 1)
_POINT = bytes.fromhex("0101000000000000000000f03f0000000000000040")

# Column: type, SQL literal, Arrow type, semantic type, value.
TYPES: dict[str, tuple[str, str, str, str | None, Any]] = {
    "i8": ("TINYINT", "-128", "int16", None, -128),
    "u8": ("TINYINT UNSIGNED", "255", "int16", None, 255),
    "i16": ("SMALLINT", "-32768", "int16", None, -32768),
    "u16": ("SMALLINT UNSIGNED", "65535", "int32", None, 65535),
    "i24": ("MEDIUMINT", "-8388608", "int32", None, -8388608),
    "u24": ("MEDIUMINT UNSIGNED", "16777215", "int32", None, 16777215),
    "i32": ("INT", "-2147483648", "int32", None, -(2**31)),
    "u32": ("INT UNSIGNED ZEROFILL", "4294967295", "int64", None, 2**32 - 1),
    "i64": ("BIGINT", "-9223372036854775808", "int64", None, -(2**63)),
    "u64": ("BIGINT UNSIGNED", "18446744073709551615", "int64", None, -1),
    "flag": ("BOOLEAN", "TRUE", "int16", None, 1),
    "f": ("FLOAT", "0.1", "float", None, 0.10000000149011612),
    "x": ("DOUBLE", "-1.5e300", "double", None, -1.5e300),
    "d": ("DECIMAL(10,2)", "-12345678.90", "decimal128(10, 2)", None, Decimal("-12345678.90")),
    "d_big": (
        "DECIMAL(65,30)",
        "-1.000000000000000000000000000001",
        "decimal256(65, 30)",
        None,
        Decimal("-1.000000000000000000000000000001"),
    ),
    "d_whole": (
        "DECIMAL(38,0)",
        "99999999999999999999999999999999999999",
        "decimal128(38, 0)",
        None,
        Decimal(10**38 - 1),
    ),
    "d_part": ("DECIMAL(5,5)", "0.00001", "decimal128(5, 5)", None, Decimal("0.00001")),
    "b1": ("BIT(1)", "b'1'", "bool", None, True),
    "b12": ("BIT(12)", "b'101010101010'", "binary", "io.debezium.data.Bits", b"\xaa\x0a"),
    "y": ("YEAR", "2155", "int32", "io.debezium.time.Year", 2155),
    "day": ("DATE", "'9999-12-31'", "date32[day]", "io.debezium.time.Date", datetime.date(9999, 12, 31)),
    "tm": ("TIME", "'-838:59:59'", "int64", "io.debezium.time.MicroTime", -3020399000000),
    "tm6": ("TIME(6)", "'-00:00:01.100001'", "int64", "io.debezium.time.MicroTime", -1100001),
    "tm3": ("TIME(3)", "'12:13:14.015'", "int64", "io.debezium.time.MicroTime", 43994015000),
    "dt": ("DATETIME", "'2026-02-28 01:02:03'", "timestamp[ms]", "io.debezium.time.Timestamp", _WALL),
    "dt3": (
        "DATETIME(3)",
        "'2026-02-28 01:02:03.004'",
        "timestamp[ms]",
        "io.debezium.time.Timestamp",
        _WALL.replace(microsecond=4000),
    ),
    "dt4": (
        "DATETIME(4)",
        "'2026-02-28 01:02:03.0004'",
        "timestamp[us]",
        "io.debezium.time.MicroTimestamp",
        _WALL.replace(microsecond=400),
    ),
    "dt6": (
        "DATETIME(6)",
        "'1000-01-01 00:00:00.000001'",
        "timestamp[us]",
        "io.debezium.time.MicroTimestamp",
        datetime.datetime.fromisoformat("1000-01-01T00:00:00.000001"),
    ),
    "ts": (
        "TIMESTAMP NULL",
        "'2026-02-28 01:02:03'",
        "string",
        "io.debezium.time.ZonedTimestamp",
        "2026-02-27T23:02:03Z",
    ),
    "ts6": (
        "TIMESTAMP(6) NULL",
        "'2026-02-28 01:02:03.000004'",
        "string",
        "io.debezium.time.ZonedTimestamp",
        "2026-02-27T23:02:03.000004Z",
    ),
    "ts2": (
        "TIMESTAMP(2) NULL",
        "'2026-02-28 01:02:03.25'",
        "string",
        "io.debezium.time.ZonedTimestamp",
        "2026-02-27T23:02:03.25Z",
    ),
    "c": ("CHAR(5)", "'äb'", "string", None, "äb"),
    "v": ("VARCHAR(20)", "'ä☃😀'", "string", None, "ä☃😀"),
    "v_long": ("VARCHAR(300)", "repeat('ä', 300)", "string", None, "ä" * 300),
    "v_latin": ("VARCHAR(20) CHARACTER SET latin1", "'ä€'", "string", None, "ä€"),
    "v_ucs": ("VARCHAR(20) CHARACTER SET ucs2", "'ж☃'", "string", None, "ж☃"),
    "tiny": ("TINYTEXT", "'t'", "string", None, "t"),
    "txt": ("TEXT", "'t'", "string", None, "t"),
    "med": ("MEDIUMTEXT", "repeat('m', 70000)", "string", None, "m" * 70000),
    "long_": ("LONGTEXT CHARACTER SET koi8r", "'ж'", "string", None, "ж"),
    "js": ("JSON", "'{\"k\": [1, null]}'", "string", "io.debezium.data.Json", '{"k": [1, null]}'),
    "bin": ("BINARY(4)", "'ab'", "binary", None, b"ab\x00\x00"),
    "vbin": ("VARBINARY(9)", "x'00ff'", "binary", None, b"\x00\xff"),
    "blob_": ("BLOB", "x'0001'", "binary", None, b"\x00\x01"),
    "mblob": ("MEDIUMBLOB", "x''", "binary", None, b""),
    "e": ("ENUM('a','b,c','ü')", "'ü'", "string", "io.debezium.data.Enum", "ü"),
    "s": ("SET('x','y','z')", "'z,x'", "string", "io.debezium.data.EnumSet", "x,z"),
    "u": (
        "UUID",
        "'123e4567-e89b-12d3-a456-426655440000'",
        "string",
        "io.debezium.data.Uuid",
        "123e4567-e89b-12d3-a456-426655440000",
    ),
    "ip4": ("INET4", "'10.0.0.1'", "string", None, "10.0.0.1"),
    "ip6": ("INET6", "'2001:db8::ff00:42:8329'", "string", None, "2001:db8::ff00:42:8329"),
    "vc": ("VARCHAR(200) COMPRESSED", "repeat('z', 200)", "string", None, "z" * 200),
    "tc": ("TEXT COMPRESSED", "repeat('y', 2000)", "string", None, "y" * 2000),
    "bc": ("BLOB COMPRESSED", "'short'", "binary", None, b"short"),
    "p": (
        "POINT",
        "ST_GeomFromText('POINT(1 2)')",
        "struct<x: double not null, y: double not null, wkb: binary, srid: int32>",
        None,
        {"x": 1.0, "y": 2.0, "wkb": _POINT, "srid": None},
    ),
    "g": (
        "GEOMETRY",
        "ST_GeomFromText('POINT(1 2)', 4326)",
        "struct<wkb: binary not null, srid: int32>",
        None,
        {"wkb": _POINT, "srid": 4326},
    ),
    "gen": ("INT AS (i8 + 1) VIRTUAL", "DEFAULT", "int32", None, -127),
    "stored": ("INT AS (i8 + 2) STORED", "DEFAULT", "int32", None, -126),
}


@pytest.fixture(scope="module")
def server(state_dir: Path, pytestconfig: pytest.Config) -> Iterator[MariaDB]:
    """MariaDB that writes a log."""
    install_or_skip(pytestconfig)
    settings = {"log-bin": "mariadb-bin", "binlog-format": "ROW", "server-id": "1", "sync-binlog": "0"}
    with MariaDB(state_dir, name="mysql-cdc-types", settings=settings) as component:
        yield component


@pytest.fixture
def capture(server: MariaDB) -> Iterator[MySqlCapture]:
    """A database of its own, written to from two hours ahead of UTC."""
    made = MySqlCapture(server)
    made.sql("SET time_zone='+02:00'")
    made.sql("SET sql_mode=''")
    try:
        yield made
    finally:
        made.close()


def _insert(capture: MySqlCapture, key: int) -> None:
    literals = ", ".join(one[1] for one in TYPES.values())
    capture.sql(f"INSERT INTO types (id, {', '.join(TYPES)}) VALUES ({key}, {literals})")


@pytest.mark.parametrize("metadata", ["NO_LOG", "FULL"])
def test_every_type_is_the_same_from_the_snapshot_and_from_the_log(capture: MySqlCapture, metadata: str) -> None:
    capture.sql(f"SET GLOBAL binlog_row_metadata={metadata}")
    columns = ", ".join(f"{name} {one[0]}" for name, one in TYPES.items())
    capture.sql(f"CREATE TABLE types (id int PRIMARY KEY, {columns})")
    _insert(capture, 1)
    capture.sql("INSERT INTO types (id) VALUES (2)")
    capture.configure(table_include_list=".*[.](types|made|mark)").start().catch_up()
    _insert(capture, 3)
    capture.sql("INSERT INTO types (id) VALUES (4)")
    # The same table as its statement in the log defines it.
    capture.sql(f"CREATE TABLE made (id int PRIMARY KEY, {columns})")
    literals = ", ".join(one[1] for one in TYPES.values())
    capture.sql(f"INSERT INTO made (id, {', '.join(TYPES)}) VALUES (3, {literals})")
    capture.catch_up()
    capture.sql("SET GLOBAL binlog_row_metadata=NO_LOG")
    rows = capture.ledger.rows(capture.topic("types"))
    expected = {name: one[4] for name, one in TYPES.items()}
    assert rows[(1,)] == {"id": 1, **expected}
    assert rows[(3,)] == {"id": 3, **expected}
    assert capture.ledger.rows(capture.topic("made"))[(3,)] == {"id": 3, **expected}
    assert {name for row in (rows[(2,)], rows[(4,)]) for name, value in row.items() if value is not None} == {"id"}
    batches = [one.batch for one in capture.harness.committed if one.batch.topic.endswith((".types", ".made"))]
    for fields in {
        str(batch.value.type.field("after").type): batch.value.type.field("after").type for batch in batches
    }.values():
        found = {
            field.name: (str(field.type), (field.metadata or {}).get(b"tidegate.semantic.type", b"").decode() or None)
            for field in fields
        }
        del found["id"]
        assert found == {name: (one[2], one[3]) for name, one in TYPES.items()}


def test_dates_that_do_not_exist_are_null_or_1970(capture: MySqlCapture) -> None:
    capture.sql(
        "CREATE TABLE z (id int PRIMARY KEY, a date, b date NOT NULL, c datetime, d datetime(6) NOT NULL, "
        "e timestamp NULL, f timestamp NOT NULL)"
    )
    values = "'0000-00-00', '2020-00-10', '0000-00-00 00:00:00', '0000-00-00', '0000-00-00', '0000-00-00'"
    capture.sql(f"INSERT INTO z VALUES (1, {values})")
    capture.start().catch_up()
    capture.sql(f"INSERT INTO z VALUES (2, {values})")
    capture.catch_up()
    told = {
        "a": None,
        "b": _EPOCH,
        "c": None,
        "d": datetime.datetime.fromisoformat("1970-01-01"),
        "e": None,
        "f": "1970-01-01T00:00:00Z",
    }
    assert capture.ledger.rows(capture.topic("z")) == {(1,): {"id": 1, **told}, (2,): {"id": 2, **told}}


def test_other_modes(capture: MySqlCapture) -> None:
    capture.sql(
        "CREATE TABLE m (id int PRIMARY KEY, d decimal(5,2), u bigint unsigned, t time(3), dt datetime(6), "
        "day date, b blob)"
    )
    values = "1.50, 18446744073709551615, '01:02:03.004', '2020-01-02 03:04:05.000006', '2020-01-02', x'fbff'"
    capture.sql(f"INSERT INTO m VALUES (1, {values})")
    capture.configure(
        decimal_handling_mode="string",
        bigint_unsigned_handling_mode="precise",
        time_precision_mode="isostring",
        binary_handling_mode="base64",
    )
    capture.start().catch_up()
    capture.sql(f"INSERT INTO m VALUES (2, {values})")
    capture.catch_up()
    expected = {
        "d": "1.50",
        "u": Decimal(2**64 - 1),
        "t": "01:02:03.004Z",
        "dt": "2020-01-02T03:04:05.000006Z",
        "day": "2020-01-02Z",
        "b": "+/8=",
    }
    assert capture.ledger.rows(capture.topic("m")) == {(1,): {"id": 1, **expected}, (2,): {"id": 2, **expected}}


def test_columns_left_out_masked_and_keyed_otherwise(capture: MySqlCapture) -> None:
    capture.sql("CREATE TABLE h (id int PRIMARY KEY, name varchar(9), secret varchar(9), gone int)")
    name = f"{capture.database}.h"
    capture.harness.config |= {
        "column.exclude.list": f"{name}.gone",
        "column.mask.with.3.chars": f"{name}.secret",
        "message.key.columns": f"{name}:name",
    }
    capture.start().catch_up()
    capture.sql("INSERT INTO h VALUES (1, 'n', 'secret', 5)")
    capture.catch_up()
    assert capture.ledger.rows(capture.topic("h")) == {("n",): {"id": 1, "name": "n", "secret": "***"}}


def test_a_key_of_any_type_goes_on_where_it_was(capture: MySqlCapture) -> None:
    kinds = {
        "varchar(9)": "concat(char(65 + seq % 57), seq)",
        "uuid": "uuid()",
        "varbinary(9)": "unhex(lpad(hex(seq * 7919 % 65536), 4, '0'))",
        "datetime(3)": "'2020-01-01' + interval seq * 7919 second",
        "bigint unsigned": "18446744073709551615 - seq * 3",
        "timestamp": "'2020-01-01 00:00:00' + interval seq * 7919 second",
    }
    for place, (kind, value) in enumerate(kinds.items()):
        capture.sql(f"CREATE TABLE k{place} (id {kind} NOT NULL, b int, v int, PRIMARY KEY (id, b))")
        capture.sql(f"INSERT INTO k{place} SELECT {value}, seq % 2, seq FROM seq_1_to_60")
    capture.configure(snapshot_fetch_size="7").start()
    polls = 0
    while capture.harness.rows() == [] or polls < 60:
        for _ in range(2):
            capture.poll()
        capture.crash()
        for place in range(len(kinds)):
            capture.sql(f"UPDATE k{place} SET v = v + 1000")
        capture.start()
        polls += 6
    capture.catch_up()
    for place in range(len(kinds)):
        told = sorted(row["v"] for row in capture.ledger.rows(capture.topic(f"k{place}")).values())
        assert told == sorted(row["v"] for row in capture.table(f"k{place}", 2).values())


def _within(capture: MySqlCapture, table: str) -> bool:
    return capture.harness.telling == capture.topic(table)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_table_without_an_order_is_told_once_whatever_dies_in_it(capture: MySqlCapture, threads: str) -> None:
    tables = {"bare": "id int", "floating": "id float NOT NULL PRIMARY KEY"}
    for table, column in tables.items():
        capture.sql(f"CREATE TABLE {table} ({column}, v varchar(20))")
        capture.sql(f"INSERT INTO {table} SELECT seq, 'v' FROM seq_1_to_500")
    capture.configure(
        snapshot_fetch_size="50", snapshot_max_threads=threads, message_key_columns=f"{capture.database}.bare:id"
    )
    for number, table in enumerate(("bare", "bare", "floating", "floating")):
        capture.start()
        capture.until(partial(_within, capture, table))
        capture.crash()
        assert not capture.ledger.rows(capture.topic(table))
        for each in tables:
            capture.sql(f"UPDATE {each} SET v = concat(v, '+') WHERE id % 7 = 0")
            capture.sql(f"DELETE FROM {each} WHERE id % 101 = {number}")
            capture.sql(f"INSERT INTO {each} SELECT seq, 'n' FROM seq_{9000 + number * 10}_to_{9009 + number * 10}")
    capture.start().catch_up()
    for table in tables:
        assert capture.ledger.rows(capture.topic(table)) == capture.table(table)


def test_the_keys_are_checked() -> None:
    problems = MySqlCdcConnector.config_def.validate({"database.server.id": "0", "snapshot.mode": "maybe"})
    wrong = {value.key.name for value in problems if value.errors}
    assert wrong >= {"database.server.id", "snapshot.mode", "topic.prefix", "database.hostname"}

"""Every type of PostgreSQL in a snapshot and in the stream: the same event, in the form Debezium gives it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import psycopg
import pyarrow as pa
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.support.eventually import eventually
from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.converters.avro import AvroConverter
from tidegate.converters.json import JsonConverter
from tidegate.devstack import Postgres
from tidegate.records.codec import AvroCodec
from tidegate.records.columnar_codec import ColumnarCodec
from tidegate.records.envelope import SEMANTIC_TYPE, Batch

_TIME = "io.debezium.time"
_DATA = "io.debezium.data"

# Column, its type, a value in SQL, the value of the event, its semantic type.
VALUES: list[tuple[str, str, str, Any, str | None]] = [
    ("b", "boolean", "true", True, None),
    ("i2", "smallint", "-32768", -32768, None),
    ("i4", "integer", "2147483647", 2147483647, None),
    ("i8", "bigint", "-9223372036854775808", -9223372036854775808, None),
    ("f4", "real", "1.5", 1.5, None),
    ("f8", "double precision", "'-Infinity'", float("-inf"), None),
    ("dec", "numeric(10,2)", "-12.5", Decimal("-12.50"), None),
    (
        "wide",
        "numeric(50,10)",
        "1e30",
        Decimal(10) ** 30,
        None,
    ),
    ("free", "numeric", "-1.25", {"scale": 2, "value": b"\x83"}, None),
    ("money", "money", "-1234.5", Decimal("-1234.50"), None),
    ("t", "text", "E'a\\tb\\n\"c\",\\\\d ä'", 'a\tb\n"c",\\d ä', None),
    ("empty", "text", "''", "", None),
    ("null_text", "text", "'NULL'", "NULL", None),
    ("vc", "varchar(10)", "'x'", "x", None),
    ("c", "char(4)", "'ab'", "ab  ", None),
    ("d", "date", "'2024-02-29'", 19782, f"{_TIME}.Date"),
    ("d_bc", "date", "'0044-03-15 BC'", -735160, f"{_TIME}.Date"),
    ("d_inf", "date", "'infinity'", 2147483647, f"{_TIME}.Date"),
    ("d_ninf", "date", "'-infinity'", -2147483648, f"{_TIME}.Date"),
    ("t3", "time(3)", "'12:34:56.789'", 45296789, f"{_TIME}.Time"),
    ("t6", "time", "'23:59:59.999999'", 86_399_999_999, f"{_TIME}.MicroTime"),
    ("t24", "time", "'24:00:00'", 86_400_000_000, f"{_TIME}.MicroTime"),
    ("t24_3", "time(3)", "'24:00:00'", 86_400_000, f"{_TIME}.Time"),
    ("ttz", "timetz", "'13:51:30.5+02'", "11:51:30.5Z", f"{_TIME}.ZonedTime"),
    ("ts3", "timestamp(3)", "'2024-01-01 00:00:00.5'", 1704067200500, f"{_TIME}.Timestamp"),
    ("ts6", "timestamp", "'1969-12-31 23:59:59.999999'", -1, f"{_TIME}.MicroTimestamp"),
    ("ts_inf", "timestamp", "'-infinity'", -9223372036832400000, f"{_TIME}.MicroTimestamp"),
    ("ts_pinf", "timestamp", "'infinity'", 9223372036825200000, f"{_TIME}.MicroTimestamp"),
    ("ts3_inf", "timestamp(3)", "'infinity'", 9223372036825200, f"{_TIME}.Timestamp"),
    ("ts3_ninf", "timestamp(3)", "'-infinity'", -9223372036832400, f"{_TIME}.Timestamp"),
    ("tstz", "timestamptz", "'2024-01-01 02:00:00.5+02'", "2024-01-01T00:00:00.500000Z", f"{_TIME}.ZonedTimestamp"),
    ("tstz0", "timestamptz(0)", "'2024-01-01 00:00:00Z'", "2024-01-01T00:00:00Z", f"{_TIME}.ZonedTimestamp"),
    ("tstz_inf", "timestamptz", "'infinity'", "infinity", f"{_TIME}.ZonedTimestamp"),
    ("tstz_ninf", "timestamptz", "'-infinity'", "-infinity", f"{_TIME}.ZonedTimestamp"),
    ("iv", "interval", "'1 year 2 mons 3 days 04:05:06.789'", 37091106789000, f"{_TIME}.MicroDuration"),
    ("u", "uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", f"{_DATA}.Uuid"),
    ("j", "json", "'{\"a\": 1}'", '{"a": 1}', f"{_DATA}.Json"),
    ("jb", "jsonb", "'[1,null]'", "[1, null]", f"{_DATA}.Json"),
    ("bin", "bytea", "'\\x00ff'", b"\x00\xff", None),
    ("bit1", "bit", "B'1'", True, None),
    ("bits", "bit(10)", "B'1100000001'", b"\x01\x03", f"{_DATA}.Bits"),
    ("vbits", "varbit", "B'101'", b"\x05", f"{_DATA}.Bits"),
    ("mood", "mood", "'happy'", "happy", f"{_DATA}.Enum"),
    ("positive", "positive", "7", 7, None),
    ("ints", "int[]", "'{1,NULL,3}'", [1, None, 3], None),
    ("texts", "text[]", "ARRAY['a b', NULL, 'NULL', 'q\"\\,{}', '']", ["a b", None, "NULL", 'q"\\,{}', ""], None),
    ("none", "int[]", "'{}'", [], None),
    ("days", "date[]", "'{2024-02-29}'", [19782], None),
    ("inet", "inet", "'10.0.0.1/8'", "10.0.0.1/8", None),
    ("cidr", "cidr", "'10.0.0.0/8'", "10.0.0.0/8", None),
    ("mac", "macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03", None),
    ("mac8", "macaddr8", "'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05", None),
    ("hs", "hstore", "'a=>1, b=>NULL'", '{"a":"1","b":null}', f"{_DATA}.Json"),
    ("lt", "ltree", "'Top.Science'", "Top.Science", f"{_DATA}.Ltree"),
    ("ci", "citext", "'MiXed'", "MiXed", None),
    ("tsv", "tsvector", "'fat:2 cat:1'", "'cat':1 'fat':2", f"{_DATA}.Tsvector"),
    ("lts", "ltree[]", "'{a.b,c}'", ["a.b", "c"], None),
    ("point", "point", "'(1,2.5)'", "(1,2.5)", None),
    ("range", "int4range", "'[1,5)'", "[1,5)", None),
    ("nrange", "numrange", "'(1.5,]'", "(1.5,)", None),
    ("drange", "daterange", "'[2024-01-01,2024-01-03)'", "[2024-01-01,2024-01-03)", None),
    (
        "tsrange",
        "tsrange",
        "'[2024-01-01 00:00,2024-01-02 00:00)'",
        '["2024-01-01 00:00:00","2024-01-02 00:00:00")',
        None,
    ),
    ("mrange", "int4multirange", "'{[1,3),[5,7)}'", "{[1,3),[5,7)}", None),
    ("pair", "pair", "ROW(1, 'x y')", '(1,"x y")', None),
    ("oid", "oid", "4294967295", 4294967295, None),
]


@pytest.fixture(scope="module")
def batches(postgres: Postgres) -> Iterator[tuple[Batch, Batch]]:
    """The same row in a snapshot and in the stream."""
    name = f"cdc_types_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    harness = _harness(postgres, name)
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        make_types(connection)
        columns = ", ".join(f"{column} {kind}" for column, kind, *_ in VALUES)
        connection.execute(f"CREATE TABLE v (id int PRIMARY KEY, {columns})")
        row = ", ".join(value for _, _, value, *_ in VALUES)
        insert = f"INSERT INTO v VALUES (%s, {row}); INSERT INTO v (id) VALUES (%s + 1)"
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(insert, [1, 1])
            harness.start()
            eventually(lambda: _ids(harness, 1), timeout=60)
            cursor.execute(insert, [11, 11])
        eventually(lambda: _ids(harness, 11), timeout=60)
        events = [one.batch for one in harness.committed if one.batch.topic == "p.public.v"]
        yield events[0], events[-1]
        harness.crash()
        eventually(lambda: _dropped(connection, name), timeout=60)


def make_types(connection: psycopg.Connection[Any]) -> None:
    """Makes the types that the values are of."""
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text)")
    connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    connection.execute("CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext")


def _harness(postgres: Postgres, name: str) -> SourceHarness:
    config = {
        "database.hostname": postgres.host,
        "database.port": str(postgres.port("postgres")),
        "database.user": "postgres",
        "database.password": "tidegate",
        "database.dbname": name,
        "topic.prefix": "p",
        "slot.name": name,
        "max.batch.size": "1000",
    }
    return SourceHarness(PostgresCdcConnector(), config)


def _ids(harness: SourceHarness, wanted: int) -> bool:
    harness.poll()
    keys = [key["id"] for one in harness.committed for key in one.batch.key.to_pylist() if key]
    return wanted + 1 in keys


def _dropped(connection: psycopg.Connection[Any], name: str) -> bool:
    try:
        connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
    except psycopg.errors.ObjectInUse:
        return False
    return True


def _plain(column: pa.Array) -> list[Any]:
    """The values as they are on the wire, so that dates are numbers."""
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_time32(kind):
        column = column.view(pa.int32())
    elif pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        column = column.view(pa.int64())
    elif pa.types.is_list(kind) and pa.types.is_date(kind.value_type):
        return [None if one is None else _plain(column.values) for one in column.is_valid().to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def _after(batch: Batch, name: str) -> pa.Array:
    after = batch.value.field(batch.value.type.get_field_index("after"))
    return after.field(after.type.get_field_index(name))


@pytest.mark.parametrize("column", [name for name, *_ in VALUES])
def test_a_value(batches: tuple[Batch, Batch], column: str) -> None:
    wanted, semantic = next((value[3], value[4]) for value in VALUES if value[0] == column)
    snapshot, stream = batches
    for batch in batches:
        value = _after(batch, column)
        assert _plain(value)[len(value) - 2] == wanted
        assert value[len(value) - 1].as_py() is None
        field = batch.value_field.type.field("after").type.field(column)
        assert (field.metadata or {}).get(SEMANTIC_TYPE, b"").decode() == (semantic or "")
    assert snapshot.value_field.type.field("after") == stream.value_field.type.field("after")


@pytest.mark.parametrize("codec", [None, ColumnarCodec()], ids=["default", "python"])
def test_events_go_through_avro(batches: tuple[Batch, Batch], codec: AvroCodec | None) -> None:
    for batch in batches:
        converter = AvroConverter(codec)
        converter.configure({}, is_key=False, registry=MemoryRegistry().client)
        encoded = converter.encode(batch.topic, batch.value, batch.value_field)
        assert not encoded.faults
        (run,) = converter.decode(batch.topic, encoded.data).runs
        after = run.values.field(run.values.type.get_field_index("after"))
        for name in ("i8", "dec", "free", "ts6", "ts_inf", "tstz", "t24", "t24_3", "d_inf", "ints", "bits", "hs"):
            column = after.field(after.type.get_field_index(name))
            assert _plain(column) == _plain(_after(batch, name))
        assert after.type.field("j").metadata[SEMANTIC_TYPE] == b"io.debezium.data.Json"


def test_events_go_through_json_with_debeziums_schemas(batches: tuple[Batch, Batch]) -> None:
    converter = JsonConverter()
    converter.configure({"schemas.enable": "true"}, is_key=False, registry=None)
    batch = batches[1]
    encoded = converter.encode(batch.topic, batch.value, batch.value_field)
    assert not encoded.faults
    document = orjson.loads(encoded.data[0].as_py())
    schema = document["schema"]
    assert schema["name"] == "p.public.v.Envelope"
    rows = {field["field"]: field for field in schema["fields"]}
    assert rows["before"]["name"] == rows["after"]["name"] == "p.public.v.Value"
    assert rows["source"]["name"] == "io.debezium.connector.postgresql.Source"
    columns = {field["field"]: field for field in rows["after"]["fields"]}
    for name, _, _, wanted, semantic in VALUES:
        assert columns[name].get("name") == semantic or semantic is None
        if isinstance(wanted, int | str):
            assert document["payload"]["after"][name] == wanted

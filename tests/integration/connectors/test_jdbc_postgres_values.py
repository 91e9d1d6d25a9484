"""PostgreSQL's values read by COPY and by a cursor: the same types, the same values, the same faults, row by row."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.connectors.source_harness import SourceHarness
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.devstack import Postgres


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[tuple[psycopg.Connection[Any], dict[str, str]]]:
    name = f"values_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    config = {
        "connection.url": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{name}",
        "connection.user": postgres.user,
        "connection.password": postgres.password,
        "topic.prefix": "db.",
        "poll.interval.ms": "1",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "table.whitelist": "t",
    }
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
        connection.execute("CREATE TYPE pair AS (a int, b text)")
        connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
        yield connection, config


def _numeric(precision: int, scale: int) -> st.SearchStrategy[str]:
    whole = st.integers(-(10**precision) + 1, 10**precision - 1)
    plain = whole.map(lambda number: f"{number}e-{scale}")
    return st.one_of(plain, plain, st.sampled_from(["NaN", "0", "0.5", f"1e{precision - scale - 1}"]))


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_MOMENT_EDGES = ["infinity", "-infinity", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "10000-01-01 00:00:00"]
_MOMENT_EDGES += ["0001-12-31 23:59:59.999999 BC", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"]
_MOMENT = st.one_of(st.datetimes().map(str), st.sampled_from(_MOMENT_EDGES))
_FLOAT = st.one_of(st.floats(width=32).map(repr), st.sampled_from(["NaN", "Infinity", "-Infinity", "-0"]))
_ELEMENT = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))

_TYPES: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "real": _FLOAT,
    "double precision": st.one_of(st.floats().map(repr), _FLOAT),
    "boolean": st.booleans(),
    "text": _TEXT,
    "varchar(20)": _TEXT.map(lambda text: text[:20]),
    "char(5)": _TEXT.map(lambda text: text[:5]),
    '"char"': st.sampled_from("abc"),
    "name": st.sampled_from(["pg_class", ""]),
    "bytea": st.binary(),
    "date": st.one_of(st.dates().map(str), st.sampled_from(["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"])),
    "time": st.one_of(st.times().map(str), st.just("24:00:00")),
    "timetz": st.one_of(st.times().map(lambda time: f"{time}+02"), st.just("24:00:00+00")),
    "timestamp": _MOMENT,
    "timestamptz": _MOMENT,
    "timestamp(0)": _MOMENT,
    "uuid": st.uuids().map(str),
    "json": st.sampled_from(['{"b": [1, null],  "a": "é"}', "null", "1.50"]),
    "jsonb": st.sampled_from(['{"b": [1, null],  "a": "é"}', "null", "1.50"]),
    "numeric": st.one_of(_numeric(40, 20), st.sampled_from(["Infinity", "-Infinity", "1e-30", "1e300", "1.50"])),
    "numeric(5,2)": _numeric(5, 2),
    "numeric(9,0)": _numeric(9, 0),
    "numeric(15,4)": _numeric(15, 4),
    "numeric(18,18)": _numeric(18, 18),
    "numeric(20,3)": _numeric(20, 3),
    "numeric(38,0)": _numeric(38, 0),
    "numeric(38,37)": _numeric(38, 37),
    "numeric(76,10)": _numeric(76, 10),
    "numeric(3,-2)": st.integers(-99_900, 99_900).map(str),
    "integer[]": st.lists(_ELEMENT),
    "text[]": st.lists(st.one_of(st.none(), _TEXT)),
    "timestamptz[]": st.lists(_MOMENT, max_size=3),
    "numeric(9,2)[]": st.lists(_numeric(9, 2), max_size=3),
    "jsonb[]": st.lists(st.just('{"a": 1}'), max_size=2),
    "mood[]": st.lists(st.sampled_from(["sad", "ok"]), max_size=3),
    "mood": st.sampled_from(["sad", "ok", "happy"]),
    "pair": st.sampled_from(["(1,x)", '(,"a b")']),
    "positive": st.integers(1, 9),
    "interval": st.sampled_from(["1 day", "-3 mons 00:00:01.5", "1 year 2 mons 3 days"]),
    "inet": st.sampled_from(["10.0.0.1", "10.0.0.0/8", "::1"]),
    "cidr": st.just("10.0.0.0/8"),
    "macaddr": st.just("08:00:2b:01:02:03"),
    "money": st.sampled_from(["1.50", "-7"]),
    "bit(3)": st.just("101"),
    "oid": st.integers(0, 2**32 - 1),
    "int4range": st.sampled_from(["[1,5)", "empty", "(,3)"]),
    "tsvector": st.just("'a':1 'b'"),
}


_CASES = [
    (type_, mapping)
    for type_ in _TYPES
    for mapping in (("none", "precision_only", "best_fit") if "numeric" in type_ else ("none",))
]


def _read(config: dict[str, str], *, copy: bool) -> SourceHarness:
    run = SourceHarness(JdbcSourceConnector(), {**config, "postgres.copy": str(copy).lower()}, tolerant=True)
    run.start()
    for _ in range(4):
        run.poll()
    run.crash()
    return run


def _same(left: pa.Array, right: pa.Array) -> bool:
    """Whether two arrays are equal, NaN equal to itself."""
    return left.type.equals(right.type, check_metadata=True) and [repr(v) for v in left] == [repr(v) for v in right]


@pytest.mark.parametrize(("type_", "mapping"), _CASES)
def test_copy_and_cursor_read_the_same(database: Any, type_: str, mapping: str) -> None:
    connection, config = database
    config = {**config, "numeric.mapping": mapping}

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(st.none(), _TYPES[type_]), min_size=1, max_size=30))
    def check(values: list[Any]) -> None:
        connection.execute("DROP TABLE IF EXISTS t")
        # Neighbours of fixed and of varying width, with nulls and without, move the column about.
        connection.execute(
            f"CREATE TABLE t (id int PRIMARY KEY, a smallint, v {type_}, b text, c bigint NOT NULL DEFAULT 7,"
            f" w {type_})"
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO t VALUES (%s, %s, %s::text::{type_}, %s, DEFAULT, %s::text::{type_})"
                if not type_.endswith("[]")
                else f"INSERT INTO t VALUES (%s, %s, %s::text[]::{type_}, %s, DEFAULT, %s::text[]::{type_})",
                [
                    (row, row if row % 3 else None, value, "x" * row if row % 2 else None, values[-row - 1])
                    for row, value in enumerate(values)
                ],
            )
        by_copy, by_cursor = _read(config, copy=True), _read(config, copy=False)
        assert by_copy.halted == by_cursor.halted
        assert by_copy.offsets == by_cursor.offsets == {b'{"table":"public.t"}': {"incrementing": len(values) - 1}}
        assert len(by_copy.rows()) + len(by_copy.halted) == len(values)
        for left, right in zip(by_copy.committed, by_cursor.committed, strict=True):
            assert _same(left.batch.value, right.batch.value)
            assert left.batch.value_field.equals(right.batch.value_field, check_metadata=True)
            left.batch.records.validate(full=True)

    check()


def test_a_fault_names_column_and_rule_and_takes_no_neighbour_with_it(database: Any) -> None:
    connection, config = database
    connection.execute("DROP TABLE IF EXISTS t")
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,2), d date, at timestamptz, tm time)")
    good = "0, 1.50, '2026-01-01', '2026-01-01 00:00:00', '10:00:00'"
    rows = {
        1: ("NaN", "2026-01-01", "2026-01-01", "10:00", "column 'n': "),
        2: ("1", "infinity", "2026-01-01", "10:00", "column 'd': 'infinity' is not a point in time of the years 1"),
        3: ("1", "2026-01-01", "0044-03-15 BC", "10:00", "column 'at': '0044-03-15 00:00:00+00 BC' is not a point in"),
        4: ("1", "2026-01-01", "294276-01-01", "10:00", "column 'at': '294276-01-01 00:00:00+00' is not a point"),
        5: ("1", "2026-01-01", "2026-01-01", "24:00", "column 'tm': '24:00:00' is not a time of day before 24:00:00"),
    }
    for number in range(0, 120, 10):
        connection.execute(f"INSERT INTO t VALUES ({good.replace('0,', f'{number},', 1)})")
    for number, values in rows.items():
        connection.execute("INSERT INTO t VALUES (%s, %s, %s, %s, %s)", [number, *values[:-1]])
    for copy in (True, False):
        run = _read(config, copy=copy)
        assert [row["id"] for row in run.rows()] == list(range(0, 120, 10))
        assert len(run.halted) == len(rows)
        for (number, values), (_, raw, message) in zip(rows.items(), run.halted, strict=True):
            assert b'"id":%d,' % number in raw
            assert values[-1] in message


def test_many_rows_are_the_same_to_the_last(database: Any) -> None:
    connection, config = database
    connection.execute("DROP TABLE IF EXISTS t")
    connection.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a bigint, b text, n numeric(30,4), at timestamptz, l int[])"
    )
    connection.execute(
        "INSERT INTO t SELECT i, nullif(i % 7, 0), repeat('é', i % 50),"
        " (i * 12345.6789)::numeric(30,4) * power(10, i % 18),"
        " CASE WHEN i % 9999 = 0 THEN 'infinity' ELSE '2026-01-01'::timestamptz + i * interval '1 ms' END,"
        " ARRAY[i, null] FROM generate_series(1, 60000) i"
    )
    by_copy, by_cursor = (_read({**config, "mode": "bulk"}, copy=copy) for copy in (True, False))
    left, right = (pa.concat_arrays([batch.batch.value for batch in run.committed]) for run in (by_copy, by_cursor))
    assert len(left) >= 60000
    assert left.slice(0, 50000).equals(right.slice(0, 50000))
    assert by_copy.halted[:6] == by_cursor.halted[:6]


def test_a_database_of_another_encoding_is_read_as_unicode(database: Any, postgres: Postgres) -> None:
    name = f"latin_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    config = {**database[1], "connection.url": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{name}"}
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        connection.execute("INSERT INTO t VALUES (1, 'é')")
    for copy in (True, False):
        assert _read(config, copy=copy).rows() == [{"id": 1, "v": "é"}]

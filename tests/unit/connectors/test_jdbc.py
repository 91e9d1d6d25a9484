"""Pure parts of the JDBC source: URLs, types, positions."""

from __future__ import annotations

import datetime
import itertools
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql

from tidegate.connectors.jdbc import column_types
from tidegate.connectors.jdbc.column_mapping import parsed_mapping
from tidegate.connectors.jdbc.column_types import TypeMapping, arrow_type, to_array
from tidegate.connectors.jdbc.columns import second_digits
from tidegate.connectors.jdbc.keys import CONFIG
from tidegate.connectors.jdbc.page_size import PageSize
from tidegate.connectors.jdbc.position import Position, comparable, earlier, moment_order, position_from
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.shares import share_of, shares
from tidegate.connectors.jdbc.table_names import TableNames, like
from tidegate.connectors.jdbc.url import parse_url, parse_url_and_options
from tidegate.errors import FatalError

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("jdbc:postgresql://db:5433/shop?user=ann&password=p%40ss", "postgresql+psycopg://ann:p%40ss@db:5433/shop"),
        ("jdbc:postgresql://db/shop?ssl=true&loginTimeout=9", "postgresql+psycopg://db/shop?sslmode=require"),
        (
            "jdbc:postgresql://db/?currentSchema=a b,c&ApplicationName=x",
            "postgresql+psycopg://db?application_name=x&options=-c+search_path%3Da%5C+b%2Cc",
        ),
        (
            "jdbc:postgresql://ann@a:1,b:2/shop?targetServerType=primary",
            "postgresql+psycopg://ann@/shop?host=a%3A1&host=b%3A2&target_session_attrs=primary",
        ),
        ("jdbc:mysql://db:3306/shop?useSSL=false&useUnicode=true", "mysql+pymysql://db:3306/shop?ssl_mode=disabled"),
        ("jdbc:mysql://db/shop?useSSL=true&requireSSL=true", "mysql+pymysql://db/shop?ssl_mode=required"),
        (
            "jdbc:mysql://db/shop?useSSL=true&requireSSL=true&verifyServerCertificate=true",
            "mysql+pymysql://db/shop?ssl_mode=verify_ca",
        ),
        (
            "jdbc:mariadb://db/shop?sslMode=verify-full&serverSslCert=/ca.pem",
            "mariadb+pymysql://db/shop?server_ssl_cert=%2Fca.pem&ssl_mode=verify_identity",
        ),
        ("jdbc:mariadb://db/shop", "mariadb+pymysql://db/shop"),
        ("jdbc:sqlite:/tmp/a.db", "sqlite:////tmp/a.db"),
        ("jdbc:oracle:thin:@//db:1521/ORCL", "oracle+oracledb://db:1521?service_name=ORCL"),
        ("jdbc:oracle:thin:@db:1521:XE", "oracle+oracledb://db:1521/XE"),
        ("jdbc:oracle:thin:@db:1521/ORCLPDB1", "oracle+oracledb://db:1521?service_name=ORCLPDB1"),
        ("jdbc:oracle:thin:ann/p@db:1521/X", "oracle+oracledb://ann:p@db:1521?service_name=X"),
        ("postgresql://db/shop", "postgresql+psycopg://db/shop"),
        ("mysql+pymysql://db/shop", "mysql+pymysql://db/shop"),
    ],
)
def test_urls(text: str, url: str) -> None:
    assert parse_url(text).render_as_string(hide_password=False) == url


def test_user_and_password_are_added() -> None:
    url = parse_url("jdbc:postgresql://db/shop", "ann", "s3cret")
    assert (url.username, url.password) == ("ann", "s3cret")


@pytest.mark.parametrize("text", ["jdbc:h2:mem", "jdbc:", "nonsense", "jdbc:postgresql:shop", "jdbc:oracle:oci:@x"])
def test_unusable_urls_say_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="use jdbc:"):
        parse_url(text)


@pytest.mark.parametrize(
    "address",
    [
        "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=db)(PORT=1522))(CONNECT_DATA=(SERVICE_NAME=x)))",
        "tcps://db:1522/x?wallet_location=/wallet",
    ],
)
def test_an_address_with_more_than_host_and_service_is_the_drivers_to_read(address: str) -> None:
    url = parse_url(f"jdbc:oracle:thin:@{address}")
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert arguments["dsn"] == address


def test_options_beside_the_url_are_options_in_it_and_the_rest_is_told() -> None:
    options = {"currentSchema": "shop", "loginTimeout": "10"}
    found = parse_url_and_options("jdbc:postgresql://db/x?reWriteBatchedInserts=true", None, None, options)
    assert found.url.query["options"] == "-c search_path=shop"
    assert found.unused == ["loginTimeout", "reWriteBatchedInserts"]


def test_an_option_with_a_value_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"sslMode=MAYBE is not known: use one of DISABLED"):
        parse_url("jdbc:mysql://db/x?sslMode=MAYBE")


@pytest.mark.parametrize(
    ("type_", "mapping", "backend", "arrow"),
    [
        (sa.SmallInteger(), "none", "postgresql", pa.int16()),
        (sa.Integer(), "none", "postgresql", pa.int32()),
        (sa.Integer(), "none", "sqlite", pa.int64()),
        (sa.BigInteger(), "none", "postgresql", pa.int64()),
        (mysql.INTEGER(unsigned=True), "none", "mysql", pa.int64()),
        (mysql.BIGINT(unsigned=True), "none", "mysql", pa.decimal128(20, 0)),
        (mysql.TINYINT(display_width=1), "none", "mysql", pa.bool_()),
        (sa.Numeric(10, 2), "none", "postgresql", pa.decimal128(10, 2)),
        (sa.Numeric(50, 2), "none", "postgresql", pa.decimal256(50, 2)),
        (sa.Numeric(), "none", "postgresql", pa.string()),
        (sa.Numeric(), "best_fit", "postgresql", pa.float64()),
        (sa.Numeric(10, 0), "precision_only", "postgresql", pa.int64()),
        (sa.Numeric(9, 0), "best_fit", "postgresql", pa.int32()),
        (sa.Numeric(18, 4), "best_fit", "postgresql", pa.float64()),
        (sa.Numeric(19, 4), "best_fit", "postgresql", pa.decimal128(19, 4)),
        (sa.Numeric(19, 4), "best_fit_eager_double", "postgresql", pa.float64()),
        (sa.Numeric(19, 0), "best_fit_eager_double", "postgresql", pa.decimal128(19, 0)),
        (sa.Numeric(5, -2), "none", "postgresql", pa.decimal128(7, 0)),
        (postgresql.REAL(), "none", "postgresql", pa.float32()),
        (postgresql.TIMESTAMP(timezone=True), "none", "postgresql", pa.timestamp("us", "UTC")),
        (postgresql.TIMESTAMP(), "none", "postgresql", pa.timestamp("us")),
        (mysql.TIMESTAMP(), "none", "mysql", pa.timestamp("us", "UTC")),
        (mysql.DATETIME(), "none", "mysql", pa.timestamp("us")),
        (postgresql.ARRAY(sa.Text(), dimensions=2), "none", "postgresql", pa.list_(pa.list_(pa.string()))),
        (postgresql.JSONB(), "none", "postgresql", pa.string()),
        (postgresql.BYTEA(), "none", "postgresql", pa.binary()),
        (postgresql.INTERVAL(), "none", "postgresql", pa.string()),
        (sa.Boolean(), "none", "postgresql", pa.bool_()),
    ],
)
def test_types(type_: Any, mapping: str, backend: str, arrow: pa.DataType) -> None:
    assert arrow_type(type_, TypeMapping(mapping), backend=backend) == arrow


@pytest.mark.parametrize(
    ("values", "type_", "expected"),
    [
        ([], pa.decimal128(5, 2), []),
        ([None, None], pa.timestamp("us"), [None, None]),
        ([1.005, "2", Decimal("3.1")], pa.decimal128(5, 2), [Decimal("1.00"), Decimal("2.00"), Decimal("3.10")]),
        (
            ["2026-01-02 03:04:05.000006"],
            pa.timestamp("us"),
            [datetime.datetime.fromisoformat("2026-01-02 03:04:05.000006")],
        ),
        (["2026-01-02"], pa.date32(), [datetime.date(2026, 1, 2)]),
        ([Decimal("1.10"), {"a": 1}, b"x", True], pa.string(), ["1.10", '{"a":1}', "x", "True"]),
        ([1, 0, None], pa.bool_(), [True, False, None]),
        ([Decimal("7")], pa.int64(), [7]),
        (["text"], pa.binary(), [b"text"]),
    ],
)
def test_values(values: list[Any], type_: pa.DataType, expected: list[Any]) -> None:
    array = to_array(values, type_)
    assert array.type == type_
    assert array.to_pylist() == expected


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (Decimal("NaN"), pa.decimal128(5, 2)),
        (Decimal("12345"), pa.decimal128(5, 2)),
        (2**63, pa.int64()),
        ("abc", pa.int64()),
        (5, pa.timestamp("us")),
        ("0000-01-01", pa.timestamp("us")),
        ("0044-03-15 BC", pa.date32()),
        ("24:00:00", pa.time64("us")),
        (7, pa.bool_()),
        (b"\xff", pa.string()),
    ],
)
def test_values_that_do_not_fit_are_refused(value: Any, type_: pa.DataType) -> None:
    with pytest.raises(ValueError, match=r".+"):
        to_array([value], type_)


BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime.datetime(2026, 7, 1, 12, 0, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "as_text"),
    [(pa.timestamp("us", "UTC"), False), (pa.timestamp("us"), False), (pa.date32(), False), (pa.string(), True)],
)
def test_a_position_survives_its_offset(type_: pa.DataType, as_text: bool) -> None:
    position = Position(7, comparable(MOMENT, BERLIN, type_, as_text=as_text))
    assert position_from(position.to_offset(), BERLIN, type_, as_text=as_text) == position


def test_offsets_keep_microseconds() -> None:
    assert Position(timestamp=MOMENT).to_offset() == {"timestamp": "2026-07-01T12:00:00.000007Z"}
    naive = comparable(MOMENT, BERLIN, pa.timestamp("us"), as_text=False)
    assert Position(timestamp=naive).to_offset() == {"timestamp": "2026-07-01T14:00:00.000007"}


def test_a_malformed_offset_says_how_to_write_one() -> None:
    with pytest.raises(FatalError, match="Alter it to"):
        position_from({"timestamp": "yesterday"}, UTC, pa.timestamp("us"), as_text=False)


def test_names_of_topics_and_records() -> None:
    relation = Relation("user orders", "2nd")
    assert relation.topic("db.") == "db.user_orders"
    assert relation.record_name == "_2nd.user_orders"
    assert Relation(query="SELECT 1").topic("all") == "all"


_MOMENT_TEXTS = st.one_of(
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes")),
    st.dates().map(str),
    st.from_regex(
        r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?)?Z?", fullmatch=True
    ),
)
_NUMBERS = st.one_of(st.integers(), st.floats(), st.decimals().map(str), st.integers(-999, 999).map(lambda n: n / 100))


@given(
    st.one_of(
        st.tuples(st.lists(_MOMENT_TEXTS, max_size=3), st.sampled_from([pa.timestamp("us"), pa.date32()])),
        st.tuples(st.lists(_MOMENT_TEXTS, max_size=3), st.just(pa.timestamp("us", "UTC"))),
        st.tuples(st.lists(_NUMBERS, max_size=3), st.sampled_from([pa.decimal128(5, 2), pa.decimal128(38, 9)])),
        st.tuples(st.lists(st.integers(-1, 2), max_size=3), st.just(pa.bool_())),
    )
)
def test_a_column_at_once_is_its_values_one_by_one(case: tuple[list[Any], pa.DataType]) -> None:
    values, type_ = case
    at_once = _outcome(values, type_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_types, "_by_arrow", lambda values, type_: None)
        assert at_once == _outcome(values, type_)


def _outcome(values: list[Any], type_: pa.DataType) -> list[Any]:
    try:
        found: list[Any] = to_array(values, type_).to_pylist()
    except ValueError:
        return ["a value does not fit"]
    return found


@pytest.mark.parametrize("width", [10, 1_000, 1_000_000])
def test_pages_grow_to_half_of_the_bytes_and_not_beyond(width: int) -> None:
    size = PageSize(max_rows=50_000, max_bytes=10_000_000)
    asked = []
    for _ in range(8):
        asked.append(size.rows)
        size.learn(size.rows, size.rows * width)
    assert asked[0] == 1_000
    assert asked[-1] == min(50_000, max(1, 5_000_000 // width))
    assert all(after <= 4 * before for before, after in itertools.pairwise(asked))


def test_a_wider_page_makes_the_next_one_shorter() -> None:
    size = PageSize(max_rows=50_000, max_bytes=10_000_000)
    size.learn(1_000, 9_000_000)
    assert size.rows == 555
    size.learn(0, 0)
    assert size.rows == 555


@pytest.mark.parametrize(
    ("query", "text", "parameters"),
    [
        ("SELECT a FROM t WHERE b = :b", "b = :b", {"b": "1"}),
        ("SELECT a::int FROM t WHERE b=:b AND c = ':b'", "a::int FROM t WHERE b=:b AND c = ':b'", {"b": "1"}),
        ("SELECT \":b\", `:b`, x[1:2], 'it''s :b' FROM t;", "x[1:2], 'it''s :b' FROM t", {}),
        ("SELECT '12:30', :c FROM t", "'12:30', :c", {}),
    ],
)
def test_only_named_parameters_outside_of_quotes_are_given(query: str, text: str, parameters: dict[str, str]) -> None:
    relation = Relation(query=query, parameters=(("b", "1"), ("unused", "2")))
    compiled = sa.select(sa.literal_column("*")).select_from(relation.source()).compile()
    assert text in str(compiled)
    assert compiled.params == parameters


def names(**keys: str) -> TableNames:
    required = {"connection.url": "jdbc:sqlite:x", "mode": "bulk", "topic.prefix": "x"}
    given = {key.replace("_", "."): value for key, value in keys.items()}
    return TableNames.from_config(CONFIG.parse({**required, **given}))


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("orders", [(None, "orders")]),
        ("shop.orders", [(None, "shop.orders"), ("shop", "orders")]),
        ("db.shop.orders", [(None, "db.shop.orders"), ("shop", "orders")]),
        ("a.b.c", [(None, "a.b.c"), ("a", "b.c"), ("a.b", "c")]),
        ('"a.b".c', [("a.b", "c")]),
        ('"db"."My Shop"."orders"', [("My Shop", "orders")]),
        ("`shop`.`my orders`", [("shop", "my orders")]),
    ],
)
def test_a_name_may_be_read_in_several_ways(text: str, readings: list[tuple[str | None, str]]) -> None:
    assert TableNames([text], (), frozenset(), (), "db").readings(text) == readings


@pytest.mark.parametrize(
    ("text", "pattern", "columns"),
    [
        ("a.*:id", "a.*", ("id",)),
        ("a.*:[x | y]", "a.*", ("x", "y")),
        ("(?:a|b):id", "(?:a|b)", ("id",)),
    ],
)
def test_mappings_of_columns(text: str, pattern: str, columns: tuple[str, ...]) -> None:
    assert parsed_mapping(text) == (pattern, columns)


@pytest.mark.parametrize(
    ("backend", "shown", "digits"),
    [
        ("postgresql", ("t", "1114", 0, None), 0),
        ("postgresql", ("t", "1184", None, None), 6),
        ("mariadb", ("t", "12", 19, 0), 0),
        ("mysql", ("t", "7", 23, 3), 3),
        ("mysql", ("t", "253", 23, 31), 6),
        ("oracle", ("T", "<DbType DB_TYPE_DATE>", None, None), 0),
        ("oracle", ("T", "<DbType DB_TYPE_TIMESTAMP>", 0, 9), 6),
        ("sqlite", ("t", "None", None, None), 0),
    ],
)
def test_how_many_digits_of_a_second_a_column_keeps(backend: str, shown: tuple[Any, ...], digits: int) -> None:
    assert second_digits(shown, backend) == digits


@given(st.integers())
def test_a_number_of_any_length_survives_its_offset(number: int) -> None:
    offset = orjson.loads(orjson.dumps(Position(number).to_offset()))
    assert position_from(offset, UTC, None, as_text=False) == Position(number)


@pytest.mark.parametrize(
    ("offset", "moment"),
    [
        ({"timestamp": 1767225600123}, "2026-01-01 00:00:00.123000"),
        ({"timestamp": 1767225600123, "timestamp_nanos": 123_456_000}, "2026-01-01 00:00:00.123456"),
        ({"timestamp": -1}, "1969-12-31 23:59:59.999000"),
    ],
)
def test_offsets_of_confluents_connector_are_read(offset: dict[str, Any], moment: str) -> None:
    found = position_from(offset, UTC, pa.timestamp("us"), as_text=False).timestamp
    assert found == datetime.datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("pattern", "matched", "qualified"),
    [
        (".*", ["public.a", "public.ab", "shop.a"], False),
        ("a.*", ["public.a", "public.ab"], False),
        ("shop\\..*", ["shop.a"], True),
        ("shop.[ab]", ["shop.a"], True),
        ("(a|b)", ["public.a"], False),
        ("public.a.+", ["public.ab"], True),
    ],
)
def test_patterns_match_wholly(pattern: str, matched: list[str], qualified: bool) -> None:
    chosen = names(table_include_list=pattern)
    assert (chosen.grows, chosen.names, chosen.qualified) == (True, [], qualified)
    tables = [("public", "a"), ("public", "ab"), ("shop", "a")]
    found = [f"{s}.{t}" for s, t in tables if chosen.matches(s, t, default=s == "public")]
    assert found == matched


def test_plain_names_are_names_and_choose_nothing_that_comes() -> None:
    assert names(table_include_list="a,shop.b").names == ["a", "shop.b"]
    assert not names(table_include_list="a,shop.b").grows
    assert not names(table_whitelist="a").grows
    assert names().grows


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("a_b", ["a_b"]), ("a_c", ["axc"]), ("a%", ["a_b", "axb", "axc"]), ("x", []), ("%", ["a_b", "axb", "axc"])],
)
def test_like(pattern: str, found: list[str]) -> None:
    assert like(pattern, ["a_b", "axb", "axc"]) == found


@given(
    st.integers(1, 6), st.sets(st.text("abc", min_size=1, max_size=3)), st.sets(st.text("abcd", min_size=1, max_size=4))
)
def test_each_table_is_one_tasks_whether_there_or_new(tasks: int, there: set[str], later: set[str]) -> None:
    configs = shares([Relation(table) for table in sorted(there)], tasks, watched=True)
    assert len(configs) == max(1, min(tasks, len(there)))
    own = [[table for _, table in orjson.loads(config["tables"])] for config in configs]
    for table in sorted(there | later):
        takers = [number for number, config in enumerate(configs) if share_of(config).includes(Relation(table))]
        assert len(takers) == 1
        assert table not in there or table in own[takers[0]]


def test_moments_are_in_order_whatever_they_are() -> None:
    moments = [None, "-infinity", "0100-01-01 BC", "0044-03-15 BC", MOMENT, "10000-01-01", "infinity"]
    assert all(before < after for before, after in itertools.pairwise(map(moment_order, moments)))
    assert earlier(MOMENT, datetime.timedelta(hours=1)) == MOMENT - datetime.timedelta(hours=1)
    assert earlier(datetime.date(2026, 1, 3), datetime.timedelta(days=1)) == datetime.date(2026, 1, 1)
    assert earlier("infinity", datetime.timedelta(1)) is None
    assert earlier(datetime.datetime.min.replace(tzinfo=UTC), datetime.timedelta(1)) is None


CONFLUENT = {
    "connection.attempts": 3,
    "connection.backoff.ms": 10_000,
    "catalog.pattern": None,
    "schema.pattern": None,
    "db.timezone": "UTC",
    "numeric.precision.mapping": False,
    "numeric.mapping": None,
    "quote.sql.identifiers": "always",
    "incrementing.column.name": None,
    "timestamp.initial": None,
    "timestamp.granularity": "connect_logical",
    "validate.non.null": True,
    "query.suffix": "",
    "table.types": ["TABLE"],
    "poll.interval.ms": 5000,
    "table.poll.interval.ms": 60_000,
    "timestamp.delay.interval.ms": 0,
    "incrementing.column.mapping": None,
    "timestamp.columns.mapping": None,
    "query.masked": None,
    "query.retry.attempts": -1,
    "transaction.isolation.mode": "DEFAULT",
    "topic.prefix": "",
    "max.buffer.size": 0,
    "poll.linger.ms": 5000,
    "table.monitoring.startup.polling.limit.ms": 10_000,
    "jdbc.credentials.provider.class": None,
}


def test_keys_have_the_defaults_of_confluents_connector() -> None:
    config = CONFIG.parse({"connection.url": "jdbc:sqlite:x", "mode": "bulk"})
    assert {key: config[key] for key in CONFLUENT} == CONFLUENT
    assert not any(config[key] for key in ("table.whitelist", "table.blacklist", "query", "dialect.name"))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("dialect.name", "Db2DatabaseDialect", "PostgreSqlDatabaseDialect"),
        ("table.include.list", "a(", "not a regular expression"),
        ("table.types", "TABLE,SYNONYM", "SYNONYM can not be read"),
        ("quote.sql.identifiers", "maybe", "always or never"),
        ("numeric.mapping", "best", "best_fit_eager_double"),
        ("timestamp.granularity", "seconds", "micros_long"),
        ("transaction.horizon.lookback", "-2", "-1"),
        ("incrementing.column.mapping", "orders", "use pattern:column"),
        ("incrementing.column.mapping", "orders:[a|b]", "name one"),
        ("timestamp.columns.mapping", "o(:[a]", "not a regular expression"),
        ("transaction.isolation.mode", "SQL_SERVER_SNAPSHOT", "SQL Server is not supported"),
        ("jdbc.credentials.provider.class", "com.example.Vault", "${provider:path:key}"),
        ("topic.prefix", "my topic", "letters, digits"),
    ],
)
def test_a_value_that_is_none_is_refused_with_those_that_are(key: str, value: str, words: str) -> None:
    config = {"connection.url": "jdbc:sqlite:x", "mode": "bulk", "topic.prefix": "x", key: value}
    [message] = [error for each in CONFIG.validate(config) for error in each.errors]
    assert words in message

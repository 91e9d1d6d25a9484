"""Oracle without a server: the SQL that is written, the types that are asked for, and the driver's own data frames.

What stands in for a connection answers as python-oracledb's documentation says a server does; frames are the driver's.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import oracledb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import oracle
from sqlalchemy.dialects.oracle import oracledb as dialect_module
from sqlalchemy.engine import Connection

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.column_types import TypeMapping, arrow_type
from tidegate.connectors.jdbc.columns import Columns, fingerprint
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.oracle.fetch import OracleFetch, requested_schema
from tidegate.connectors.jdbc.oracle.moments import literal
from tidegate.connectors.jdbc.reflection import Reflection
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.stream import CursorStream
from tidegate.connectors.jdbc.url import parse_url
from tidegate.errors import FatalError

UTC = datetime.UTC
TYPES: Any = oracle
DIALECT = cast("Any", dialect_module).dialect()
DESCRIPTION = [
    ("ID", oracledb.DB_TYPE_NUMBER, 19, None, 18, 0, False),
    ("NOTE", oracledb.DB_TYPE_VARCHAR, 20, 80, None, None, True),
    ("AT", oracledb.DB_TYPE_TIMESTAMP_TZ, 13, None, 0, 6, True),
    ("MixedCase", oracledb.DB_TYPE_NUMBER, 13, None, 10, 2, True),
]
FIELDS = (
    pa.field("ID", pa.int64(), nullable=False),
    pa.field("NOTE", pa.string()),
    pa.field("AT", pa.timestamp("us", "UTC")),
    pa.field("MixedCase", pa.decimal128(10, 2)),
)
SQL = 'SELECT "ID", "NOTE", sys_extract_utc("AT") AS "AT", "MixedCase" \nFROM "SHOP"."T"'


@pytest.mark.parametrize(
    ("type_", "mapping", "arrow"),
    [
        (TYPES.NUMBER(), "none", pa.string()),
        (TYPES.NUMBER(), "best_fit", pa.float64()),
        (TYPES.NUMBER(10, 0), "none", pa.decimal128(10, 0)),
        (TYPES.NUMBER(10, 0), "best_fit", pa.int64()),
        (TYPES.NUMBER(38, 10), "none", pa.decimal128(38, 10)),
        (TYPES.NUMBER(5, -2), "none", pa.decimal128(7, 0)),
        (TYPES.NUMBER(2, 4), "none", pa.decimal128(4, 4)),
        (sa.INTEGER(), "none", pa.decimal128(38, 0)),
        (TYPES.FLOAT(126), "none", pa.float64()),
        (oracle.BINARY_DOUBLE(), "none", pa.float64()),
        (oracle.DATE(), "none", pa.timestamp("us")),
        (oracle.TIMESTAMP(), "none", pa.timestamp("us")),
        (oracle.TIMESTAMP(timezone=True), "none", pa.timestamp("us", "UTC")),
        (oracle.TIMESTAMP(local_timezone=True), "none", pa.timestamp("us", "UTC")),
        (TYPES.INTERVAL(), "none", pa.string()),
        (oracle.RAW(16), "none", pa.binary()),
        (oracle.BLOB(), "none", pa.binary()),
        (oracle.CLOB(), "none", pa.string()),
        (oracle.NVARCHAR2(5), "none", pa.string()),
        (oracle.ROWID(), "none", pa.string()),
    ],
)
def test_types(type_: Any, mapping: str, arrow: pa.DataType) -> None:
    assert arrow_type(type_, TypeMapping(mapping), backend="oracle") == arrow


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("DB_TYPE_DATE", "to_date(:param_1, 'YYYY-MM-DD HH24:MI:SS')", "2026-07-01 12:00:00"),
        (
            "DB_TYPE_TIMESTAMP",
            "to_timestamp(:param_1, 'YYYY-MM-DD HH24:MI:SS.FF6')",
            "2026-07-01 12:00:00.000007",
        ),
        (
            "DB_TYPE_TIMESTAMP_TZ",
            "from_tz(to_timestamp(:param_1, 'YYYY-MM-DD HH24:MI:SS.FF6'), '+00:00')",
            "2026-07-01 12:00:00.000007",
        ),
    ],
)
def test_times_are_text_with_their_format(kind: str, text: str, value: str) -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2026, 7, 1, 14, 0, 0, 7, tzinfo=berlin)
    compiled = literal(moment, kind).compile(dialect=DIALECT)
    assert str(compiled) == text
    assert list(compiled.params.values()) == [value]


class Cursor:
    description = DESCRIPTION

    def __init__(self, rows: Sequence[Any] = ()) -> None:
        self._rows = list(rows)

    def fetchmany(self, size: int) -> Sequence[Any]:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def close(self) -> None:
        pass


class Server:
    """Answers as the driver would: cursors, and data frames made by the driver from Arrow."""

    def __init__(self, rows: Sequence[Any], *, refuse: str = "") -> None:
        self.dialect = DIALECT
        self.connection = SimpleNamespace(driver_connection=self)
        self.asked: list[tuple[str, dict[str, Any], pa.Schema]] = []
        self.executed: list[str] = []
        self._rows = rows
        self._refuse = refuse

    def execute(self, statement: Any) -> Any:
        self.executed.append(str(statement.compile(dialect=DIALECT)))
        return SimpleNamespace(cursor=Cursor(self._rows if "sys_extract_utc" in self.executed[-1] else ()))

    def fetch_df_batches(
        self, statement: str, parameters: dict[str, Any], size: int, *, requested_schema: pa.Schema
    ) -> Iterator[Any]:
        self.asked.append((statement, parameters, requested_schema))
        if self._refuse:
            raise oracledb.DatabaseError(self._refuse)
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(list(values), field.type) for values, field in zip(columns, requested_schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=requested_schema)
        for start in range(0, len(batch), 2):
            yield oracledb.from_arrow(batch.slice(start, 2))


class Known(Catalogue):
    def columns(self, connection: Connection, seen: Any) -> Columns:
        return Columns(FIELDS, seen)


AT = datetime.datetime(2026, 7, 1, 12, 0, 0, 7)  # noqa: DTZ001 - as the driver gives it
ROWS = [(2**40, "a", AT, Decimal("1.25")), (2, None, None, None), (3, "ä", AT, Decimal("-0.01"))]


def fetched(server: Server, *, arrow: bool = True, long: bool = False) -> tuple[Any, Columns]:
    database = Database(parse_url("jdbc:oracle:thin:@//db/X"), connect_timeout_ms=1000, statement_timeout_ms=1000)
    relation = Relation("T", "SHOP")
    fetch = OracleFetch(database, Known(relation, TypeMapping()), arrow=arrow)
    statement: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(relation.source())
    if not long:
        statement = statement.where(relation.column("ID") > 1).order_by(relation.column("ID")).limit(10)
    return fetch.open(cast("Connection", server), statement, long=long)


@pytest.mark.parametrize("arrow", [True, False])
def test_columns_and_rows_give_the_same(arrow: bool) -> None:
    server = Server(ROWS)
    stream, columns = fetched(server, arrow=arrow)
    rows = stream.read(100, 10**6)
    assert stream.finished
    reading = columns.read(rows)
    assert reading.problems == {}
    assert reading.sound().to_pylist() == [
        {"ID": 2**40, "NOTE": "a", "AT": AT.replace(tzinfo=UTC), "MixedCase": Decimal("1.25")},
        {"ID": 2, "NOTE": None, "AT": None, "MixedCase": None},
        {"ID": 3, "NOTE": "ä", "AT": AT.replace(tzinfo=UTC), "MixedCase": Decimal("-0.01")},
    ]
    assert bool(server.asked) == arrow
    assert rows.row(2)[0] == 3
    assert len(rows.head(2)) == 2


def test_the_statement_has_its_limit_in_it_and_its_values_apart() -> None:
    server = Server(ROWS)
    fetched(server)
    [(statement, parameters, schema)] = server.asked
    assert statement == f'{SQL} \nWHERE "ID" > :ID_1 ORDER BY "ID"\n FETCH FIRST 10 ROWS ONLY'
    assert parameters == {"ID_1": 1}
    assert schema.types == [pa.int64(), pa.string(), pa.timestamp("us"), pa.decimal128(10, 2)]


def test_a_whole_table_comes_in_parts_of_bounded_size() -> None:
    stream, _ = fetched(Server(ROWS), long=True)
    assert [len(stream.read(1, 10**6)), stream.finished] == [1, False]
    assert [len(stream.read(100, 10**6)), stream.finished] == [2, True]


def test_a_page_with_a_value_that_does_not_fit_is_fetched_by_rows() -> None:
    server = Server([(1, "a", AT, Decimal("123456789.01"))], refuse="DPY-4037: value does not fit")
    stream, columns = fetched(server)
    assert isinstance(stream, CursorStream)
    assert list(columns.read(stream.read(10, 10**6)).problems) == [0]


def test_a_table_altered_meanwhile_is_looked_at_anew_and_a_lost_server_is_told() -> None:
    server = Server(ROWS, refuse="ORA-00904: invalid identifier")
    with pytest.raises(Exception, match="changed 5 times"):
        fetched(server)
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        fetched(Server(ROWS, refuse="DPY-4011: the database closed the connection"))


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (pa.field("n", pa.string()), oracledb.DB_TYPE_NUMBER),
        (pa.field("i", pa.string()), oracledb.DB_TYPE_INTERVAL_DS),
        (pa.field("r", pa.string()), oracledb.DB_TYPE_ROWID),
    ],
)
def test_a_column_without_a_type_in_arrow_has_the_table_fetched_by_rows(field: pa.Field, kind: Any) -> None:
    seen = fingerprint([(field.name.upper(), kind, None, None, None, None, True)])
    assert requested_schema(Columns((field,), seen)) is None


class Inspector:
    """What SQLAlchemy shows of Oracle's catalogue: names without quotes in small letters, and known by these alone."""

    default_schema_name = "shop"

    def get_schema_names(self) -> list[str]:
        return ["shop", "Odd One"]

    def get_table_names(self, schema: str) -> list[str]:
        return {"shop": ["orders", "Mixed"], "Odd One": []}[schema]

    def has_table(self, table: str, schema: str) -> bool:
        return table in self.get_table_names(schema)

    def get_columns(self, table: str, schema: str) -> list[dict[str, Any]]:
        return {("shop", "orders"): [{"name": "id"}, {"name": "Mixed"}]}[(schema, table)]

    def get_pk_constraint(self, table: str, schema: str) -> dict[str, Any]:
        return {("shop", "orders"): {"constrained_columns": ["id"]}}[(schema, table)]


def test_names_are_those_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sa, "inspect", lambda connection: Inspector())
    reflection = Reflection(cast("Connection", SimpleNamespace(dialect=DIALECT)))
    assert reflection.default_schema == "SHOP"
    assert reflection.schemas() == ["SHOP", "Odd One"]
    assert reflection.tables("SHOP") == ["ORDERS", "Mixed"]
    assert reflection.has_table("ORDERS", "SHOP") and reflection.has_table("Mixed", "SHOP")
    assert [column["name"] for column in reflection.columns(Relation("ORDERS", "SHOP"))] == ["ID", "Mixed"]
    assert reflection.primary_key(Relation("ORDERS", "SHOP")) == ["ID"]


def test_a_dead_end_says_where() -> None:
    database = Database(parse_url("jdbc:oracle:thin:@//db/X"), connect_timeout_ms=1000, statement_timeout_ms=1000)
    error = sa.exc.DatabaseError("SELECT", {}, oracledb.DatabaseError("ORA-00942: table or view does not exist"))
    assert isinstance(database.translate(error), FatalError)

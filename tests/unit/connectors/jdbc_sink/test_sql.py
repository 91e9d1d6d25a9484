"""The SQL that the JDBC sink writes, for each database."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.mariadb import MariaDB
from tidegate.connectors.jdbc_sink.postgresql import PostgreSQL
from tidegate.connectors.jdbc_sink.sqlite import SQLite
from tidegate.connectors.jdbc_sink.table_id import TableId, table_id
from tidegate.errors import FatalError

ORDERS = TableId("orders", "shop")
FIELDS = [
    pa.field("name", pa.string(), nullable=False),
    pa.field("price", pa.decimal128(10, 2)),
    pa.field("at", pa.timestamp("ms", "UTC")),
]
KEY = [pa.field("id", pa.string(), nullable=False)]


def test_a_table_is_made_with_the_types_of_its_database() -> None:
    assert PostgreSQL().create_table(ORDERS, KEY, FIELDS) == (
        'CREATE TABLE "shop"."orders" ("id" TEXT NOT NULL, "name" TEXT NOT NULL, "price" NUMERIC(10, 2), '
        '"at" TIMESTAMPTZ, PRIMARY KEY ("id"))'
    )
    assert MariaDB().create_table(ORDERS, KEY, FIELDS) == (
        "CREATE TABLE `shop`.`orders` (`id` VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, "
        "`name` LONGTEXT NOT NULL, `price` DECIMAL(10, 2), `at` DATETIME(3), PRIMARY KEY (`id`)) "
        "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4"
    )
    assert SQLite().create_table(TableId("orders"), [], FIELDS) == (
        'CREATE TABLE "orders" ("name" TEXT NOT NULL, "price" NUMERIC(10, 2), "at" TIMESTAMP)'
    )


def test_an_added_column_is_nullable() -> None:
    assert SQLite().add_column(TableId("t"), FIELDS[0]) == 'ALTER TABLE "t" ADD COLUMN "name" TEXT'


def test_statements_of_postgresql() -> None:
    sql = PostgreSQL()
    assert sql.stage("s", ORDERS, ["id", "a"]) == (
        'CREATE TEMPORARY TABLE "s" ON COMMIT DELETE ROWS AS SELECT "id", "a" FROM "shop"."orders" WITH NO DATA'
    )
    assert sql.copy('"s"', ["id", "a"]) == 'COPY "s" ("id", "a") FROM STDIN'
    assert sql.upsert(ORDERS, "s", ["id"], ["a", "b"]) == (
        'INSERT INTO "shop"."orders" ("id", "a", "b") SELECT "id", "a", "b" FROM "s" '
        'ON CONFLICT ("id") DO UPDATE SET "a" = EXCLUDED."a", "b" = EXCLUDED."b"'
    )
    assert sql.upsert(ORDERS, "s", ["id"], []).endswith('ON CONFLICT ("id") DO NOTHING')
    assert sql.update(ORDERS, "s", ["k", "l"], ["a"]) == (
        'UPDATE "shop"."orders" AS t SET "a" = s."a" FROM "s" AS s WHERE t."k" = s."k" AND t."l" = s."l"'
    )
    assert sql.delete(ORDERS, "s", ["k"]) == 'DELETE FROM "shop"."orders" AS t USING "s" AS s WHERE t."k" = s."k"'


def test_statements_of_mariadb() -> None:
    sql = MariaDB()
    assert sql.insert("`t`", ["id", "a"]) == "INSERT INTO `t` (`id`, `a`) VALUES "
    assert sql.on_duplicate(["id"], ["a"]) == (
        " ON DUPLICATE KEY UPDATE `id` = IF(`id` <=> VALUES(`id`), `id`, NULL), `a` = VALUES(`a`)"
    )
    assert sql.update(ORDERS, "s", ["id"], ["a"]) == (
        "UPDATE `shop`.`orders` AS t JOIN `s` AS s ON t.`id` = s.`id` SET t.`a` = s.`a`"
    )
    assert sql.delete(ORDERS, ["k", "l"]) == "DELETE FROM `shop`.`orders` WHERE (`k`, `l`) IN ("


def test_statements_of_sqlite() -> None:
    sql, table = SQLite(), TableId("t")
    assert sql.insert(table, ["id", "a"]) == 'INSERT INTO "t" ("id", "a") VALUES (?, ?)'
    assert sql.upsert(table, ["id"], ["a"]) == (
        'INSERT INTO "t" ("id", "a") VALUES (?, ?) ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a"'
    )
    assert sql.update(table, ["id"], ["a", "b"]) == 'UPDATE "t" SET "a" = ?, "b" = ? WHERE "id" = ?'
    assert sql.delete(table, ["k", "l"]) == 'DELETE FROM "t" WHERE "k" = ? AND "l" = ?'


@pytest.mark.parametrize(("dialect", "quoted"), [(PostgreSQL(), '"a""b"'), (MariaDB(), '`a"b`'), (SQLite(), '"a""b"')])
def test_quotes_in_names_are_doubled(dialect: Dialect, quoted: str) -> None:
    assert dialect.name('a"b') == quoted


def test_names_without_quotes_are_plain_or_refused() -> None:
    assert PostgreSQL(quoted=False).table(ORDERS) == "shop.orders"
    with pytest.raises(FatalError, match=r"quote\.sql\.identifiers=always"):
        PostgreSQL(quoted=False).name("a b; DROP TABLE t")


@pytest.mark.parametrize(
    ("text", "topic", "table"),
    [
        ("${topic}", "orders", TableId("orders")),
        ("kafka_${topic}", "orders", TableId("kafka_orders")),
        ("${topic}", "shop.orders", TableId("orders", "shop")),
        ('"${topic}"', "shop.orders", TableId("shop.orders")),
        ('shop."a""b"', "", TableId('a"b', "shop")),
        ("db.shop.orders", "", TableId("orders", "shop")),
        ("shop.`o.x`", "", TableId("o.x", "shop")),
    ],
)
def test_a_topic_has_its_table(text: str, topic: str, table: TableId) -> None:
    assert table_id(text, topic, database="db") == table


@pytest.mark.parametrize("text", ["a.b.c.d", "other.shop.orders", "a.", ".a", 'a"b', '""'])
def test_what_names_no_table_is_refused(text: str) -> None:
    with pytest.raises(FatalError, match=r"table\.name\.format"):
        table_id(text, "t", database="db")


@pytest.mark.parametrize(
    ("type_", "postgresql", "mariadb", "sqlite"),
    [
        (pa.bool_(), "BOOLEAN", "BOOLEAN", "BOOLEAN"),
        (pa.int8(), "SMALLINT", "TINYINT", "INTEGER"),
        (pa.uint16(), "INTEGER", "SMALLINT UNSIGNED", "INTEGER"),
        (pa.int32(), "INTEGER", "INTEGER", "INTEGER"),
        (pa.uint32(), "BIGINT", "INTEGER UNSIGNED", "INTEGER"),
        (pa.int64(), "BIGINT", "BIGINT", "INTEGER"),
        (pa.uint64(), "NUMERIC(20)", "BIGINT UNSIGNED", "TEXT"),
        (pa.float32(), "REAL", "FLOAT", "REAL"),
        (pa.float64(), "DOUBLE PRECISION", "DOUBLE", "REAL"),
        (pa.decimal128(38, 10), "NUMERIC(38, 10)", "DECIMAL(38, 10)", "TEXT"),
        (pa.date32(), "DATE", "DATE", "DATE"),
        (pa.time64("us"), "TIME", "TIME(6)", "TIME"),
        (pa.timestamp("us"), "TIMESTAMP", "DATETIME(6)", "TIMESTAMP"),
        (pa.timestamp("ns", "UTC"), "TIMESTAMPTZ", "DATETIME(6)", "TIMESTAMP"),
        (pa.binary(), "BYTEA", "LONGBLOB", "BLOB"),
        (pa.uuid(), "UUID", "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin", "TEXT"),
        (pa.list_(pa.int32()), "INTEGER[]", "JSON", "TEXT"),
        (pa.struct([("a", pa.int32())]), "JSONB", "JSON", "TEXT"),
        (pa.map_(pa.string(), pa.int32()), "JSONB", "JSON", "TEXT"),
        (pa.duration("us"), "INTERVAL", "LONGTEXT", "TEXT"),
    ],
)
def test_types(type_: pa.DataType, postgresql: str, mariadb: str, sqlite: str) -> None:
    made = [dialect.column_type(type_) for dialect in (PostgreSQL(), MariaDB(), SQLite())]
    assert made == [postgresql, mariadb, sqlite]

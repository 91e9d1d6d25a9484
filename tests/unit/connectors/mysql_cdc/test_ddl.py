"""What statements change about tables."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.ddl import (
    Alter,
    Context,
    Create,
    DatabaseChange,
    Drop,
    DropDatabase,
    Rename,
    Truncate,
    Unknown,
    changes,
    constant,
    type_of,
)
from tidegate.connectors.mysql_cdc.default_text import told_default
from tidegate.connectors.mysql_cdc.sql_tokens import Kind, Token
from tidegate.connectors.mysql_cdc.statement_time import StatementTime

T = TableId("d", "t")
CONTEXT = Context("d", charset_of={"d": "utf8mb4", "e": "latin1"}.get)


def created(statement: str, context: Context = CONTEXT) -> TableDefinition:
    (change,) = changes(statement, context)
    assert isinstance(change, Create)
    return change.definition


def altered(statement: str, definition: TableDefinition) -> TableDefinition:
    change = changes(statement, CONTEXT)[0]
    assert isinstance(change, Alter)
    return change.change(definition)


BASE = created("CREATE TABLE t (id int PRIMARY KEY, a varchar(10) NOT NULL, b text, UNIQUE KEY u (a))")


def test_a_table_with_everything() -> None:
    made = created(
        """
        create table if not exists `d`.`t` ( -- a comment, with a comma
            id int(10) unsigned zerofill NOT NULL AUTO_INCREMENT COMMENT 'it''s, (the) id',
            `na``me` enum('a','b,c)','d\\'e') CHARACTER SET latin1 DEFAULT 'a',
            ts timestamp(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
            price decimal(10,2) DEFAULT (1 + (2)), j longtext CHECK (json_valid(`j`)), k json,
            g int GENERATED ALWAYS AS (id + 1) VIRTUAL, n national varchar(5), bin char(3) byte,
            real_one double precision, period int, u uuid, flag boolean,
            CONSTRAINT `pk` PRIMARY KEY USING BTREE (`id`, ts DESC), UNIQUE INDEX one (price), KEY k1 (ts),
            CONSTRAINT fk FOREIGN KEY (id) REFERENCES x (id) ON DELETE SET NULL, CHECK (id > 0),
            FULLTEXT KEY f (n)
        ) ENGINE=InnoDB DEFAULT CHARSET=latin2 COMMENT='CHARSET=utf8' /*!50100 PARTITION BY HASH (id) PARTITIONS 2 */
        """
    )
    assert made == TableDefinition(
        T,
        (
            Column("id", "int", 10, unsigned=True, nullable=False),
            Column("na`me", "enum", charset="latin1", values=("a", "b,c)", "d'e"), default="a"),
            Column("ts", "timestamp", 3, nullable=False),
            Column("price", "decimal", 10, 2),
            Column("j", "json", charset="latin2"),
            Column("k", "json"),
            Column("g", "int"),
            Column("n", "varchar", 5, charset="utf8mb3"),
            Column("bin", "binary", 3),
            Column("real_one", "double"),
            Column("period", "int"),
            Column("u", "uuid"),
            Column("flag", "tinyint", 1),
        ),
        ("id", "ts"),
        {"one": ("price",)},
        "latin2",
    )


@pytest.mark.parametrize(
    ("kind", "literal", "text"),
    [
        ("int", "0", "0"),
        ("int", "- 5", "-5"),
        ("int", "(7)", "7"),
        ("int", "'8'", "8"),
        ("int", "0x10", "16"),
        ("int", "TRUE", "1"),
        ("int", "NULL", None),
        ("int", "(1 + 1)", None),
        ("int", "1.5", "2"),
        ("int", "1e3", "1000"),
        ("int", "'x'", None),
        ("tinyint(1)", "false", "0"),
        ("decimal(10,2)", "1.005", "1.01"),
        ("decimal(60,2)", "12345678901234567890123456789012345678901234567890.5", f"{'1234567890' * 5}.50"),
        ("set('a','B','c')", "'c,b'", "B,c"),
        ("decimal(10,2)", "-1.50", "-1.50"),
        ("double", "1e3", "1e3"),
        ("varchar(9)", "'it''s'", "it's"),
        ("varchar(9)", "_utf8mb4'x'", "x"),
        ("varchar(9)", "5", "5"),
        ("varchar(9)", "x'41'", "A"),
        ("text", "('long')", "long"),
        ("text", "(concat('a', 'b'))", None),
        ("binary(3)", "'a'", "a\0\0"),
        ("varbinary(3)", "x'00FF'", "\x00\u00ff"),
        ("bit(1)", "b'1'", "\1"),
        ("bit(10)", "0b1100000001", "\3\1"),
        ("bit(1)", "2", None),
        ("enum('New','old')", "'new'", "New"),
        ("enum('a')", "'b'", None),
        ("date", "'2020-01-02'", "2020-01-02"),
        ("datetime", "'0000-00-00 00:00:00'", "0000-00-00"),
        ("datetime", "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP", None),
        ("timestamp", "0", "0000-00-00"),
        ("timestamp", "'2020-01-01 00:00:00'", None),
        ("uuid", "uuid()", None),
    ],
)
def test_a_default(kind: str, literal: str, text: str | None) -> None:
    made = created(f"CREATE TABLE t (c {kind} NOT NULL DEFAULT {literal} COMMENT 'DEFAULT 1', d int)")
    assert [one.default for one in made.columns] == [text, None]
    again = altered(f"ALTER TABLE t ALTER COLUMN c SET DEFAULT {literal}", created(f"CREATE TABLE t (c {kind}, d int)"))
    assert again.columns[0].default == text


@pytest.mark.parametrize(
    ("kind", "zone", "text"),
    [
        ("timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", None, "2020-01-02 03:04:05"),
        ("timestamp(3) DEFAULT now(3) ON UPDATE now(3)", "SYSTEM", "2020-01-02 03:04:05.678"),
        ("datetime DEFAULT CURRENT_TIMESTAMP()", "+02:00", "2020-01-02 05:04:05"),
        ("datetime(6) DEFAULT LOCALTIMESTAMP(6)", "-03:30", "2020-01-01 23:34:05.678901"),
        ("datetime DEFAULT CURRENT_TIMESTAMP", "Europe/Berlin", "2020-01-02 04:04:05"),
        ("datetime DEFAULT CURRENT_TIMESTAMP", "SYSTEM", None),
        ("datetime DEFAULT CURRENT_TIMESTAMP", None, None),
    ],
)
def test_rows_get_the_time_in_a_column_that_is_added(kind: str, zone: str | None, text: str | None) -> None:
    moment = StatementTime(1_577_934_245_678_901, zone)
    for statement in (f"ALTER TABLE t ADD c {kind}", f"ALTER TABLE t ADD (c {kind})"):
        (change,) = changes(statement, Context("d", time=moment))
        assert isinstance(change, Alter)
        assert change.change(BASE).columns[-1].default == text
    for statement in (f"ALTER TABLE t MODIFY b {kind}", f"ALTER TABLE t CHANGE b c {kind}"):
        (change,) = changes(statement, Context("d", time=moment))
        assert isinstance(change, Alter)
        assert change.change(BASE).columns[-1].default is None


def test_a_default_that_is_dropped_still_stands_for_older_records() -> None:
    made = created("CREATE TABLE t (c int NOT NULL DEFAULT 1)")
    assert altered("ALTER TABLE t ALTER c DROP DEFAULT, ALTER INDEX i INVISIBLE", made) == made
    assert altered("ALTER TABLE t MODIFY c int NOT NULL", made).columns[0].default is None


def test_the_catalogues_defaults() -> None:
    assert constant("'it''s'") == Token(Kind.STRING, "it's")
    assert [constant(text) for text in ("current_timestamp()", "NULL", "1 + 1", "uuid()")] == [None] * 4
    told = {"int": "5", "varchar(9)": "b'x", "bit(2)": "b'11'", "varbinary(9)": "0x00FF", "datetime": "2020-01-01"}
    assert [told_default(type_of("c", kind), text) for kind, text in told.items()] == [
        "5",
        "b'x",
        "\3",
        "\x00\u00ff",
        "2020-01-01",
    ]


def test_character_sets_come_from_column_table_and_database() -> None:
    made = created("CREATE TABLE e.t (a char(1), b text COLLATE utf8mb4_bin, c text CHARACTER SET binary)")
    assert [(one.type, one.charset) for one in made.columns] == [
        ("char", "latin1"),
        ("text", "utf8mb4"),
        ("blob", None),
    ]
    made = altered("ALTER TABLE t CONVERT TO CHARACTER SET koi8r", BASE)
    assert [one.charset for one in made.columns] == [None, "koi8r", "koi8r"]
    assert altered("ALTER TABLE t DEFAULT COLLATE = latin2_bin, ADD c text", BASE).columns[-1].charset == "latin2"


@pytest.mark.parametrize(
    ("statement", "names", "key"),
    [
        ("ALTER TABLE t ADD COLUMN c int", "id a b c", "id"),
        ("ALTER ONLINE TABLE `t` ADD c int FIRST, ALGORITHM=INSTANT, LOCK=NONE", "c id a b", "id"),
        ("alter table d.t add column (c int, d int)", "id a b c d", "id"),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS A int, ADD COLUMN IF NOT EXISTS c int AFTER a", "id a c b", "id"),
        ("ALTER TABLE t DROP COLUMN a, DROP IF EXISTS nothing", "id b", "id"),
        ("ALTER TABLE t DROP b, ADD INDEX i (a), ADD CONSTRAINT c CHECK (a <> 'x,y')", "id a", "id"),
        ("ALTER TABLE t CHANGE COLUMN id `key` bigint NOT NULL AFTER b", "a b key", "key"),
        ("ALTER TABLE t MODIFY b text FIRST", "b id a", "id"),
        ("ALTER TABLE t RENAME COLUMN a TO z, RENAME INDEX u TO v", "id z b", "id"),
        ("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a, id)", "id a b", "a id"),
        ("ALTER TABLE t DROP PRIMARY KEY", "id a b", "a"),
        ("ALTER TABLE t DROP PRIMARY KEY, DROP INDEX u", "id a b", ""),
        ("ALTER TABLE t COMMENT='ADD COLUMN c int', ENGINE=InnoDB", "id a b", "id"),
        ("ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4", "id a b", "id"),
        ("ALTER TABLE t ADD c int DEFAULT (1) COMMENT 'FIRST' /* , DROP b */ # AFTER a", "id a b c", "id"),
        ("SET STATEMENT max_statement_time=10 FOR ALTER TABLE t ADD c int", "id a b c", "id"),
        ("ALTER TABLE t ADD SYSTEM VERSIONING", "id a b", "id"),
    ],
)
def test_altered_tables(statement: str, names: str, key: str) -> None:
    made = altered(statement, BASE)
    assert (made.names, list(made.key)) == (names.split(), key.split())


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE IF EXISTS `a`, d2.b /* generated by server */", [Drop([TableId("d", "a"), TableId("d2", "b")])]),
        ("RENAME TABLE t TO x, e.y TO t", [Rename([(T, TableId("d", "x")), (TableId("e", "y"), T)])]),
        ("TRUNCATE t", [Truncate(T)]),
        ("TRUNCATE TABLE `d`.`t`", [Truncate(T)]),
        ("CREATE DATABASE IF NOT EXISTS n CHARACTER SET = utf8", [DatabaseChange("n", "utf8")]),
        ("ALTER DATABASE CHARSET latin1", [DatabaseChange("d", "latin1")]),
        ("ALTER SCHEMA `n` COLLATE utf8mb4_general_ci", [DatabaseChange("n", "utf8mb4")]),
        ("DROP DATABASE n", [DropDatabase("n")]),
        ("CREATE TEMPORARY TABLE t (a int)", []),
        ("CREATE VIEW v AS SELECT 1", []),
        ("CREATE USER x", []),
        ("DROP VIEW v", []),
        ("GRANT ALL ON *.* TO x", []),
        ("CREATE INDEX i ON t (a)", []),
    ],
)
def test_other_statements(statement: str, expected: list[Any]) -> None:
    assert changes(statement, CONTEXT) == expected


def test_a_table_like_another() -> None:
    (change,) = changes("CREATE TABLE IF NOT EXISTS t (LIKE e.x)", CONTEXT)
    assert isinstance(change, Create)
    assert (change.definition.table, change.like, change.unless_there) == (T, TableId("e", "x"), True)


def test_a_renamed_table_is_altered_first() -> None:
    alter, rename = changes("ALTER TABLE t RENAME TO e.u, ADD c int", CONTEXT)
    assert isinstance(alter, Alter)
    assert alter.change(BASE).names == ["id", "a", "b", "c"]
    assert rename == Rename([(T, TableId("e", "u"))])


def test_unique_indexes_stand_in_for_a_primary_key() -> None:
    made = created("CREATE TABLE t (a int, b int NOT NULL)")
    assert made.key == ()
    assert altered("CREATE UNIQUE INDEX i ON t (b)", made).key == ("b",)
    assert altered("CREATE UNIQUE INDEX i ON t (a)", made).key == ()
    assert altered("DROP INDEX u ON t", BASE).unique == {}


def test_a_table_that_is_not_understood_is_not_known() -> None:
    assert isinstance(changes("CREATE TABLE t SELECT 1 AS a", CONTEXT)[0], Unknown)


def test_double_quotes_are_what_the_session_says() -> None:
    context = Context("d", ansi_quotes=True, backslashes=False)
    made = created("""CREATE TABLE "t" ("a" int COMMENT 'c:\\', b int)""", context)
    assert made.names == ["a", "b"]


def test_types_of_the_catalogue() -> None:
    assert type_of("c", "bigint(20) unsigned") == Column("c", "bigint", 20, unsigned=True)
    assert type_of("c", "set('a','b')").values == ("a", "b")
    assert type_of("c", "varchar(9) /*M!100301 COMPRESSED*/") == Column("c", "varchar", 9)


def test_what_is_kept_is_read_again() -> None:
    made = altered("ALTER TABLE t ADD c int DEFAULT 5", BASE)
    assert TableDefinition.of(T, made.kept()) == made


def test_what_was_kept_without_defaults_is_read() -> None:
    assert Column.of(["c", "int", None, None, 0, None, [], 1]) == Column("c", "int")

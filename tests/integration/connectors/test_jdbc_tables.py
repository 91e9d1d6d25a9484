"""Which tables the JDBC source reads: by name, by pattern, by type, in which schemas, and those that come and go."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.devstack import Postgres
from tidegate.errors import ConfigError, FatalError

Database = tuple[psycopg.Connection[Any], dict[str, str]]


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    name = f"tables_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    config = {
        "connection.url": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{name}",
        "connection.user": postgres.user,
        "connection.password": postgres.password,
        "topic.prefix": "db.",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "poll.interval.ms": "1",
        "table.poll.interval.ms": "1",
    }
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        yield connection, config


def make(connection: psycopg.Connection[Any], *tables: str) -> None:
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)".encode())
        connection.execute(f"INSERT INTO {table} VALUES (1)".encode())


def split(config: dict[str, str], tasks: int = 1) -> list[SourceHarness]:
    connector = JdbcSourceConnector()
    return [
        SourceHarness(connector, {**config, **task})
        for task in connector.task_configs(connector.config_def.parse(config), tasks)
    ]


def topics(config: dict[str, str], polls: int = 12) -> set[str]:
    [run] = split(config)
    run.start()
    for _ in range(polls):
        run.poll()
    run.crash()
    return read(run)


def read(run: SourceHarness) -> set[str]:
    return {batch.batch.topic.removeprefix("db.") for batch in run.committed}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"table.include.list": "a_.*"}, {"a_1", "a_2"}),
        ({"table.include.list": "a_.*,b"}, {"a_1", "a_2", "b"}),
        ({"table.include.list": "public\\.a_.*"}, {"a_1", "a_2"}),
        ({"table.include.list": "shop\\.(c|d)"}, {"c", "d"}),
        ({"table.include.list": "shop.c"}, {"c"}),
        ({"table.include.list": ".*", "table.exclude.list": "public\\.a_.*"}, {"b"}),
        ({"table.blacklist": "a_1,public.b"}, {"a_2"}),
        ({"schema.pattern": "sh%"}, {"c", "d"}),
        ({"schema.pattern": "%", "table.exclude.list": "a_1"}, {"a_2", "b", "c", "d"}),
        ({"table.types": "VIEW"}, {"seen"}),
        ({"table.types": "MATERIALIZED VIEW"}, {"kept"}),
        ({"catalog.pattern": "tables\\_%".replace("\\", ""), "table.types": "TABLE,VIEW"}, {"a_1", "a_2", "b", "seen"}),
    ],
)
def test_tables_are_chosen_by_name_and_pattern(database: Database, keys: dict[str, str], expected: set[str]) -> None:
    connection, config = database
    connection.execute("CREATE SCHEMA shop")
    make(connection, "a_1", "a_2", "b", "shop.c", "shop.d")
    connection.execute("CREATE VIEW seen AS SELECT id FROM b")
    connection.execute("CREATE MATERIALIZED VIEW kept AS SELECT id FROM b")
    config = {**config, "validate.non.null": "false", **keys}
    assert JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(config)) == []
    assert topics(config) == expected


def test_a_catalog_is_a_schema_in_mariadb(target: TargetDatabase) -> None:
    if target.kind != "mariadb":
        pytest.skip("catalogs are schemas in MariaDB alone")
    target.run("CREATE TABLE t (id INT PRIMARY KEY)")
    target.run("INSERT INTO t VALUES (1)")
    catalog = target.one("SELECT database()")[0]
    config = {**target.config, "topic.prefix": "db.", "mode": "bulk", "poll.interval.ms": "1"}
    config["connection.url"] = config["connection.url"].replace(catalog, "mysql")
    assert topics({**config, "catalog.pattern": f"{catalog[:-1]}%"}, polls=1) == {"t"}


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"table.include.list": "absent"}, "table.include.list", "does not exist"),
        ({"schema.pattern": "no%"}, "schema.pattern", "matches no schema"),
        ({"catalog.pattern": "other"}, "catalog.pattern", "does not match"),
        ({"table.include.list": "a", "table.exclude.list": "a"}, "table.include.list", "chooses no table"),
    ],
)
def test_what_chooses_nothing_is_refused(database: Database, keys: dict[str, str], key: str, words: str) -> None:
    connection, config = database
    make(connection, "a")
    problems = JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse({**config, **keys}))
    assert [problem.key for problem in problems] == [key]
    assert words in problems[0].message


def test_new_tables_are_read_by_one_running_task_each(database: Database) -> None:
    connection, config = database
    make(connection, "t_1", "t_2", "t_3")
    runs = split({**config, "table.include.list": "t_.*"}, 2)
    assert len(runs) == 2
    for run in runs:
        run.start()
    later = [f"t_{number}" for number in range(4, 14)]
    make(connection, *later, "other")
    wanted = {"t_1", "t_2", "t_3", *later}
    for _ in range(30):
        for run in runs:
            run.poll()
    for run in runs:
        run.crash()
    first, second = map(read, runs)
    assert first | second == wanted
    assert not first & second
    assert sum(len(run.rows()) for run in runs) == len(wanted), "each row once"
    assert len(first) > 2 and len(second) > 1, "both have new ones"
    # The whole is split anew, as after a change of configuration: whoever reads a table goes on after its offset.
    offsets = {key: value for run in runs for key, value in run.offsets.items()}
    again = split({**config, "table.include.list": "t_.*"}, 3)
    for run in again:
        run.offsets = dict(offsets)
        run.start()
        assert sum(run.poll() for _ in range(20)) == 0
        run.crash()


def test_a_pattern_may_wait_for_its_first_table(database: Database) -> None:
    connection, config = database
    config = {**config, "table.include.list": "later_.*"}
    assert JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(config)) == []
    [run] = split(config)
    run.start()
    assert run.poll() == 0
    make(connection, "later_1")
    run.drain(1)
    run.crash()


def test_a_new_table_that_lacks_the_column_leaves_the_others_alone(database: Database) -> None:
    connection, config = database
    make(connection, "t_1")
    [run] = split({**config, "table.include.list": "t_.*"})
    run.start()
    run.drain(1)
    connection.execute("CREATE TABLE t_2 (name text)")
    connection.execute("INSERT INTO t_1 VALUES (2)")
    run.drain(2)
    connection.execute("ALTER TABLE t_2 ADD COLUMN id int NOT NULL")
    connection.execute("INSERT INTO t_2 VALUES ('a', 1)")
    run.drain(3)
    run.crash()


def test_a_table_that_is_dropped_leaves_the_others_alone(database: Database) -> None:
    connection, config = database
    make(connection, "t_1", "t_2")
    [run] = split({**config, "table.include.list": "t_.*", "table.poll.interval.ms": "3600000"})
    run.start()
    run.drain(2)
    connection.execute("DROP TABLE t_1")
    connection.execute("INSERT INTO t_2 VALUES (2)")
    run.drain(3)
    run.crash()


def test_a_table_that_is_gone_when_its_task_starts_anew_is_read_again_once_it_is_back(database: Database) -> None:
    connection, config = database
    make(connection, "t_1", "t_2", "t_3")
    runs = split({**config, "table.include.list": "t_.*"}, 3)
    for table in ("t_1", "t_3"):
        connection.execute(f"DROP TABLE {table}".encode())
    connection.execute("CREATE TABLE t_3 (name text)")
    for run in runs:
        run.start()
    runs[1].drain(1)
    assert [run.poll() for run in runs] == [0, 0, 0]
    connection.execute("DROP TABLE t_3")
    make(connection, "t_1", "t_3")
    for run in runs:
        run.drain(1)
        run.crash()
    assert [read(run) for run in runs] == [{"t_1"}, {"t_2"}, {"t_3"}], "each by the task that had it"


def test_tables_that_are_named_have_to_stay(database: Database) -> None:
    connection, config = database
    make(connection, "t_1", "t_2")
    [run] = split({**config, "table.include.list": "t_1,t_2"})
    run.start()
    run.drain(2)
    connection.execute("DROP TABLE t_1")
    with pytest.raises(FatalError, match="lacks what was asked for"):
        run.drain(3)
    run.crash()
    with pytest.raises(ConfigError, match="does not exist"):
        split({**config, "table.include.list": "t_1,t_2"})


@pytest.mark.parametrize("quoting", ["always", "never"])
def test_names_are_quoted_or_not(database: Database, quoting: str) -> None:
    connection, config = database
    connection.execute('CREATE TABLE "Mixed" (id int PRIMARY KEY, "order" int)')
    connection.execute('INSERT INTO "Mixed" VALUES (1, 2)')
    [run] = split({**config, "table.whitelist": "Mixed", "quote.sql.identifiers": quoting})
    if quoting == "always":
        run.start()
        run.drain(1)
    else:
        with pytest.raises(FatalError, match=r"mixed"):
            run.start()
    run.crash()

"""Whether a configuration runs that was written for Confluent's connector: its keys, its URLs, its names of tables."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc import JdbcSourceConnector
from tidegate.devstack import Postgres
from tidegate.errors import ConfigProblem, FatalError


def problems(config: dict[str, str]) -> list[ConfigProblem]:
    return list(JdbcSourceConnector().validate(JdbcSourceConnector.config_def.parse(config)))


def harness(target: TargetDatabase, keys: dict[str, str], *, options: str = "") -> SourceHarness:
    config = {**target.config, "topic.prefix": "db.", "poll.interval.ms": "0", **keys}
    config["connection.url"] += options
    assert problems(config) == []
    connector = JdbcSourceConnector()
    [task] = connector.task_configs(connector.config_def.parse(config), 1)
    return SourceHarness(connector, {**config, **task})


def drained(run: SourceHarness, rows: int) -> list[dict[str, Any]]:
    run.start()
    run.drain(rows)
    assert run.poll() == 0
    run.crash()
    return run.rows()


def topics(run: SourceHarness) -> set[str]:
    return {batch.batch.topic for batch in run.committed if len(batch.batch)}


def numbered(target: TargetDatabase) -> str:
    found: str = target.pick(
        postgresql="{} bigserial PRIMARY KEY",
        mariadb="{} BIGINT AUTO_INCREMENT PRIMARY KEY",
        sqlite="{} INTEGER PRIMARY KEY AUTOINCREMENT",
    )
    return found


def test_without_a_name_the_column_is_the_one_the_database_numbers(target: TargetDatabase) -> None:
    target.run(f"CREATE TABLE a (v INTEGER, {numbered(target).format('id')})")
    target.run(f"CREATE TABLE b (v INTEGER, {numbered(target).format('other')})")
    for table in ("a", "b"):
        target.run(f"INSERT INTO {table} (v) VALUES (1), (2), (3)")
    run = harness(target, {"mode": "incrementing", "incrementing.column.name": "", "batch.max.rows": "2"})
    drained(run, 6)
    assert topics(run) == {"db.a", "db.b"}
    assert sorted(run.offsets.values(), key=str) == [{"incrementing": 3}] * 2


def test_without_a_name_and_without_numbers_the_table_is_named(target: TargetDatabase) -> None:
    target.run("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    [problem] = problems({**target.config, "topic.prefix": "db.", "mode": "incrementing"})
    assert problem.key == "incrementing.column.name"
    assert "no column with automatic numbers" in problem.message
    [problem] = problems({**target.config, "topic.prefix": "x", "mode": "incrementing", "query": "SELECT 1"})
    assert (problem.key, "missing" in problem.message) == ("incrementing.column.name", True)


def test_an_identity_column_is_numbered_by_the_database(on_postgres: TargetDatabase) -> None:
    on_postgres.run("CREATE TABLE a (v int, id int GENERATED ALWAYS AS IDENTITY)")
    on_postgres.run("INSERT INTO a (v) VALUES (7)")
    assert drained(harness(on_postgres, {"mode": "incrementing"}), 1) == [{"v": 7, "id": 1}]


def test_columns_may_differ_from_table_to_table(target: TargetDatabase) -> None:
    for table, number, changed in (("orders_a", "id", "changed"), ("orders_b", "id", "changed"), ("users", "n", "at")):
        target.run(f"CREATE TABLE {table} ({number} INTEGER NOT NULL, {changed} TIMESTAMP NOT NULL)")
        target.run(f"INSERT INTO {table} VALUES (1, '2026-01-01 00:00:00')")
    keys = {
        "mode": "timestamp+incrementing",
        "incrementing.column.mapping": "(.*\\.)?orders_.*:id,(.*\\.)?users:n",
        "timestamp.columns.mapping": "(.*\\.)?orders_.*:[changed],(.*\\.)?users:[at]",
    }
    run = harness(target, keys)
    drained(run, 3)
    assert topics(run) == {"db.orders_a", "db.orders_b", "db.users"}
    target.run("CREATE TABLE more (n INTEGER NOT NULL)")
    [problem] = problems({**run.config, "tables": ""})
    assert (problem.key, "no pattern matches" in problem.message) == ("incrementing.column.mapping", True)


def test_a_masked_query_is_read_and_not_shown(target: TargetDatabase) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    target.run("INSERT INTO t VALUES (1), (2)")
    config = {"mode": "incrementing", "incrementing.column.name": "id"}
    config["query.masked"] = "SELECT id FROM t WHERE id <> 4711"
    assert [int(row["id"]) for row in drained(harness(target, config), 2)] == [1, 2]
    shown = JdbcSourceConnector.config_def.validate({**target.config, **config})
    assert not any("4711" in str(each.value) for each in shown)
    [problem] = problems({**target.config, "topic.prefix": "x", "mode": "bulk", "query.masked": "SELEC 4711"})
    assert (problem.key, "4711" in problem.message) == ("query.masked", False)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, note FROM t ORDER BY note DESC;  \n;",
        "SELECT id, note FROM t -- it's all :of them\n",
        "SELECT id, note /* don't :look */ FROM t WHERE note LIKE '%:a' -- the end",
        "WITH kept AS (SELECT * FROM t WHERE id > 0) SELECT id, note FROM kept WHERE note <> '%s' ORDER BY 1 LIMIT 10",
        "select x.id, x.note from t x join t y on x.id = y.id where x.note not like ':b%'",
    ],
)
def test_queries_as_people_write_them(target: TargetDatabase, query: str) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY, note VARCHAR(20))")
    target.run("INSERT INTO t VALUES (1, '10:a'), (2, 'x:a'), (3, ':a')")
    run = harness(
        target, {"mode": "incrementing", "incrementing.column.name": "id", "query": query, "batch.max.rows": "1"}
    )
    assert [int(row["id"]) for row in drained(run, 3)] == [1, 2, 3]


def test_casts_slices_and_dollar_quotes(on_postgres: TargetDatabase) -> None:
    on_postgres.run("CREATE TABLE t (id int PRIMARY KEY, a int[])")
    on_postgres.run("INSERT INTO t VALUES (1, '{1,2,3}')")
    query = "SELECT id, id::text AS t, a[1:2] AS a, $x$:id 'n$x$ AS d, E':id' AS e FROM t WHERE id = :id::int"
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "query": query, "query.parameters.id": "1"}
    assert drained(harness(on_postgres, keys), 1) == [{"id": 1, "t": "1", "a": [1, 2], "d": ":id 'n", "e": ":id"}]


def test_a_view_is_read_like_a_table(target: TargetDatabase) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
    target.run("CREATE VIEW seen AS SELECT id, v FROM t WHERE v > 0")
    target.run("INSERT INTO t VALUES (1, 1), (2, 0), (3, 3)")
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "table.whitelist": "seen"}
    run = harness(target, {**keys, "validate.non.null": "false", "batch.max.rows": "1"})
    assert [int(row["id"]) for row in drained(run, 2)] == [1, 3]
    assert topics(run) == {"db.seen"}


def test_names_of_any_form(target: TargetDatabase) -> None:
    target.run('CREATE TABLE "Sales.2026" ("Order Id" INTEGER PRIMARY KEY NOT NULL, "select" INTEGER)')
    target.run('INSERT INTO "Sales.2026" VALUES (1, 2)')
    keys = {"mode": "incrementing", "incrementing.column.name": "Order Id", "table.whitelist": "Sales.2026"}
    run = harness(target, keys)
    assert drained(run, 1) == [{"Order Id": 1, "select": 2}]
    assert topics(run) == {"db.Sales.2026"}


def test_a_table_is_found_by_all_its_names(on_postgres: TargetDatabase) -> None:
    on_postgres.run('CREATE SCHEMA "My Shop"')
    on_postgres.run('CREATE TABLE "My Shop".orders (id int PRIMARY KEY)')
    on_postgres.run('INSERT INTO "My Shop".orders VALUES (1)')
    [database] = on_postgres.one("SELECT current_database()")
    keys = {"mode": "incrementing", "incrementing.column.name": "id"}
    names = ["orders", "My Shop.orders", '"My Shop"."orders"', f"{database}.My Shop.orders"]
    for name in names:
        run = harness(on_postgres, {**keys, "table.whitelist": name})
        drained(run, 1)
        assert list(run.offsets) == [b'{"table":"My Shop.orders"}']
    run = harness(on_postgres, {**keys, "table.whitelist": "orders"}, options='?currentSchema="My Shop"')
    drained(run, 1)
    run = harness(on_postgres, {**keys, "query": "SELECT * FROM orders", "connection.currentSchema": '"My Shop"'})
    drained(run, 1)
    on_postgres.run("CREATE SCHEMA other")
    on_postgres.run("CREATE TABLE other.orders (id int PRIMARY KEY)")
    [problem] = problems({**on_postgres.config, "topic.prefix": "db.", **keys, "table.whitelist": "orders"})
    assert "is in several schemas, My Shop, other" in problem.message


def test_tables_whose_names_run_together_keep_offsets_of_their_own(on_postgres: TargetDatabase) -> None:
    for schema, table in (("a.b", "c"), ("a", "b.c")):
        on_postgres.run(f'CREATE SCHEMA "{schema}"')
        on_postgres.run(f'CREATE TABLE "{schema}"."{table}" (id int PRIMARY KEY)')
        on_postgres.run(f'INSERT INTO "{schema}"."{table}" VALUES (1)')
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "schema.pattern": "a%"}
    assert len(drained(harness(on_postgres, keys), 2)) == 2


def test_of_several_hosts_one_that_answers_is_taken(on_postgres: TargetDatabase) -> None:
    on_postgres.run("CREATE TABLE t (id int PRIMARY KEY)")
    on_postgres.run("INSERT INTO t VALUES (1)")
    url = on_postgres.config["connection.url"].replace("//", "//127.0.0.1:1,")
    keys = {
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "connection.url": f"{url}?targetServerType=primary",
    }
    assert drained(harness(on_postgres, keys), 1) == [{"id": 1}]
    [problem] = problems({**on_postgres.config, **keys, "topic.prefix": "x", "connection.targetServerType": "nearest"})
    assert (problem.key, "use one of any, primary" in problem.message) == ("connection.url", True)


def test_a_partitioned_table_is_read_once(on_postgres: TargetDatabase) -> None:
    on_postgres.run("CREATE TABLE t (id int NOT NULL) PARTITION BY RANGE (id)")
    on_postgres.run("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    on_postgres.run("CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20)")
    on_postgres.run("CREATE TABLE u (id int NOT NULL)")
    on_postgres.run("INSERT INTO t VALUES (1), (11)")
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "transaction.horizon": "true"}
    run = harness(on_postgres, keys)
    drained(run, 2)
    assert topics(run) == {"db.t"}
    run = harness(on_postgres, {**keys, "table.types": "PARTITIONED TABLE"})
    drained(run, 2)
    run = harness(on_postgres, {**keys, "table.whitelist": "t_2"})
    assert drained(run, 1) == [{"id": 11}]


def test_options_of_mysqls_driver(on_mariadb: TargetDatabase) -> None:
    on_mariadb.run("SET sql_mode = ''")
    on_mariadb.run("CREATE TABLE t (id INT PRIMARY KEY, small TINYINT(1), at DATETIME, day DATE)")
    on_mariadb.run("INSERT INTO t VALUES (1, 7, '0000-00-00 00:00:00', '0000-00-00')")
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "table.whitelist": "t"}
    usual = "useUnicode=true&characterEncoding=utf8&serverTimezone=UTC&useSSL=false&allowPublicKeyRetrieval=true"
    run = harness(on_mariadb, keys, options=f"?{usual}&zeroDateTimeBehavior=CONVERT_TO_NULL&tinyInt1isBit=false")
    assert drained(run, 1) == [{"id": 1, "small": 7, "at": None, "day": None}]


def test_chunks_by_a_column_whose_order_is_not_that_of_its_values(on_mariadb: TargetDatabase) -> None:
    on_mariadb.run("CREATE TABLE t (kind ENUM('z','a') PRIMARY KEY)")
    run = harness(on_mariadb, {"mode": "bulk", "bulk.chunks": "true"})
    with pytest.raises(FatalError, match="whose order is not that of its values"):
        run.start()
    run.crash()


def test_patterns_find_tables_that_come_and_leave_those_that_go(target: TargetDatabase) -> None:
    for name in ("t_1", "t_2", "other"):
        target.run(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY NOT NULL)")
        target.run(f"INSERT INTO {name} VALUES (1)")
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "table.include.list": "(.+\\.)?t_.*"}
    run = harness(target, {**keys, "table.poll.interval.ms": "1"})
    run.start()
    run.drain(2)
    target.run("DROP TABLE t_1")
    target.run("ALTER TABLE t_2 RENAME TO t_3")
    target.run("CREATE TABLE t_4 (id INTEGER PRIMARY KEY NOT NULL)")
    target.run("INSERT INTO t_4 VALUES (1)")
    run.drain(4)
    assert [run.poll() for _ in range(5)] == [0] * 5
    run.crash()
    assert topics(run) == {"db.t_1", "db.t_2", "db.t_3", "db.t_4"}
    assert len(run.rows()) == 4


def test_a_query_is_tried_as_often_as_told(postgres: Postgres, on_postgres: TargetDatabase) -> None:
    on_postgres.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    on_postgres.run("INSERT INTO t VALUES (1)")
    keys = {"mode": "incrementing", "incrementing.column.name": "id", "connection.backoff.ms": "1"}
    run = harness(on_postgres, {**keys, "query.retry.attempts": "2", "connection.attempts": "1"})
    run.start()
    run.drain(1)
    [name] = on_postgres.one("SELECT current_database()")
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
    with psycopg.connect(postgres.url(), autocommit=True) as server:
        for last in (False, True):
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            on_postgres.run(terminate.replace("%s", f"'{name}'"))
            assert [run.poll(), run.poll()] == [0, 0]
            if last:
                with pytest.raises(FatalError, match="It was tried 3 times"):
                    run.poll()
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            if not last:
                on_postgres.run("INSERT INTO t VALUES (2)")
                run.drain(2)
    run.crash()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", "refuses the statement"),
        ("SELECT nope FROM t", "lacks what was asked for"),
        ("SELECT * FROM nowhere", "lacks what was asked for"),
    ],
)
def test_a_query_that_is_none_is_not_taken_for_a_database_that_is_away(
    target: TargetDatabase, query: str, words: str
) -> None:
    target.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    config = {**target.config, "topic.prefix": "x", "mode": "bulk", "query": query}
    [problem] = problems(config)
    assert (problem.key, words in problem.message) == ("query", True)
    run = SourceHarness(JdbcSourceConnector(), config)
    run.start()
    with pytest.raises(FatalError, match=words):
        run.poll()
    run.crash()


def test_what_mariadb_calls_operational_and_is_the_statements(on_mariadb: TargetDatabase) -> None:
    on_mariadb.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    config = {**on_mariadb.config, "topic.prefix": "x", "mode": "bulk"}
    [problem] = problems({**config, "query": "SELECT a.*, b.* FROM t a, t b"})
    assert (problem.key, "refuses the statement: (1060" in problem.message) == ("query", True)
    [database] = on_mariadb.one("SELECT database()")
    on_mariadb.run("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    on_mariadb.run(f"CREATE USER '{database}'@'%' IDENTIFIED BY 'p'")
    on_mariadb.run(f"GRANT SELECT ON {database}.other TO '{database}'@'%'")
    config = {**config, "connection.user": database, "connection.password": "p", "query": "SELECT * FROM t"}
    [problem] = problems(config)
    on_mariadb.run(f"DROP USER '{database}'@'%'")
    assert (problem.key, "refuses the user" in problem.message) == ("query", True)


@pytest.mark.parametrize("option", ["sslMode=REQUIRED", "useSSL=true&requireSSL=true", "sslMode=VERIFY_IDENTITY"])
def test_encryption_that_is_asked_for_is_never_left_out(on_mariadb: TargetDatabase, option: str) -> None:
    on_mariadb.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    config = {**on_mariadb.config, "topic.prefix": "x", "mode": "bulk"}
    config["connection.url"] += f"?{option}"
    [problem] = problems(config)
    assert (problem.key, "SSL" in problem.message) == ("connection.url", True)


# Found in public repositories and threads; hosts, users and passwords are this test's.
CONFIGURATIONS: dict[str, dict[str, str]] = {
    "postgresql, ksqlDB, no prefix": {
        "poll.interval.ms": "1000",
        "mode": "timestamp",
        "table.whitelist": "orders",
        "topic.prefix": "",
        "timestamp.column.name": "update_ts",
        "validate.non.null": "false",
        "numeric.mapping": "best_fit",
    },
    "postgresql, view of a schema": {
        "mode": "timestamp",
        "timestamp.column.name": "updated_at",
        "topic.prefix": "streaming.data.v2",
        "schema.pattern": "test",
        "query": "select * from view_source",
        "url options": "?currentSchema=test",
    },
    "mysql, two tables": {
        "mode": "timestamp+incrementing",
        "incrementing.column.name": "id",
        "timestamp.column.name": "modified",
        "topic.prefix": "test-mysql-jdbc-",
        "poll.interval.ms": "1000",
        "table.whitelist": "test_kafka_connect,test_kafka_jdbc",
        "url options": "?verifyServerCertificate=false&useSSL=false&requireSSL=false",
    },
    "mysql, query": {
        "quote.sql.identifiers": "never",
        "timestamp.column.name": "updated_at",
        "incrementing.column.name": "id_transaction",
        "mode": "timestamp+incrementing",
        "topic.prefix": "vcs.transactions_approved.ke.topic",
        "validate.non.null": "false",
        "query": "SELECT * FROM transaction",
        "connection.attempts": "10",
        "batch.max.rows": "100",
        "timestamp.delay.interval.ms": "0",
        "db.timezone": "Africa/Nairobi",
        "connection.backoff.ms": "100",
        "poll.interval.ms": "100",
        "numeric.mapping": "best_fit",
        "numeric.precision.mapping": "true",
    },
    "all that Confluent's control center writes": {
        "mode": "incrementing",
        "incrementing.column.name": "",
        "connection.loginTimeout": "10",
        "connection.attempts": "3",
        "connection.backoff.ms": "10000",
        "table.whitelist": "",
        "table.blacklist": "",
        "numeric.mapping": "best_fit",
        "dialect.name": "",
        "validate.non.null": "false",
        "quote.sql.identifiers": "ALWAYS",
        "query": "",
        "query.suffix": "",
        "table.types": "TABLE",
        "transaction.isolation.mode": "DEFAULT",
        "query.retry.attempts": "-1",
        "poll.interval.ms": "2000",
        "batch.max.rows": "500",
        "max.buffer.size": "0",
        "poll.linger.ms": "5000",
        "table.poll.interval.ms": "60000",
        "table.monitoring.startup.polling.limit.ms": "10000",
        "timestamp.delay.interval.ms": "0",
        "timestamp.column.name": "",
        "timestamp.granularity": "CONNECT_LOGICAL",
        "date.calendar.system": "LEGACY",
        "db.timezone": "UTC",
        "topic.prefix": "db-",
        "jdbc.credentials.provider.class": "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider",
    },
}


_FIXTURES = {"postgresql": "on_postgres", "mysql": "on_mariadb"}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_from_the_field_runs(request: pytest.FixtureRequest, name: str) -> None:
    target: TargetDatabase = request.getfixturevalue(_FIXTURES.get(name.split(",")[0], "on_postgres"))
    keys = dict(CONFIGURATIONS[name])
    options = keys.pop("url options", "")
    day = "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
    if "schema.pattern" in keys:
        target.run("CREATE SCHEMA test")
        target.run("CREATE VIEW test.view_source AS SELECT timestamp '2026-01-01' AS updated_at")
    for table, time in (("orders", "update_ts"), ("test_kafka_connect", "modified"), ("test_kafka_jdbc", "modified")):
        target.run(f"CREATE TABLE {table} ({numbered(target).format('id')}, {time} {day})")
        target.run(f"INSERT INTO {table} ({time}) VALUES ('2026-01-01 00:00:00')")
    if "transaction" in keys.get("query", ""):
        target.run(f"CREATE TABLE transaction ({numbered(target).format('id_transaction')}, updated_at {day})")
        target.run("INSERT INTO transaction (updated_at) VALUES ('2026-01-01 00:00:00')")
    rows = 2 if "two tables" in name else 3 if name.startswith("all") else 1
    run = harness(target, {**keys}, options=options)
    run.start()
    run.drain(rows)
    run.crash()
    assert len(run.rows()) == rows

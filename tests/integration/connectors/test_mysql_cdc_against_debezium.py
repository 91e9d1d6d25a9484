"""The same changes of the same server, told by Debezium and by us: the same events, but for what is listed here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.stage import Stage
from benchmarks.systems.kafka_connect import KafkaConnect
from tests.integration.connectors.mysql_capture import MySqlCapture
from tests.integration.connectors.schema_shape import schema_shape
from tests.integration.connectors.test_mysql_cdc_types import TYPES
from tests.support.eventually import eventually
from tests.support.needs_apache_kafka import start_or_skip
from tests.support.needs_mariadb import install_or_skip
from tidegate.converters.json import JsonConverter
from tidegate.devstack import ApacheKafka, MariaDB, MySQL
from tidegate.devstack.mysql_server import MySqlServer

pytestmark = pytest.mark.apache_kafka

_DEADLINE = 120.0
_TABLES = ("v", "orders", "order_lines", "defaults", "mark")
# With some of these types of MariaDB, Debezium's task fails: its parser of statements does not know INET4.
_LEFT_OUT = {"u", "ip4", "ip6", "vc", "tc", "bc"}
# Debezium sees MariaDB's JSON as the text with a check that it is, where it has it from the snapshot. A float is the
# same number, of which Connect's JSON has fewer digits. The default of a column that gets the time is 1970 there, which
# no row has; and quotes in a default are doubled. Where source.snapshot is null it means "false": ours is always told.
_OTHERWISE = (".js.name:", ".after.f:", ".made.default:", ".vc.default:", ".snapshot.default:")
_DEFAULTS = {
    "ti": "tinyint NOT NULL DEFAULT -3",
    "yes": "boolean NOT NULL DEFAULT true",
    "i": "int DEFAULT 7",
    "u": "int unsigned NOT NULL DEFAULT 0",
    "i8": "bigint NOT NULL DEFAULT 0",
    "f": "double NOT NULL DEFAULT 1.5",
    "de": "decimal(10,2) NOT NULL DEFAULT 1.5",
    "vc": "varchar(9) NOT NULL DEFAULT 'it''s'",
    "x": "varchar(9) DEFAULT 'x'",
    "e": "enum('a','b') NOT NULL DEFAULT 'b'",
    "st": "set('a','b') NOT NULL DEFAULT 'a,b'",
    "d": "date NOT NULL DEFAULT '2020-01-02'",
    "dt": "datetime NOT NULL DEFAULT '2020-01-02 03:04:05'",
    "dt6": "datetime(6) NOT NULL DEFAULT '2020-01-02 03:04:05.6'",
    "t": "time NOT NULL DEFAULT '03:04:05'",
    "y": "year NOT NULL DEFAULT 2020",
    "b1": "bit(1) NOT NULL DEFAULT b'1'",
    "b10": "bit(10) NOT NULL DEFAULT b'1100000001'",
    "n": "int DEFAULT NULL",
    "ts": "timestamp NULL DEFAULT CURRENT_TIMESTAMP",
    "made": "datetime DEFAULT CURRENT_TIMESTAMP",
}
_OF_THE_RUN = ("ts_ms", "ts_us", "ts_ns")
_FINER = ("ts_us", "ts_ns")
_OF_THE_SNAPSHOT = ("ts_ms", "ts_us", "ts_ns", "file", "pos", "gtid", "snapshot")


@dataclasses.dataclass
class _Ground:
    """What a Connect worker stands on."""

    state_dir: Path
    bootstrap_servers: str


@dataclasses.dataclass(frozen=True)
class Told:
    """Events by table: key and value, with and without their schemas."""

    events: dict[str, list[tuple[Any, Any]]]
    schemas: dict[str, list[Any]]


@pytest.fixture(scope="module")
def connect(state_dir: Path, apache_kafka: ApacheKafka) -> Iterator[KafkaConnect]:
    """One worker with Debezium's connectors for both."""
    ground = cast(Stage, _Ground(state_dir, apache_kafka.bootstrap_servers))
    plugins = ["debezium-mariadb", "debezium-mysql"]
    with KafkaConnect(ground, name="mysql-cdc-against", plugins=plugins, exactly_once=False, heap="640m") as worker:
        yield worker


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def told(
    request: pytest.FixtureRequest,
    connect: KafkaConnect,
    state_dir: Path,
    apache_kafka: ApacheKafka,
    pytestconfig: pytest.Config,
) -> Iterator[tuple[Told, Told]]:
    """What Debezium and we make of the same changes."""
    server: MySqlServer
    settings = {"log-bin": "bin", "server-id": "1", "sync-binlog": "0"}
    if request.param == "mariadb":
        install_or_skip(pytestconfig)
        server = MariaDB(state_dir, name="against-mariadb", settings={**settings, "binlog-format": "ROW"})
        own = {"connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "database.ssl.mode": "disable"}
    else:
        gtids = {"gtid-mode": "ON", "enforce-gtid-consistency": "ON", "performance-schema": "OFF"}
        server = MySQL(state_dir, name="against-mysql", settings={**settings, **gtids})
        own = {
            "connector.class": "io.debezium.connector.mysql.MySqlConnector",
            "database.ssl.mode": "disabled",
            "driver.allowPublicKeyRetrieval": "true",
        }
    start_or_skip(server.start, pytestconfig, what="NOT TESTED ON MYSQL")
    try:
        yield _told(MySqlCapture(server), connect, apache_kafka, own)
    finally:
        server.stop()


def _told(
    capture: MySqlCapture, connect: KafkaConnect, apache_kafka: ApacheKafka, own: dict[str, str]
) -> tuple[Told, Told]:
    name = f"against_{capture.database}"
    capture.harness.config |= {
        "topic.prefix": name,
        "skipped.operations": "none",
        "provide.transaction.metadata": "true",
        "include.schema.changes": "false",
        "database.ssl.mode": own["database.ssl.mode"],
    }
    _begin(capture)
    converter = "org.apache.kafka.connect.json.JsonConverter"
    connect.connectors.create(
        name,
        {
            "tasks.max": "1",
            **capture.harness.config,
            **own,
            "database.server.id": "9001",
            "schema.history.internal.kafka.bootstrap.servers": apache_kafka.bootstrap_servers,
            "schema.history.internal.kafka.topic": f"history-{name}",
            "key.converter": converter,
            "value.converter": converter,
            # A null is what the database has, whatever the column's default.
            "value.converter.replace.null.with.default": "false",
        },
    )
    capture.start()
    eventually(lambda: _streaming(capture), timeout=_DEADLINE, message="both stream")
    _change(capture)
    capture.until(lambda: _marked(capture))
    ours = _ours(capture, name)
    theirs = _theirs(apache_kafka, name, capture.database)
    connect.connectors.delete(name)
    capture.close()
    return theirs, ours


def _begin(capture: MySqlCapture) -> None:
    capture.sql("SET time_zone='+02:00'")
    columns = ", ".join(f"`{name}` {one[0]}" for name, one in TYPES.items() if name not in _LEFT_OUT)
    capture.sql(f"CREATE TABLE v (id int PRIMARY KEY, {columns})")
    capture.sql("CREATE TABLE orders (id int PRIMARY KEY, customer varchar(20) NOT NULL, total decimal(10,2))")
    capture.sql("CREATE TABLE order_lines (order_id int, line int, item text, PRIMARY KEY (order_id, line))")
    capture.sql("INSERT INTO orders VALUES (1, 'c1', 1.5), (2, 'c2', 3), (3, 'c3', 4.5)")
    defaults = ", ".join(f"{name} {kind}" for name, kind in _DEFAULTS.items())
    capture.sql(f"CREATE TABLE defaults (id int AUTO_INCREMENT PRIMARY KEY, {defaults})")
    capture.sql("INSERT INTO defaults (made, ts) VALUES ('2020-01-01', '2020-01-01')")
    capture.sql("DELETE FROM t")
    _row(capture, 1)


def _row(capture: MySqlCapture, number: int) -> None:
    names = [name for name in TYPES if name not in _LEFT_OUT]
    literals = ", ".join(TYPES[name][1] for name in names)
    capture.sql(f"INSERT INTO v (id, `{'`, `'.join(names)}`) VALUES ({number}, {literals})")


def _change(capture: MySqlCapture) -> None:
    _row(capture, 2)
    capture.sql("INSERT INTO v (id) VALUES (3)")
    capture.sql("BEGIN")
    capture.sql("INSERT INTO orders VALUES (10, 'new', 1)")
    capture.sql("INSERT INTO order_lines VALUES (10, 1, 'a'), (10, 2, 'b')")
    capture.sql("UPDATE orders SET total = 2 WHERE id = 10")
    capture.sql("DELETE FROM order_lines WHERE line = 2")
    capture.sql("COMMIT")
    capture.sql("UPDATE orders SET id = 11 WHERE id = 10")
    capture.sql("DELETE FROM orders WHERE id = 1")
    capture.sql("TRUNCATE order_lines")
    capture.sql("ALTER TABLE orders ADD COLUMN note text")
    capture.sql("INSERT INTO orders VALUES (20, 'later', 3, 'noted')")
    capture.sql("INSERT INTO defaults (made, ts, i, x) VALUES ('2020-01-01', '2020-01-01', NULL, NULL)")
    capture.sql("ALTER TABLE defaults ADD COLUMN later int NOT NULL DEFAULT 5, ALTER COLUMN i8 SET DEFAULT 9")
    capture.sql("INSERT INTO defaults (made, ts) VALUES ('2020-01-01', '2020-01-01')")
    capture.sql("INSERT INTO mark VALUES ('last')")


def _streaming(capture: MySqlCapture) -> bool:
    capture.poll()
    rows = capture.sql("SELECT count(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%%'", [])
    return int(rows[0][0]) >= 2


def _marked(capture: MySqlCapture) -> bool:
    batches = [one.batch for one in capture.harness.committed if one.batch.topic.endswith(".mark")]
    return any({"id": "last"} in batch.key.to_pylist() for batch in batches)


def _ours(capture: MySqlCapture, name: str) -> Told:
    key, value = JsonConverter(), JsonConverter()
    key.configure({"schemas.enable": "true"}, is_key=True, registry=None)
    value.configure({"schemas.enable": "true"}, is_key=False, registry=None)
    found = Told({}, {})
    for one in capture.harness.committed:
        batch = one.batch
        if not len(batch):
            continue
        keys = key.encode(batch.topic, batch.key, batch.key_field).data.to_pylist()
        values = value.encode(batch.topic, batch.value, batch.value_field).data.to_pylist()
        for record in zip(keys, values, strict=True):
            _take(found, batch.topic, *record)
    return found


def _theirs(kafka: ApacheKafka, name: str, database: str) -> Told:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": name, "enable.auto.commit": False})
    found = Told({}, {})
    mark = f"{name}.{database}.mark"
    try:
        eventually(lambda: mark in consumer.list_topics(timeout=10).topics, timeout=_DEADLINE)

        def all_there() -> bool:
            topics = [one for one in consumer.list_topics(timeout=10).topics if one.startswith(f"{name}.")]
            consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in topics])
            found.events.clear()
            found.schemas.clear()
            while messages := consumer.consume(1000, 3.0):
                for message in messages:
                    _take(found, str(message.topic()), message.key(), message.value())
            return any(key == {"id": "last"} for key, _ in found.events.get("mark", ()))

        eventually(all_there, timeout=_DEADLINE, message="Debezium's last event")
        # Topics may have been made since they were listed.
        assert all_there()
    finally:
        consumer.close()
    return found


def _take(found: Told, topic: str, key: bytes | None, value: bytes | None) -> None:
    table = topic.rpartition(".")[2]
    parsed_key, parsed = orjson.loads(key or b"null"), orjson.loads(value or b"null")
    found.events.setdefault(table, []).append(
        (parsed_key and parsed_key["payload"], parsed and _compared(parsed["payload"]))
    )
    found.schemas.setdefault(table, []).append(
        (parsed_key and schema_shape(parsed_key["schema"]), parsed and schema_shape(parsed["schema"]))
    )


def _compared(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what is of the run: clocks, versions, and where a snapshot was taken."""
    source = event.get("source")
    kept = {name: value for name, value in event.items() if name not in _OF_THE_RUN}
    if source is not None:
        left_out = {"version"}
        if event["op"] == "r":
            left_out |= {*_OF_THE_SNAPSHOT}
        if event["op"] == "t":
            # On MySQL, Debezium cuts the time of a truncation to milliseconds, and does not name its transaction.
            left_out |= {*_FINER}
            kept.pop("transaction")
        kept["source"] = {name: value for name, value in source.items() if name not in left_out}
        if "snapshot" in kept["source"]:
            kept["source"]["snapshot"] = source["snapshot"] or "false"
    return kept


@pytest.mark.parametrize("table", _TABLES)
def test_events(told: tuple[Told, Told], table: str) -> None:
    theirs, ours = told
    differences = _unlisted(theirs.events[table], ours.events[table])
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("table", _TABLES)
def test_schemas(told: tuple[Told, Told], table: str) -> None:
    theirs, ours = told
    differences = _unlisted(theirs.schemas[table], ours.schemas[table])
    assert not differences, "\n".join(differences)


def test_transactions(told: tuple[Told, Told]) -> None:
    theirs, ours = told
    # Debezium tells the beginning of a statement such as ALTER or TRUNCATE, and no end of it.
    ended = {value["id"] for _, value in theirs.events["transaction"] if value["status"] == "END"}
    differences = list(_differences(_of(theirs.events["transaction"], ended), _of(ours.events["transaction"], ended)))
    assert not differences, "\n".join(differences)


def _of(marks: list[tuple[Any, Any]], wanted: set[str]) -> list[tuple[Any, Any]]:
    """The marks of some transactions, with the tables by name: their order is no order."""
    for _, value in marks:
        if value["data_collections"]:
            value["data_collections"].sort(key=lambda one: one["data_collection"])
    return [mark for mark in marks if mark[1]["id"] in wanted]


def _unlisted(theirs: Any, ours: Any) -> list[str]:
    return [one for one in _differences(theirs, ours) if not any(known in one for known in _OTHERWISE)]


def _differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two events or schemas differ, and how."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in [*theirs, *(one for one in ours if one not in theirs)]:
            yield from _differences(theirs.get(name, "missing"), ours.get(name, "missing"), f"{path}.{name}")
    elif isinstance(theirs, list | tuple) and isinstance(ours, list | tuple) and len(theirs) == len(ours):
        for place, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differences(one, other, f"{path}[{place}]")
    elif theirs != ours:
        yield f"{path}: theirs {theirs!r}, ours {ours!r}"

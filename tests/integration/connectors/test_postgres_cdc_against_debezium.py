"""The same changes of the same database, told by Debezium and by us: the same events, but for what is listed here."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.stage import Stage
from benchmarks.systems.kafka_connect import KafkaConnect
from tests.integration.connectors.schema_shape import schema_shape
from tests.integration.connectors.source_harness import SourceHarness
from tests.integration.connectors.test_postgres_cdc_types import VALUES, make_types
from tests.support.eventually import eventually
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.converters.json import JsonConverter
from tidegate.devstack import ApacheKafka, Postgres

pytestmark = pytest.mark.apache_kafka

_DEADLINE = 120.0
_TABLES = ("v", "orders", "lines", "fat", "full_row", "defaults", "mark")
# Types that Debezium leaves out or has structures of its own for: here they are PostgreSQL's text.
_TEXT_HERE = {"pair", "point", "mrange"}
# Of a date before Christ and of an infinite one Debezium's snapshot gives another number than its stream does. JSON has
# no infinite number: Connect's converter writes a text, ours null.
_ODD_THERE = {"d_bc", "d_inf", "d_ninf", "f8"}
_LEFT_OUT = _TEXT_HERE | _ODD_THERE
# Column and its definition, of a table that is in the snapshot and of columns that are added later.
_DEFAULTS = {
    "b": "boolean NOT NULL DEFAULT true",
    "i2": "smallint NOT NULL DEFAULT -3",
    "i4": "int DEFAULT 7",
    "i8": "bigint NOT NULL DEFAULT 0",
    "f8": "double precision NOT NULL DEFAULT 1.5",
    "dec": "numeric(10,2) NOT NULL DEFAULT 1.5",
    "free": "numeric NOT NULL DEFAULT 0",
    "t": "text NOT NULL DEFAULT 'it''s'",
    "vc": "varchar(9) DEFAULT 'x'",
    "c": "char(4) NOT NULL DEFAULT 'ab'",
    "d": "date NOT NULL DEFAULT '2020-01-02'",
    "ts": "timestamp NOT NULL DEFAULT '2020-01-02 03:04:05.6'",
    "ts3": "timestamp(3) NOT NULL DEFAULT '2020-01-02 03:04:05'",
    "tstz": "timestamptz NOT NULL DEFAULT '2020-01-02 03:04:05+02'",
    "ti": "time NOT NULL DEFAULT '03:04:05'",
    "iv": "interval NOT NULL DEFAULT '1 day'",
    "u": "uuid NOT NULL DEFAULT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "j": "jsonb NOT NULL DEFAULT '{\"a\": 1}'",
    "bin": "bytea NOT NULL DEFAULT '\\x00ff'",
    "bit1": "bit NOT NULL DEFAULT B'1'",
    "tags": "text[] NOT NULL DEFAULT '{}'",
    "mood": "mood NOT NULL DEFAULT 'happy'",
    "n": "int DEFAULT NULL",
    "made": "timestamp DEFAULT now()",
    "code": "text DEFAULT lower('X')",
}
# Where the default is a function Debezium tells a zero, which no row has; ours is none. It ends a text at a quote,
# leaves out the spaces of char, and has no defaults of bytea and arrays. Where source.snapshot is null it means
# "false": ours is always told.
_OTHERWISE = tuple(f".{column}.default:" for column in ("id", "made", "code", "t", "c", "bin", "tags", "snapshot"))
_OF_THE_RUN = ("ts_ms", "ts_us", "ts_ns")
_OF_THE_SNAPSHOT = ("ts_ms", "ts_us", "ts_ns", "lsn", "sequence", "txId")


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
def told(postgres: Postgres, apache_kafka: ApacheKafka, state_dir: Path) -> Iterator[tuple[Told, Told]]:
    """What Debezium and we make of the same changes."""
    name = f"against_{uuid.uuid4().hex[:10]}"
    postgres.create_database(name)
    keys = {
        "database.hostname": postgres.host,
        "database.port": str(postgres.port("postgres")),
        "database.user": "postgres",
        "database.password": "tidegate",
        "database.dbname": name,
        "topic.prefix": name,
        "skipped.operations": "none",
        "provide.transaction.metadata": "true",
        "plugin.name": "pgoutput",
    }
    ground = cast(Stage, _Ground(state_dir, apache_kafka.bootstrap_servers))
    harness = SourceHarness(PostgresCdcConnector(), {**keys, "slot.name": f"{name}_ours", "publication.name": "ours"})
    with (
        psycopg.connect(postgres.url(name), autocommit=True) as connection,
        KafkaConnect(ground, name=name, plugins=["debezium-postgres"], exactly_once=False, heap="512m") as connect,
    ):
        _begin(connection)
        converter = "org.apache.kafka.connect.json.JsonConverter"
        connect.connectors.create(
            name,
            {
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "tasks.max": "1",
                **keys,
                "slot.name": f"{name}_theirs",
                "publication.name": "theirs",
                "key.converter": converter,
                "value.converter": converter,
                # A null is what the database has, whatever the column's default.
                "value.converter.replace.null.with.default": "false",
            },
        )
        harness.start()
        eventually(lambda: _streaming(connection, harness), timeout=_DEADLINE, message="both stream")
        _change(connection)
        eventually(lambda: _marked(harness), timeout=_DEADLINE, message="our last event")
        ours = _ours(harness, name)
        harness.crash()
        theirs = _theirs(apache_kafka, name)
        connect.connectors.delete(name)
        yield theirs, ours
        eventually(lambda: _dropped(connection), timeout=_DEADLINE)


def _begin(connection: psycopg.Connection[Any]) -> None:
    make_types(connection)
    columns = ", ".join(f"{column} {kind}" for column, kind, *_ in VALUES if column not in _LEFT_OUT)
    connection.execute(f"CREATE TABLE v (id int PRIMARY KEY, {columns})")
    connection.execute("CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric(10,2))")
    connection.execute("CREATE TABLE lines (order_id int, line int, item text, PRIMARY KEY (order_id, line))")
    connection.execute("CREATE TABLE fat (id int PRIMARY KEY, doc text, n int)")
    connection.execute("ALTER TABLE fat ALTER doc SET STORAGE EXTERNAL")
    connection.execute("CREATE TABLE full_row (id int PRIMARY KEY, doc text, n int)")
    connection.execute("ALTER TABLE full_row REPLICA IDENTITY FULL")
    connection.execute("CREATE TABLE mark (id int PRIMARY KEY)")
    connection.execute("INSERT INTO orders SELECT i, 'c' || i, i * 1.5 FROM generate_series(1, 5) i")
    defaults = ", ".join(f"{column} {kind}" for column, kind in _DEFAULTS.items())
    connection.execute(f"CREATE TABLE defaults (id serial PRIMARY KEY, {defaults})")
    connection.execute("INSERT INTO defaults (made) VALUES ('2020-01-01'), ('2020-01-01')")
    connection.execute("INSERT INTO mark VALUES (0)")
    _row(connection, 1)


def _row(connection: psycopg.Connection[Any], number: int) -> None:
    row = ", ".join(value for column, _, value, *_ in VALUES if column not in _LEFT_OUT)
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(f"INSERT INTO v VALUES (%s, {row})", [number])


def _change(connection: psycopg.Connection[Any]) -> None:
    _row(connection, 2)
    connection.execute("INSERT INTO v (id) VALUES (3)")
    with connection.transaction():
        connection.execute("INSERT INTO orders VALUES (10, 'new', 1)")
        connection.execute("INSERT INTO lines VALUES (10, 1, 'a'), (10, 2, 'b')")
        connection.execute("UPDATE orders SET total = 2 WHERE id = 10")
        connection.execute("DELETE FROM lines WHERE line = 2")
    connection.execute("UPDATE orders SET id = 11 WHERE id = 10")
    connection.execute("DELETE FROM orders WHERE id = 1")
    for table in ("fat", "full_row"):
        connection.execute(f"INSERT INTO {table} VALUES (1, repeat('x', 9000), 1)")
        connection.execute(f"UPDATE {table} SET n = 2")
        connection.execute(f"DELETE FROM {table}")
    connection.execute("TRUNCATE lines")
    connection.execute("ALTER TABLE orders ADD COLUMN note text")
    connection.execute("INSERT INTO orders VALUES (20, 'later', 3, 'noted')")
    connection.execute("INSERT INTO defaults (made, i4, vc) VALUES ('2020-01-01', NULL, NULL)")
    connection.execute("ALTER TABLE defaults ADD COLUMN later int NOT NULL DEFAULT 5, ALTER COLUMN i8 SET DEFAULT 9")
    connection.execute("INSERT INTO defaults (made) VALUES ('2020-01-01')")
    connection.execute("INSERT INTO mark VALUES (1)")


def _streaming(connection: psycopg.Connection[Any], harness: SourceHarness) -> bool:
    harness.poll()
    rows = connection.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").fetchone()
    assert rows is not None
    return int(rows[0]) >= 2


def _marked(harness: SourceHarness) -> bool:
    harness.poll()
    return any({"id": 1} in one.batch.key.to_pylist() for one in harness.committed if one.batch.topic.endswith("mark"))


def _ours(harness: SourceHarness, name: str) -> Told:
    key, value = JsonConverter(), JsonConverter()
    key.configure({"schemas.enable": "true"}, is_key=True, registry=None)
    value.configure({"schemas.enable": "true"}, is_key=False, registry=None)
    found = Told({}, {})
    for one in harness.committed:
        batch = one.batch
        keys = key.encode(batch.topic, batch.key, batch.key_field).data.to_pylist()
        values = value.encode(batch.topic, batch.value, batch.value_field).data.to_pylist()
        for record in zip(keys, values, strict=True):
            _take(found, batch.topic, name, *record)
    return found


def _theirs(kafka: ApacheKafka, name: str) -> Told:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": name, "enable.auto.commit": False})
    found = Told({}, {})
    try:
        eventually(lambda: f"{name}.public.mark" in consumer.list_topics(timeout=10).topics, timeout=_DEADLINE)

        def all_there() -> bool:
            topics = [one for one in consumer.list_topics(timeout=10).topics if one.startswith(f"{name}.")]
            consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in topics])
            found.events.clear()
            found.schemas.clear()
            while messages := consumer.consume(1000, 3.0):
                for message in messages:
                    _take(found, str(message.topic()), name, message.key(), message.value())
            return len(found.events.get("mark", [])) == 2

        eventually(all_there, timeout=_DEADLINE, message="Debezium's last event")
        # Topics may have been made since they were listed.
        assert all_there()
    finally:
        consumer.close()
    return found


def _take(found: Told, topic: str, name: str, key: bytes | None, value: bytes | None) -> None:
    table = topic.removeprefix(f"{name}.").removeprefix("public.")
    parsed_key, parsed = orjson.loads(key or b"null"), orjson.loads(value or b"null")
    told_key = parsed_key and parsed_key["payload"]
    if table == "transaction":
        told_key = {"id": _transaction(told_key["id"])}
    found.events.setdefault(table, []).append((told_key, parsed and _compared(parsed["payload"])))
    found.schemas.setdefault(table, []).append(
        (parsed_key and schema_shape(parsed_key["schema"]), parsed and schema_shape(parsed["schema"]))
    )


def _compared(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what is of the run: clocks, versions, and where a snapshot was taken."""
    source = event.get("source")
    kept = {name: value for name, value in event.items() if name not in _OF_THE_RUN}
    if event.get("transaction"):
        kept["transaction"] = {**event["transaction"], "id": _transaction(event["transaction"]["id"])}
    if "status" in event:
        kept["id"] = _transaction(event["id"])
    if source is not None:
        left_out = {"version", "origin", "origin_lsn"}
        if event["op"] == "r":
            left_out |= {*_OF_THE_SNAPSHOT}
        kept["source"] = {name: value for name, value in source.items() if name not in left_out}
        kept["source"]["snapshot"] = source["snapshot"] or "false"
    return kept


def _transaction(name: str) -> str:
    """Its number alone: Debezium puts each event's own place in the log behind it, we that of the transaction."""
    return name.partition(":")[0]


def _dropped(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
        )
    except psycopg.errors.ObjectInUse:
        return False
    return True


@pytest.mark.parametrize("table", _TABLES)
def test_events(told: tuple[Told, Told], table: str) -> None:
    theirs, ours = told
    differences = list(_differences(theirs.events[table], ours.events[table]))
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("table", _TABLES)
def test_schemas(told: tuple[Told, Told], table: str) -> None:
    theirs, ours = told
    found = set(_differences(theirs.schemas[table], ours.schemas[table]))
    differences = sorted(one for one in found if not any(known in one for known in _OTHERWISE))
    assert not differences, "\n".join(differences)


def test_transactions(told: tuple[Told, Told]) -> None:
    theirs, ours = told
    differences = list(_differences(theirs.events["transaction"], ours.events["transaction"]))
    assert differences == []


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

"""The JDBC sink on PostgreSQL, MariaDB and SQLite: every record in its table once, whatever dies and when."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.jdbc_sink_death import RECORDS, REFUSED, UNDECODABLE, mortals
from tests.integration.connectors.sink_harness import RunningSink, SinkHarness, consumed, records
from tests.integration.connectors.target_database import TargetDatabase
from tests.support.eventually import eventually
from tidegate.connectors.jdbc_sink import JdbcSinkConnector
from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.errors import FatalError, FencedError, RecordHaltedError, RetriableError
from tidegate.records.envelope import Batch, TopicPartition
from tidegate.records.reason import Rule, path_of, rule_of

T0 = TopicPartition("orders", 0)
T1 = TopicPartition("orders", 1)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())


@pytest.fixture
def database(target: TargetDatabase) -> TargetDatabase:
    return target


def sink(database: TargetDatabase, *, tolerant: bool = False, **keys: Any) -> SinkHarness:
    config = {"retry.backoff.ms": "1", **database.config}
    config.update({key.replace("_", "."): value for key, value in keys.items()})
    return SinkHarness(JdbcSinkConnector(), config, tolerant=tolerant)


def rows(ids: Sequence[int], *, partition: int = 0) -> Batch:
    value = records([{"id": id_, "name": f"n{id_}"} for id_ in ids], ID, NAME)
    return consumed("orders", value, partition=partition, offsets=list(ids))


UPSERT: dict[str, Any] = {
    "insert_mode": "upsert",
    "pk_mode": "record_key",
    "delete_enabled": "true",
    "auto_create": "true",
}


def keyed(changes: Sequence[tuple[int, str | None]], *, first_offset: int = 0) -> Batch:
    """Changes of rows by key; None is a tombstone."""
    key = records([{"id": id_} for id_, _ in changes], ID)
    value = records([None if name is None else {"name": name} for _, name in changes], NAME)
    return consumed("orders", value, key=key, first_offset=first_offset)


def halted(run: RunningSink) -> dict[int, str]:
    return {offset: message for _, offset, message in run.context.halted}


def table(database: TargetDatabase) -> list[tuple[Any, ...]]:
    return database.rows('SELECT id, name FROM "orders" ORDER BY id')


def test_rows_are_there_when_put_returns(database: TargetDatabase) -> None:
    run = sink(database, auto_create="true").start(T0)
    run.put(rows(range(7000)))
    assert database.one('SELECT count(*) FROM "orders"') == [7000]
    assert database.rows('SELECT id, name FROM "orders" WHERE id = 6999') == [(6999, "n6999")]
    assert {where: offset.offset for where, offset in run.commit().items()} == {T0: 7000}
    run.task.stop()


def test_upserts_and_deletes_follow_the_order_of_the_records(database: TargetDatabase) -> None:
    run = sink(database, **UPSERT).start(T0)
    run.put(keyed([(1, "a"), (2, "b"), (1, "c"), (3, "d"), (2, None), (4, None), (4, "e")]))
    assert table(database) == [(1, "c"), (3, "d"), (4, "e")]
    run.put(keyed([(3, None), (1, None), (1, "f")], first_offset=7))
    assert table(database) == [(1, "f"), (4, "e")]


def test_killed_before_any_step_no_record_is_lost_or_twice(database: TargetDatabase, tmp_path: Path) -> None:
    expected = [n for n in range(RECORDS) if n not in REFUSED and n not in UNDECODABLE]
    die_at, ended = 0, -signal.SIGKILL
    with mortals(sink(database, batch_size="3").config) as process:
        while ended != 0:
            die_at += 1
            topic, kafka = f"ledger{die_at}", tmp_path / f"kafka{die_at}.json"
            database.run(f'CREATE TABLE "{topic}" (id BIGINT, n BIGINT CHECK (n >= 0))')
            ended = process.run(topic, kafka, die_at)
            assert ended in (0, -signal.SIGKILL)
            assert process.run(topic, kafka, 0) == 0
            assert database.one(f'SELECT id FROM "{topic}" ORDER BY id') == expected, f"killed before step {die_at}"
            letters = json.loads(kafka.read_text())["letters"]
            assert letters == sorted(REFUSED + UNDECODABLE), f"killed before step {die_at}"
    assert die_at > 40
    assert database.one('SELECT count(*) FROM "tidegate_halted"') == [0]


def test_a_replaced_task_writes_nothing(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    zombie = harness.start(T0, T1)
    zombie.put(rows(range(10)))
    successor = harness.start(T0, T1)
    with pytest.raises(FencedError, match="epoch 2"):
        zombie.put(rows(range(10, 20)))
    with pytest.raises(FencedError):
        zombie.put(rows(range(10), partition=1))
    zombie.positions[T0] = 15
    with pytest.raises(FencedError):
        zombie.prepare()
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(10))
    assert successor.overrides == {}  # nothing is committed in Kafka, so all is read again
    successor.put(rows(range(15)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(15))


def test_a_late_starter_does_not_take_over_from_a_newer_holder(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    harness.start(T0, epoch=7)
    with pytest.raises(FencedError, match="etcd was made anew"):
        harness.start(T0, epoch=6)


def test_of_two_tasks_of_one_claim_the_second_writes_nothing(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    first, second = harness.start(T0, epoch=1), harness.start(T0, epoch=1)
    first.put(rows(range(10)))
    with pytest.raises(FencedError, match="another one writes"):
        second.put(rows(range(7)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(10))


def test_a_zombie_in_mid_transaction_is_waited_for(database: TargetDatabase) -> None:
    if database.kind == "sqlite":
        pytest.skip("a SQLite database has one writer at a time")
    harness = sink(database, insert_mode="upsert", pk_mode="record_value", pk_fields="id", auto_create="true")
    zombie = harness.start(T0)
    zombie.put(rows([0]))
    held = database.connect()
    held.cursor().execute("BEGIN" if database.kind == "postgresql" else "START TRANSACTION")
    held.cursor().execute(database.quoted("UPDATE \"orders\" SET name = 'held' WHERE id = 0"))
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(zombie.put, _changes(1))
        eventually(lambda: _waiting(database) == 1)
        starting = pool.submit(harness.start, T0)
        eventually(lambda: _waiting(database) == 2)
        held.rollback()
        writing.result(30)
        successor = starting.result(30)
    successor.put(_changes(1))
    successor.put(_changes(2))
    assert database.one("SELECT next_offset FROM tidegate_offsets") == [3]
    with pytest.raises(FencedError):
        zombie.put(_changes(2))
    held.close()


def test_a_zombie_that_stands_still_in_mid_transaction_does_not_lock_its_successor_out(
    database: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind == "sqlite":
        pytest.skip("a SQLite database has one writer at a time")
    monkeypatch.setattr(Dialect, "standstill_seconds", 1)
    harness = sink(database, auto_create="true", max_retries="0")
    zombie = harness.start(T0)
    zombie.put(rows([0]))
    asleep, awake = threading.Event(), threading.Event()
    run = Session.run

    def stand_still(session: Session, statement: Any, values: Any = None) -> int:
        if statement == "COMMIT" and not asleep.is_set():
            asleep.set()
            awake.wait()
        return run(session, statement, values)

    monkeypatch.setattr(Session, "run", stand_still)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(zombie.put, rows([1]))
        try:
            assert asleep.wait(30)
            successor = pool.submit(harness.start, T0).result(40)
        finally:
            awake.set()
        with pytest.raises(RetriableError):
            writing.result(30)
    successor.put(rows([0, 1]))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == [0, 1]


def _changes(first_offset: int, count: int = 1) -> Batch:
    """Records that all change row 0."""
    value = records([{"id": 0, "name": f"v{first_offset + n}"} for n in range(count)], ID, NAME)
    return consumed("orders", value, first_offset=first_offset)


def _waiting(database: TargetDatabase) -> int:
    query = database.pick(
        postgresql="SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'",
        mariadb="SELECT variable_value FROM information_schema.global_status "
        "WHERE variable_name = 'innodb_row_lock_current_waits'",
    )
    return int(database.one(query)[0])


def test_a_connection_that_is_cut_in_mid_transaction_costs_nothing(database: TargetDatabase) -> None:
    if database.kind == "sqlite":
        pytest.skip("SQLite has no connections")
    keys: dict[str, Any] = {
        "insert_mode": "upsert",
        "pk_mode": "record_value",
        "pk_fields": "id",
        "auto_create": "true",
    }
    run = sink(database, max_retries="1", **keys).start(T0)
    run.put(rows([0]))
    held = database.connect()
    held.cursor().execute("BEGIN" if database.kind == "postgresql" else "START TRANSACTION")
    held.cursor().execute(database.quoted("UPDATE \"orders\" SET name = 'held' WHERE id = 0"))
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(run.put, _changes(1, 2))
        for _ in range(2):  # the second try is cut as well
            eventually(lambda: _waiting(database) == 1)
            _cut(database)
        with pytest.raises(RetriableError):
            writing.result(30)
        held.rollback()
    assert database.rows('SELECT * FROM "orders"') == [(0, "n0")]
    assert database.one("SELECT next_offset FROM tidegate_offsets") == [1]
    run.put(_changes(1, 2))
    assert database.rows('SELECT * FROM "orders"') == [(0, "v2")]
    held.close()


def _cut(database: TargetDatabase) -> None:
    busy = database.pick(
        postgresql="SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        mariadb="SELECT id FROM information_schema.processlist "
        "WHERE db = database() AND command = 'Query' AND id <> connection_id()",
    )
    kill = database.pick(postgresql="SELECT pg_terminate_backend({})", mariadb="KILL CONNECTION {}")
    for id_ in database.one(busy):
        database.run(kill.format(id_))
    eventually(lambda: _waiting(database) == 0)


def test_a_record_the_table_refuses_is_halted_by_itself(database: TargetDatabase) -> None:
    database.run(
        'CREATE TABLE "orders" (id BIGINT PRIMARY KEY, name VARCHAR(60) NOT NULL, amount INTEGER, '
        "short VARCHAR(5) CHECK (length(short) < 6), CONSTRAINT positive CHECK (amount > 0))"
    )
    fields = [ID, NAME, pa.field("amount", pa.int64()), pa.field("short", pa.string())]
    good: dict[str, Any] = {"name": "x", "amount": 1, "short": "s"}
    bad: dict[int, dict[str, Any]] = {
        3: {"name": None},
        4: {"amount": -1},
        8: {"short": "much too long"},
        9: {"id": 7},
        10: {"amount": 2**40},
    }
    run = sink(database, tolerant=True, batch_size="5").start(T0)
    value = [{"id": n, **good, **bad.get(n, {})} for n in range(20)]
    if database.kind == "sqlite":
        bad.pop(10)  # SQLite's integers have 64 bits
    run.put(consumed("orders", records(value, *fields)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == [n for n in range(20) if n not in bad]
    reasons = halted(run)
    assert sorted(reasons) == sorted(bad)
    for offset, words in {
        3: ("'name'", "NOT NULL", "give the field a value"),
        4: ("positive", "correct the value, or alter the constraint"),
        8: ("short",),
        9: ("orders", "insert.mode=upsert"),
        **({10: ("'amount'", str(2**40), "out of range: the column takes -2147483648 to")} if 10 in bad else {}),
    }.items():
        for word in words:
            assert word in reasons[offset], reasons[offset]
    if database.kind != "sqlite":
        assert "widen the column" in reasons[8] and "column 'short'" in reasons[8]
    assert run.commit()[T0].offset == 20


def test_text_where_a_number_was_is_a_changed_type_also_after_a_death(database: TargetDatabase) -> None:
    database.run('CREATE TABLE "orders" (id BIGINT, name VARCHAR(60), amount INTEGER CHECK (amount > 0))')
    fields = [ID, NAME, pa.field("amount", pa.string())]
    amounts = ["1", "eleven", "-1"]
    value = records([{"id": n, "name": "x", "amount": amount} for n, amount in enumerate(amounts)], *fields)
    harness = sink(database, tolerant=True)
    for _ in range(2):  # and dies between the commit of the database and that of Kafka
        run = harness.start(T0)
        run.put(consumed("orders", value))
        assert database.one('SELECT id FROM "orders" ORDER BY id') == [0]
        rules = {offset: rule_of(message, "") for offset, message in halted(run).items()}
        assert rules == {1: Rule.TYPE_CHANGED, 2: Rule.REFUSED}
        assert path_of(halted(run)[1]) == "amount"


def test_an_intolerant_sink_has_written_what_is_before_the_halted_record(database: TargetDatabase) -> None:
    database.run("CREATE TABLE \"orders\" (id BIGINT, name VARCHAR(60) CHECK (name <> 'n5'))")
    harness = sink(database)
    run = harness.start(T0)
    with pytest.raises(RecordHaltedError, match="alter the constraint"):
        run.put(rows(range(10)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(5))
    run.positions[T0] = 5
    run.commit(closing=True)
    # The constraint goes, and the task starts anew.
    database.run('DROP TABLE "orders"')
    database.run('CREATE TABLE "orders" (id BIGINT, name VARCHAR(60))')
    again = harness.start(T0)
    again.put(rows(range(5, 10)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(5, 10))


def test_an_intolerant_sink_halts_at_the_first_of_several_bad_records(database: TargetDatabase) -> None:
    database.run("CREATE TABLE \"orders\" (id BIGINT NOT NULL, name VARCHAR(60) NOT NULL CHECK (name <> 'n3'))")
    run = sink(database).start(T0, T1)
    value = records([{"id": n, "name": None if n == 6 else f"n{n}"} for n in range(9)], ID, NAME)
    with pytest.raises(RecordHaltedError, match="constraint"):
        run.put(consumed("orders", value))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == [0, 1, 2]


def test_when_the_last_record_of_a_key_is_refused_the_one_before_it_counts(database: TargetDatabase) -> None:
    database.run("CREATE TABLE \"orders\" (id BIGINT PRIMARY KEY, name VARCHAR(60) CHECK (name <> 'bad'))")
    run = sink(database, tolerant=True, **UPSERT).start(T0)
    run.put(keyed([(1, "good"), (1, "bad"), (2, "bad"), (2, "good"), (3, "good"), (3, None), (3, "bad"), (4, "bad")]))
    assert table(database) == [(1, "good"), (2, "good")]
    assert sorted(halted(run)) == [1, 6, 7]


def test_records_halted_before_a_death_reach_the_dead_letter_queue_after_it(database: TargetDatabase) -> None:
    database.run("CREATE TABLE \"orders\" (id BIGINT, name VARCHAR(60) CHECK (name <> 'n3'))")
    harness = sink(database, tolerant=True)
    harness.start(T0).put(rows(range(6)))  # and dies
    second = harness.start(T0)
    second.put(rows(range(8)))
    assert list(halted(second)) == [3]
    second.commit()
    third = harness.start(T0)
    third.put(rows(range(8, 10)))
    assert halted(third) == {}
    assert database.one('SELECT id FROM "orders" ORDER BY id') == [0, 1, 2, *range(4, 10)]


def test_a_database_that_was_restored_from_a_backup_is_filled_again(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    run = harness.start(T0)
    run.put(rows(range(5)))
    run.commit()
    backup = database.rows("SELECT next_offset FROM tidegate_offsets")
    run.put(rows(range(5, 10)))
    run.commit()
    database.run('DELETE FROM "orders" WHERE id >= 5')
    database.run(f"UPDATE tidegate_offsets SET next_offset = {backup[0][0]}, committed_offset = 5")
    restarted = harness.start(T0)
    assert restarted.overrides == {T0: 5}
    restarted.put(rows(range(5, 10)))
    assert database.one('SELECT id FROM "orders" ORDER BY id') == list(range(10))


def test_offsets_that_kafka_has_forgotten_are_known_in_the_database(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    run = harness.start(T0)
    run.put(rows(range(5)))
    run.commit()
    harness.offsets.clear()
    assert harness.start(T0).overrides == {T0: 5}


def test_offsets_are_altered_where_they_are_held(database: TargetDatabase) -> None:
    harness = sink(database, auto_create="true")
    config = harness.connector.config_def.parse({**harness.config, "name": harness.name})
    run = harness.start(T0)
    run.put(rows(range(5)))
    run.commit()
    run.task.stop()
    harness.connector.alter_offsets(config, harness.name, {T0: 3})
    again = harness.start(T0)
    again.put(rows(range(3, 6)))
    again.task.stop()
    assert database.one('SELECT id FROM "orders" ORDER BY id') == [0, 1, 2, 3, 3, 4, 4, 5]
    harness.connector.alter_offsets(config, harness.name, None)
    assert database.one("SELECT count(*) FROM tidegate_offsets") == [0]
    harness.connector.alter_offsets(config, "never-ran", {T0: 3})


def test_a_table_follows_the_schema_of_its_records(database: TargetDatabase) -> None:
    run = sink(database, auto_create="true", auto_evolve="true").start(T0)
    run.put(consumed("orders", records([{"id": 0}], ID)))
    run.put(
        consumed("orders", records([{"id": 1, "price": "12.345"}], ID, pa.field("price", pa.string())), first_offset=1)
    )
    run.put(consumed("orders", records([{"id": 2, "name": "x"}], ID, NAME), first_offset=2))
    run.put(consumed("orders", records([{"id": 3}], ID), first_offset=3))
    assert database.rows('SELECT id, price, name FROM "orders" ORDER BY id') == [
        (0, None, None),
        (1, "12.345", None),
        (2, None, "x"),
        (3, None, None),
    ]


def test_without_evolution_an_unknown_field_halts_its_records_until_the_table_has_it(database: TargetDatabase) -> None:
    database.run('CREATE TABLE "orders" (id BIGINT)')
    run = sink(database, tolerant=True).start(T0)
    run.put(consumed("orders", records([{"id": 0}], ID)))
    run.put(rows([1]))
    run.put(consumed("orders", records([{"id": 2}], ID), first_offset=2))
    assert "field 'name' has no column in table orders: add the column" in halted(run)[1]
    database.run('ALTER TABLE "orders" ADD COLUMN name VARCHAR(60)')
    run.put(rows([3]))
    assert database.rows('SELECT id, name FROM "orders" ORDER BY id') == [(0, None), (2, None), (3, "n3")]


def test_a_column_that_was_widened_takes_the_next_record(database: TargetDatabase) -> None:
    if database.kind == "sqlite":
        pytest.skip("SQLite's columns have no length")
    database.run('CREATE TABLE "orders" (id BIGINT PRIMARY KEY, name VARCHAR(3) NOT NULL)')
    run = sink(database, tolerant=True, insert_mode="upsert", pk_mode="record_value", pk_fields="id").start(T0)
    run.put(rows([0, 1]))
    widen = database.pick(
        postgresql='ALTER TABLE "orders" ALTER COLUMN name TYPE VARCHAR(9), ALTER COLUMN name DROP NOT NULL',
        mariadb='ALTER TABLE "orders" MODIFY name VARCHAR(9)',
    )
    database.run(widen)
    value = records([{"id": 2, "name": "123456789"}, {"id": 3, "name": None}], ID, NAME)
    run.put(consumed("orders", value, first_offset=2))
    assert halted(run) == {}
    assert database.one('SELECT count(*) FROM "orders"') == [4]


def test_a_renamed_field_is_recognised(database: TargetDatabase) -> None:
    run = sink(database, tolerant=True, auto_create="true", auto_evolve="true").start(T0)
    run.put(consumed("orders", records([{"userId": 1}], pa.field("userId", pa.int64(), nullable=False))))
    renamed = pa.field("user_id", pa.int64(), nullable=False)
    run.put(consumed("orders", records([{"user_id": 1}], renamed), first_offset=1))
    assert "'userId'" in halted(run)[1] and "renamed?" in halted(run)[1]
    assert database.one('SELECT count(*) FROM "orders"') == [1]


def test_updates_change_only_rows_that_exist(database: TargetDatabase) -> None:
    database.run('CREATE TABLE "orders" (id BIGINT PRIMARY KEY, name VARCHAR(60), other INTEGER)')
    database.run("INSERT INTO \"orders\" VALUES (1, 'old', 7), (2, 'old', 8)")
    run = sink(database, insert_mode="update", pk_mode="record_key").start(T0)
    run.put(keyed([(1, "new"), (9, "new"), (1, "newer")]))
    assert database.rows('SELECT * FROM "orders" ORDER BY id') == [(1, "newer", 7), (2, "old", 8)]


def test_inserts_and_deletes_in_turn(database: TargetDatabase) -> None:
    run = sink(database, pk_mode="record_key", delete_enabled="true", auto_create="true").start(T0)
    run.put(keyed([(1, "a"), (2, "b"), (1, None), (1, "c"), (2, None)]))
    assert table(database) == [(1, "c")]


def test_a_tombstone_is_halted_unless_it_may_delete(database: TargetDatabase) -> None:
    keys = {**UPSERT, "delete_enabled": "false"}
    run = sink(database, tolerant=True, **keys).start(T0)
    run.put(keyed([(1, "a"), (1, None), (2, "b")]))
    assert table(database) == [(1, "a"), (2, "b")]
    assert "set delete.enabled=true" in halted(run)[1]


def test_the_key_may_be_a_number_by_itself_or_the_place_in_kafka(database: TargetDatabase) -> None:
    run = sink(database, **UPSERT, pk_fields="code").start(T0)
    value = records([{"name": "a"}, {"name": "b"}, None], NAME)
    run.put(consumed("orders", value, key=pa.array([7, 8, 7])))
    assert database.rows('SELECT code, name FROM "orders"') == [(8, "b")]
    run = sink(database, pk_mode="kafka", auto_create="true", table_name_format="places").start(T0, epoch=2)
    run.put(consumed("orders", records([{"name": "a"}], NAME), first_offset=3))
    found = database.rows('SELECT __connect_topic, __connect_partition, __connect_offset, name FROM "places"')
    assert found == [("orders", 0, 3, "a")]


def test_several_topics_go_to_several_tables(database: TargetDatabase) -> None:
    users = TopicPartition("users", 0)
    run = sink(database, auto_create="true", table_name_format="t_${topic}", fields_whitelist="name").start(T0, users)
    run.put(rows([0]))
    run.put(consumed("users", records([{"id": 5, "name": "ann"}], ID, NAME)))
    assert database.rows('SELECT * FROM "t_orders"') == [("n0",)]
    assert database.rows('SELECT * FROM "t_users"') == [("ann",)]
    assert database.rows("SELECT topic, next_offset FROM tidegate_offsets ORDER BY topic") == [
        ("orders", 1),
        ("users", 1),
    ]


def test_a_missing_table_names_the_remedy(database: TargetDatabase) -> None:
    run = sink(database).start(T0)
    with pytest.raises(FatalError, match=r"Table orders does not exist\. Create it, or set auto\.create=true"):
        run.put(rows([0]))


def test_values_without_a_schema_are_halted(database: TargetDatabase) -> None:
    run = sink(database, tolerant=True, auto_create="true").start(T0)
    run.put(consumed("orders", pa.array(["text", "more"])))
    assert ["use a converter with schemas" in why for why in halted(run).values()] == [True, True]
    assert run.commit()[T0].offset == 2


def test_another_unique_index_is_never_overwritten(database: TargetDatabase) -> None:
    database.run('CREATE TABLE "orders" (id BIGINT PRIMARY KEY, name VARCHAR(60) UNIQUE)')
    run = sink(database, tolerant=True, **UPSERT).start(T0)
    run.put(keyed([(1, "a"), (2, "b")]))
    run.put(keyed([(3, "a"), (2, "c")], first_offset=2))
    assert table(database) == [(1, "a"), (2, "c")]
    assert list(halted(run)) == [2]
    assert "remove the row that is in the way" in halted(run)[2]

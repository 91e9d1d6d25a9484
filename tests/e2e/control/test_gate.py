"""The gate: a record that can not go on is halted alone with its reason, or fails its task having lost nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import orjson
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.e2e.control.user import DEADLINE, User, reasons
from tests.support.eventually import eventually
from tidegate.devstack.cluster import BUCKET

GARBAGE = b"\x07this is no Avro"
UNKNOWN_ID = b"\x00\x00\x0f\x42\x3f\x02"


class Orders:
    """A topic of Avro orders, written by an application that is none of ours."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.topic = user.topic()
        self.registry = user.cluster.registry_urls[0]
        self._client = SchemaRegistryClient({"url": self.registry})
        # The application may break its own subject: what then stands before the files is the sink's gate.
        answer = httpx.put(f"{self.registry}/config/{self.topic}-value", json={"compatibility": "NONE"})
        assert answer.status_code == 200, answer.text

    def encode(self, id_: int, field: str = "customer") -> bytes:
        fields = [{"name": "id", "type": "long"}, {"name": field, "type": "string"}]
        schema = json.dumps({"type": "record", "name": "Order", "fields": fields})
        context = SerializationContext(self.topic, MessageField.VALUE)
        value = AvroSerializer(self._client, schema)({"id": id_, field: f"c{id_}"}, context)
        assert isinstance(value, bytes)
        return value

    def sink(self, **more: Any) -> dict[str, Any]:
        return {
            "connector__class": "s3-sink",
            "topics": self.topic,
            "topics.dir": self.topic,
            "key.converter": "string",
            "value.converter": "avro",
            "s3.bucket.name": BUCKET,
            "store.url": "${env:LAKE_ENDPOINT}",
            "aws.access.key.id": "${env:LAKE_ACCESS_KEY_ID}",
            "aws.secret.access.key": "${env:LAKE_SECRET_ACCESS_KEY}",
            "flush.size": 1000,
            "rotate.schedule.interval.ms": 500,
            **more,
        }

    def delivered(self) -> list[int]:
        rows = self.user.bucket_rows(self.topic)
        assert all(row["customer"] == f"c{row['id']}" for row in rows)
        return sorted(row["id"] for row in rows)


def test_a_sink_halts_exactly_the_bad_records_and_the_others_arrive(user: User) -> None:
    orders, letters_topic, name = Orders(user), user.fresh("dlq"), user.fresh("sink")
    renamed = orders.encode(4, "client")
    user.produce(orders.topic, orders.encode(0), GARBAGE, orders.encode(1), UNKNOWN_ID, orders.encode(2), renamed)
    tolerance = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": letters_topic}
    user.deploy(name, **orders.sink(**tolerance))
    user.produce(orders.topic, orders.encode(3))
    eventually(lambda: orders.delivered() == [0, 1, 2, 3], timeout=DEADLINE, message="the good ones arrive")
    eventually(lambda: len(user.records(letters_topic)) == 3, timeout=DEADLINE, message="the bad ones are halted")
    letters = user.records(letters_topic)
    assert [letter.value() for letter in letters] == [GARBAGE, UNKNOWN_ID, renamed]
    found = reasons(letters)
    assert [each["offset"] for each in found] == ["1", "3", "5"]
    assert [each["stage"] for each in found] == ["VALUE_CONVERTER", "VALUE_CONVERTER", "TASK_PUT"]
    for each in found:
        assert (each["topic"], each["partition"]) == (orders.topic, "0")
        assert (each["connector.name"], each["task.id"]) == (name, "0")
        assert each["exception.class.name"]
    messages = [each["exception.message"] for each in found]
    assert "magic" in messages[0].lower() or "0x07" in messages[0]
    assert "999999" in messages[1]
    assert "'customer'" in messages[2] and "'client'" in messages[2] and "BACKWARD" in messages[2]
    assert user.tasks(name)[0]["state"] == "RUNNING"
    assert orders.delivered() == [0, 1, 2, 3]


def test_an_intolerant_sink_fails_at_the_record_and_goes_on_after_the_repair(user: User) -> None:
    orders, name = Orders(user), user.fresh("sink")
    bad = {2: (GARBAGE, "0x07"), 3: (UNKNOWN_ID, "999999"), 5: (orders.encode(5, "client"), "'customer'")}
    values = [bad[offset][0] if offset in bad else orders.encode(offset) for offset in range(8)]
    user.deploy(name, **orders.sink())
    user.produce(orders.topic, *values)
    for offset, (_, said) in bad.items():
        user.reaches(name, "FAILED", reason=f"{orders.topic}-0 at offset {offset}: ")
        trace = user.tasks(name)[0]["trace"]
        assert said in trace and "errors.tolerance=all" in trace, trace
        assert orders.delivered() == [each for each in range(offset) if each not in bad], "what came before it arrived"
        user.stopped(name)
        assert user.offsets(name) == [at(orders.topic, offset)]
        altered = user.rest.patch(f"/connectors/{name}/offsets", json={"offsets": [at(orders.topic, offset + 1)]})
        assert altered.status_code == 200, altered.text
        user.steer(name, "resume")
    eventually(lambda: orders.delivered() == [0, 1, 4, 6, 7], timeout=DEADLINE, message="the rest arrives")
    user.reaches(name, "RUNNING")


def at(topic: str, offset: int) -> dict[str, Any]:
    return {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": offset}}


class Table:
    """A table whose column is renamed, and a source that reads it."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.table = user.fresh("events").replace("-", "_")
        self.topic = f"gate.{self.table}"
        self.execute(f'CREATE TABLE {self.table} (id BIGINT PRIMARY KEY, "userId" BIGINT NOT NULL)')

    def execute(self, statement: str) -> None:
        with self.user.database() as database:
            database.execute(statement)

    def insert(self, *ids: int) -> None:
        self.execute(f"INSERT INTO {self.table} VALUES {', '.join(f'({id_}, {id_})' for id_ in ids)}")

    def rename(self, old: str, new: str) -> None:
        self.execute(f'ALTER TABLE {self.table} RENAME COLUMN "{old}" TO "{new}"')

    def source(self, **more: Any) -> dict[str, Any]:
        return {
            "connector.class": "jdbc-source",
            "connection.url": "${env:DATABASE_URL}",
            "connection.user": "${env:DATABASE_USER}",
            "connection.password": "${env:DATABASE_PASSWORD}",
            "table.include.list": self.table,
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "poll.interval.ms": 100,
            "topic.prefix": "gate.",
            "key.converter": "string",
            "value.converter": "avro",
            **more,
        }

    def ids(self) -> list[int]:
        """Of the records in the topic, read by their first field: a zig-zag number below 64."""
        values = [record.value() or b"" for record in self.user.records(self.topic)]
        return sorted(value[5] // 2 for value in values)


def test_an_intolerant_source_fails_at_the_new_schema_and_loses_nothing(user: User) -> None:
    table, name = Table(user), user.fresh("source")
    table.insert(1, 2)
    user.deploy(name, **table.source())
    eventually(lambda: table.ids() == [1, 2], timeout=DEADLINE)
    table.rename("userId", "user_id")
    table.insert(3, 4)
    user.reaches(name, "FAILED", reason="user_id")
    trace = user.tasks(name)[0]["trace"]
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in trace and f"{table.topic}-value" in trace, trace
    assert table.ids() == [1, 2]
    # The repair: a field that may be missing is a change that readers can follow.
    table.execute(f"ALTER TABLE {table.table} ALTER COLUMN user_id DROP NOT NULL")
    answer = user.rest.post(f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")
    assert answer.status_code == 202, answer.text
    eventually(lambda: table.ids() == [1, 2, 3, 4], timeout=DEADLINE, message="the halted rows arrive, once")
    user.reaches(name, "RUNNING")


def test_a_tolerant_source_halts_exactly_the_rows_of_the_new_schema(user: User) -> None:
    table, letters_topic, name = Table(user), user.fresh("dlq"), user.fresh("source")
    table.insert(1, 2)
    tolerance = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": letters_topic}
    user.deploy(name, **table.source(**tolerance))
    eventually(lambda: table.ids() == [1, 2], timeout=DEADLINE)
    table.rename("userId", "user_id")
    table.insert(3, 4)
    eventually(lambda: len(user.records(letters_topic)) == 2, timeout=DEADLINE, message="the renamed rows are halted")
    table.rename("user_id", "userId")
    table.insert(5)
    eventually(lambda: table.ids() == [1, 2, 5], timeout=DEADLINE, message="the rows after it go on")
    letters = user.records(letters_topic)
    assert [orjson.loads(letter.value() or b"") for letter in letters] == [
        {"id": 3, "user_id": 3},
        {"id": 4, "user_id": 4},
    ]
    for each in reasons(letters):
        assert (each["topic"], each["stage"], each["connector.name"]) == (table.topic, "VALUE_CONVERTER", name)
        assert '"user_id"' in each["exception.message"]
        assert "READER_FIELD_MISSING_DEFAULT_VALUE" in each["exception.message"]
        assert each["exception.class.name"]
        assert not {"partition", "offset"} & each.keys(), "it has no place in Kafka yet"

"""Drift before each kind of target: exactly the drifted records are halted and wait, the others flow, the target never
sees them; and after the repair they are replayed, each once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka.schema_registry import ConfigCompatibilityLevel, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from pyiceberg.catalog import load_catalog

from tests.e2e.control.user import DEADLINE, User
from tests.integration.connectors.search_index import SearchIndex
from tests.support.command_line import Ran, run_tidegate
from tests.support.eventually import eventually
from tidegate.connectors.iceberg.catalog import catalog_properties
from tidegate.devstack import OpenSearch
from tidegate.devstack.cluster import BUCKET

RULES = ["missing-field", "type-changed", "missing-field", "garbage", "unknown-schema-id", "wrong-subject"]
RENAME_BACK = [
    "--set=transforms=back",
    "--set=transforms.back.type=org.apache.kafka.connect.transforms.ReplaceField$Value",
    "--set=transforms.back.renames=user_id:userId",
]


class Events:
    """A topic that an application writes which may break its own subject."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.topic = user.topic().replace("-", "_")
        self._client = SchemaRegistryClient({"url": user.cluster.registry_urls[0]})
        self._client.set_config(f"{self.topic}-value", ServerConfig(compatibility=ConfigCompatibilityLevel.NONE))

    def encode(self, record: dict[str, Any], *, topic: str = "") -> bytes:
        kinds = {int: "long", str: "string"}
        fields = [{"name": name, "type": kinds[type(value)]} for name, value in record.items()]
        schema = json.dumps({"type": "record", "name": "Event", "fields": fields})
        context = SerializationContext(topic or self.topic, MessageField.VALUE)
        value = AvroSerializer(self._client, schema)(record, context)
        assert isinstance(value, bytes)
        return value

    def event(self, number: int) -> bytes:
        return self.encode({"id": number, "userId": f"u{number}"})

    def drifted(self) -> list[bytes]:
        """One record for each of :data:`RULES`."""
        return [
            self.encode({"id": 10, "user_id": "u10"}),
            self.encode({"id": "eleven", "userId": "u11"}),
            self.encode({"id": 12}),
            b"\x07this is no Avro",
            b"\x00\x00\x0f\x42\x3f\x02",
            self.encode({"id": 15, "userId": "u15", "of": "another"}, topic=f"other-{self.topic}"),
        ]


@dataclass
class Target:
    """A sink and what it has delivered.

    Args:
        config: of the connector.
        delivered: ids and users, sorted.
    """

    config: dict[str, str]
    delivered: Callable[[], list[tuple[Any, Any]]]


def s3(user: User, topic: str, directory: Path) -> Target:
    config = {
        "connector.class": "s3-sink",
        "topics.dir": topic,
        "s3.bucket.name": BUCKET,
        "store.url": "${env:LAKE_ENDPOINT}",
        "aws.access.key.id": "${env:LAKE_ACCESS_KEY_ID}",
        "aws.secret.access.key": "${env:LAKE_SECRET_ACCESS_KEY}",
        "rotate.schedule.interval.ms": "500",
    }
    return Target(config, lambda: sorted((row["id"], row["userId"]) for row in user.bucket_rows(topic)))


def jdbc(user: User, topic: str, directory: Path) -> Target:
    config = {
        "connector.class": "jdbc-sink",
        "connection.url": "${env:DATABASE_URL}",
        "connection.user": "${env:DATABASE_USER}",
        "connection.password": "${env:DATABASE_PASSWORD}",
        "auto.create": "true",
        "offset.flush.interval.ms": "300",
    }

    def delivered() -> list[tuple[Any, Any]]:
        with user.database() as database:
            return database.execute(f'SELECT id, "userId" FROM "{topic}" ORDER BY id').fetchall()

    return Target(config, delivered)


def iceberg(user: User, topic: str, directory: Path) -> Target:
    store = user.cluster.stack.seaweedfs
    catalog = {
        "iceberg.catalog.type": "sql",
        "iceberg.catalog.uri": f"sqlite:///{directory / 'catalog.db'}",
        "iceberg.catalog.warehouse": f"s3://{BUCKET}/warehouse-{uuid.uuid4().hex[:8]}",
        "iceberg.catalog.s3.endpoint": store.endpoint_url,
        "iceberg.catalog.s3.region": store.region,
        "iceberg.catalog.s3.access-key-id": store.access_key,
        "iceberg.catalog.s3.secret-access-key": store.secret_key,
    }
    config = {
        "connector.class": "iceberg-sink",
        **catalog,
        "iceberg.tables": f"drift.{topic}",
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.control.commit.interval-ms": "500",
        "offset.flush.interval.ms": "300",
    }

    def delivered() -> list[tuple[Any, Any]]:
        table = load_catalog("iceberg", **catalog_properties(catalog)).load_table(f"drift.{topic}")
        return sorted((row["id"], row["userId"]) for row in table.scan().to_arrow().to_pylist())

    return Target(config, delivered)


def search(topic: str, node: SearchIndex) -> Target:
    config = {
        "connector.class": "opensearch-sink",
        "connection.url": node.url,
        "key.ignore": "true",
        "offset.flush.interval.ms": "300",
    }
    return Target(config, lambda: sorted((hit["_source"]["id"], hit["_source"]["userId"]) for hit in node.hits(topic)))


def dlq(user: User, *arguments: str) -> Ran:
    """``tidegate dlq ...`` against the cluster."""
    env = {
        "TIDEGATE_URL": user.urls[0],
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": user.cluster.stack.bootstrap_servers,
        "TIDEGATE_REGISTRY_URLS": user.cluster.registry_targets[0],
        "COLUMNS": "220",
    }
    return run_tidegate("dlq", *arguments, env=env)


def six_waiting(user: User, name: str) -> list[dict[str, Any]]:
    """What waits, once there are six."""
    listed = dlq(user, "list", name, "-o", "json")
    groups: list[dict[str, Any]] = orjson.loads(listed.out)
    assert sum(each["count"] for each in groups) == 6, groups
    return groups


def events(*numbers: int) -> list[tuple[int, str]]:
    return [(number, f"u{number}") for number in numbers]


def common(topic: str, letters: str) -> dict[str, str]:
    return {
        "topics": topic,
        "key.converter": "string",
        "value.converter": "avro",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters,
    }


@pytest.mark.parametrize("target", [s3, jdbc, iceberg])
def test_drifted_records_are_halted_one_by_one_repaired_and_replayed(
    user: User, tmp_path: Path, target: Callable[[User, str, Path], Target]
) -> None:
    source, name, letters = Events(user), user.fresh("drift"), user.fresh("dlq")
    into = target(user, source.topic, tmp_path)
    user.produce(source.topic, source.event(0))
    user.deploy(name, **common(source.topic, letters), **into.config)
    eventually(lambda: into.delivered() == events(0), timeout=DEADLINE, message="the first one makes the target")
    for number, bad in enumerate(source.drifted(), start=1):
        user.produce(source.topic, bad, source.event(number))
    eventually(lambda: into.delivered() == events(*range(7)), timeout=DEADLINE, message="the others flow")
    groups = eventually(lambda: six_waiting(user, name), timeout=DEADLINE, message="the drifted are halted")
    assert [each["rule"] for each in sorted(groups, key=lambda each: int(each["first"]["position"][2:]))] == RULES
    renamed = next(each for each in groups if "user_id" in each["reason"])
    shown = dlq(user, "show", name, "--group", renamed["group"])
    assert "userId missing, user_id unexpected: renamed?" in shown.out, shown.out + shown.err
    replayed = dlq(user, "replay", name, "--yes", "--group", renamed["group"], *RENAME_BACK)
    assert "1 records replayed" in replayed.out, replayed.out + replayed.err
    eventually(lambda: into.delivered() == events(*range(7), 10), timeout=DEADLINE, message="the repaired one arrives")
    assert user.tasks(name)[0]["state"] == "RUNNING"
    left = orjson.loads(dlq(user, "list", name, "-o", "json").out)
    assert [each["rule"] for each in left].count("missing-field") == 1 and len(left) == 5
    again = dlq(user, "replay", name, "--yes", "--group", renamed["group"], *RENAME_BACK)
    assert again.code == 1 and "of that kind" in again.err, "what is replayed is not replayed twice"


def test_with_policy_fail_drift_fails_the_task_and_other_faults_do_not(user: User, tmp_path: Path) -> None:
    source, name, letters = Events(user), user.fresh("drift"), user.fresh("dlq")
    into = s3(user, source.topic, tmp_path)
    renamed = source.encode({"id": 9, "user_id": "u9"})
    user.produce(source.topic, source.event(0), b"\x07garbage", source.event(1), renamed, source.event(2))
    config = {**common(source.topic, letters), **into.config, "drift.policy": "fail"}
    assert user.create(name, **config).status_code == 201
    user.reaches(name, "FAILED", reason=f"{source.topic}-0 at offset 3: ")
    assert "'userId'" in user.tasks(name)[0]["trace"]
    eventually(lambda: into.delivered() == events(0, 1), timeout=DEADLINE, message="what came before it arrives")
    assert [letter.value() for letter in user.records(letters)] == [b"\x07garbage"]


def test_with_policy_fail_a_text_that_a_database_takes_for_no_number_fails_the_task(user: User, tmp_path: Path) -> None:
    source = Events(user)
    fails_at_a_changed_type(user, source, jdbc(user, source.topic, tmp_path))


@pytest.mark.opensearch
def test_with_policy_fail_a_text_that_an_index_takes_for_no_number_fails_the_task(
    user: User, opensearch: OpenSearch
) -> None:
    source, node = Events(user), SearchIndex(opensearch.url)
    fails_at_a_changed_type(user, source, search(source.topic, node))
    node.close()


def fails_at_a_changed_type(user: User, source: Events, into: Target) -> None:
    name, letters = user.fresh("drift"), user.fresh("dlq")
    user.produce(source.topic, source.event(0))
    user.deploy(name, **common(source.topic, letters), **into.config, **{"drift.policy": "fail"})
    eventually(lambda: into.delivered() == events(0), timeout=DEADLINE, message="the first one makes the target")
    user.produce(source.topic, source.event(1), source.encode({"id": "two", "userId": "u2"}))
    user.reaches(name, "FAILED", reason=f"{source.topic}-0 at offset 2: ")
    eventually(lambda: into.delivered() == events(0, 1), timeout=DEADLINE, message="what came before it arrives")
    assert not user.records(letters)


@pytest.mark.parametrize(("policy", "columns"), [("project", ["id", "userId"]), ("evolve", ["id", "userId", "extra"])])
def test_a_field_the_table_lacks_is_left_out_or_added(
    user: User, tmp_path: Path, policy: str, columns: list[str]
) -> None:
    source, name, letters = Events(user), user.fresh("drift"), user.fresh("dlq")
    into = jdbc(user, source.topic, tmp_path)
    user.produce(source.topic, source.event(0), source.encode({"id": 1, "userId": "u1", "extra": "e"}), source.event(2))
    user.deploy(name, **common(source.topic, letters), **into.config, **{"drift.policy": policy})
    eventually(lambda: len(into.delivered()) + len(user.records(letters)) == 3, timeout=DEADLINE)
    assert into.delivered() == events(0, 1, 2)
    with user.database() as database:
        found = database.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
            (source.topic,),
        ).fetchall()
    assert [column for (column,) in found] == columns

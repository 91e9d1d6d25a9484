"""The real components: each starts, answers as its users need it, and leaves no process behind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pymysql
import pytest
from botocore.exceptions import ClientError
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.conftest import TEST_BUCKET
from tests.support.eventually import eventually
from tests.support.needs_mariadb import install_or_skip
from tidegate.devstack import (
    ApacheKafka,
    Component,
    ComponentStartError,
    EmbeddedStack,
    Etcd,
    MariaDB,
    Postgres,
    SeaweedFS,
    StateDirInUseError,
    Tansu,
)
from tidegate.devstack.ports import LOOPBACK, is_free

_WHEEL_COMPONENTS: list[Callable[[Path], Component]] = [Etcd, Tansu, SeaweedFS, Postgres]


def _family(component: Component) -> list[psutil.Process]:
    leader = psutil.Process(component.process.pid)
    return [leader, *leader.children(recursive=True)]


def _none_lives(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def _ports(component: Component) -> list[int]:
    return [component.port(role) for role in component.PORTS]


@pytest.mark.parametrize("make", _WHEEL_COMPONENTS)
def test_a_component_survives_restart_and_kill_on_its_ports_and_leaves_no_process(
    make: Callable[[Path], Component], state_dir: Path, tmp_path: Path
) -> None:
    with make(state_dir / uuid.uuid4().hex) as component:
        ports = _ports(component)
        component.restart()
        assert component.alive and _ports(component) == ports
        component.kill9()
        assert not component.alive
        component.start()
        assert component.alive and _ports(component) == ports
        family = _family(component)
    assert _none_lives(family)
    assert all(is_free(port) for port in ports)
    assert not list((component.state_dir / "pids").glob("*.json"))


def test_two_components_of_a_kind_do_not_collide(state_dir: Path) -> None:
    with SeaweedFS(state_dir / "left") as left, SeaweedFS(state_dir / "right") as right:
        left.client().create_bucket(Bucket="only-left")
        assert right.client().list_buckets()["Buckets"] == []


def test_ports_are_kept_from_one_stack_to_the_next(state_dir: Path) -> None:
    with Etcd(state_dir, name="kept") as first:
        ports = _ports(first)
    with Etcd(state_dir, name="kept") as second:
        assert _ports(second) == ports


def test_a_component_that_can_not_start_shows_the_end_of_its_log(state_dir: Path) -> None:
    postgres = Postgres(state_dir, name="broken", settings={"max_connections": "many"})
    with pytest.raises(ComponentStartError, match=r"broken exited(.|\n)*max_connections"):
        postgres.start()
    assert not postgres.alive


def test_etcd_keeps_its_keys_over_a_kill(own_etcd: Etcd) -> None:
    key, value = "a2V5", "dmFsdWU="
    httpx.post(f"{own_etcd.url}/v3/kv/put", json={"key": key, "value": value}).raise_for_status()
    own_etcd.kill9()
    own_etcd.start()
    found = httpx.post(f"{own_etcd.url}/v3/kv/range", json={"key": key}).json()
    assert found["kvs"][0]["value"] == value


def test_a_paused_component_answers_again_when_resumed(own_etcd: Etcd) -> None:
    own_etcd.pause()
    with pytest.raises(httpx.TimeoutException):
        httpx.get(f"{own_etcd.url}/health", timeout=0.5)
    own_etcd.resume()
    eventually(lambda: httpx.get(f"{own_etcd.url}/health", timeout=2).status_code == 200, message="etcd answers")


def test_postgres_takes_logical_replication_and_refuses_a_wrong_password(postgres: Postgres) -> None:
    database = f"d{uuid.uuid4().hex}"
    postgres.create_database(database)
    with psycopg.connect(postgres.url(database)) as connection:
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
        connection.execute("CREATE TABLE t (id int)")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url(database).replace(postgres.password, "wrong"))


def test_postgres_keeps_its_rows_over_a_kill(state_dir: Path) -> None:
    with Postgres(state_dir, name="killed") as postgres:
        with psycopg.connect(postgres.url()) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        postgres.kill9()
        postgres.start()
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_mariadb_keeps_its_rows_over_a_kill(state_dir: Path, pytestconfig: pytest.Config) -> None:
    install_or_skip(pytestconfig)
    with MariaDB(state_dir / uuid.uuid4().hex) as component:
        component.create_database("kept")
        with component.connect("kept") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT)")
            cursor.execute("INSERT INTO t VALUES (1)")
        component.kill9()
        component.start()
        with component.connect("kept") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM t")
            assert cursor.fetchall() == ((1,),)
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            pymysql.connect(host=component.host, port=component.sql_port, user="root", password="")
        family = _family(component)
    assert _none_lives(family)


def test_s3_refuses_to_overwrite_when_told_so(seaweedfs: SeaweedFS) -> None:
    s3, key = seaweedfs.client(), uuid.uuid4().hex
    s3.put_object(Bucket=TEST_BUCKET, Key=key, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=TEST_BUCKET, Key=key, Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=TEST_BUCKET, Key=key)["Body"].read() == b"first"


def test_s3_multipart_uploads_appear_only_when_completed(seaweedfs: SeaweedFS) -> None:
    s3, key = seaweedfs.client(), f"{uuid.uuid4().hex}/object"
    kept = s3.create_multipart_upload(Bucket=TEST_BUCKET, Key=key)["UploadId"]
    dropped = s3.create_multipart_upload(Bucket=TEST_BUCKET, Key=f"{key}-dropped")["UploadId"]
    part = s3.upload_part(Bucket=TEST_BUCKET, Key=key, UploadId=kept, PartNumber=1, Body=b"rows")
    listed = s3.list_multipart_uploads(Bucket=TEST_BUCKET, Prefix=key)["Uploads"]
    assert {upload["UploadId"] for upload in listed} == {kept, dropped}
    assert "Contents" not in s3.list_objects_v2(Bucket=TEST_BUCKET, Prefix=key)
    s3.complete_multipart_upload(
        Bucket=TEST_BUCKET,
        Key=key,
        UploadId=kept,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.abort_multipart_upload(Bucket=TEST_BUCKET, Key=f"{key}-dropped", UploadId=dropped)
    assert s3.get_object(Bucket=TEST_BUCKET, Key=key)["Body"].read() == b"rows"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=TEST_BUCKET, Prefix=key)


def _create_topic(bootstrap_servers: str, partitions: int = 1, **config: str) -> str:
    name = f"t-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
    admin.create_topics([topic])[name].result(30)
    eventually(lambda: name in admin.list_topics(timeout=5).topics, message=f"{name} is known")
    return name


def _consumer(bootstrap_servers: str, group: str = "readers") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )


def _read_to_end(bootstrap_servers: str, topic: str) -> list[bytes]:
    consumer = _consumer(bootstrap_servers)
    values: list[bytes] = []
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        while True:
            message = consumer.poll(30)
            assert message is not None, "the end of the partition was not reached"
            if message.error():
                return values
            values.append(message.value() or b"")
    finally:
        consumer.close()


def test_a_transaction_commits_records_and_offsets_and_fences_the_zombie(broker: Tansu | ApacheKafka) -> None:
    servers = broker.bootstrap_servers
    topic, transactional_id, group = _create_topic(servers), uuid.uuid4().hex, uuid.uuid4().hex
    zombie = Producer({"bootstrap.servers": servers, "transactional.id": transactional_id})
    zombie.init_transactions(30)
    source = TopicPartition(topic, 0, 42)
    consumer = _consumer(servers, group)
    consumer.assign([TopicPartition(topic, 0)])
    try:
        zombie.begin_transaction()
        zombie.produce(topic, b"committed")
        zombie.send_offsets_to_transaction([source], consumer.consumer_group_metadata(), 30)
        zombie.commit_transaction(30)

        successor = Producer({"bootstrap.servers": servers, "transactional.id": transactional_id})
        successor.init_transactions(30)
        with pytest.raises(KafkaException, match="_FENCED"):
            zombie.begin_transaction()
            zombie.produce(topic, b"from the dead")
            zombie.commit_transaction(30)

        assert _read_to_end(servers, topic) == [b"committed"]
        assert consumer.committed([TopicPartition(topic, 0)], timeout=30)[0].offset == 42
    finally:
        consumer.close()


def test_compacted_topics_have_the_partitions_asked_for(broker: Tansu | ApacheKafka) -> None:
    topic = _create_topic(broker.bootstrap_servers, partitions=5, **{"cleanup.policy": "compact"})
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    assert len(admin.list_topics(topic, timeout=30).topics[topic].partitions) == 5


@pytest.mark.apache_kafka
def test_apache_kafka_keeps_its_records_over_a_kill_and_leaves_no_process(
    apache_kafka: ApacheKafka, state_dir: Path
) -> None:
    # The shared one was asked for only because it skips or fails where Java is missing.
    with ApacheKafka(state_dir, name="killed-kafka") as kafka:
        topic = _create_topic(kafka.bootstrap_servers)
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        producer.produce(topic, b"kept")
        assert producer.flush(30) == 0
        kafka.kill9()
        kafka.start()
        assert _read_to_end(kafka.bootstrap_servers, topic) == [b"kept"]
        family = _family(kafka)
    assert _none_lives(family)


def test_the_stack_starts_what_was_asked_for_and_stops_all(state_dir: Path) -> None:
    with EmbeddedStack(state_dir / "stack", buckets=["lake"], table_bucket="tables") as stack:
        assert set(stack.addresses()) == {"etcd", "kafka", "s3", "iceberg", "postgres"}
        assert httpx.get(f"{stack.seaweedfs.iceberg_url}/v1/config", timeout=10).status_code < 500
        families = [each for component in stack.components for each in _family(component)]
        assert len(families) >= 4
    assert _none_lives(families)


def test_a_stack_with_one_broken_component_leaves_nothing_running(state_dir: Path) -> None:
    stack = EmbeddedStack(state_dir / "half", postgres_settings={"max_connections": "many"})
    with pytest.raises(ComponentStartError, match="max_connections"):
        stack.start()
    assert not any(component.alive for component in stack.components)
    assert not list((stack.state_dir / "pids").glob("*.json"))


def test_a_component_not_asked_for_is_named(state_dir: Path) -> None:
    with (
        EmbeddedStack(state_dir / "etcd-only", components=["etcd"]) as stack,
        pytest.raises(RuntimeError, match="no postgres"),
    ):
        _ = stack.postgres


def test_a_state_directory_serves_one_stack_at_a_time(state_dir: Path) -> None:
    directory = state_dir / "contended"
    with (
        EmbeddedStack(directory, components=["tansu"]) as first,
        pytest.raises(StateDirInUseError, match="contended"),
    ):
        try:
            EmbeddedStack(directory, components=["tansu"]).start()
        finally:
            assert first.tansu.alive


def test_a_start_can_be_aborted_from_another_thread(state_dir: Path) -> None:
    component = _NeverReady(state_dir, name="never-ready")
    outcome: list[BaseException] = []

    def start() -> None:
        try:
            component.start()
        except ComponentStartError as error:
            outcome.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    eventually(lambda: component.alive, message="the process runs")
    component.abort_start()
    thread.join(30)
    assert not component.alive
    assert [type(error) for error in outcome] == [ComponentStartError]


class _NeverReady(Tansu):
    def _probe(self) -> None:
        raise ConnectionError("not today")


_OWNER = """
import json, pathlib, sys, time
from tidegate.devstack import EmbeddedStack
stack = EmbeddedStack(pathlib.Path(sys.argv[1]))
stack.start()
print(json.dumps({c.name: [c.process.pid, c.port(c.PORTS[0])] for c in stack.components}), flush=True)
time.sleep(600)
"""


def test_the_next_start_reaps_what_a_killed_owner_left_and_keeps_data_and_ports(state_dir: Path) -> None:
    directory = state_dir / "orphaned"
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(directory)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        running: dict[str, Any] = json.loads(owner.stdout.readline())
        leaders = [psutil.Process(pid) for pid, _ in running.values()]
        family = [each for leader in leaders for each in [leader, *leader.children(recursive=True)]]
    finally:
        owner.kill()
        owner.communicate()
    assert all(leader.is_running() for leader in leaders)

    with EmbeddedStack(directory) as stack:
        assert sorted(stack.reaped) == sorted(running)
        assert _none_lives(family)
        assert {c.name: c.port(c.PORTS[0]) for c in stack.components} == {n: p for n, (_, p) in running.items()}
        assert LOOPBACK in stack.etcd.endpoint

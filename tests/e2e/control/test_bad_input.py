"""Bad input: each error names its key, the problem and the remedy, and nobody else notices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.control.user import COUNTING, DEADLINE, JSON, User, dotted
from tests.support.eventually import eventually
from tidegate.config.secrets import make_key
from tidegate.devstack.cluster import BUCKET
from tidegate.devstack.ports import free_port
from tidegate.devstack.service_process import ServiceProcess
from tidegate.etcd import EtcdClient, EtcdConfig, Keyspace

SECRET = "hunter2-quite-secret"


@pytest.fixture(scope="module")
def nowhere() -> str:
    """An address where nothing answers."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def neighbour(user: User) -> Iterator[None]:
    """Another connector, which must run and move on as if nothing had happened."""
    name, topic = user.fresh("neighbour"), user.topic()
    counting = {"connector.class": COUNTING, "topic": topic, "count": 1_000_000, "batch": 5, "pause.ms": 100, **JSON}
    user.deploy(name, **counting)
    before = user.status(name)
    seen = len(user.records(topic))
    yield
    eventually(lambda: len(user.records(topic)) > seen, timeout=DEADLINE, message="the neighbour goes on")
    assert user.status(name) == before
    numbers = user.numbers(topic)
    assert numbers == list(range(1, len(numbers) + 1))


def jdbc(nowhere: str = "", **more: Any) -> dict[str, Any]:
    config = {
        "connector.class": "jdbc-source",
        "connection.url": f"jdbc:postgresql://{nowhere}/demo" if nowhere else "${env:DATABASE_URL}",
        "connection.user": "${env:DATABASE_USER}",
        "connection.password": "${env:DATABASE_PASSWORD}",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "bad-input.",
        **JSON,
    }
    return {**config, **dotted(more)}


def s3(**more: Any) -> dict[str, Any]:
    config = {
        "connector.class": "s3-sink",
        "topics": "bad-input.orders",
        "s3.bucket.name": BUCKET,
        "store.url": "${env:LAKE_ENDPOINT}",
        "aws.access.key.id": "${env:LAKE_ACCESS_KEY_ID}",
        "aws.secret.access.key": "${env:LAKE_SECRET_ACCESS_KEY}",
        **JSON,
    }
    return {**config, **dotted(more)}


def refused(user: User, config: dict[str, Any]) -> dict[str, list[str]]:
    """The problems by key, the same in validate and in POST, which creates nothing."""
    name, plugin = user.fresh("bad"), config["connector.class"]
    checked = user.rest.put(f"/connector-plugins/{plugin}/config/validate", json={**config, "name": name})
    assert checked.status_code == 200, f"{checked.text}\n{user.unexpected()}"
    infos = checked.json()
    found = {each["value"]["name"]: each["value"]["errors"] for each in infos["configs"] if each["value"]["errors"]}
    assert infos["error_count"] == len(found)
    posted = user.create(name, **config)
    assert posted.status_code == 400, f"{posted.text}\n{user.unexpected()}"
    assert posted.json()["error_code"] == 400
    for key, problems in found.items():
        for problem in problems:
            assert f"{key}: {problem}" in posted.json()["message"]
    assert user.rest.get(f"/connectors/{name}").status_code == 404
    return found


def test_an_unknown_plugin_is_refused_with_the_known_ones(user: User, neighbour: None) -> None:
    answer = user.create(user.fresh("bad"), connector__class="moon-source")
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert "connector.class: 'moon-source'" in message
    assert "jdbc-source" in message and "s3-sink" in message
    path = "/connector-plugins/moon-source/config/validate"
    assert user.rest.put(path, json={"connector.class": "moon-source"}).status_code == 400


def test_missing_and_ill_typed_keys_are_named_all_at_once(user: User, neighbour: None) -> None:
    found = refused(
        user,
        {
            "connector.class": "jdbc-source",
            "tasks.max": "several",
            "batch.max.rows": "0",
            "poll.interval.ms": "soon",
            "mode": "sideways",
            "errors.tolerance": "some",
            "value.converter": "morse",
        },
    )
    assert found.keys() == {
        "tasks.max",
        "batch.max.rows",
        "poll.interval.ms",
        "mode",
        "errors.tolerance",
        "value.converter",
        "connection.url",
    }
    assert "'several'" in found["tasks.max"][0]
    assert "incrementing" in found["mode"][0]
    assert "missing" in found["connection.url"][0]
    assert "avro" in found["value.converter"][0]
    sink = refused(user, {"connector.class": "s3-sink", "s3.part.size": "1", "partitioner.class": "moon"})
    assert {"topics", "s3.bucket.name", "s3.part.size", "partitioner.class"} <= sink.keys()


def test_an_unreachable_database_is_named_with_its_address(user: User, neighbour: None, nowhere: str) -> None:
    found = refused(user, jdbc(nowhere))
    assert found.keys() == {"connection.url"}
    assert nowhere.rpartition(":")[2] in found["connection.url"][0]


def test_a_missing_table_and_a_wrong_column_are_named(user: User, neighbour: None) -> None:
    found = refused(user, jdbc(table__include__list="no_such_table"))
    assert "no_such_table" in found["table.include.list"][0]
    table = user.fresh("t").replace("-", "_")
    with user.database() as database:
        database.execute(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, name TEXT)")
    found = refused(user, jdbc(table__include__list=table, incrementing__column__name="nr"))
    assert "'nr'" in found["incrementing.column.name"][0] and table in found["incrementing.column.name"][0]


def test_an_unreachable_store_and_a_missing_bucket_are_named(user: User, neighbour: None, nowhere: str) -> None:
    found = refused(user, s3(store__url=f"http://{nowhere}"))
    assert found.keys() == {"store.url"}
    assert nowhere in found["store.url"][0]
    found = refused(user, s3(s3__bucket__name="no-such-bucket"))
    assert "create it" in found["s3.bucket.name"][0]


def test_a_missing_environment_variable_is_named(user: User) -> None:
    found = refused(user, s3(store__url="${env:NO_SUCH_VARIABLE}"))
    assert "NO_SUCH_VARIABLE" in found["store.url"][0]


def test_a_table_dropped_under_a_running_task_is_shown_and_comes_back(user: User, neighbour: None) -> None:
    table, name = user.fresh("t").replace("-", "_"), user.fresh("drops")
    create = f"CREATE TABLE {table} (id BIGINT PRIMARY KEY)"
    with user.database() as database:
        database.execute(create)
        database.execute(f"INSERT INTO {table} VALUES (1)")
        user.deploy(name, **jdbc(table__include__list=table, poll__interval__ms=100))
        topic = f"bad-input.{table}"
        eventually(lambda: len(user.records(topic)) == 1, timeout=DEADLINE)
        database.execute(f"DROP TABLE {table}")
        eventually(lambda: _troubled(user, name, table), timeout=DEADLINE, message="the dropped table is shown")
        database.execute(create)
        database.execute(f"INSERT INTO {table} VALUES (1), (2)")
    user.rest.post(f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")
    eventually(lambda: len(user.records(topic)) == 2, timeout=DEADLINE, message="the new row arrives")


def _troubled(user: User, name: str, table: str) -> bool:
    task = user.tasks(name)[0]
    return task["state"] in ("RESTARTING", "FAILED") and table in task["trace"]


def test_malformed_documents_are_400_and_say_where(user: User) -> None:
    json = {"content-type": "application/json"}
    for body in ('{"name": "a", "config": {', "[1, 2]", '{"name": "a", "config": {"tasks.max": [1]}}', "\xff\xfe"):
        answer = user.rest.post("/connectors", content=body.encode("latin-1"), headers=json)
        assert answer.status_code == 400, body
        assert answer.json()["error_code"] == 400
    answer = user.rest.post("/connectors", content='{"name": "a",\n "config": {]}', headers=json)
    assert "line 2" in answer.json()["message"]
    answer = user.rest.post("/connectors", json={"name": "a", "config": {"topics": ["a", "b"]}})
    assert "topics: is a list" in answer.json()["message"] and "commas" in answer.json()["message"]


def test_the_command_line_refuses_unusable_files_with_status_2(user: User, tmp_path: Path) -> None:
    file = tmp_path / "connector.yaml"
    for text, said in (
        ("name: a\nconfig:\n  tasks.max: [1\n", "line"),
        ("- a\n- b\n", str(file)),
        ("config:\n  connector.class: datagen-source\n", "name"),
        ("name: a\nconfig:\n  errors:\n    tolerance: all\n", "errors"),
    ):
        file.write_text(text)
        ran = user.cli("create", file)
        assert ran.code == 2, (text, ran)
        assert said in ran.err and "Traceback" not in ran.err
    for command in ("apply", "validate"):
        assert user.cli(command, file).code == 2
    ran = user.cli("create", tmp_path / "missing.yaml")
    assert ran.code == 2 and "missing.yaml" in ran.err


def test_the_command_line_shows_every_problem_of_a_configuration(user: User, tmp_path: Path) -> None:
    file = tmp_path / "connector.yaml"
    file.write_text("name: bad\nconfig:\n  connector.class: datagen-source\n  tasks.max: x\n  quickstart: moons\n")
    ran = user.cli("create", file)
    assert ran.code == 1
    for key in ("tasks.max", "quickstart", "kafka.topic"):
        assert key in ran.err
    ran = user.cli("validate", file)
    assert ran.code == 1
    for key in ("tasks.max", "quickstart", "kafka.topic"):
        assert key in ran.out
    ran = user.cli("status", "no-such-connector")
    assert ran.code == 1 and "no-such-connector not found" in ran.err


async def test_secrets_are_shown_nowhere(user: User, nowhere: str) -> None:
    name, bad = user.fresh("secretive"), user.fresh("secretive")
    table = user.fresh("t").replace("-", "_")
    with user.database() as database:
        database.execute(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY)")
        database.execute(f"CREATE ROLE {table} LOGIN PASSWORD '{SECRET}'")
        database.execute(f"GRANT SELECT ON {table} TO {table}")
    config = jdbc(table__include__list=table, connection__user=table, connection__password=SECRET)
    user.deploy(name, **config)
    answers = [
        user.create(bad, **{**config, "connection.password": SECRET + "-wrong"}),
        user.create(bad, **{**config, "connection.url": f"jdbc:postgresql://{nowhere}/demo"}),
        user.create(bad, **{**config, "mode": "sideways"}),
        user.rest.put("/connector-plugins/jdbc-source/config/validate", json={**config, "name": bad}),
        user.rest.put("/connector-plugins/jdbc-source/config/validate", json={**config, "tasks.max": "x"}),
        *(user.rest.get(f"/connectors/{name}{path}") for path in ("", "/config", "/status", "/tasks", "/offsets")),
        user.rest.get(f"/connectors/{name}/tasks/0/status"),
        user.rest.get("/connectors?expand=info&expand=status"),
    ]
    # A value that a provider gives is none of an answer's either, whichever key it stands in and whatever is wrong.
    given = "${env:LAKE_SECRET_ACCESS_KEY}"
    to_file = {**JSON, "connector.class": "file-sink", "topics": user.topic()}
    answers += [
        user.create(bad, **{**config, "connection.url": f"jdbc:{given}"}),
        user.rest.put(
            "/connector-plugins/jdbc-source/config/validate",
            json={**config, "name": bad, "connection.url": given, "connection.password": f"{SECRET}{given}"},
        ),
        user.rest.put(
            f"/connectors/{bad}/config", json={**to_file, "file": f"/no/such/directory/{given}", "tasks.max": 0}
        ),
        user.create(bad, **{**to_file, "file": f"/dev/null/{given}/x"}),
    ]
    assert [answer.status_code for answer in answers[-4:-1]] == [400, 200, 400]
    if answers[-1].status_code == 201:
        eventually(lambda: _troubled(user, bad, given), timeout=DEADLINE, message="the task fails for want of a file")
        answers.append(user.rest.get(f"/connectors/{bad}/status"))
    assert [answer.status_code for answer in answers[:3]] == [400, 400, 400]
    with user.database() as database:
        database.execute(f"DROP OWNED BY {table}")
        eventually(lambda: _troubled(user, name, table), timeout=DEADLINE, message="the task fails for want of rights")
    answers.append(user.rest.get(f"/connectors/{name}/status"))
    for secret in (SECRET, user.cluster.stack.seaweedfs.secret_key):
        assert not [(str(answer.url), answer.text) for answer in answers if secret in answer.text]
        assert not [log for log, text in user.logs() if secret in text]
    async with EtcdClient(EtcdConfig((user.cluster.stack.etcd.endpoint,))) as client:
        stored = (await client.range(Keyspace("tidegate").root)).kvs
    assert stored
    assert not [kv.key for kv in stored if SECRET.encode() in kv.value]


@contextlib.contextmanager
def small_cluster(user: User, name: str, *worker_flags: str) -> Iterator[httpx.Client]:
    """A coordinator and a worker in a cluster of their own, in the same etcd."""
    common = [f"--cluster={name}", f"--etcd-endpoints={user.cluster.stack.etcd.endpoint}"]
    secret = {"TIDEGATE_SECRET_KEY": make_key()}
    state_dir = user.cluster.state_dir
    coordinator = ServiceProcess(
        "coordinator",
        f"{name}-coordinator",
        state_dir=state_dir,
        flags=[*common, f"--replica-id={name}"],
        listens=("grpc", "rest"),
        env=secret,
    )
    worker = ServiceProcess(
        "worker",
        f"{name}-worker",
        state_dir=state_dir,
        flags=[*common, *worker_flags],
        listens=("grpc",),
        env=secret,
    )
    with contextlib.ExitStack() as stack:
        for service in (coordinator, worker):
            stack.callback(service.stop)
            service.spawn()
        for service in (coordinator, worker):
            service.wait_ready()
        rest = stack.enter_context(httpx.Client(base_url=f"http://{coordinator.addresses['rest']}", timeout=60))
        eventually(lambda: rest.get("/connector-plugins").json(), timeout=DEADLINE, message="the worker is known")
        yield rest


def test_a_worker_that_can_not_reach_kafka_says_so(user: User, nowhere: str) -> None:
    with small_cluster(user, user.fresh("no-kafka"), f"--kafka=bootstrap.servers={nowhere}") as rest:
        config = {"connector.class": "datagen-source", "kafka.topic": "t", **JSON}
        answer = rest.post("/connectors", json={"name": "a", "config": config})
        assert answer.status_code == 400
        assert "can not reach Kafka" in answer.json()["message"]
        assert "bootstrap.servers" in answer.json()["message"]


def test_an_unreachable_registry_is_the_reason_in_the_status(user: User, nowhere: str) -> None:
    kafka = f"--kafka=bootstrap.servers={user.cluster.stack.bootstrap_servers}"
    topic = user.topic()
    with small_cluster(user, user.fresh("no-registry"), kafka, f"--registry-urls={nowhere}") as rest:
        config = {
            "connector.class": "datagen-source",
            "kafka.topic": topic,
            "key.converter": "string",
            "value.converter": "avro",
            "errors.retry.timeout": "500",
        }
        answer = rest.post("/connectors", json={"name": "a", "config": config})
        assert answer.status_code == 201, answer.text

        def said() -> bool:
            tasks = rest.get("/connectors/a/status").json()["tasks"]
            return bool(tasks) and tasks[0]["state"] == "RESTARTING" and nowhere in tasks[0]["trace"]

        eventually(said, timeout=DEADLINE, message="the status names the registry's address")
        assert user.records(topic) == []

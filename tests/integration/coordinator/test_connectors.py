"""A connector's life over REST, as Kafka Connect's clients know it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.coordinator.plugin_worker import ALIAS, PLUGIN, PluginWorker
from tests.integration.coordinator.replica import Replica
from tests.support.eventually import aeventually
from tidegate.etcd import EtcdClient, Keyspace

CONFIG = {"connector.class": PLUGIN, "tasks.max": "2"}


async def deploy(replica: Replica, name: str, **config: str) -> None:
    body = {"name": name, "config": {**CONFIG, **config}}

    async def created() -> bool:
        answer = await replica.rest.post("/connectors", json=body)
        assert answer.status_code in (201, 409), answer.text
        return True

    await aeventually(created, message=f"{name} is created")


async def status(replica: Replica, name: str) -> dict[str, Any]:
    answer = await replica.rest.get(f"/connectors/{name}/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def wait_running(replica: Replica, name: str, tasks: int = 2) -> dict[str, Any]:
    async def running() -> dict[str, Any] | None:
        found = await status(replica, name)
        states = [found["connector"]["state"], *(task["state"] for task in found["tasks"])]
        return found if states == ["RUNNING"] * (tasks + 1) else None

    found = await aeventually(running, message=f"{name} runs {tasks} tasks")
    assert found is not None
    return found


async def known_plugins(replica: Replica) -> bool:
    return bool((await replica.rest.get("/connector-plugins")).json())


@pytest.fixture
async def rest(replica: Replica, worker: PluginWorker) -> Replica:
    """A replica that knows of a worker."""
    await aeventually(lambda: known_plugins(replica), message="the worker is known")
    return replica


async def test_a_connector_is_created_and_its_tasks_run(rest: Replica) -> None:
    answer = await rest.rest.post("/connectors", json={"name": "a", "config": CONFIG})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/connectors/a"
    assert answer.json() == {"name": "a", "config": {**CONFIG, "name": "a"}, "tasks": [], "type": "source"}
    found = await wait_running(rest, "a")
    assert found["type"] == "source"
    assert [task["worker_id"] for task in found["tasks"]] == ["w1", "w1"]
    assert (await rest.rest.get("/connectors")).json() == ["a"]
    info = (await rest.rest.get("/connectors/a")).json()
    assert info["tasks"] == [{"connector": "a", "task": 0}, {"connector": "a", "task": 1}]
    expanded = (await rest.rest.get("/connectors?expand=status&expand=info")).json()
    assert expanded == {"a": {"status": found, "info": info}}
    tasks = (await rest.rest.get("/connectors/a/tasks")).json()
    assert tasks[1] == {"id": {"connector": "a", "task": 1}, "config": {**CONFIG, "name": "a", "part": "1"}}
    assert (await rest.rest.get("/connectors/a/tasks/1/status")).json() == found["tasks"][1]


async def test_a_taken_name_is_409_and_wrong_values_are_400_all_at_once(rest: Replica) -> None:
    await deploy(rest, "a")
    answer = await rest.rest.post("/connectors", json={"name": "a", "config": CONFIG})
    assert answer.status_code == 409
    assert answer.json()["error_code"] == 409 and "already exists" in answer.json()["message"]
    wrong = {**CONFIG, "tasks.max": "many", "url": "nowhere"}
    answer = await rest.rest.post("/connectors", json={"name": "b", "config": wrong})
    assert answer.status_code == 400
    assert "2 error(s)" in answer.json()["message"]
    assert "tasks.max: 'many'" in answer.json()["message"] and "url: nowhere" in answer.json()["message"]
    assert (await rest.rest.get("/connectors/b")).status_code == 404


async def test_an_unknown_plugin_is_named_with_the_known_ones(rest: Replica) -> None:
    for config in ({"connector.class": "moon-source"}, {}):
        answer = await rest.rest.post("/connectors", json={"name": "a", "config": config})
        assert answer.status_code == 400
        assert "connector.class" in answer.json()["message"] and PLUGIN in answer.json()["message"]


async def test_without_a_worker_creation_is_503_with_the_remedy(replica: Replica) -> None:
    answer = await replica.rest.post("/connectors", json={"name": "a", "config": CONFIG})
    assert answer.status_code == 503
    assert "tidegate worker" in answer.json()["message"]


async def test_a_changed_config_replaces_the_tasks_after_fencing_the_old_ones(
    rest: Replica, worker: PluginWorker
) -> None:
    await deploy(rest, "a", **{"tasks.max": "3"})
    await wait_running(rest, "a", 3)
    assert worker.count("FenceTasks") == 0
    answer = await rest.rest.put("/connectors/a/config", json={**CONFIG, "tasks.max": 2, "fast": True})
    assert answer.status_code == 200
    assert answer.json()["config"] == {**CONFIG, "fast": "true", "name": "a"}

    async def replaced() -> bool:
        tasks = (await rest.rest.get("/connectors/a/tasks")).json()
        return [task["config"].get("fast") for task in tasks] == ["true", "true"]

    await aeventually(replaced)
    await wait_running(rest, "a", 2)
    assert [argument for call, argument in worker.calls if call == "FenceTasks"] == [("a", 3)]
    assert worker.claims_when_fenced == [0]


async def test_the_same_config_again_changes_nothing(rest: Replica, worker: PluginWorker) -> None:
    await deploy(rest, "a")
    before = await wait_running(rest, "a")
    splits = worker.count("SplitTasks")
    assert (await rest.rest.put("/connectors/a/config", json=CONFIG)).status_code == 200
    assert (await rest.rest.put("/connectors/b/config", json=CONFIG)).status_code == 201
    await wait_running(rest, "b")
    assert await status(rest, "a") == before
    assert worker.count("SplitTasks") == splits + 1


async def test_patch_sets_and_removes_keys(rest: Replica) -> None:
    await deploy(rest, "a", fast="true")
    answer = await rest.rest.patch("/connectors/a/config", json={"fast": None, "tasks.max": 1})
    assert answer.status_code == 200
    assert answer.json()["config"] == {"connector.class": PLUGIN, "tasks.max": "1", "name": "a"}
    await wait_running(rest, "a", 1)


async def test_pause_resume_stop(rest: Replica, worker: PluginWorker, client: EtcdClient, cluster: str) -> None:
    await deploy(rest, "a")
    await wait_running(rest, "a")
    assert (await rest.rest.put("/connectors/a/pause")).status_code == 202
    found = await status(rest, "a")
    assert found["connector"]["state"] == "PAUSED" and len(found["tasks"]) == 2
    assert (await rest.rest.put("/connectors/a/resume")).status_code == 202
    await wait_running(rest, "a")
    assert (await rest.rest.put("/connectors/a/stop")).status_code == 204
    found = await status(rest, "a")
    assert found["connector"]["state"] == "STOPPED" and found["tasks"] == []

    async def released() -> bool:
        return not (await client.range(Keyspace(cluster).claims_of("a"))).kvs

    await aeventually(released, message="the worker has let go")
    assert (await rest.rest.put("/connectors/a/resume")).status_code == 202
    await wait_running(rest, "a")
    assert ("FenceTasks", ("a", 2)) in worker.calls


async def test_created_stopped_it_has_no_tasks(rest: Replica, client: EtcdClient, cluster: str) -> None:
    body = {"name": "a", "config": CONFIG, "initial_state": "STOPPED"}
    assert (await rest.rest.post("/connectors", json=body)).status_code == 201
    await deploy(rest, "b")
    await wait_running(rest, "b")
    assert (await status(rest, "a"))["connector"]["state"] == "STOPPED"
    assert (await client.range(Keyspace(cluster).tasks_of("a"))).kvs == ()


async def test_delete_leaves_nothing_running_and_the_name_can_be_used_again(
    rest: Replica, worker: PluginWorker, client: EtcdClient, cluster: str
) -> None:
    await deploy(rest, "a", **{"tasks.max": "3"})
    await wait_running(rest, "a", 3)
    assert (await rest.rest.delete("/connectors/a")).status_code == 204
    assert (await rest.rest.get("/connectors/a")).status_code == 404
    assert (await rest.rest.delete("/connectors/a")).status_code == 404
    keys = Keyspace(cluster)

    async def gone() -> bool:
        prefixes = (keys.tasks_of("a"), keys.assignments_of("a"), keys.claims_of("a"), keys.statuses_of("a"))
        return not any([(await client.range(prefix)).kvs for prefix in prefixes])

    await aeventually(gone, message="its keys are gone")
    await deploy(rest, "a", **{"tasks.max": "1"})
    await wait_running(rest, "a", 1)
    # Zombies of the deleted one's three tasks can not commit beside the new one's.
    assert ("FenceTasks", ("a", 3)) in worker.calls


async def test_restart_asks_the_worker_to_start_tasks_anew(
    rest: Replica, worker: PluginWorker, client: EtcdClient, cluster: str
) -> None:
    from tidegate.control import TaskSpec

    await deploy(rest, "a")
    await wait_running(rest, "a")
    await worker.report("a", 1, "FAILED", "ValueError: no tide")

    async def failed() -> bool:
        return bool((await status(rest, "a"))["tasks"][1].get("trace") == "ValueError: no tide")

    await aeventually(failed)

    async def restarts() -> list[int]:
        kvs = (await client.range(Keyspace(cluster).tasks_of("a"))).kvs
        return [TaskSpec.from_json(kv.value).restart for kv in kvs]

    answer = await rest.rest.post("/connectors/a/restart?includeTasks=true&onlyFailed=true")
    assert answer.status_code == 202
    assert [task["state"] for task in answer.json()["tasks"]] == ["RUNNING", "RESTARTING"]
    assert await restarts() == [0, 1]
    assert (await rest.rest.post("/connectors/a/tasks/0/restart")).status_code == 204
    assert await restarts() == [1, 1]
    assert (await rest.rest.post("/connectors/a/tasks/7/restart")).status_code == 404
    splits = worker.count("SplitTasks")
    assert (await rest.rest.post("/connectors/a/restart")).status_code == 204

    async def split_again() -> bool:
        return worker.count("SplitTasks") == splits + 1

    await aeventually(split_again)
    assert await restarts() == [1, 1]


async def test_secrets_are_sealed_in_etcd_and_hidden_in_answers(
    rest: Replica, worker: PluginWorker, client: EtcdClient, cluster: str
) -> None:
    await deploy(rest, "a", password="hunter2")
    await wait_running(rest, "a")
    stored = (await client.range(Keyspace(cluster).root)).kvs
    assert stored and not any(b"hunter2" in kv.value for kv in stored)
    for path in ("", "/config", "/tasks", "/status"):
        assert "hunter2" not in (await rest.rest.get(f"/connectors/a{path}")).text
    assert (await rest.rest.get("/connectors/a/config")).json()["password"] == "[hidden]"
    sealed = worker.calls[-1][1]["password"]
    assert sealed.startswith("${sealed:")
    answer = await rest.rest.put("/connectors/a/config", json={**CONFIG, "password": "[hidden]", "x": "y"})
    assert answer.status_code == 200, answer.text

    async def resplit() -> bool:
        splits = [config for call, config in worker.calls if call == "SplitTasks"]
        return bool(splits[-1].get("x") == "y" and splits[-1]["password"] == sealed)

    await aeventually(resplit)
    answer = await rest.rest.put("/connectors/new/config", json={**CONFIG, "password": "[hidden]"})
    assert answer.status_code == 400 and "password" in answer.json()["message"]
    reference = "${env:TIDE_PASSWORD}"
    await rest.rest.put("/connectors/a/config", json={**CONFIG, "password": reference})
    assert (await rest.rest.get("/connectors/a/config")).json()["password"] == reference


async def test_offsets_are_altered_and_reset_only_when_stopped(rest: Replica, worker: PluginWorker) -> None:
    await deploy(rest, "a")
    await wait_running(rest, "a")
    body = {"offsets": [{"partition": {"table": "tides"}, "offset": {"id": 7}}]}
    answer = await rest.rest.patch("/connectors/a/offsets", json=body)
    assert answer.status_code == 409 and "/connectors/a/stop" in answer.json()["message"]
    assert (await rest.rest.delete("/connectors/a/offsets")).status_code == 409
    worker.release_gate.clear()
    await rest.rest.put("/connectors/a/stop")
    answer = await rest.rest.patch("/connectors/a/offsets", json=body)
    assert answer.status_code == 409 and "stopping" in answer.json()["message"]
    worker.release_gate.set()

    async def altered() -> bool:
        return (await rest.rest.patch("/connectors/a/offsets", json=body)).status_code == 200

    await aeventually(altered)
    assert worker.calls[-1] == ("AlterOffsets", ("a", 2, False))
    assert (await rest.rest.get("/connectors/a/offsets")).json() == body
    assert (await rest.rest.patch("/connectors/a/offsets", json={"offsets": []})).status_code == 400
    assert (await rest.rest.delete("/connectors/a/offsets")).json() == {"message": "reset."}
    assert (await rest.rest.get("/connectors/a/offsets")).json() == {"offsets": []}


async def test_a_failing_split_fails_its_connector_only_and_is_tried_again(rest: Replica, worker: PluginWorker) -> None:
    await deploy(rest, "hangs", split="hang")
    await deploy(rest, "fails", split="fatal")
    await deploy(rest, "waits", split="retriable")
    await deploy(rest, "works")
    await wait_running(rest, "works")

    async def trace_of(name: str) -> str:
        found = (await status(rest, name))["connector"]
        return str(found.get("trace", "")) if found["state"] == "FAILED" else ""

    assert "table: 'x' does not exist" in await aeventually(lambda: trace_of("fails"))
    assert "db1:5432 does not answer" in await aeventually(lambda: trace_of("waits"))
    worker.split_override = "works"
    await wait_running(rest, "waits")
    assert "table" in await trace_of("fails")
    await rest.rest.put("/connectors/fails/config", json=CONFIG)
    found = await wait_running(rest, "fails")
    assert "trace" not in found["connector"]


async def test_a_config_that_can_not_be_split_leaves_the_old_tasks_running(rest: Replica) -> None:
    await deploy(rest, "a")
    await wait_running(rest, "a")
    await rest.rest.put("/connectors/a/config", json={**CONFIG, "split": "fatal"})

    async def failed() -> bool:
        found = await status(rest, "a")
        return found["connector"]["state"] == "FAILED" and [t["state"] for t in found["tasks"]] == ["RUNNING"] * 2

    await aeventually(failed)


async def test_plugins_their_keys_and_validation(rest: Replica) -> None:
    plugins = (await rest.rest.get("/connector-plugins")).json()
    assert plugins == [{"class": PLUGIN, "type": "source", "version": "1.0"}]
    keys = (await rest.rest.get(f"/connector-plugins/{ALIAS}/config")).json()
    assert keys[0]["name"] == "tasks.max" and keys[0]["default_value"] == "1" and keys[0]["order"] == 1
    assert (await rest.rest.get("/connector-plugins/moon/config")).status_code == 404
    path = f"/connector-plugins/{PLUGIN}/config/validate"
    answer = await rest.rest.put(path, json={"connector.class": PLUGIN, "tasks.max": "x", "password": "hunter2"})
    assert answer.status_code == 200 and "hunter2" not in answer.text
    infos = answer.json()
    assert infos["error_count"] == 1 and infos["name"] == PLUGIN
    assert infos["configs"][0]["definition"]["name"] == "tasks.max"
    assert infos["configs"][0]["value"]["errors"] == ["'x' is not a number. Give one."]
    assert (await rest.rest.put(path, json={"connector.class": ALIAS})).status_code == 200
    assert (await rest.rest.put(path, json={"connector.class": "moon"})).status_code == 400


async def test_preview(rest: Replica) -> None:
    answer = await rest.rest.post("/connectors/preview", json={"config": CONFIG, "limit": 2})
    assert answer.status_code == 200
    assert answer.json() == {"records": [{"topic": "tides", "key": None, "value": {"height": 1.5}}] * 2}


async def test_names_may_hold_slashes_and_spaces(rest: Replica) -> None:
    answer = await rest.rest.put("/connectors/a%2Fb%20c/config", json=CONFIG)
    assert answer.status_code == 201 and answer.json()["name"] == "a/b c"
    assert answer.headers["location"] == "/connectors/a%2Fb%20c"
    await wait_running(rest, "a%2Fb%20c")
    assert (await rest.rest.get("/connectors")).json() == ["a/b c"]
    assert (await rest.rest.delete("/connectors/a%2Fb%20c/")).status_code == 204

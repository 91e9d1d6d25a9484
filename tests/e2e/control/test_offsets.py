"""Offsets: shown, altered and reset by REST and the command line, of stopped connectors only (KIP-875)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.control.user import COUNTING, DEADLINE, JSON, User
from tests.support.eventually import eventually


def test_those_of_a_source(user: User, tmp_path: Path) -> None:
    topic, name = user.topic(), user.fresh("count")
    user.deploy(name, **{"connector.class": COUNTING, "topic": topic, "count": 1000, **JSON})
    eventually(lambda: user.numbers(topic) == list(range(1, 1001)), timeout=DEADLINE)
    there = [{"partition": {"counter": name}, "offset": {"n": 1000}}]
    assert user.offsets(name) == there
    file = tmp_path / "offsets.json"
    file.write_text(json.dumps({"offsets": [{"partition": {"counter": name}, "offset": {"n": 990}}]}))
    refused(user, name, file)

    user.stopped(name)
    assert user.offsets(name) == there
    ran = user.cli("offsets", name, "--alter", file)
    assert (ran.code, ran.out.strip()) == (0, f"The offsets for connector {name} have been altered successfully")
    assert json.loads(user.cli("offsets", name).out)["offsets"][0]["offset"] == {"n": 990}
    user.steer(name, "resume")
    again = [*range(1, 1001), *range(991, 1001)]
    eventually(lambda: user.numbers(topic) == again, timeout=DEADLINE, message="it goes on from the altered offset")

    user.stopped(name)
    ran = user.cli("offsets", name, "--reset")
    assert (ran.code, ran.out.strip()) == (0, f"The offsets for connector {name} have been reset successfully")
    assert user.offsets(name) == []
    user.steer(name, "resume")
    again += range(1, 1001)
    eventually(lambda: user.numbers(topic) == again, timeout=DEADLINE, message="it begins anew")


def refused(user: User, name: str, file: Path) -> None:
    """Altering and resetting are, while it runs."""
    before = user.offsets(name)
    answers = [
        user.rest.patch(f"/connectors/{name}/offsets", json=json.loads(file.read_text())),
        user.rest.delete(f"/connectors/{name}/offsets"),
    ]
    for answer in answers:
        assert answer.status_code == 409
        assert f"/connectors/{name}/stop" in answer.json()["message"]
    for ran in (user.cli("offsets", name, "--alter", file), user.cli("offsets", name, "--reset")):
        assert ran.code == 1 and f"/connectors/{name}/stop" in ran.err
    assert user.offsets(name) == before


def place(topic: str, partition: int, offset: int | None) -> dict[str, Any]:
    return {
        "partition": {"kafka_topic": topic, "kafka_partition": partition},
        "offset": None if offset is None else {"kafka_offset": offset},
    }


def test_those_of_a_sink(user: User, tmp_path: Path) -> None:
    topic, name, target = user.topic(partitions=2), user.fresh("file"), tmp_path / "out.jsonl"
    for partition in (0, 1):
        user.produce(topic, *(b'{"n": %d}' % (10 * partition + n) for n in range(4)), partition=partition)
    config = {"connector.class": "file-sink", "file": target, "topics": topic, "offset.flush.interval.ms": 100, **JSON}
    user.deploy(name, **{key: str(value) for key, value in config.items()})
    everything = [0, 1, 2, 3, 10, 11, 12, 13]
    eventually(lambda: written(user, target) == everything, timeout=DEADLINE)
    there = [place(topic, 0, 4), place(topic, 1, 4)]
    eventually(lambda: user.offsets(name) == there, timeout=DEADLINE)
    file = tmp_path / "offsets.yaml"
    file.write_text(json.dumps({"offsets": [place(topic, 0, 5)]}))
    refused(user, name, file)

    user.stopped(name)
    assert user.cli("offsets", name, "--alter", file).code == 0
    assert user.offsets(name) == [place(topic, 0, 5), place(topic, 1, 4)]
    user.produce(topic, b'{"n": 4}', b'{"n": 5}', partition=0)
    user.steer(name, "resume")
    eventually(lambda: 5 in written(user, target), timeout=DEADLINE)
    assert written(user, target) == [0, 1, 2, 3, 5, 10, 11, 12, 13], "what was passed over is not written"

    user.stopped(name)
    malformed = user.rest.patch(f"/connectors/{name}/offsets", json={"offsets": [{"partition": {"table": "t"}}]})
    assert malformed.status_code == 400 and "kafka_topic" in malformed.json()["message"]
    reset = user.rest.delete(f"/connectors/{name}/offsets")
    assert reset.status_code == 200, reset.text
    assert user.offsets(name) == []
    user.steer(name, "resume")
    eventually(lambda: set(written(user, target)) == {0, 1, 2, 3, 4, 5, 10, 11, 12, 13}, timeout=DEADLINE)


def written(user: User, target: Path) -> list[int]:
    return sorted(line["n"] for line in user.lines(target))


def test_those_of_a_connector_that_is_not_there(user: User) -> None:
    answer = user.rest.get("/connectors/no-such/offsets")
    assert answer.status_code == 404 and "no-such" in answer.json()["message"]
    assert user.cli("offsets", "no-such").code == 1

"""Settings: where they come from, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.config.load import load_settings
from tidegate.config.secrets import make_key
from tidegate.config.settings import CoordinatorSettings, RegistrySettings, ServiceSettings, WorkerSettings
from tidegate.errors import ConfigError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the caller's reaches these tests."""
    import os

    for name in [key for key in os.environ if key.startswith("TIDEGATE_")]:
        monkeypatch.delenv(name)


def problems(kind: type[ServiceSettings], flags: dict[str, object], file: Path | None = None) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(kind, flags, file)
    return {problem.key: problem.message for problem in caught.value.problems}


def test_flags_win_over_the_environment_which_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "worker.yaml"
    file.write_text(
        "slots: 1\nlease_ttl: 2\noffsets_topic: from-file\nkafka: {bootstrap.servers: 'a:1', security.protocol: SSL}\n"
        "etcd: {endpoints: ['file:2379'], username: root}\n"
    )
    monkeypatch.setenv("TIDEGATE_SLOTS", "2")
    monkeypatch.setenv("TIDEGATE_LEASE_TTL", "3")
    monkeypatch.setenv("TIDEGATE_KAFKA__BOOTSTRAP_SERVERS", "b:1,c:1")
    monkeypatch.setenv("TIDEGATE_ETCD__ENDPOINTS", "e1:2379, e2:2379")
    monkeypatch.setenv("TIDEGATE_ETCD__PASSWORD", "pw")
    settings = load_settings(WorkerSettings, {"slots": 3}, file)
    assert (settings.slots, settings.lease_ttl, settings.offsets_topic) == (3, 3.0, "from-file")
    assert settings.kafka == {"bootstrap.servers": "b:1,c:1", "security.protocol": "SSL"}
    etcd = settings.etcd.client_config()
    assert etcd.endpoints == ("e1:2379", "e2:2379")
    assert (etcd.username, etcd.password) == ("root", "pw")


def test_every_problem_is_named_with_its_key_at_once(tmp_path: Path) -> None:
    file = tmp_path / "worker.yaml"
    file.write_text("slotz: 3\nlease_ttl: soon\netcd: {endpoint: a}\ngrpc_listen: nonsense\nkafka: {}\nsecret_key: x\n")
    found = problems(WorkerSettings, {}, file)
    assert set(found) == {"slotz", "lease_ttl", "etcd.endpoint", "grpc_listen", "kafka", "secret_key"}
    assert "Did you mean slots?" in found["slotz"]
    assert "Did you mean endpoints?" in found["etcd.endpoint"]
    assert "bootstrap.servers" in found["kafka"]
    assert "tidegate secret-key" in found["secret_key"]


def test_what_is_required_names_all_the_ways_to_give_it() -> None:
    assert "TIDEGATE_KAFKA" in problems(WorkerSettings, {})["kafka"]
    assert "--kafka" in problems(WorkerSettings, {})["kafka"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1", "is not YAML"),
        ("- 1", "holds a list"),
        ("just text", "holds a str"),
    ],
)
def test_a_malformed_file_is_a_clear_error(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    assert said in problems(RegistrySettings, {}, file)[str(file)]


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    assert "can not be read" in problems(RegistrySettings, {}, tmp_path / "none.yaml")[str(tmp_path / "none.yaml")]


def test_secrets_are_shown_nowhere() -> None:
    settings = load_settings(CoordinatorSettings, {"secret_key": make_key(), "etcd": {"password": "hunter2"}})
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(problems(CoordinatorSettings, {"secret_key": "hunter2"}))


def test_the_secret_key_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(make_key() + "\n")
    box = load_settings(CoordinatorSettings, {"secret_key_file": file}).secret_box()
    assert box.open(box.seal("x")) == "x"
    assert problems(CoordinatorSettings, {"secret_key_file": tmp_path / "none"}).keys() == {"secret_key_file"}
    assert "Keep one" in str(problems(CoordinatorSettings, {"secret_key_file": file, "secret_key": make_key()}))


def test_replicas_that_are_given_no_id_differ() -> None:
    assert load_settings(CoordinatorSettings).replica_id != load_settings(CoordinatorSettings).replica_id
